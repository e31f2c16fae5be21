"""A server whose database goes and comes back, as its callers see it."""

from __future__ import annotations

import os
import signal
import time
from base64 import b64encode
from pathlib import Path
from threading import Thread

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from crm.client import Client
from crm.errors import Unavailable
from crm.v1 import log_pb2, tickets_pb2
from infra.parts import Part
from tests.cli.conftest import Process
from tests.places import Place
from tests.postgres import Server

SECONDS = 60


def opening(id: str) -> tickets_pb2.OpenTicketRequest:
    return tickets_pb2.OpenTicketRequest(id=id, request_id=id)


def wait_for_health(channel: grpc.Channel, state: int) -> None:
    health, until = health_pb2_grpc.HealthStub(channel), time.monotonic() + SECONDS
    while health.Check(health_pb2.HealthCheckRequest(service=Part.COMMANDS), timeout=SECONDS).status != state:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.slow
def test_a_database_that_goes_and_comes_back(
    own_server: Server, own_place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_LOG", own_place.url("log"))
    monkeypatch.setenv("CRM_KEYS", own_place.url("keys"))
    monkeypatch.setenv("CRM_MASTER_KEY", b64encode(os.urandom(32)).decode())
    server = Process("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "node")
    address = server.line()
    with Client(address, actor="ann") as crm, grpc.insecure_channel(address) as channel:
        first = crm.tickets.OpenTicket(opening("1"))
        wait_for_health(channel, health_pb2.HealthCheckResponse.SERVING)
        seen: list[int] = []

        def follow() -> None:
            with crm.feed(log_pb2.ReadEventsRequest(follow=True), patience=SECONDS) as feed:
                while len(seen) < 3:
                    seen.append(next(feed).position)

        following = Thread(target=follow)
        following.start()

        own_server.kill()
        with pytest.raises(Unavailable) as refused:
            crm.tickets.OpenTicket(opening("2"))
        assert refused.value.code in ("LOG_UNAVAILABLE", "LOG_UNCERTAIN")
        assert refused.value.retry_after
        wait_for_health(channel, health_pb2.HealthCheckResponse.NOT_SERVING)

        own_server.start()
        wait_for_health(channel, health_pb2.HealthCheckResponse.SERVING)
        second = crm.tickets.OpenTicket(opening("2"))
        assert (first.position, second.position) == (1, 2)
        assert [crm.tickets.OpenTicket(opening(id)) for id in ("1", "2")] == [first, second]
        assert crm.tickets.OpenTicket(opening("3")).position == 3
        following.join(SECONDS)
        assert seen == [1, 2, 3]
    server.send(signal.SIGTERM)
    assert server.end().status == 0

"""A server that stops: what is under way is finished, what waits is sent elsewhere; and the health of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from infra.keys import Keys
from infra.log import Log
from infra.server import Server
from infra.settings import Settings

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LONG = 60
"""Seconds. Whoever waits for the end of the grace fails the test as a whole."""


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys.open(f"sqlite:///{tmp_path / 'keys.db'}", b"k" * 32)
    yield keys
    keys.close()


@pytest.fixture
def log(keys: Keys, tmp_path: Path) -> Iterator[Log]:
    log = Log.open(f"sqlite:///{tmp_path / 'log.db'}", keys)
    yield log
    log.close()


@pytest.fixture
def server(log: Log, keys: Keys, tmp_path: Path) -> Iterator[Server]:
    server = Server(log=log, models=None, keys=keys, settings=Settings(data=tmp_path))
    yield server
    server.stop(0)


def test_a_stream_of_commands_ends_after_its_last_answer(
    server: Server, log: Log, make_caller: Callable[..., Any]
) -> None:
    caller = make_caller(server.start("127.0.0.1:0"))
    sending: SimpleQueue[Any] = SimpleQueue()
    sending.put(caller.request("ExecuteCommands", commands=[{"open_ticket": {"id": "1"}}]))
    call = caller.streaming("ExecuteCommands", iter(sending.get, None), timeout=LONG)
    assert next(call).results[0].outcome.id == "1"
    begun = monotonic()
    server.stop(LONG)
    with pytest.raises(grpc.RpcError) as error:
        next(call)
    assert monotonic() - begun < LONG
    refused = caller.refusal(error.value)
    assert (refused.code, refused.status) == ("SERVER_STOPPING", grpc.StatusCode.UNAVAILABLE)
    assert "RetryInfo" in refused.details
    assert log.state("ticket-1")[0] == 1


def test_a_command_under_way_is_finished_and_answered(
    server: Server, log: Log, make_caller: Callable[..., Any]
) -> None:
    caller = make_caller(server.start("127.0.0.1:0"))
    with log.appending():
        call = caller.future("OpenTicket", id="under-way")
        until = monotonic() + LONG
        while server.calls.load == 0:
            assert monotonic() < until
            sleep(0.01)
        stopping = Thread(target=server.stop, args=[LONG])
        stopping.start()
    assert call.result(timeout=LONG).id == "under-way"
    stopping.join()
    assert log.state("ticket-under-way")[0] == 1


def test_whoever_watches_is_told_that_it_stops(server: Server, make_caller: Callable[..., Any]) -> None:
    health = health_pb2_grpc.HealthStub(make_caller(server.start("127.0.0.1:0")).channel)
    watched = {
        name: health.Watch(health_pb2.HealthCheckRequest(service=name), timeout=LONG)
        for name in ("", "commands", "crm.v1.LeadService")
    }
    assert {next(each).status for each in watched.values()} == {SERVING}
    stopping = Thread(target=server.stop, args=[LONG])
    stopping.start()
    assert {next(each).status for each in watched.values()} == {NOT_SERVING}
    for each in watched.values():
        each.cancel()
    stopping.join()


def test_a_part_is_unwell_alone(server: Server, log: Log, make_caller: Callable[..., Any]) -> None:
    health = health_pb2_grpc.HealthStub(make_caller(server.start("127.0.0.1:0")).channel)
    watched = health.Watch(health_pb2.HealthCheckRequest(service="commands"), timeout=LONG)
    assert next(watched).status == SERVING
    log.close()
    assert next(watched).status == NOT_SERVING
    watched.cancel()
    assert health.Check(health_pb2.HealthCheckRequest(service=""), timeout=LONG).status == SERVING
    with pytest.raises(grpc.RpcError) as error:
        health.Check(health_pb2.HealthCheckRequest(service="queries"), timeout=LONG)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_node_with_read_models_says_so(caller: Any) -> None:
    health = health_pb2_grpc.HealthStub(caller.channel)
    for name in ("commands", "queries"):
        assert health.Check(health_pb2.HealthCheckRequest(service=name), timeout=LONG).status == SERVING

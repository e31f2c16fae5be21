"""A server that is killed at any instant, again and again, while callers send commands through gRPC."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, log_pb2
from tests.cli.conftest import Process
from tests.faults import sizes

pytestmark = pytest.mark.slow

CALLERS = 6


class Asked:
    """The commands that were sent, with the answers as far as they came."""

    def __init__(self) -> None:
        self.unanswered: dict[str, Any] = {}
        self.answered: dict[str, tuple[Any, Any]] = {}
        self._number = 0
        self._lock = threading.Lock()

    def more(self) -> Any:
        with self._lock:
            self._number += 1
            request = leads_pb2.CaptureLeadRequest(
                id=str(self._number), name="Nobody", source="load", request_id=f"r{self._number}"
            )
            self.unanswered[request.request_id] = request
            return request

    def send(self, crm: Client, request: Any) -> None:
        outcome = crm.leads.CaptureLead(request)
        with self._lock:
            self.answered[request.request_id] = (request, outcome)
            self.unanswered.pop(request.request_id, None)


def load(crm: Client, asked: Asked, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            asked.send(crm, asked.more())
        except CrmError as error:
            if error.status not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                raise
            return


def started(data: Path) -> tuple[Process, Client]:
    server = Process("serve", "--listen", "127.0.0.1:0", "--data", data)
    address = server.line()
    assert address, server.end()
    return server, Client(address, actor="load")


@pytest.mark.soak
def test_every_acknowledged_command_outlives_every_kill(tmp_path: Path, figure: Callable[[str], None]) -> None:
    data, asked, chance = tmp_path / "company", Asked(), random.Random(1)
    for _ in range(sizes.SERVER_KILLS):
        server, crm = started(data)
        with crm, ThreadPoolExecutor(CALLERS) as callers:
            for request in list(asked.unanswered.values()):
                asked.send(crm, request)
            for request, outcome in chance.sample(list(asked.answered.values()), min(20, len(asked.answered))):
                assert crm.leads.CaptureLead(request) == outcome
            stop = threading.Event()
            loading = [callers.submit(load, crm, asked, stop) for _ in range(CALLERS)]
            time.sleep(chance.uniform(0.05, 0.7))
            server.popen.kill()
            stop.set()
            for each in loading:
                each.result()
        server.end()

    server, crm = started(data)
    with crm:
        for request in list(asked.unanswered.values()):
            asked.send(crm, request)
        events = [event for answer in crm.log.ReadEvents(log_pb2.ReadEventsRequest()) for event in answer.events]
        assert [event.position for event in events] == list(range(1, len(events) + 1))
        at = {event.position: event.stream for event in events}
        assert {outcome.first_position for _, outcome in asked.answered.values()} == at.keys()
        assert all(at[outcome.first_position] == outcome.stream for _, outcome in asked.answered.values())
        for request, outcome in asked.answered.values():
            assert crm.leads.CaptureLead(request) == outcome
    server.popen.terminate()
    assert server.end().status == 0
    checked = Process("verify", "--rebuild", "--data", data).end()
    assert (checked.status, checked.out) == (0, ""), checked
    figure(f"{sizes.SERVER_KILLS} kills of the server, {len(asked.answered):,} commands")

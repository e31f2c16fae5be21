"""What Prometheus fetches."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from commands.rejected import Rejected
from infra.keys import Keys
from infra.log import Log
from infra.server import Server
from infra.settings import Settings


class Measured:
    """A server with metrics, without read models."""

    def __init__(self, data: Path, **given: Any) -> None:
        self.settings = Settings(data=data, metrics="0", **given)
        self.keys = Keys.open(f"sqlite:///{data / 'keys.db'}", b"k" * 32)
        self.log = Log.open(f"sqlite:///{data / 'log.db'}", self.keys)
        self.server = Server(log=self.log, models=None, keys=self.keys, settings=self.settings)
        self.address = self.server.start("127.0.0.1:0")

    def fetched(self) -> str:
        assert self.server.metrics_address is not None
        with urlopen(self.server.metrics_address, timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    def figure(self, name: str, **labels: str) -> float:
        """The value of a figure, 0 where there is none yet."""
        for family in text_string_to_metric_families(self.fetched()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return 0.0

    def close(self) -> None:
        self.server.stop(5)
        self.log.close()
        self.keys.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    measured = Measured(tmp_path_factory.mktemp("measured"))
    yield measured
    measured.close()


@pytest.fixture
def caller(measured: Measured, make_caller: Any) -> Any:
    return make_caller(measured.address)


def test_every_call_is_counted_by_rpc_and_code(measured: Measured, caller: Any) -> None:
    opened = {"rpc": "crm.v1.TicketService/OpenTicket", "code": "OK"}
    refused = {"rpc": "crm.v1.TicketService/AssignTicket", "code": "NOT_FOUND"}
    read = {"rpc": "crm.v1.LogService/ReadEvents", "code": "OK"}
    assert measured.figure("crm_call_seconds_count", **opened) == 0
    caller("OpenTicket", subject="a secret matter")
    caller("OpenTicket")
    caller.refused("AssignTicket", id="nobody", agent_id="kim")
    caller("ReadEvents")
    assert measured.figure("crm_call_seconds_count", **opened) == 2
    assert measured.figure("crm_call_seconds_count", **refused) == 1
    assert measured.figure("crm_call_seconds_count", **read) == 1
    assert 0 < measured.figure("crm_call_seconds_sum", **opened) < 120
    assert "secret" not in measured.fetched()


def test_the_log_tells_how_it_commits(measured: Measured, caller: Any) -> None:
    commits, commands = (measured.figure(f"crm_commands_per_commit_{each}") for each in ("count", "sum"))
    sent = caller.request("ExecuteCommands", commands=[{"capture_lead": {"name": "Ada"}}] * 7)
    list(caller.streaming("ExecuteCommands", iter([sent])))
    assert measured.figure("crm_commands_per_commit_count") == commits + 1
    assert measured.figure("crm_commands_per_commit_sum") == commands + 7
    assert measured.figure("crm_log_position") == measured.log.head.position
    assert measured.figure("crm_log_readable") == 1
    assert measured.figure("crm_commands_waiting") == 0


def test_caches_tell_what_they_had_not(measured: Measured, caller: Any) -> None:
    def figures(cache: str) -> tuple[float, float]:
        return tuple(measured.figure(f"crm_cache_{each}_total", cache=cache) for each in ("asked", "missed"))  # type: ignore[return-value]

    states, keys = figures("states"), figures("keys")
    caller("CaptureLead", id="cached", name="Ada")
    caller("AssignLead", id="cached", agent_id="kim")
    assert figures("states") == (states[0] + 2, states[1] + 1)
    asked, missed = figures("keys")
    assert (asked > keys[0], missed) == (True, keys[1] + 1)


def test_every_part_tells_how_far_it_is(node: Any, make_caller: Any) -> None:
    server = Server(
        log=node.log, models=node.models, keys=node.keys, settings=node.settings.model_copy(update={"metrics": "0"})
    )
    caller = make_caller(server.start("127.0.0.1:0"))
    position = caller("OpenTicket").position
    node.models.bring(node.models.names, position)
    try:
        assert server.metrics_address is not None
        with urlopen(server.metrics_address, timeout=60) as answer:
            families = {each.name: each for each in text_string_to_metric_families(answer.read().decode())}
        for name in ("position", "lag_events", "lag_seconds", "failing"):
            assert {each.labels["part"] for each in families[f"crm_part_{name}"].samples} >= set(node.models.names)
        (tickets,) = (each for each in families["crm_part_position"].samples if each.labels["part"] == "tickets")
        assert tickets.value >= position
    finally:
        server.stop(5)


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    measured = Measured(tmp_path)
    measured.log.close()
    assert measured.figure("crm_log_readable") == 0
    assert "crm_calls_running" in measured.fetched()
    measured.close()


def test_nothing_is_told_unless_asked_for(node: Any) -> None:
    assert node.settings.metrics is None
    assert node.server.metrics_address is None


@pytest.mark.parametrize("address", ["here", "127.0.0.1:", "65536", ":-1"])
def test_an_address_that_is_none(node: Any, address: str) -> None:
    with pytest.raises(Rejected) as refused:
        Server(
            log=node.log, models=None, keys=node.keys, settings=node.settings.model_copy(update={"metrics": address})
        )
    assert (refused.value.code, refused.value.field) == ("INVALID_SETTING", "CRM_METRICS")


def test_a_port_that_is_taken(node: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = {"metrics": f"127.0.0.1:{taken.getsockname()[1]}"}
        server = Server(log=node.log, models=None, keys=node.keys, settings=node.settings.model_copy(update=given))
        with pytest.raises(Rejected) as refused:
            server.start("127.0.0.1:0")
        server.stop(0)
    assert refused.value.code == "ADDRESS_IN_USE"


def test_calls_that_their_callers_gave_up_are_counted_so(measured: Measured, make_caller: Any) -> None:
    caller = make_caller(measured.address)
    following = caller.streaming("ReadEvents", caller.request("ReadEvents", follow=True))
    next(following)
    following.cancel()
    until = monotonic() + 60
    gone = {"rpc": "crm.v1.LogService/ReadEvents", "code": "CANCELLED"}
    while not measured.figure("crm_call_seconds_count", **gone):
        assert monotonic() < until
        sleep(0.05)

"""Somebody holds the database, or a node that has the turn to write does nothing any more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from multiprocessing.connection import Connection

import psycopg
import pytest
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.lead import CaptureLead
from commands.rejected import Rejected
from infra.database import Append, database, postgresql
from infra.database.database import Row, Rows
from infra.log import Actor, Log, Outcome, Request, utc_now
from tests.faults.checker import SURELY_NOT, insist
from tests.faults.nodes import SECONDS, Node, nodes, opened
from tests.faults.proxy import Connection as Proxied
from tests.faults.proxy import Proxy
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")

HOLDS = {
    "turn": "SELECT pg_advisory_xact_lock(objid::bigint) FROM (VALUES ({turn}::bigint)) AS turn (objid)",
    "row": "SELECT FROM log_head FOR UPDATE",
    "table": "LOCK TABLE events IN SHARE MODE",
    "everything": "LOCK TABLE events, log_head, requests IN ACCESS EXCLUSIVE MODE",
}


def capture(id: str) -> Request:
    return Request(CaptureLead(id=id), ANN, f"r-{id}")


@pytest.mark.parametrize("what", HOLDS)
def test_a_transaction_that_somebody_holds_open(own_place: Place, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    urls = own_place.url("log"), own_place.url("keys")
    with opened(urls) as (log, _), opened(urls) as (other, _):
        log.execute(capture("0"))
        turn = log._database._turn  # type: ignore[attr-defined]
        with psycopg.connect(urls[0]) as holder:
            holder.execute(HOLDS[what].format(turn=turn).encode())
            for node in (log, other):
                (answer,) = node.submit([capture("1")])
                assert isinstance(answer, Rejected)
                assert answer.code == "LOG_UNAVAILABLE"
                assert SURELY_NOT in answer.sentence
            if what == "everything":
                with pytest.raises(Rejected) as refused:
                    log.state("lead-0")
                assert refused.value.code == "LOG_UNAVAILABLE"
            else:
                assert log.state("lead-0")[0] == 1
                assert log.head.position == 1
        assert other.execute(capture("1")) == log.execute(capture("1"))
        assert log.head.position == 2
        assert log.verify() == []


@pytest.mark.parametrize("where", ["decides", "sends"])
def test_a_node_that_hangs_while_it_has_the_turn(own_place: Place, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    monkeypatch.setattr(postgresql, "ABANDONED_SECONDS", 1)
    urls = own_place.url("log"), own_place.url("keys")
    with opened(urls) as (log, _):
        first = log.execute(capture("first"))
        hung = Node(stop_in_the_middle, urls, where)
        with nodes(hung):
            hung.tell(capture("1"))
            until_stopped(hung)
            answer = insist(lambda: log, capture("2"), lambda _: None)
            assert answer.position == first.position + 1
            hung.signal(signal.SIGCONT)
            code, sentence = hung.hear()
            assert code == "LOG_UNAVAILABLE"
            assert SURELY_NOT in sentence
            assert log.head.position == answer.position
            assert log.state("lead-1")[0] == 0
            hung.tell(capture("1"))
            again = hung.hear()
            assert isinstance(again, Outcome)
            assert again.position == answer.position + 1
            assert log.execute(capture("1")) == again
        assert log.verify() == []


class StoppingAppend(Append):
    """Stops when the rows were sent and the commit was not."""

    def __init__(self, append: Append, stop: Callable[[], None]) -> None:
        self._append = append
        self._stop = stop

    def __call__(self, cursor: DBAPICursor, seen: Row, head: Row, *rows: Rows) -> None:
        self._append(cursor, seen, head, *rows)
        self._stop()

    def at_once(self, seen: Row, head: Row, *rows: Rows) -> bool:
        return self._append.at_once(seen, head, *rows)


def stop_in_the_middle(connection: Connection, urls: tuple[str, str], where: str) -> None:
    """A node that stops when it has the turn for the first time: while it decides, or when it has sent half of it."""
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            os.kill(os.getpid(), signal.SIGSTOP)

    def clock() -> datetime:
        if where == "decides":
            stop()
        return utc_now()

    with opened(urls, clock=clock) as (log, _):
        if where == "sends":
            log._sql.append = StoppingAppend(log._sql.append, stop)
        for _ in range(2):
            (answer,) = log.submit([connection.recv()])
            connection.send((answer.code, answer.sentence) if isinstance(answer, Rejected) else answer)


def until_stopped(node: Node) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with open(f"/proc/{node.process.pid}/stat") as stat:
            if stat.read().rpartition(")")[2].split()[0] == "T":
                return
        time.sleep(0.01)
    raise AssertionError("it does not stop")


def test_a_node_that_nothing_is_heard_of_any_more(own_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    monkeypatch.setattr(postgresql, "ABANDONED_SECONDS", 1)
    urls = own_place.url("log"), own_place.url("keys")
    proxy = Proxy(urls[0])

    def swallow(connection: Proxied, message: bytes, rest: Iterator[bytes]) -> None:
        connection.cut_client()  # the server is not told

    with opened(urls) as (log, keys):
        log.execute(capture("0"))
        far = Log.open(proxy.url, keys)
        proxy.at_commit = swallow
        (answer,) = far.submit([capture("1")])
        assert isinstance(answer, Rejected)
        assert answer.code == "LOG_UNCERTAIN"
        assert log.head.position == 1
        outcome = insist(lambda: log, capture("1"), lambda _: None)
        assert outcome.position == 2
        assert far.execute(capture("1")) == outcome
        far.close()
        assert log.verify() == []
    proxy.close()

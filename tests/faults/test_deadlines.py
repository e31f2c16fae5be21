"""What somebody asked for ends when they do not wait for it any more."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import enumerate as threads
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from commands.lead import CaptureLead
from commands.rejected import Rejected
from crm.client import Client
from crm.errors import DeadlineExceeded
from crm.v1 import system_pb2
from infra.asker import Asker, working_for
from infra.database import database, open_database
from infra.log import Actor, Log, Request
from infra.main import Node
from infra.settings import Settings
from tests.faults.checker import SURELY_NOT
from tests.faults.nodes import opened
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
ENDLESS = {
    "sqlite": "with recursive n (n) as (select 1 union all select n + 1 from n) select count(*) from n",
    "postgresql": "select pg_sleep(600)",
}


def wait_until(so: Callable[[], bool]) -> None:
    until = monotonic() + 60
    while not so():
        assert monotonic() < until, "it never came to be"
        sleep(0.01)


def for_(asker: Asker, work: Callable[[], Any]) -> Any:
    with working_for(asker):
        return work()


@contextmanager
def one_who_asks(work: Callable[[], Any]) -> Iterator[tuple[Asker, Future[Any]]]:
    """Work in a thread, for somebody who may leave."""
    asker = Asker()
    with ThreadPoolExecutor(1) as pool:
        yield asker, pool.submit(for_, asker, work)


@contextmanager
def locked_away(url: str) -> Iterator[psycopg.Connection]:
    """Nobody can read the log's events meanwhile."""
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE events, log_head, requests IN ACCESS EXCLUSIVE MODE")
        yield holder


def code(asked: Future[Any]) -> str:
    error = asked.exception(60)
    assert isinstance(error, Rejected), error
    return error.code


def test_a_statement_ends_with_whoever_asked(place: Place) -> None:
    database = open_database(place.url("log"), "log")
    begun = []

    def ask() -> None:
        with database.reading() as cursor:
            begun.append(True)
            cursor.execute(ENDLESS[place.kind])

    with one_who_asks(ask) as (asker, asked):
        wait_until(lambda: bool(begun))
        asker.leave()
        assert code(asked) == "DEADLINE_PASSED"
    if place.kind == "postgresql":
        sleeping = "select count(*) from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'"
        wait_until(lambda: place.run("log", sleeping)[0][0] == 0)
    with database.reading() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchall()[0][0] == 1
    with working_for(asker), pytest.raises(Rejected, match="DEADLINE_PASSED"), database.reading():
        pass
    database.close()


def test_a_server_that_does_not_answer_keeps_nobody(own_place: Place) -> None:
    database = open_database(own_place.url("log"), "log")
    backend: list[int] = []

    def ask() -> None:
        with database.reading() as cursor:
            cursor.execute("select pg_backend_pid()")
            backend.append(cursor.fetchall()[0][0])
            os.kill(backend[0], signal.SIGSTOP)
            cursor.execute("select 1")

    try:
        with one_who_asks(ask) as (asker, asked):
            wait_until(lambda: bool(backend))
            asker.leave()
            assert code(asked) == "DEADLINE_PASSED"
    finally:
        os.kill(backend[0], signal.SIGCONT)
    with database.reading() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchall()[0][0] == 1
    database.close()


@pytest.mark.parametrize("undisturbed", [True, False])
def test_a_command_waits_for_its_turn_no_longer_than_its_caller(
    place: Place, monkeypatch: pytest.MonkeyPatch, undisturbed: bool
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 3600)
    urls = place.url("log"), place.url("keys")
    with opened(urls) as (log, _), opened(urls) as (other, _):
        log.execute(Request(CaptureLead(id="1"), ANN))
        log.execute(Request(CaptureLead(id="2"), ANN))
        if not undisturbed:
            other.execute(Request(CaptureLead(id="3"), ANN))
        late = Request(CaptureLead(id="late"), ANN, "r-late", deadline=monotonic() + 0.3)
        with other.appending():
            (answer,) = log.submit([late])
            assert isinstance(answer, Rejected)
            assert answer.code == "LOG_UNAVAILABLE"
            assert SURELY_NOT in answer.sentence
        assert log.state("lead-late")[0] == 0
        assert log.execute(late._replace(deadline=None)).version == 1
        assert other.state("lead-late")[0] == 1
        assert log.verify() == []


def test_a_log_that_is_locked_away_keeps_nobody(own_place: Place) -> None:
    urls = own_place.url("log"), own_place.url("keys")
    with opened(urls) as (log, _):
        log.execute(Request(CaptureLead(id="1"), ANN))
        with locked_away(urls[0]) as holder, one_who_asks(lambda: log.head) as (asker, asked):
            wait_until(lambda: waiting(holder) == 1)
            asker.leave()
            assert code(asked) == "DEADLINE_PASSED"
        assert log.head.position == 1


def waiting(holder: psycopg.Connection) -> int:
    """How many wait for a lock of a table."""
    ((count,),) = holder.execute("select count(*) from pg_locks where not granted and locktype = 'relation'").fetchall()
    return int(count)


@pytest.mark.parametrize("asks", ["verify", "rebuild"])
def test_long_work_ends_with_its_caller(own_place: Place, tmp_path: Any, asks: str) -> None:
    given: dict[str, Any] = {"log": own_place.url("log"), "keys": own_place.url("keys")}
    settings = Settings(data=tmp_path, master_key="A" * 43 + "=", **given)
    with Node.open(settings) as node, Client(node.serve("127.0.0.1:0"), actor="ann") as client:
        assert isinstance(node.log, Log)
        assert node.models is not None
        node.log.execute(Request(CaptureLead(id="1"), ANN))
        node.models.bring(["leads"], 1)
        standing = node.models._find("leads")
        with locked_away(given["log"]) as holder, standing.rebuilding:
            if asks == "verify":
                call = client.system.Verify(system_pb2.VerifyRequest(), timeout=1)
            else:
                call = client.system.RebuildModels(system_pb2.RebuildModelsRequest(models=["leads"]), timeout=1)
            with pytest.raises(DeadlineExceeded):
                list(call)
            wait_until(lambda: not any(thread.name == "work" for thread in threads()))
            wait_until(lambda: node.server._streams.load == 0)
            assert holder.execute("select count(*) from events").fetchone() == (1,)
        node.models.rebuild(["leads"])

"""How fast the log is, each time against bare SQLite doing the same writes to the same tables in the same run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Any

from commands.command import Command
from commands.lead import AssignLead, CaptureLead
from infra.database import Database
from infra.keys import Keys
from infra.log import Actor, Log, Request
from infra.log.tables import prepare

ACTOR = Actor("service_account", "bench")
CALLERS = 32
INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
Result = dict[str, Any]


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in about half a minute."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        return [
            *many_callers(directory, int(20_000 * scale)),
            one_caller(directory, int(3_000 * scale)),
            *reading(directory, int(100_000 * scale)),
        ]


def result(name: str, value: float, unit: str, baseline: float, target: str) -> Result:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "baseline": round(baseline, 2),
        "ratio": round(value / baseline, 3),
        "target": target,
    }


def many_callers(directory: Path, count: int) -> list[Result]:
    """Each caller asks for one command at a time, half of them on new streams."""
    log = new_log(directory / "many")
    each = count // CALLERS
    requests = [
        [Request(lead_command(f"{caller}-{n // 2}", n), ACTOR) for n in range(each)] for caller in range(CALLERS)
    ]
    seconds = in_threads([partial(execute_all, log, mine) for mine in requests])
    rows = [(*row[:4], n, *row[5:]) for n, row in enumerate(log.rows())]
    instants = len({row.recorded_at for row in log.rows()})
    log.close()
    size = max(1, round(len(rows) / instants))
    bare = bare_insert(directory / "many-bare", rows, size)
    return [
        result("log: 32 callers", len(rows) / seconds, "commands/s", len(rows) / bare, ">= 0.4"),
        result("log: commits of 32 callers", instants, "commits", len(rows), "<= 0.25"),
    ]


def one_caller(directory: Path, count: int) -> Result:
    """One caller changes existing streams."""
    log = new_log(directory / "one")
    log.submit([Request(CaptureLead(id=str(n)), ACTOR) for n in range(100)])
    requests = [Request(AssignLead(id=str(n % 100), agent_id=f"agent-{n}"), ACTOR) for n in range(count)]
    begin = perf_counter()
    execute_all(log, requests)
    seconds = perf_counter() - begin
    rows = [(*row[:4], n, *row[5:]) for n, row in enumerate(log.rows(after=100))]
    log.close()
    bare = bare_insert(directory / "one-bare", rows, 1)
    return result("log: one caller", count / seconds, "commands/s", count / bare, ">= 0.7")


def reading(directory: Path, count: int) -> list[Result]:
    """Batches for the read models, and the proof that nothing was altered."""
    log = new_log(directory / "read")
    for begin in range(0, count, 500):
        log.submit([Request(lead_command(str(n // 2), n), ACTOR) for n in range(begin, begin + 500)])
    total = log.head.position
    begin_batches = perf_counter()
    for batch in log.batches(0):
        assert batch.num_rows
    batches = perf_counter() - begin_batches
    begin_verify = perf_counter()
    assert log.verify() == []
    verification = perf_counter() - begin_verify
    log.close()
    connection = sqlite3.connect(directory / "read" / "log.db")
    begin_bare = perf_counter()
    connection.execute("SELECT * FROM events ORDER BY position").fetchall()
    bare_read = perf_counter() - begin_bare
    begin_hash = perf_counter()
    hash = bytes(32)
    for (document,) in connection.execute("SELECT document FROM events ORDER BY position"):
        hash = sha256(hash + document).digest()
    bare_hash = perf_counter() - begin_hash
    connection.close()
    return [
        result("log: Arrow batches", total / batches, "events/s", total / bare_read, ">= 300,000 events/s"),
        result("log: verify", total / verification, "events/s", total / bare_hash, ">= 0.5"),
    ]


def new_log(directory: Path) -> Log:
    directory.mkdir()
    return Log.open(f"sqlite:///{directory}/log.db", Keys.open(f"sqlite:///{directory}/keys.db", bytes(32)))


def lead_command(id: str, n: int) -> Command:
    return AssignLead(id=id, agent_id=f"agent-{n}") if n % 2 else CaptureLead(id=id, source="web")


def execute_all(log: Log, requests: list[Request]) -> None:
    for request in requests:
        log.execute(request)


def in_threads(works: list[Callable[[], object]]) -> float:
    threads = [Thread(target=work) for work in works]
    begin = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return perf_counter() - begin


def bare_insert(directory: Path, rows: list[tuple[Any, ...]], size: int) -> float:
    """Seconds for inserting the rows, durably, in transactions of that size, with nothing but sqlite3."""
    directory.mkdir()
    database = Database(f"sqlite:///{directory}/log.db", "log")
    prepare(database)
    database.close()
    connection = sqlite3.connect(directory / "log.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    begin = perf_counter()
    for start in range(0, len(rows), size):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, rows[start : start + size])
        connection.execute("COMMIT")
    seconds = perf_counter() - begin
    connection.close()
    return seconds

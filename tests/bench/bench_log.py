"""How fast the log is, each time against bare SQLite doing the same writes to the same tables in the same run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Any

from commands.command import Command
from commands.lead import AssignLead, CaptureLead
from infra.database import open_database, prepare
from infra.keys import Keys
from infra.log import Actor, Log, Request, microseconds
from infra.log.tables import MIGRATIONS, REVISION
from infra.main import tune_python

ACTOR = Actor("service_account", "bench")
CALLERS = 32
ROUNDS = 9
"""Ours and the baseline take turns, because the disk and the neighbours vary more than the difference."""
READING_ROUNDS = 5
INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
BETWEEN = "SELECT * FROM events WHERE position > ? AND position <= ? ORDER BY position"
Result = dict[str, Any]
Rows = list[tuple[Any, ...]]
Insert = Callable[[Rows, int], float]
"""Inserts rows in transactions of a size, and says how many seconds it took."""
InsertEach = Callable[[Rows], float]


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in about half a minute. Python is tuned as in a running node."""
    tune_python()
    with TemporaryDirectory() as name:
        directory = Path(name)
        log, bare = new_log(directory / "many"), bare_database(directory / "many-bare")
        names = ("log: 32 callers / bare inserts, as many a commit", "log: commits of 32 callers / commands")
        figures = many_callers(log, partial(bare_insert, bare), int(40_000 * scale), names)
        log.close()
        bare.close()
        log, bare = new_log(directory / "one"), bare_database(directory / "one-bare")
        each = partial(bare_insert, bare, size=1)
        figures.append(one_caller(log, each, int(9_000 * scale), "log: one caller / bare durable one-row inserts", 0.7))
        log.close()
        bare.close()
        return [*figures, *reading(directory, int(100_000 * scale))]


def result(name: str, unit: str, ours: list[float], theirs: list[float], target: float | str) -> Result:
    """The medians of the rounds, and the median of their ratios."""
    return {
        "name": name,
        "value": round(median(ours), 2),
        "unit": unit,
        "baseline": round(median(theirs), 2),
        "ratio": round(median(mine / other for mine, other in zip(ours, theirs, strict=True)), 3),
        "target": target,
    }


def many_callers(log: Log, insert: Insert, count: int, names: tuple[str, str]) -> list[Result]:
    """Each caller asks for one command at a time, half of them on new streams; the baseline inserts the same rows in
    transactions of the mean size. The ``names`` are those of the figures, of callers and of commits.
    """
    ours: list[float] = []
    theirs: list[float] = []
    commits: list[float] = []
    for turn in range(ROUNDS):
        requests = [
            [Request(lead_command(f"{turn}-{caller}-{n // 2}", n), ACTOR) for n in range(count // ROUNDS // CALLERS)]
            for caller in range(CALLERS)
        ]
        before = log.head.position
        elapsed = in_threads([partial(execute_all, log, mine) for mine in requests])
        rows = stored(log, before)
        transactions = len({row[4] for row in rows})
        ours.append(len(rows) / elapsed)
        theirs.append(len(rows) / insert(rows, max(1, round(len(rows) / transactions))))
        commits.append(transactions)
    per_round = [float(count // ROUNDS // CALLERS * CALLERS)] * ROUNDS
    return [
        result(names[0], "commands/s", ours, theirs, 0.4),
        result(names[1], "commits", commits, per_round, "<= 0.25"),
    ]


def one_caller(log: Log, insert_each: InsertEach, count: int, name: str, target: float) -> Result:
    """One caller changes existing streams; the baseline inserts the same rows one by one."""
    log.submit([Request(CaptureLead(id=str(n)), ACTOR) for n in range(100)])
    ours, theirs = [], []
    for turn in range(ROUNDS):
        requests = [Request(AssignLead(id=str(n % 100), agent_id=f"{turn}-{n}"), ACTOR) for n in range(count // ROUNDS)]
        before = log.head.position
        ours.append(len(requests) / seconds(partial(execute_all, log, requests)))
        theirs.append(len(requests) / insert_each(stored(log, before)))
    return result(name, "commands/s", ours, theirs, target)


def fill(log: Log, count: int) -> int:
    """Record so many commands, half of them on new streams; the position the log is at."""
    for begin in range(0, count, 500):
        log.submit([Request(lead_command(str(n // 2), n), ACTOR) for n in range(begin, begin + 500)])
    return log.head.position


def per_second(total: int, works: list[Callable[[], object]]) -> list[list[float]]:
    """How many of ``total`` each of the works does in a second, in every round; they take turns."""
    rates = [[total / seconds(work) for work in works] for _ in range(READING_ROUNDS)]
    return [list(each) for each in zip(*rates, strict=True)]


def reading(directory: Path, count: int) -> list[Result]:
    """Batches for the read models, against fetching the same rows; and the proof that nothing was altered, against
    fetching the same rows and hashing them.
    """
    log = new_log(directory / "read")
    total = fill(log, count)
    connection = sqlite3.connect(directory / "read" / "log.db")
    works: list[Callable[[], object]] = [
        lambda: [batch.num_rows for batch in log.batches(0)],
        lambda: bare_read(connection, total),
        log.verify,
        lambda: bare_chain(connection, total),
    ]
    batches, fetched, verified, hashed = per_second(total, works)
    connection.close()
    log.close()
    return [
        result("log: Arrow batches / bare fetching", "events/s", batches, fetched, 0.5),
        result("log: verify / bare fetching and hashing", "events/s", verified, hashed, 0.5),
    ]


def seconds(work: Callable[[], object]) -> float:
    begin = perf_counter()
    work()
    return perf_counter() - begin


def bare_read(connection: sqlite3.Connection, total: int) -> None:
    for begin in range(0, total, 1_000):
        connection.execute(BETWEEN, (begin, begin + 1_000)).fetchall()


def bare_chain(connection: sqlite3.Connection, total: int) -> None:
    hash = bytes(32)
    for begin in range(0, total, 1_000):
        for row in connection.execute(BETWEEN, (begin, begin + 1_000)).fetchall():
            hash = sha256(hash + row[5]).digest()


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


def stored(log: Log, after: int) -> list[tuple[Any, ...]]:
    """The rows after a position, as they are stored."""
    return [(*row[:4], microseconds(row.recorded_at), *row[5:]) for row in log.rows(after=after)]


def bare_database(directory: Path) -> sqlite3.Connection:
    """The same tables with nothing but sqlite3 on them, as durable."""
    directory.mkdir()
    database = open_database(f"sqlite:///{directory}/log.db", "log")
    prepare(database, MIGRATIONS, REVISION)
    database.close()
    connection = sqlite3.connect(directory / "log.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def bare_insert(connection: sqlite3.Connection, rows: list[tuple[Any, ...]], size: int) -> float:
    """Seconds for inserting the rows in transactions of that size."""
    begin = perf_counter()
    for start in range(0, len(rows), size):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(INSERT, rows[start : start + size])
        connection.execute("COMMIT")
    return perf_counter() - begin

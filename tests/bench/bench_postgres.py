"""How fast the log is on PostgreSQL, against bare psycopg doing the same writes to the same tables in the same run, and
how fast it is on both databases against an application of the eventsourcing library that does the same to leads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from commands.command import Command
from commands.lead import AssignLead, CaptureLead, ContactLead, QualifyLead
from infra.database import open_database, prepare
from infra.keys import Keys
from infra.log import Log, Request
from infra.log.tables import MIGRATIONS, REVISION
from infra.main import tune_python
from tests import postgres
from tests.bench.bench_log import (
    ACTOR,
    CALLERS,
    Result,
    Rows,
    execute_all,
    fill,
    in_threads,
    many_callers,
    one_caller,
    per_second,
    result,
)

COLUMNS = 7
ONE_ROW = f"INSERT INTO events VALUES ({', '.join(['%s'] * COLUMNS)})"
BETWEEN = "SELECT * FROM events WHERE position > %s AND position <= %s ORDER BY position"
Make = Callable[[str], str]


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in a few minutes. Skips where there is no PostgreSQL, with the reason."""
    tune_python()
    with server() as make:
        return [
            *deciding(make, scale),
            *reading(make, int(100_000 * scale)),
            two_nodes(make, int(10_000 * scale)),
            against_the_library("PostgreSQL", make, int(2_000 * scale), 10),
            against_the_library("SQLite", None, int(2_000 * scale), 5),
        ]


@contextmanager
def server() -> Iterator[Make]:
    """What makes databases, on the server at ANNALS_POSTGRES or on one of our own."""
    if given := os.environ.get("ANNALS_POSTGRES"):
        yield postgres.databases(given)
        return
    own = postgres.Server()
    try:
        yield postgres.databases(own.url())
    finally:
        own.close()


def new_log(make: Make) -> Log:
    return Log.open(make("log"), Keys.open(make("keys"), bytes(32)))


def bare_connection(make: Make) -> psycopg.Connection:
    """A connection to the same tables, with nothing but psycopg on them."""
    url = make("bare")
    database = open_database(url, "log")
    prepare(database, MIGRATIONS, REVISION)
    database.close()
    return psycopg.connect(url, autocommit=True)


def bare_insert(connection: psycopg.Connection, rows: Rows, size: int) -> float:
    """Seconds for inserting the rows in transactions of that size, each one multi-row statement."""
    cursor = connection.cursor()
    begin = perf_counter()
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        places = ", ".join([f"({', '.join(['%s'] * COLUMNS)})"] * len(part))
        with connection.transaction():
            cursor.execute(f"INSERT INTO events VALUES {places}".encode(), [value for row in part for value in row])
    return perf_counter() - begin


def deciding(make: Make, scale: float) -> list[Result]:
    """32 callers and one, each against a bare connection to the same tables."""
    log, bare = new_log(make), bare_connection(make)
    names = (
        "PostgreSQL: 32 callers / bare multi-row inserts, as many a commit",
        "PostgreSQL: commits of 32 callers / commands",
    )
    figures = many_callers(log, partial(bare_insert, bare), int(20_000 * scale), names)
    log.close()
    bare.close()
    log, bare = new_log(make), bare_connection(make)
    each = partial(bare_one_by_one, bare)
    figures.append(one_caller(log, each, int(9_000 * scale), "PostgreSQL: one caller / bare one-row transactions", 0.6))
    log.close()
    bare.close()
    return figures


def bare_one_by_one(connection: psycopg.Connection, rows: Rows) -> float:
    """Seconds for inserting the rows, each in a transaction of its own."""
    cursor = connection.cursor()
    begin = perf_counter()
    for row in rows:
        with connection.transaction():
            cursor.execute(ONE_ROW, row)
    return perf_counter() - begin


def reading(make: Make, count: int) -> list[Result]:
    """Batches for the read models, against a bare SELECT of the same rows."""
    url = make("log")
    log = Log.open(url, Keys.open(make("keys"), bytes(32)))
    total = fill(log, count)
    connection = psycopg.connect(url, autocommit=True)
    works: list[Callable[[], object]] = [
        lambda: [batch.num_rows for batch in log.batches(0)],
        lambda: bare_read(connection, total),
    ]
    batches, fetched = per_second(total, works)
    connection.close()
    log.close()
    value = result("PostgreSQL: Arrow batches / bare SELECT", "events/s", batches, fetched, "")
    absolute = {"name": "PostgreSQL: Arrow batches", "value": value["value"], "unit": "events/s", "target": 200_000}
    return [value, absolute]


def bare_read(connection: psycopg.Connection, total: int) -> None:
    cursor = connection.cursor(binary=True)
    for begin in range(0, total, 10_000):
        cursor.execute(BETWEEN, (begin, begin + 10_000))
        cursor.fetchall()


NODE = """
import json, sys
from functools import partial
from time import time
from commands.lead import CaptureLead
from infra.keys import Keys
from infra.log import Log, Request
from infra.main import tune_python
from tests.bench.bench_log import ACTOR, execute_all, in_threads, lead_command

log_url, keys_url, name, callers, count = sys.argv[1:]
tune_python()
log = Log.open(log_url, Keys.open(keys_url, bytes(32)))
requests = [[Request(lead_command(f"{name}-{caller}-{n // 2}", n), ACTOR) for n in range(int(count))]
            for caller in range(int(callers))]
print("ready", flush=True)
sys.stdin.readline()
begin = time()
in_threads([partial(execute_all, log, mine) for mine in requests])
print(json.dumps([begin, time()]), flush=True)
"""


def two_nodes(make: Make, count: int) -> Result:
    """32 callers at two nodes, sixteen each, against 32 at one; every node is a process."""
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(3):
        for nodes, rates in ((2, ours), (1, theirs)):
            rates.append(commands_per_second(make("log"), make("keys"), nodes, count // CALLERS, f"{turn}-{nodes}"))
    return result("PostgreSQL: 32 callers at two nodes / at one", "commands/s", ours, theirs, 0.9)


def commands_per_second(log_url: str, keys_url: str, nodes: int, count: int, name: str) -> float:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", NODE, log_url, keys_url, f"{name}-{node}", str(CALLERS // nodes), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for node in range(nodes)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    spans = [json.loads(process.communicate()[0]) for process in processes]
    return CALLERS * count / float(max(end for _, end in spans) - min(begin for begin, _ in spans))


class Lead(Aggregate):
    """The same four facts, as the eventsourcing library has them."""

    @event("Captured")
    def __init__(self, source: str) -> None:
        self.status, self.source, self.agent_id, self.contacts = "new", source, "", 0

    @event("Assigned")
    def assign(self, agent_id: str) -> None:
        self.status, self.agent_id = "assigned", agent_id

    @event("Contacted")
    def contact(self, channel: str) -> None:
        self.status, self.contacts = "working", self.contacts + 1

    @event("Qualified")
    def qualify(self) -> None:
        self.status = "qualified"


class Leads(Application):  # type: ignore[type-arg]
    """Takes each step as a request of its own: load, change, save."""

    def four(self, count: int) -> None:
        for n in range(count):
            lead = Lead(source="web")
            self.save(lead)
            for step, given in ((Lead.assign, (f"agent-{n}",)), (Lead.contact, ("phone",)), (Lead.qualify, ())):
                again: Lead = self.repository.get(lead.id)
                step(again, *given)
                self.save(again)


def four_commands(id: str) -> list[Command]:
    return [
        CaptureLead(id=id, source="web"),
        AssignLead(id=id, agent_id=f"agent-{id}"),
        ContactLead(id=id, contact_id=id, channel="phone"),
        QualifyLead(id=id),
    ]


def against_the_library(kind: str, make: Make | None, count: int, target: float) -> Result:
    """32 callers take leads through four steps, each step a durable request of its own."""
    each = max(1, count // CALLERS)
    ours, theirs = [], []
    with TemporaryDirectory() as name:
        for turn in range(3):
            folder = Path(name) / str(turn)
            folder.mkdir()
            at = make or files_in(folder)
            log = Log.open(at("log"), Keys.open(at("keys"), bytes(32)))
            requests = [
                [Request(each_, ACTOR) for n in range(each) for each_ in four_commands(f"{caller}-{n}")]
                for caller in range(CALLERS)
            ]
            ours.append(4 * each * CALLERS / in_threads([partial(execute_all, log, mine) for mine in requests]))
            log.close()
            leads = Leads(library_settings(at("library") if make else f"{folder}/library.db"))
            theirs.append(4 * each * CALLERS / in_threads([partial(leads.four, each)] * CALLERS))
            leads.close()
    return result(f"{kind}: 32 callers / the eventsourcing library", "commands/s", ours, theirs, target)


def files_in(folder: Path) -> Make:
    return lambda part: f"sqlite:///{folder}/{part}.db"


def library_settings(place: str) -> dict[str, str]:
    """The library's settings for a file or the URL of a server."""
    if not place.startswith("postgresql://"):
        return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": place, "SQLITE_LOCK_TIMEOUT": "60"}
    at = psycopg.conninfo.conninfo_to_dict(place)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(at["dbname"]),
        "POSTGRES_HOST": str(at["host"]),
        "POSTGRES_PORT": str(at["port"]),
        "POSTGRES_USER": str(at["user"]),
        "POSTGRES_PASSWORD": "none",
        "POSTGRES_SCHEMA": str(at["options"]).rpartition("=")[2],
        "POSTGRES_MAX_OVERFLOW": "60",
    }

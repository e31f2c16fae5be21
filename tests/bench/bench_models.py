"""How fast the read models are: upkeep, rebuild and reports over a real mix of events, one in a hundred late.

``python -m tests.bench.bench_models [scale]`` prints the figures; a scale of 1 is a million events.
``python -m tests.bench.bench_models memory 5000000`` prints, with a log of so many events on disk, the peak memory of
upkeep and of a rebuild in MB, and the events/s of the rebuild. ``python -m tests.bench.bench_models linear 5`` prints
the rebuilds of 1, 2 and 5 million events.
"""

from __future__ import annotations

import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.ipc

from infra.models import Models
from infra.models.archive import relations

PROJECTIONS = Path(__file__).parents[2] / "projections"
START = datetime(2024, 1, 1, tzinfo=UTC)
LATE = 0.01
SEALED = "sealed:1:0192f0c1a2b34c5d:0192f0c1-a2b3-7c5d-8e6f-0123456789ab:subject:" + "QUJD" * 20

Next = tuple[tuple[str, Callable[[random.Random], dict[str, Any]]], ...]

TICKET: Next = (
    ("TicketAssigned", lambda c: {"group_id": f"g{c.randrange(20)}", "agent_id": f"a{c.randrange(200)}"}),
    (
        "TicketReplied",
        lambda c: {
            "reply_id": uuid_of(c),
            "agent_id": f"a{c.randrange(200)}",
            "is_public": True,
            "is_bot": False,
            "body": SEALED,
        },
    ),
    ("TicketReplyReceived", lambda c: {"reply_id": uuid_of(c), "channel": "email", "body": SEALED}),
    ("TicketPended", lambda c: {}),
    ("TicketResumed", lambda c: {}),
    ("TicketTriaged", lambda c: {"priority": c.choice(["low", "moderate", "high"]), "category": f"c{c.randrange(30)}"}),
    ("TicketSolved", lambda c: {"agent_id": f"a{c.randrange(200)}"}),
    ("TicketClosed", lambda c: {}),
)
LEAD: Next = (
    ("LeadAssigned", lambda c: {"agent_id": f"a{c.randrange(200)}", "status": "assigned"}),
    (
        "LeadContacted",
        lambda c: {"contact_id": uuid_of(c), "channel": "phone", "direction": "outbound", "status": "working"},
    ),
    ("LeadScored", lambda c: {"score": c.randrange(100)}),
    ("LeadQualified", lambda c: {}),
)
CUSTOMER: Next = (
    ("ContactPointAdded", lambda c: {"contact_point_id": uuid_of(c), "kind": "email", "value": SEALED}),
    ("ConsentGranted", lambda c: {"purpose": "newsletter", "channel": "email"}),
    (
        "InteractionLogged",
        lambda c: {
            "interaction_id": uuid_of(c),
            "channel": "phone",
            "direction": "inbound",
            "seconds": c.randrange(900),
        },
    ),
)
FIRST: dict[str, tuple[str, dict[str, Any]]] = {
    "ticket": ("TicketOpened", {"opened_by": "requester", "channel": "web", "priority": "low", "subject": SEALED}),
    "lead": (
        "LeadCaptured",
        {"name": SEALED, "email": SEALED, "country": "BR", "source": "organic", "landing_page": "lp1"},
    ),
    "customer": ("CustomerRegistered", {"name": SEALED, "email": SEALED, "country": "DE"}),
}
NEXT: dict[str, Next] = {
    "ticket": TICKET,
    "lead": LEAD,
    "customer": CUSTOMER,
}


def uuid_of(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128)))


@dataclass(frozen=True)
class End:
    position: int
    hash: bytes
    recorded_at: datetime


class Recorded:
    """A log in memory: Arrow batches of a made-up company's events."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.seed = random.Random(seed)
        self.open: list[list[Any]] = []
        self.batch_size = 10_000
        self.made: list[pa.RecordBatch] = []
        self.head = End(0, b"", START)
        while self.head.position < size:
            self.grow(min(self.batch_size, size - self.head.position))

    def grow(self, count: int) -> None:
        """Append that many events; all batches but the last ones are of one size."""
        rows = [self._row() for _ in range(count)]
        names = ("position", "stream", "version", "type", "recorded_at", "document", "hash")
        columns = zip(*rows, strict=True)
        self.made.append(
            pa.record_batch(
                [pa.array(column, type) for column, type in zip(columns, TYPES, strict=True)], names=list(names)
            )
        )

    def next(self) -> tuple[list[Any], str, dict[str, Any]]:
        """What happens next: the stream (aggregate, name, version), the type and the data."""
        chance = self.seed
        if len(self.open) < 2_000 or chance.random() < 0.12:
            aggregate = chance.choices(("ticket", "lead", "customer"), (5, 3, 2))[0]
            stream: list[Any] = [aggregate, f"{aggregate}-{uuid_of(chance)}", 0]
            self.open.append(stream)
            return stream, *FIRST[aggregate]
        index = chance.randrange(len(self.open))
        stream = self.open[index]
        type, make = chance.choice(NEXT[stream[0]])
        if stream[2] > 5 and chance.random() < 0.5:
            self.open[index] = self.open[-1]
            self.open.pop()
        return stream, type, make(chance)

    def _row(self) -> tuple[Any, ...]:
        chance, position = self.seed, self.head.position + 1
        stream, type, data = self.next()
        stream[2] += 1
        recorded = START + timedelta(seconds=30 * position)
        late = timedelta(hours=chance.random() * 24) if stream[2] > 1 and chance.random() < LATE else timedelta()
        document = orjson.dumps(
            {
                "specversion": "1.0",
                "datacontenttype": "application/json",
                "id": f"0192f0c1-a2b3-7c5d-8e6f-{position:012x}",
                "source": "/crm",
                "type": f"crm.{type}.v1",
                "subject": stream[1],
                "time": (recorded - late).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "recordedtime": recorded.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "sequence": f"{position:020}",
                "version": stream[2],
                "authtype": "service_account",
                "authid": "desk",
                "correlationid": "0192f0c1-a2b3-7c5d-8e6f-0123456789ab",
                "data": data,
            }
        )
        hash = hashlib.sha256(self.head.hash + document).digest()
        self.head = End(position, hash, recorded)
        return position, stream[1], stream[2], f"crm.{type}.v1", recorded, document, hash

    def batches(self, after: int, until: int | None = None, size: int = 10_000) -> Iterator[pa.RecordBatch]:
        until = self.head.position if until is None else until
        for batch in self.made[after // self.batch_size :]:
            first = batch["position"][0].as_py()
            if first > until:
                return
            start, end = max(0, after + 1 - first), min(batch.num_rows, until + 1 - first)
            if start < end:
                yield batch.slice(start, end - start)

    def wait(self, after: int, timeout: float | None, given_up: Event | None = None) -> int:
        if self.head.position <= after:
            time.sleep(min(timeout or 0.01, 0.01))
        return self.head.position

    def wake(self) -> None:
        """Nobody waits."""

    def position_at(self, instant: datetime) -> int:
        return max(0, int((instant - START).total_seconds() // 30))


class Stored:
    """A log in a file, of which no more is in memory than what is being read."""

    def __init__(self, file: Path) -> None:
        self._batches = pa.ipc.open_file(pa.OSFile(str(file)))
        self._size = self._batches.get_batch(0).num_rows
        last = self._batches.get_batch(self._batches.num_record_batches - 1)
        self.head = End(*(last[name][-1].as_py() for name in ("position", "hash", "recorded_at")))

    def batches(self, after: int, until: int | None = None, size: int = 10_000) -> Iterator[pa.RecordBatch]:
        until = self.head.position if until is None else until
        while after < until:
            batch = self._batches.get_batch(after // self._size).slice(after % self._size, until - after)
            yield batch
            after += batch.num_rows

    def wait(self, after: int, timeout: float | None, given_up: Event | None = None) -> int:
        return self.head.position

    def wake(self) -> None:
        """Nobody waits."""

    def position_at(self, instant: datetime) -> int:
        return max(0, int((instant - START).total_seconds() // 30))


def store(file: Path, size: int) -> None:
    """Write a log of so many events into a file."""
    log = Recorded(0)
    log.grow(log.batch_size)
    with pa.ipc.new_file(str(file), log.made[0].schema) as out:
        while log.made:
            out.write_batch(log.made.pop())
            if log.head.position < size:
                log.grow(min(log.batch_size, size - log.head.position))


def peaks(file: Path) -> tuple[float, float, float]:
    """MB of memory that upkeep and then a rebuild of all models take at most, and the events/s of the rebuild."""
    log = Stored(file)
    with tempfile.TemporaryDirectory() as folder:
        models = opened(Path(folder), log)
        models.follow()
        upkeep = peak()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is that of now
        taken = seconds(models.rebuild)
        rebuild = peak()
        models.close()
    return upkeep, rebuild, log.head.position / taken


def peak() -> float:
    """MB of memory that this process took at most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


TYPES = (pa.int64(), pa.string(), pa.int32(), pa.string(), pa.timestamp("us", "UTC"), pa.binary(), pa.binary())


class Follower(Models):
    """Models whose follower is stepped by hand, in the batches that it would choose itself."""

    def follow(self) -> None:
        while self._behind() < self._log.head.position:
            self._catch_up(self._log.head.position)


def opened(folder: Path, log: Recorded | Stored, projections: Path = PROJECTIONS) -> Follower:
    return Follower(
        folder / "models.duckdb",
        log,
        projections=projections,
        time_zone="UTC",
        memory="1GB",
        threads=2,
        snapshots=folder / "snapshots",
    )


def seconds(work: Callable[[], object], times: int = 1) -> float:
    """The median of how long it took."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def row(name: str, value: float, unit: str, baseline: float | None = None, target: str = "") -> dict[str, Any]:
    ratio = round(value / baseline, 3) if baseline else None
    return {
        "name": name,
        "value": round(value, 1),
        "unit": unit,
        "baseline": baseline,
        "ratio": ratio,
        "target": target,
    }


def run(scale: float) -> list[dict[str, Any]]:
    """The figures: rows of name, value, unit, baseline, ratio, target."""
    size = max(20_000, int(1_000_000 * scale))
    log = Recorded(size)
    with tempfile.TemporaryDirectory() as folder:
        models = opened(Path(folder), log)
        try:
            return [
                *_upkeep(models, log, size),
                *_rebuild(models, log, size),
                *_reports(models, log),
                *_fresh(models, log),
                *_linear(size),
            ]
        finally:
            models.close()


def _upkeep(models: Follower, log: Recorded, size: int) -> list[dict[str, Any]]:
    upkeep = size / seconds(models.follow)
    with tempfile.TemporaryDirectory() as folder:
        alone = _one_model(Path(folder), "tickets")
        one = opened(Path(folder), log, alone)
        try:
            single = size / seconds(one.follow)
            begin = time.perf_counter()
            one.rebuild(["tickets"])
            single_rebuild = size / (time.perf_counter() - begin)
        finally:
            one.close()
    return [
        row("models: upkeep of all", upkeep, "events/s", target=">= 40000"),
        row("models: upkeep of tickets alone", single, "events/s"),
        row("models: rebuild of tickets alone", single_rebuild, "events/s"),
    ]


def _one_model(folder: Path, name: str) -> Path:
    models = folder / "projections" / "models"
    models.mkdir(parents=True)
    models.joinpath(f"{name}.sql").write_text((PROJECTIONS / "models" / f"{name}.sql").read_text())
    return models.parent


def _rebuild(models: Follower, log: Recorded, size: int) -> list[dict[str, Any]]:
    rebuild = size / seconds(models.rebuild)
    with models.transaction() as cursor:
        by_hand = size / seconds(lambda: cursor.execute(BY_HAND).fetchall())
    return [
        row("models: rebuild of all", rebuild, "events/s", target=">= 200000"),
        row("models: hand-written GROUP BY, tickets without history", by_hand, "events/s"),
    ]


BY_HAND = """
create or replace temp table by_hand as
select id, min(occurred_at) filter (type = 'crm.TicketOpened.v1') as opened_at,
       max(occurred_at) filter (type = 'crm.TicketSolved.v1') as solved_at,
       count(*) filter (type = 'crm.TicketReplied.v1') as replies, arg_max(type, position) as newest
from events where stream like 'ticket-%' group by id
"""


def _reports(models: Follower, log: Recorded) -> list[dict[str, Any]]:
    now = (log.head.recorded_at + timedelta(days=1), log.head.position)
    middle = (START + (log.head.recorded_at - START) / 2, log.head.position)
    both = (middle[0], log.head.position // 2)
    taken = {}
    with models.transaction() as cursor:
        for label, (instant, position) in (("now", now), ("past T", middle), ("past T and K", both)):
            sql = f"""select status, priority, count(*), sum(public_replies), min(opened_at)
            from tickets_at(timestamptz '{instant.isoformat()}', {position}) group by all order by all"""
            taken[label] = 1000 * seconds(lambda sql=sql: cursor.execute(sql).fetchall(), 15)  # type: ignore[misc]
    return [
        row("models: tickets by status and priority, now", taken["now"], "ms"),
        row("models: the same, past T", taken["past T"], "ms", taken["now"], "<= 3 x"),
        row("models: the same, past T and K", taken["past T and K"], "ms", taken["now"], "<= 5 x"),
    ]


def _fresh(models: Follower, log: Recorded) -> list[dict[str, Any]]:
    """How long a question waits for the position of a command just answered, with 200 commands/s."""
    models.start()
    ticket = next(stream for aggregate, stream, _ in log.open if aggregate == "ticket").partition("-")[2]
    questions: dict[str, Callable[[int], object]] = {
        "one row": lambda position: models.row("tickets", [ticket], position),
        "a whole model": lambda position: models.bring(["tickets"], position),
    }
    waits: dict[str, list[float]] = {question: [] for question in questions}
    begin = time.perf_counter()
    for n in range(2_000):
        time.sleep(max(0.0, begin + n / 200 - time.perf_counter()))
        log.grow(1)
        if n % 10 == 0:
            question = list(questions)[n // 10 % 2]
            asked = time.perf_counter()
            questions[question](log.head.position)
            waits[question].append(1000 * (time.perf_counter() - asked))
    figures = []
    for question, taken in waits.items():
        taken.sort()
        figures += [
            row(f"models: wait for {question} at a position just answered, p50", taken[len(taken) // 2], "ms"),
            row(f"models: the same, {question}, p99", taken[int(len(taken) * 0.99)], "ms", target="<= 50"),
        ]
    return figures


def _linear(size: int) -> list[dict[str, Any]]:
    """Rebuilds of a fifth, two fifths and all of so many events: as fast, and in as much memory."""
    figures: list[dict[str, Any]] = []
    first: tuple[float, float] | None = None
    for fifths in (1, 2, 5):
        command = [sys.executable, "-m", "tests.bench.bench_models", "memory", str(size * fifths // 5)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        upkeep, rebuild, speed = map(float, said.split())
        first = first or (speed, rebuild)
        of = f"of {size * fifths // 5:,} events"
        figures += [
            row(f"models: rebuild {of}", speed, "events/s", first[0], ">= 0.7"),
            row(f"models: its peak memory {of}", rebuild, "MB", first[1], "<= 1.5"),
        ]
    return [*figures, row(f"models: peak memory of upkeep {of}", upkeep, "MB", target="< 2048")]


def main(arguments: list[str]) -> None:
    relations()
    match arguments:
        case ["store", file, size]:
            store(Path(file), int(size))
        case ["memory", size]:
            with tempfile.TemporaryDirectory() as folder:
                log = Path(folder) / "log.arrow"
                # In a process of its own, for what making the log takes is not what is measured.
                subprocess.run([sys.executable, "-m", "tests.bench.bench_models", "store", str(log), size], check=True)
                print(*map(round, peaks(log)))
        case ["linear", scale]:
            for figure in _linear(int(1_000_000 * float(scale))):
                print(figure)
        case _:
            print(f"duckdb {duckdb.__version__}", file=sys.stderr)
            for figure in run(float(arguments[0]) if arguments else 1.0):
                print(figure)


if __name__ == "__main__":
    main(sys.argv[1:])

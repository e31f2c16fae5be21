"""What is held back: a stream, from the first of its events on that a part cannot take.

The archive cannot take an event that it cannot read, or of a type that this version does not know; the documents of the
stream wait in ``annals_held_events``. A model cannot take an event that its SELECT fails on; what it does not count
lies in the archive. All other streams go on. Rows are written in the transaction that moves the part's position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from infra.models.cursors import given

ARCHIVE = "archive"
"""The part that all models follow; no model can be called so, for the plural of a model is never this word."""

MOST_STREAMS = 1_000
"""A model that fails on more streams than these is broken itself."""

TABLES = """
create table if not exists annals_held
    (part varchar, stream varchar, position bigint, type varchar, sentence varchar, since timestamptz,
     settled boolean);
create table if not exists annals_held_events
    (position bigint, stream varchar, version integer, type varchar, recorded_at timestamptz, document blob, hash blob)
"""

ROW = pa.schema(
    [
        ("part", pa.string()),
        ("stream", pa.string()),
        ("position", pa.int64()),
        ("type", pa.string()),
        ("sentence", pa.string()),
        ("since", pa.timestamp("us", "UTC")),
        ("settled", pa.bool_()),
    ]
)

WAITING = "select * from annals_held_events order by position"


class Unreadable(Exception):
    """An event cannot be read; the sentence says why."""


FAULTS = (Unreadable, duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException, pa.ArrowInvalid)
"""What may be an event's own fault. A full disk, for example, is not."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A stream that a part holds back: from the event at ``position`` on, which is of ``type``; ``sentence`` says why,
    ``since`` when it was found, ``settled`` that no model has counted anything of it.
    """

    part: str
    stream: str
    position: int
    type: str
    sentence: str
    since: datetime
    settled: bool = True


def held_back(part: str, stream: str, position: int, type: str, error: Exception | str) -> HeldBack:
    """A stream that is held back from now on."""
    sentence = error if isinstance(error, str) else " ".join(str(error).split("\n")[0].split())
    return HeldBack(part, stream, position, type, sentence, datetime.now(UTC))


class HeldBackStreams:
    """All that is held back in one DuckDB file. The caller owns the transactions, and tells what was committed.

    ``ever`` says that something was held back since the file was opened: as long as it is not, nobody needs to ask.
    """

    def __init__(self) -> None:
        self.ever = False
        self._parts: dict[str, dict[str, HeldBack]] = {}

    def load(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Read what is held back."""
        rows = cursor.execute("from annals_held order by position, part").fetchall()
        for held in self._parts.values():
            held.clear()
        for row in rows:
            self.of(row[0])[row[1]] = HeldBack(*row)
            self.ever = True

    def of(self, part: str) -> dict[str, HeldBack]:
        """By stream, what a part holds back; stays up to date."""
        return self._parts.setdefault(part, {})

    def all(self) -> list[HeldBack]:
        """Everything, in order of positions."""
        found = [each for held in self._parts.values() for each in list(held.values())]
        return sorted(found, key=lambda each: (each.position, each.part))

    def write(self, cursor: duckdb.DuckDBPyConnection, held: Iterable[HeldBack]) -> None:
        """Add to what is held back."""
        rows = pa.Table.from_pylist([asdict(each) for each in held], ROW)
        if not rows.num_rows:
            return
        # Readers look from now on, whichever of the two they see first: this, or what is committed.
        self.ever = True
        with given(cursor, "annals_holding", rows):
            cursor.execute("insert into annals_held by name select * from annals_holding")

    def committed(self, held: Iterable[HeldBack]) -> None:
        """What was written is committed."""
        for each in held:
            self.of(each.part)[each.stream] = each

    def replace(self, cursor: duckdb.DuckDBPyConnection, part: str, held: Iterable[HeldBack]) -> None:
        """Let these be all that a part holds back."""
        cursor.execute("delete from annals_held where part = ?", [part])
        self.write(cursor, held)

    def settle(self, cursor: duckdb.DuckDBPyConnection, held: HeldBack) -> None:
        """Say that no model has counted anything of it any more."""
        sql = "update annals_held set settled = true where part = ? and stream = ?"
        cursor.execute(sql, [held.part, held.stream])
        if held.stream in self.of(held.part):
            self.of(held.part)[held.stream] = replace(held, settled=True)

    def replaced(self, part: str, held: Mapping[str, HeldBack]) -> None:
        """What was replaced is committed."""
        self.of(part).clear()
        self.of(part).update(held)


def events_held(cursor: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    """How many events each part holds back of each stream."""
    rows = cursor.execute(
        """select h.part, h.stream, count(*) from annals_held as h
        join (select stream, position from annals_held_events union all select stream, position from events) as e
        on e.stream = h.stream and e.position >= h.position
        group by all"""
    ).fetchall()
    return {(part, stream): count for part, stream, count in rows}


def held_in(parts: Mapping[str, frozenset[str] | None], position: int) -> tuple[str, list[object]]:
    """What follows FROM, for the streams that parts hold back of what was recorded up to a position; and its values.

    :param parts: by part, the aggregates that matter; none stands for all.
    """
    conditions: list[str] = []
    values: list[object] = [position]
    for part, aggregates in parts.items():
        of = "" if aggregates is None else " and list_contains(?, split_part(stream, '-', 1))"
        conditions.append(f"part = ?{of}")
        values += [part] if aggregates is None else [part, sorted(aggregates)]
    return f"annals_held where position <= ? and ({' or '.join(conditions)})", values


def streams_of(key: Mapping[str, object]) -> list[str]:
    """The streams that the row with a key may be about: the key names one, as `ticket_id` or as `stream`."""
    found = [f"{name.removesuffix('_id')}-{value}" for name, value in key.items() if name.endswith("_id")]
    return found + [str(value) for name, value in key.items() if name == "stream"]


def apart(rows: pa.Table, held: Mapping[str, int]) -> tuple[pa.Table, pa.Table]:
    """The rows without those of streams that are held back, and those; each stream from a position on."""
    if not held:
        return rows, rows.slice(0, 0)
    streams, positions = rows["stream"].to_pylist(), rows["position"].to_pylist()
    back = [held.get(stream, position + 1) <= position for stream, position in zip(streams, positions, strict=True)]
    mask = pa.array(back, pa.bool_())
    return rows.filter(pa.array([not each for each in back], pa.bool_())), rows.filter(mask)


def first_fault(count: int, attempt: Callable[[int], None]) -> tuple[int, Exception | None]:
    """How many of so many can be taken from the first on, and what is wrong with the next one.

    :param attempt: takes so many of them, or raises what is wrong.
    """
    good, bad, fault = 0, count + 1, None
    middle = count
    while good < count and bad - good > 1:
        try:
            attempt(middle)
            good = middle
        except FAULTS as error:
            bad, fault = middle, error
        middle = (good + bad) // 2
    return good, fault


def positions(held: Mapping[str, HeldBack] | Sequence[HeldBack]) -> dict[str, int]:
    """From which position on each stream is held back."""
    each = held.values() if isinstance(held, Mapping) else held
    return {one.stream: one.position for one in list(each)}

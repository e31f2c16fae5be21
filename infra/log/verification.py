"""Proof that nothing in the log was altered: gapless positions and versions, the hash chain, and every column the same
as its document says. It needs no keys.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import Rejected
from infra.database import Database, open_database, values
from infra.log.document import attributes_of, instant_text, stands_in
from infra.log.request import from_microseconds
from infra.log.tables import BEGINNING, events, log_head

CHUNK = 1_000

StoredRow = tuple[int, str, int, str, int, bytes, bytes]
"""The columns of ``events`` in their order; ``recorded_at`` in microseconds since 1970."""

Progress = Callable[[int, int], None]
"""Is told how many events were looked at, and how many there are to look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: a stable code, a sentence, and the position where it is one event's."""

    code: str
    sentence: str
    position: int | None = None


class Wrong(Exception):
    """Stops at the first finding."""

    def __init__(self, code: str, sentence: str, position: int | None = None) -> None:
        super().__init__(sentence)
        self.finding = Finding(code, sentence, position)


def verify(url: str, *, last: int | None = None, progress: Progress | None = None) -> list[Finding]:
    """Verify the log at ``url`` without opening it for writing, and without keys. See ``Log.verify``.

    :raises Rejected: DATA_NOT_WRITABLE where the file cannot be opened, LOG_UNREADABLE where it is no log.
    """
    database = open_database(url, "log", read_only=True)
    try:
        return Verification(database).run(last=last, progress=progress)
    finally:
        database.close()


class Verification:
    """Goes through the log and stops at the first thing that is wrong; up to ``reached``, where the chain has the
    ``hash``, all was sound. With a cursor, it sees what that one's transaction sees.
    """

    def __init__(self, database: Database, cursor: DBAPICursor | None = None) -> None:
        self._database = database
        self._cursor = cursor
        self.reached = 0
        self.hash = BEGINNING
        newest = select(func.max(events.c.position)).scalar_subquery()
        self._select_head = database.text(select(log_head, newest))
        self._select_hash = database.text(select(events.c.hash).where(events.c.position == bindparam("position")))
        self._select_rows = database.text(
            select(events)
            .where(events.c.position > bindparam("after"), events.c.position <= bindparam("until"))
            .order_by(events.c.position)
        )
        self._select_versions = database.text(
            select(events.c.stream, func.max(events.c.version))
            .where(database.one_of(events.c.stream), events.c.position <= bindparam("until"))
            .group_by(events.c.stream)
        )

    def run(self, *, last: int | None, progress: Progress | None) -> list[Finding]:
        """The first thing that is wrong in the last so many events, or in all of them; empty where all is sound."""
        try:
            self._run(last, progress)
        except Wrong as wrong:
            return [wrong.finding]
        except Rejected as refused:
            if not refused.code.endswith("_UNREADABLE"):
                raise
            return [Finding(refused.code, refused.sentence)]
        return []

    def _run(self, last: int | None, progress: Progress | None) -> None:
        heads = self._read(self._select_head, ())
        if len(heads) != 1:
            raise Wrong("HEAD_WRONG", f"the head of the log must be one row, there are {len(heads)}")
        head, head_hash, head_recorded_at, newest = heads[0]
        newest = newest or 0
        after = 0 if last is None else max(0, newest - last)
        chain = Chain(after, self._hash_at(after))
        for begin in range(after, newest, CHUNK):
            end = min(begin + CHUNK, newest)
            rows = self._read(self._select_rows, (begin, end))
            if after:
                streams = list({str(row[1]) for row in rows} - chain.versions.keys())
                chain.versions.update(self._read(self._select_versions, (values(streams), after)))
            chain.follow(rows)
            if chain.position != end:
                raise missing(chain.position + 1)
            self.reached, self.hash = end, chain.hash
            if progress is not None:
                progress(end - after, newest - after)
        # Only now: where events came in or went, the chain says at which position.
        if head != newest:
            raise Wrong("HEAD_WRONG", f"the head of the log says position {head}, the last event is at {newest}")
        if head > after and (chain.hash, chain.recorded_at) != (head_hash, head_recorded_at):
            raise Wrong("HEAD_WRONG", f"the head of the log differs from its last event, at position {head}", head)

    def _hash_at(self, position: int) -> bytes:
        if position == 0:
            return BEGINNING
        found = self._read(self._select_hash, (position,))
        if not found:
            raise missing(position)
        return bytes(found[0][0])

    def _read(self, statement: str, parameters: tuple[object, ...]) -> Any:
        with nullcontext(self._cursor) if self._cursor is not None else self._database.reading() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()


class Chain:
    """The chain as far as it was followed: position, hash and instant of the last event, versions of the streams."""

    def __init__(self, position: int, hash: bytes) -> None:
        self.position = position
        self.hash = hash
        self.recorded_at = 0
        self.versions: dict[str, int] = {}

    def follow(self, rows: list[StoredRow]) -> None:
        """Go on with the next rows.

        :raises Wrong: at the first thing that is wrong.
        """
        versions, expected, hash, recorded_at, text = self.versions, self.position, self.hash, self.recorded_at, ""
        for row in rows:
            position, stream, version, type, recorded, document, stored = row
            expected += 1
            if position != expected:
                raise missing(expected)
            try:
                hash = sha256(hash + document).digest()
                if hash != stored:
                    raise Wrong("HASH_WRONG", f"the event at position {position} or its hash was altered", position)
                if recorded != recorded_at or not text:
                    text = instant_text(from_microseconds(recorded))
                if not stands_in(document, position, stream, version, type, text):
                    check_columns(row, text)
                if version != versions.get(stream, 0) + 1:
                    raise Wrong(
                        "VERSION_WRONG",
                        f"position {position} has version {version} of {stream} after {versions.get(stream, 0)}",
                        position,
                    )
                if recorded < recorded_at:
                    raise Wrong("TIME_WRONG", f"position {position} was recorded before the one before it", position)
            except (TypeError, ValueError, OverflowError) as error:
                raise Wrong("ROW_WRONG", f"the row at position {position} cannot be read: {error}", position) from error
            versions[stream] = version
            recorded_at = recorded
        self.position, self.hash, self.recorded_at = expected, hash, recorded_at


def check_columns(row: StoredRow, recorded_at: str) -> None:
    """Compare the columns with what the document says.

    :raises Wrong: naming the first column that differs.
    """
    position, stream, version, type, _, document, _ = row
    try:
        attributes = attributes_of(document)
    except Rejected as refused:
        raise Wrong("DOCUMENT_WRONG", f"at position {position} {refused.sentence}", position) from refused
    columns = {
        "position": (f"{position:020}", "sequence"),
        "stream": (stream, "subject"),
        "version": (version, "version"),
        "type": (type, "type"),
        "recorded_at": (recorded_at, "recordedtime"),
    }
    for column, (value, attribute) in columns.items():
        if attributes.get(attribute) != value:
            raise Wrong(
                "COLUMN_WRONG",
                f"at position {position} the column {column} says {value}, "
                f"the event's {attribute} {attributes.get(attribute)}",
                position,
            )


def missing(position: int) -> Wrong:
    """The finding of a gap."""
    return Wrong("POSITION_MISSING", f"the event at position {position} is missing", position)

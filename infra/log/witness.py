"""Witnesses of the log that lie outside it: whoever kept the position and the hash of an event. A tail that was cut
off, or a chain that was computed anew, is sound in itself and shows only there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, func, literal_column, select

from infra.database import open_database, values
from infra.keys.keys import FORMAT, KEY_ID
from infra.log.document import FORGETTINGS, forgotten_streams
from infra.log.tables import events
from infra.log.verification import Finding

STREAMS_AT_ONCE = 1_000

SEALED_WITH = re.compile(f"{FORMAT}:({KEY_ID.pattern}):".encode())


class Witness(NamedTuple):
    """What has seen the event at a position: its name, the position, and the hash of the event."""

    name: str
    position: int
    hash: bytes


def contradictions(witnesses: Iterable[Witness], newest: int, hash_at: Callable[[int], bytes | None]) -> list[Finding]:
    """Every witness that has seen another history than a log whose last position is ``newest``; ``hash_at`` tells the
    hash of the event at a position.
    """
    findings = []
    for name, position, hash in witnesses:
        if position > newest:
            sentence = f"{name} has seen event {position}, but the log ends at {newest}: events are missing at its end"
        elif position and hash_at(position) != hash:
            sentence = f"{name} has seen another event {position} than the log's: history was written anew"
        else:
            continue
        findings.append(Finding("HISTORY_FORKED", sentence, position))
    return findings


def forgotten_in(url: str) -> set[str]:
    """All streams whose persons were forgotten, by the log at ``url``, without opening it for writing.

    :raises Rejected: DATA_NOT_WRITABLE where the file cannot be opened, LOG_UNREADABLE where it is no log.
    """
    database = open_database(url, "log", read_only=True)
    found: set[str] = set()
    try:
        with database.reading() as cursor:
            for type in FORGETTINGS:
                is_one = events.c.type == literal_column(f"'{type}'")
                cursor.execute(database.text(select(events.c.document).where(is_one)))
                found.update(stream for row in cursor.fetchall() for stream in forgotten_streams(row[0]))
            return found
    finally:
        database.close()


def sealed_with(url: str, streams: Iterable[str]) -> dict[str, set[str]]:
    """The ids of the keys that sealed something in the documents of streams, by the log at ``url``, without opening it
    for writing; each with those among the streams that name it. What was copied names the key of its source.

    :raises Rejected: as ``forgotten_in`` does.
    """
    database = open_database(url, "log", read_only=True)
    statement = database.text(select(events.c.stream, events.c.document).where(database.one_of(events.c.stream)))
    found: dict[str, set[str]] = {}
    try:
        names = sorted(streams)
        for begin in range(0, len(names), STREAMS_AT_ONCE):
            with database.reading() as cursor:
                cursor.execute(statement, (values(names[begin : begin + STREAMS_AT_ONCE]),))
                for stream, document in cursor.fetchall():
                    for id in SEALED_WITH.findall(bytes(document)):
                        found.setdefault(id.decode(), set()).add(stream)
        return found
    finally:
        database.close()


def contradictions_in(url: str, witnesses: Iterable[Witness]) -> list[Finding]:
    """The same for the log at ``url``, without opening it for writing, and without keys.

    :raises Rejected: DATA_NOT_WRITABLE where the file cannot be opened, LOG_UNREADABLE where it is no log.
    """
    database = open_database(url, "log", read_only=True)
    select_newest = database.text(select(func.max(events.c.position)))
    select_hash = database.text(select(events.c.hash).where(events.c.position == bindparam("position")))
    try:
        with database.reading() as cursor:

            def hash_at(position: int) -> bytes | None:
                cursor.execute(select_hash, (position,))
                row = cursor.fetchone()
                return bytes(row[0]) if row else None

            cursor.execute(select_newest)
            return contradictions(witnesses, cursor.fetchall()[0][0] or 0, hash_at)
    finally:
        database.close()

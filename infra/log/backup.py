"""Backups of the log. The log only grows, so one that is copied while commands run is exact up to where it stood."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Executable, bindparam, delete, insert, select
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import Rejected, require
from infra.database import Database, is_there, open_database
from infra.database.backup import (
    Digest,
    Seal,
    draft,
    opened,
    pages,
    require_replaceable,
    rows_of,
    target,
    understood,
    written,
)
from infra.database.schema import revision
from infra.log.tables import BEGINNING, MIGRATIONS, REVISION, events, log_head, requests
from infra.log.verification import CHUNK, Chain, Progress, StoredRow, Verification, Wrong, missing
from infra.log.witness import Witness

Head = tuple[int, bytes, int]
"""The columns of ``log_head`` in their order; the instant in microseconds since 1970."""


class Made(NamedTuple):
    """A backup that was made: its file, and what it says of itself."""

    file: Path
    seal: Seal


def back_up(url: str, folder: Path, progress: Progress | None = None) -> Made:
    """Copy the log at ``url`` into ``crm-<position>.db`` in the folder, without opening it for writing and while
    whoever will writes to it. The file is a log itself, with the same tables, whatever kind of database it is from.

    :raises Rejected: NO_DATA, LOG_TAMPERED where an event is not as it was recorded, BACKUP_EXISTS, and as ``draft``
        says.
    """
    require(is_there(url), "NO_DATA", f"there is no log at {url}")
    database = open_database(url, "log", read_only=True)
    try:
        with database.sentences(), database.engine.connect() as connection:
            stored = revision(connection, database, REVISION)
        require(stored is not None, "NO_DATA", f"there is no log in {database}")
        head = head_of(database)
        position, hash, _ = head
        origin = origin_of(database) if position else BEGINNING  # the first event may have come since
        file = folder / f"crm-{position}.db"
        require_replaceable(file, "log", REVISION, origin, hash)
        with draft(file) as copy:
            copy.make_tables(MIGRATIONS, str(stored))
            copy.take(events, proven(database, head, progress), proven=True)
            copy.take(requests, pages(database, requests, requests.c.position <= bindparam("until"), until=position))
            copy.set(log_head, head)
            seal = copy.finish("log", origin, position, hash)
        return Made(file, seal)
    finally:
        database.close()


def restore(file: Path, url: str, progress: Progress | None = None) -> Seal:
    """Write a backup, which ``examine`` found sound, into the log at ``url``, which is made where there is none: all of
    it, proven once more from the first event to the last, or nothing.

    :raises Rejected: LOG_NOT_EMPTY, BACKUP_ALTERED where what was written is not what the backup says, and as
        ``Database`` says.
    """
    with opened(file, "log", REVISION) as (backup, seal), target(url, "log") as database:
        with written(database, MIGRATIONS, REVISION) as cursor:
            require_no_rows(database, cursor)
            insert_events, insert_requests = database.inserting(events), database.inserting(requests)
            for begin in range(0, seal.position, CHUNK):
                end = min(begin + CHUNK, seal.position)
                insert_events(cursor, between(backup, begin, end))
                if progress is not None:
                    progress(end, seal.position)
            for rows in pages(backup, requests):
                insert_requests(cursor, rows)
            cursor.execute(database.text(delete(log_head)))
            cursor.execute(database.text(insert(log_head)), head_of(backup))
            prove(database, seal, cursor)
            database.announce(cursor)
        return seal


def examine(file: Path, progress: Progress | None = None) -> Seal:
    """Go through a whole backup: every event, the chain, every column, the head, every remembered answer.

    :raises Rejected: NOT_A_BACKUP, NEWER_VERSION, BACKUP_UNREADABLE, or BACKUP_ALTERED with what is wrong and where.
    """
    with opened(file, "log", REVISION) as (backup, seal), understood(file):
        prove(backup, seal, progress=progress)
    return seal


def witness_in(file: Path, progress: Progress | None = None) -> Witness:
    """What a backup has seen of the log.

    :raises Rejected: as ``examine`` says.
    """
    seal = examine(file, progress)
    return Witness(file.name, seal.position, seal.hash)


def require_empty(url: str) -> None:
    """Refuse a log that holds anything.

    :raises Rejected: LOG_NOT_EMPTY, NEWER_VERSION, and as ``Database`` says.
    """
    if not is_there(url):
        return
    database = open_database(url, "log", read_only=True)
    try:
        with database.sentences(), database.engine.connect() as connection:
            is_made = revision(connection, database, REVISION) is not None
        if is_made:
            with database.reading() as cursor:
                require_no_rows(database, cursor)
    finally:
        database.close()


def require_no_rows(database: Database, cursor: DBAPICursor) -> None:
    """The same, as a transaction sees it.

    :raises Rejected: LOG_NOT_EMPTY.
    """
    for table in (events, requests):
        require(
            not read(database, select(select(table).exists()), (), cursor)[0][0],
            "LOG_NOT_EMPTY",
            f"{database} holds a log already, and a backup is never written over data; name an empty place",
        )


def proven(database: Database, head: Head, progress: Progress | None) -> Iterator[list[StoredRow]]:
    """All events up to the head, in short lists, each of which is looked at before it is handed out.

    :raises Rejected: LOG_TAMPERED at the first one that is not as it was recorded.
    """
    position, hash, recorded_at = head
    chain = Chain(0, BEGINNING)
    try:
        for begin in range(0, position, CHUNK):
            end = min(begin + CHUNK, position)
            rows = between(database, begin, end)
            chain.follow(rows)
            if chain.position != end:
                raise missing(chain.position + 1)
            yield rows
            if progress is not None:
                progress(end, position)
        if position and (chain.hash, chain.recorded_at) != (hash, recorded_at):
            raise Wrong("HEAD_WRONG", f"the head of the log differs from its last event, at position {position}")
    except Wrong as wrong:
        raise Rejected(
            "LOG_TAMPERED", f"{wrong}; this is not backed up; see crm verify, and keep the last backup"
        ) from wrong


def prove(database: Database, seal: Seal, cursor: DBAPICursor | None = None, progress: Progress | None = None) -> None:
    """Compare a log, or what a transaction sees of it, with what its backup says.

    :raises Rejected: BACKUP_UNREADABLE or BACKUP_ALTERED.
    """
    verification = Verification(database, cursor)
    for found in verification.run(last=None, progress=progress):
        raise Rejected(
            "BACKUP_UNREADABLE" if found.code.endswith("_UNREADABLE") else "BACKUP_ALTERED",
            f"{database} is not as it was backed up, after position {verification.reached}: {found.sentence}",
        )
    position, hash, _ = head_of(database, cursor)
    require(
        (position, hash, origin_of(database, cursor)) == (seal.position, seal.hash, seal.origin),
        "BACKUP_ALTERED",
        f"{database} ends at position {position} in another event than the backup says, which names {seal.position}",
    )
    digest = Digest()
    with nullcontext(cursor) if cursor is not None else database.reading() as reading:
        for rows in rows_of(database, reading, requests):
            digest.add(rows)
    require(
        digest.value == seal.digest,
        "BACKUP_ALTERED",
        f"the remembered answers to requests in {database} are not those that were backed up",
    )


def between(database: Database, after: int, until: int) -> list[StoredRow]:
    """The events with ``after`` < position ≤ ``until``."""
    position = events.c.position
    statement = select(events).where(position > bindparam("after"), position <= bindparam("until")).order_by(position)
    return read(database, statement, (after, until))


def head_of(database: Database, cursor: DBAPICursor | None = None) -> Head:
    """The head of the log.

    :raises Rejected: LOG_TAMPERED.
    """
    rows = read(database, select(log_head), (), cursor)
    require(len(rows) == 1, "LOG_TAMPERED", f"the head of the log must be one row, there are {len(rows)}")
    position, hash, recorded_at = rows[0]
    return position, hash, recorded_at


def origin_of(database: Database, cursor: DBAPICursor | None = None) -> bytes:
    """The hash of the first event, which no other log shares; that of the beginning where there is none."""
    first = select(events.c.hash).where(events.c.position == bindparam("position"))
    return next((bytes(hash) for (hash,) in read(database, first, (1,), cursor)), BEGINNING)


def read(
    database: Database, statement: Executable, parameters: tuple[Any, ...], cursor: DBAPICursor | None = None
) -> list[Any]:
    """The rows that a statement answers, as a transaction sees them where its cursor is given."""
    with nullcontext(cursor) if cursor is not None else database.reading() as reading:
        reading.execute(database.text(statement), parameters)
        return list(reading.fetchall())

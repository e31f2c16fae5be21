"""Backups: SQLite files, whatever kind of database they were copied from, that are there complete or not at all, and
in which an alteration shows.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import Rejected, require
from infra.database.database import Database, Unusable
from infra.database.kinds import file_of, is_there, open_database
from infra.database.schema import revision, upgrade
from infra.database.sqlite import SQLite

ROWS_AT_ONCE = 1_000
PART = ".crm-backup.part"

seals = Table(
    "backup",
    MetaData(),
    Column("contains", String, nullable=False, comment="log or keys"),
    Column("origin", LargeBinary, nullable=False, comment="the hash of the first event of the log"),
    Column("position", BigInteger, nullable=False, comment="where the log stood"),
    Column("hash", LargeBinary, nullable=False, comment="the hash of the event there"),
    Column("made_at", BigInteger, nullable=False, comment="microseconds since 1970"),
    Column("digest", LargeBinary, nullable=False, comment="of the rows that no chain of hashes proves"),
)


class Seal(NamedTuple):
    """What a backup says of itself: that it ``contains`` the log or the keys, the hash of the first event of the log
    (the same in all backups of one company), where the log stood and the hash there, when it was made (microseconds
    since 1970), and the digest of its rows.
    """

    contains: str
    origin: bytes
    position: int
    hash: bytes
    made_at: int
    digest: bytes


class Digest:
    """What rows come to, in whatever order they come: databases sort text in different ways."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, rows: Iterable[Any]) -> None:
        """Count the rows in."""
        for row in rows:
            content = orjson.dumps(tuple(row), default=bytes.hex)
            self._sum += int.from_bytes(sha256(content).digest(), "big")

    @property
    def value(self) -> bytes:
        """32 bytes."""
        return (self._sum % 2**256).to_bytes(32, "big")


class Draft:
    """A backup that is being made."""

    def __init__(self, database: SQLite) -> None:
        self._database = database
        self._digest = Digest()

    def make_tables(self, migrations: Path, revision: str) -> None:
        """Make the tables as they were at a revision."""
        with self._database.changing() as connection:
            upgrade(connection, migrations, revision)
            seals.create(connection)

    def take(self, table: Table, pages: Iterable[list[Any]], *, proven: bool = False) -> None:
        """Copy the rows of a table. Those that are ``proven`` by hashes of their own do not count in the digest."""
        write = self._database.inserting(table)
        with self._database.writing() as cursor:
            for rows in pages:
                if not proven:
                    self._digest.add(rows)
                write(cursor, rows)

    def set(self, table: Table, row: Any) -> None:
        """Let a table hold this one row."""
        with self._database.writing() as cursor:
            cursor.execute(self._database.text(delete(table)))
            cursor.execute(self._database.text(insert(table)), tuple(row))

    def finish(self, contains: str, origin: bytes, position: int, hash: bytes) -> Seal:
        """Write down what it is."""
        seal = Seal(contains, origin, position, hash, time_ns() // 1000, self._digest.value)
        with self._database.writing() as cursor:
            cursor.execute(self._database.text(insert(seals)), seal)
        return seal


@contextmanager
def draft(file: Path) -> Iterator[Draft]:
    """A new backup: complete and durable under its name when this is left, and not there when it is left by an
    exception. Only its owner may read it.

    :raises Rejected: OUTPUT_NOT_WRITABLE, BACKUP_RUNNING; BACKUP_FULL, BACKUP_UNAVAILABLE where it cannot be written.
    """
    with writable(file.parent) as folder:
        part = file.with_name(PART)
        remove(part)  # of a process that was killed
        try:
            with outcome_of(file):
                os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            database = SQLite(url_of(part), "backup", read_only=False, secure_delete=False, draft=True)
            try:
                yield Draft(database)
            finally:
                database.close()
            with outcome_of(file):
                with part.open("rb") as written:
                    os.fsync(written.fileno())
                part.replace(file)
                os.fsync(folder)
        finally:
            remove(part)


@contextmanager
def writable(folder: Path) -> Iterator[int]:
    """A folder that no other backup is written into meanwhile, made where there is none, and what it is open as.

    :raises Rejected: OUTPUT_NOT_WRITABLE, BACKUP_RUNNING.
    """
    with outcome_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Rejected("BACKUP_RUNNING", f"another backup is being written into {folder}; wait for it") from error
        yield opened
    finally:
        os.close(opened)


@contextmanager
def outcome_of(output: Path) -> Iterator[None]:
    """Turns what the file system says into a refusal."""
    try:
        yield
    except OSError as error:
        raise Rejected("OUTPUT_NOT_WRITABLE", f"{output} cannot be written: {error.strerror or error}") from error


def remove(part: Path) -> None:
    """Remove what there is of a draft."""
    for each in (part, part.with_name(f"{part.name}-journal")):
        each.unlink(missing_ok=True)


@contextmanager
def opened(file: Path, contains: str, newest: str) -> Iterator[tuple[Database, Seal]]:
    """A backup to read from; ``newest`` is the newest revision that this version knows.

    :raises Rejected: NOT_A_BACKUP, NEWER_VERSION, BACKUP_UNREADABLE.
    """
    require(file.is_file(), "NOT_A_BACKUP", f"there is no file {file}; give one that crm backup made")
    with understood(file):
        database = SQLite(url_of(file), "backup", read_only=True, secure_delete=False)
    try:
        with understood(file):
            seal = sealed(database, file, contains, newest)
        yield database, seal
    finally:
        database.close()


@contextmanager
def understood(file: Path) -> Iterator[None]:
    """Refuses a backup for whatever goes wrong while it is read: damage can make anything of it.

    :raises Rejected: BACKUP_UNREADABLE.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, Rejected) and not isinstance(error, Unusable):
            raise
        said = error.__cause__ or error
        raise Rejected(
            "BACKUP_UNREADABLE", f"{file} cannot be read ({said}); it was damaged, or is no backup"
        ) from error


def sealed(database: SQLite, file: Path, contains: str, newest: str) -> Seal:
    """What a backup says of itself.

    :raises Rejected: NOT_A_BACKUP, NEWER_VERSION.
    """
    with database.sentences(), database.engine.connect() as connection:
        require(
            inspect(connection).has_table(seals.name),
            "NOT_A_BACKUP",
            f"{file} was not made by crm backup; a mere copy of a database's file may lack its last events",
        )
        revision(connection, database, newest)
        rows = connection.execute(select(seals)).all()
    require(len(rows) == 1, "BACKUP_ALTERED", f"{file} must have one seal and has {len(rows)}; use another one")
    seal = Seal(*rows[0])
    require(
        seal.contains == contains, "NOT_A_BACKUP", f"{file} is a backup of the {seal.contains}, not of the {contains}"
    )
    return seal


@contextmanager
def target(url: str, name: str, *, secure_delete: bool = False) -> Iterator[Database]:
    """The database to restore into; a file that this makes is gone again when it is left by an exception.

    :raises Rejected: as ``Database`` says.
    """
    made = file_of(url) if not is_there(url) else None
    database = open_database(url, name, secure_delete=secure_delete)
    try:
        yield database
    except BaseException:
        database.close()
        for ending in ("", "-wal", "-shm") if made is not None else ():
            Path(f"{made}{ending}").unlink(missing_ok=True)
        raise
    database.close()


@contextmanager
def written(database: Database, migrations: Path, newest: str) -> Iterator[DBAPICursor]:
    """A write transaction in a database whose tables are made in it, where they are not there.

    :raises Rejected: NEWER_VERSION, and as ``Database`` says.
    """
    with database.changing() as connection:
        revision(connection, database, newest)
        upgrade(connection, migrations, newest)
        with closing(connection.connection.cursor()) as cursor:
            yield cursor


def require_replaceable(file: Path, contains: str, newest: str, origin: bytes, hash: bytes | None = None) -> None:
    """Refuse to write over anything but an earlier backup of the same, which stands at the event with the ``hash``,
    where one is given.

    :raises Rejected: BACKUP_EXISTS.
    """
    if not file.exists():
        return
    try:
        with opened(file, contains, newest) as (_, seal):
            same = seal.origin == origin and hash in (None, seal.hash)
    except Rejected:
        same = False
    require(same, "BACKUP_EXISTS", f"{file} is there already, and is no backup of the same {contains}; choose another")


def pages(database: Database, table: Table, *conditions: ColumnElement[bool], **given: Any) -> Iterator[list[Any]]:
    """The rows of a table whose key is one text, in short lists; each is what is committed when it is read. The
    parameters of the conditions are given in their order.
    """
    (key,) = table.primary_key
    place = list(table.c).index(key)
    after = ""
    statement = database.text(
        select(table)
        .where(key > bindparam("after"), *conditions)
        .order_by(key)
        .limit(literal_column(str(ROWS_AT_ONCE)))
        .offset(literal_column("0"))
    )
    while True:
        with database.reading() as cursor:
            cursor.execute(statement, (after, *given.values()))
            rows = list(cursor.fetchall())
        if rows:
            yield rows
        if len(rows) < ROWS_AT_ONCE:
            return
        after = rows[-1][place]


def rows_of(database: Database, cursor: DBAPICursor, table: Table) -> Iterator[list[Any]]:
    """The rows of a table as a transaction sees them, in short lists."""
    cursor.execute(database.text(select(table)))
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield list(rows)


def url_of(file: Path) -> URL:
    """Where a file is as a database."""
    return URL.create("sqlite", database=str(file.absolute()))

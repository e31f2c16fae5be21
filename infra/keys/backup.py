"""Backups of the keys: as they are stored, wrapped by the master key, which is in none of them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import require
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
from infra.keys.keys import MIGRATIONS, REVISION, fingerprint_key, keys, unwrapped

TABLES = (fingerprint_key, keys)


def back_up(url: str, file: Path, log: Seal) -> Seal:
    """Copy the keys at ``url`` into a file, beside a backup of the log that was made just before: so every key that
    sealed something in that one is among them, unless it was destroyed.

    :raises Rejected: NO_DATA, BACKUP_EXISTS, and as ``draft`` says.
    """
    require(is_there(url), "NO_DATA", f"there are no keys at {url}")
    database = open_database(url, "keys", read_only=True)
    try:
        with database.sentences(), database.engine.connect() as connection:
            stored = revision(connection, database, REVISION)
        require(stored is not None, "NO_DATA", f"there are no keys in {database}")
        require_replaceable(file, "keys", REVISION, log.origin)
        with draft(file) as copy:
            copy.make_tables(MIGRATIONS, str(stored))
            for table in TABLES:
                copy.take(table, pages(database, table))
            return copy.finish("keys", log.origin, log.position, log.hash)
    finally:
        database.close()


def examine(file: Path, log: Seal, master_key: bytes | None) -> Seal:
    """Go through a whole backup of the keys that belong to a backup of the log, and try the master key, where there is
    one.

    :raises Rejected: NOT_A_BACKUP, NEWER_VERSION, BACKUP_UNREADABLE, BACKUP_ALTERED, KEYS_OF_ANOTHER_LOG,
        WRONG_MASTER_KEY.
    """
    with opened(file, "keys", REVISION) as (backup, seal):
        require(seal.origin == log.origin, "KEYS_OF_ANOTHER_LOG", f"the keys in {file} are those of another log")
        with understood(file), backup.reading() as cursor:
            prove(backup, cursor, seal)
            if master_key is not None:
                require_unwrapped(backup, cursor, master_key)
    return seal


def restore(file: Path, url: str) -> Seal:
    """Write a backup of the keys, which ``examine`` found sound, into the database at ``url``, which is made where
    there is none: all of it or nothing. Where exactly these keys are already, nothing is done.

    :raises Rejected: KEYS_NOT_EMPTY, and as ``Database`` says.
    """
    with opened(file, "keys", REVISION) as (backup, seal), target(url, "keys", secure_delete=True) as database:
        with written(database, MIGRATIONS, REVISION) as cursor:
            if not hold(database, cursor, seal):
                # A start makes a fingerprint key; without a key beside it, nothing was ever done with it.
                cursor.execute(database.text(delete(fingerprint_key)))
                for table in TABLES:
                    write = database.inserting(table)
                    for rows in pages(backup, table):
                        write(cursor, rows)
                prove(database, cursor, seal)
        return seal


def hold(database: Database, cursor: DBAPICursor, seal: Seal) -> bool:
    """Whether these very keys are there; otherwise there are none.

    :raises Rejected: KEYS_NOT_EMPTY.
    """
    if digest_of(database, cursor) == seal.digest:
        return True
    require(
        not any(rows_of(database, cursor, keys)),
        "KEYS_NOT_EMPTY",
        f"{database} holds other keys already, and a backup is never written over data; name an empty place",
    )
    return False


def prove(database: Database, cursor: DBAPICursor, seal: Seal) -> None:
    """Compare the keys with what their backup says.

    :raises Rejected: BACKUP_ALTERED.
    """
    require(
        digest_of(database, cursor) == seal.digest,
        "BACKUP_ALTERED",
        f"the keys in {database} are not those that were backed up; use another backup",
    )


def require_unwrapped(database: Database, cursor: DBAPICursor, master_key: bytes) -> None:
    """Refuse keys that another master key wrapped.

    :raises Rejected: WRONG_MASTER_KEY.
    """
    cursor.execute(database.text(select(fingerprint_key.c.wrapped)))
    for (wrapped,) in cursor.fetchall():
        unwrapped(master_key, wrapped, database)


def digest_of(database: Database, cursor: DBAPICursor) -> bytes:
    """What all keys come to."""
    digest = Digest()
    for table in TABLES:
        for rows in rows_of(database, cursor, table):
            digest.add(rows)
    return digest.value

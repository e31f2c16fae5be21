"""Another master key: all keys are wrapped anew, in one transaction; no event is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import require
from infra.database import Database, is_there, open_database, prepare, values
from infra.keys.keys import MIGRATIONS, REVISION, fingerprint_key, keys, unwrapped
from infra.keys.master import given_master_key, given_or_made, keep, not_usable, read_file, sync
from infra.settings import Settings

ROWS_AT_ONCE = 10_000


def rotate(settings: Settings, new_file: Path | None) -> int:
    """Wrap all keys with another master key: the one in ``new_file``, which is made where it is not there. Where the
    old one is in the data directory's file, the new one takes its place. Nobody else may serve the directory.

    Killed at any moment, either everything is as before, or ``settle`` finishes it at the next start.

    :returns: how many keys there are.
    :raises Rejected: NO_DATA, MASTER_KEY_MISSING, INVALID_MASTER_KEY, WRONG_MASTER_KEY, DATA_NOT_WRITABLE, and as
        ``Keys`` does.
    """
    require(is_there(settings.keys_url), "NO_DATA", f"there are no keys at {settings.keys_url}")
    settle(settings)
    old = given_master_key(settings)
    require(
        old is not None,
        "MASTER_KEY_MISSING",
        f"neither CRM_MASTER_KEY is set nor is there {settings.master_key_file}; bring the present master key",
    )
    assert old is not None
    is_in_file = settings.master_key is None
    require(
        is_in_file or new_file is not None,
        "MASTER_KEY_MISSING",
        "the master key is in CRM_MASTER_KEY, which nobody but you can change: name a file for the new one with --new",
    )
    new = given_or_made(new_file or settings.next_master_key_file)
    require(new != old, "INVALID_MASTER_KEY", "the new master key is the old one; name a file with another, or none")
    if is_in_file and new_file is not None:
        keep(settings.next_master_key_file, new)
    count = rewrap(settings.keys_url, old, new)
    if is_in_file:
        settings.next_master_key_file.replace(settings.master_key_file)
        sync(settings.data)
    return count


def settle(settings: Settings) -> None:
    """Finish a rotation that was cut off: the next master key takes the place of the present one where the keys are
    wrapped with it already, and is removed where they are not.

    :raises Rejected: as ``rotate`` does.
    """
    file = settings.next_master_key_file
    if not file.exists() or not is_there(settings.keys_url):
        return
    try:
        next_key = read_file(file)
        database = open_database(settings.keys_url, "keys", secure_delete=True)
        try:
            prepare(database, MIGRATIONS, REVISION)
            with database.reading() as cursor:
                cursor.execute(database.text(select(fingerprint_key.c.wrapped)))
                rows = cursor.fetchall()
            database.scrub()
        finally:
            database.close()
        if rows and opens(next_key, rows[0][0]):
            file.replace(settings.master_key_file)
        else:
            file.unlink()
        sync(settings.data)
    except OSError as error:
        raise not_usable(file, error) from error


def rewrap(url: str, old: bytes, new: bytes) -> int:
    """Wrap all keys at ``url`` with the new master key, in one transaction; how many there are.

    :raises Rejected: WRONG_MASTER_KEY where the old one is not that which wrapped them, and as ``Keys`` does.
    """
    database = open_database(url, "keys", secure_delete=True)
    try:
        prepare(database, MIGRATIONS, REVISION)
        count = 0
        with database.writing() as cursor:
            rewrap_fingerprint_keys(database, cursor, old, new)
            remove = database.text(delete(keys).where(database.one_of(keys.c.key_id)))
            insert = database.inserting(keys)
            for rows in pages(database, cursor):
                again = [
                    (id, stream, aes_key_wrap(new, unwrapped(old, wrapped, database)), made_at)
                    for id, stream, wrapped, made_at in rows
                ]
                cursor.execute(remove, (values([row[0] for row in rows]),))
                insert(cursor, again)
                count += len(rows)
        database.scrub()
        return count
    finally:
        database.close()


def rewrap_fingerprint_keys(database: Database, cursor: DBAPICursor, old: bytes, new: bytes) -> None:
    cursor.execute(database.text(select(fingerprint_key)))
    for name, wrapped in cursor.fetchall():
        statement = (
            update(fingerprint_key)
            .values(wrapped=bindparam("again"))
            .where(fingerprint_key.c.name == bindparam("which"))
        )
        cursor.execute(database.text(statement), (aes_key_wrap(new, unwrapped(old, wrapped, database)), name))


def pages(database: Database, cursor: DBAPICursor) -> Iterator[list[tuple[str, str, bytes, int]]]:
    """All keys that there are at first, so many at once."""
    cursor.execute(database.text(select(keys.c.key_id)))
    ids = [row[0] for row in cursor.fetchall()]
    some = database.text(select(keys).where(database.one_of(keys.c.key_id)))
    for begin in range(0, len(ids), ROWS_AT_ONCE):
        cursor.execute(some, (values(ids[begin : begin + ROWS_AT_ONCE]),))
        yield cursor.fetchall()  # type: ignore[misc]


def opens(master_key: bytes, wrapped: bytes) -> bool:
    """Whether a master key is that which wrapped a key."""
    try:
        aes_key_unwrap(master_key, wrapped)
    except InvalidUnwrap:
        return False
    return True

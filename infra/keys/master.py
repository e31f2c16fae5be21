"""The master key, which wraps all others: given by the environment, kept in a file, or made on the first start."""

from __future__ import annotations

import os
import secrets
import sys
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from pathlib import Path

from commands.rejected import Rejected
from infra.settings import Settings

LENGTH = 32


def load_master_key(settings: Settings) -> bytes:
    """The 32 bytes of the master key. Where there is none, no keys that it could have wrapped, and nobody to share them
    with, it is made now.

    :raises Rejected: MASTER_KEY_MISSING, INVALID_MASTER_KEY, DATA_NOT_WRITABLE.
    """
    if (key := given_master_key(settings)) is not None:
        return key
    file = settings.master_key_file
    try:
        if settings.keys is not None:
            raise Rejected(
                "MASTER_KEY_MISSING",
                f"CRM_KEYS names a database that several servers may share, so none makes a master key of its own: set "
                f"CRM_MASTER_KEY, or put it into {file}; 32 random bytes in base64 are one",
            )
        if settings.keys_file.exists():
            raise Rejected(
                "MASTER_KEY_MISSING",
                f"{settings.keys_file} exists, but neither CRM_MASTER_KEY is set nor is there {file}; "
                "bring the master key back from where you kept it: without it nothing sealed can ever be read",
            )
        return make(file)
    except OSError as error:
        raise not_usable(file, error) from error


def given_master_key(settings: Settings) -> bytes | None:
    """The 32 bytes of the master key, where there is one.

    :raises Rejected: INVALID_MASTER_KEY, DATA_NOT_WRITABLE.
    """
    if settings.master_key is not None:
        return read(settings.master_key, "CRM_MASTER_KEY")
    file = settings.master_key_file
    return read_file(file) if file.exists() else None


def read_file(file: Path) -> bytes:
    """The key in a file.

    :raises Rejected: INVALID_MASTER_KEY, DATA_NOT_WRITABLE.
    """
    try:
        return read(file.read_text(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise not_usable(file, error) from error


def given_or_made(file: Path) -> bytes:
    """The key in a file, which is made where there is none.

    :raises Rejected: INVALID_MASTER_KEY, DATA_NOT_WRITABLE.
    """
    try:
        return read_file(file) if file.exists() else make(file)
    except OSError as error:
        raise not_usable(file, error) from error


def not_usable(file: Path, error: Exception) -> Rejected:
    """The refusal of a file."""
    return Rejected("DATA_NOT_WRITABLE", f"{file} cannot be read or written ({error}); check its owner")


def read(text: str, origin: str) -> bytes:
    """The key that a text in base64 stands for.

    :raises Rejected: INVALID_MASTER_KEY.
    """
    try:
        key = b64decode(text.strip(), validate=True)
    except (NotBase64, ValueError):
        key = b""
    if len(key) != LENGTH:
        raise Rejected("INVALID_MASTER_KEY", f"{origin} must be {LENGTH} bytes in base64")
    return key


def keep(file: Path, key: bytes) -> None:
    """Write a key into a file that only its owner may read: wholly or not at all, and durable when this returns.

    :raises OSError: where it cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(b64encode(key).decode() + "\n")
        out.flush()
        os.fsync(out.fileno())
    part.rename(file)
    sync(file.parent)


def sync(folder: Path) -> None:
    """Make what was done to the names in a folder durable."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def make(file: Path) -> bytes:
    """A new key, durable in a file that only its owner may read, and a loud word about it."""
    key = secrets.token_bytes(LENGTH)
    keep(file, key)
    print(
        f"\n*** A new master key was made: {file}\n"
        "*** KEEP A COPY OF IT, apart from the backups of the data. Without it no personal value\n"
        "*** can ever be read again; with it, everybody who has the data can read all of them.\n",
        file=sys.stderr,
    )
    return key

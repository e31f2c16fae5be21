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
    if settings.master_key is not None:
        return read(settings.master_key, "CRM_MASTER_KEY")
    file = settings.master_key_file
    try:
        if file.exists():
            return read(file.read_text(), str(file))
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
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("DATA_NOT_WRITABLE", f"{file} cannot be read or written ({error}); check its owner") from error


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


def make(file: Path) -> bytes:
    """A new key, durable in a file that only its owner may read, and a loud word about it."""
    key = secrets.token_bytes(LENGTH)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(b64encode(key).decode() + "\n")
        out.flush()
        os.fsync(out.fileno())
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    print(
        f"\n*** A new master key was made: {file}\n"
        "*** KEEP A COPY OF IT, apart from the backups of the data. Without it no personal value\n"
        "*** can ever be read again; with it, everybody who has the data can read all of them.\n",
        file=sys.stderr,
    )
    return key

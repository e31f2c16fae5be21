"""A data directory: who serves it, and where that one answers."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from commands.rejected import Rejected
from infra.settings import Settings

LONGEST_SOCKET_PATH = 100


def lock(settings: Settings) -> IO[str]:
    """Take the directory, which is made where there is none, until the file is closed.

    :raises Rejected: DATA_NOT_WRITABLE or ALREADY_SERVED.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        file = settings.data.joinpath("crm.lock").open("a")
    except OSError as error:
        raise Rejected(
            "DATA_NOT_WRITABLE",
            f"the data directory {settings.data} cannot be written: {error.strerror}; choose another with --data",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Rejected(
            "ALREADY_SERVED", f"another process serves {settings.data}; stop it, or send commands to it"
        ) from error
    return file


def find_server(settings: Settings) -> str | None:
    """The address of the server that runs on the directory, or none."""
    try:
        with settings.data.joinpath("crm.lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        address = _address_file(settings)
        return address.read_text() if address.exists() else None
    except OSError:
        # No such directory, or none that we may read: whoever opens it says so in a sentence.
        return None
    return None


def announce(settings: Settings, address: str) -> None:
    """Let others find the server."""
    _address_file(settings).write_text(address)


def withdraw(settings: Settings) -> None:
    """Let nobody find the server any more."""
    _address_file(settings).unlink(missing_ok=True)


def socket_address(settings: Settings) -> str:
    """Where a server on the directory answers: a Unix socket in it, or elsewhere where its path is too long for one."""
    own = settings.socket_file.absolute()
    if len(str(own)) <= LONGEST_SOCKET_PATH:
        return f"unix:{own}"
    return f"unix:{Path(gettempdir()) / f'crm-{os.getpid()}.sock'}"


def _address_file(settings: Settings) -> Path:
    return settings.data / "crm.address"

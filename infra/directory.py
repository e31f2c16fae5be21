"""A data directory: who serves it, and where that one answers."""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from commands.rejected import Rejected
from infra.settings import Settings

LONGEST_SOCKET_PATH = 100

LOOKED_AT_SECONDS = 10.0
"""How long to wait for those who only look at the directory."""


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
    if not _taken(file):
        file.close()
        raise Rejected("ALREADY_SERVED", f"another process serves {settings.data}; stop it, or send commands to it")
    return file


def _taken(file: IO[str]) -> bool:
    """Whether the lock is ours now. Those who only look share it for a moment, and are waited for."""
    until = time.monotonic() + LOOKED_AT_SECONDS
    while not _locked(file, fcntl.LOCK_EX):
        if not _locked(file, fcntl.LOCK_SH) or time.monotonic() > until:
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        time.sleep(random.uniform(0.001, 0.02))
    return True


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def find_server(settings: Settings) -> str | None:
    """The address of the server that runs on the directory, or none."""
    with looking(settings) as unserved:
        if unserved:
            return None
        with suppress(FileNotFoundError):
            return _address_file(settings).read_text() or None
    return None


@contextmanager
def looking(settings: Settings) -> Iterator[bool]:
    """Whether no server runs on the directory, which stays so inside: one that starts meanwhile waits for a moment."""
    try:
        file = settings.data.joinpath("crm.lock").open("r")
    except OSError:
        # No such directory, one that was never served, or none that we may read: whoever opens it says so.
        yield True
        return
    with file:
        yield _locked(file, fcntl.LOCK_SH)


def is_local(address: str) -> bool:
    """Whether only this machine can reach an address: ``unix:/path``, or a host and port on loopback."""
    host = address.rpartition(":")[0].strip("[]")
    if address.startswith("unix:/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def announce(settings: Settings, address: str) -> None:
    """Let others find the server. They see the whole address or none."""
    part = settings.data / "crm.address.part"
    part.write_text(address)
    part.replace(_address_file(settings))


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

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

TAKEN_SECONDS = 30.0
"""How long to wait for a directory that short commands take in turns."""

SURE = 10
"""How often to look, some milliseconds apart, before it is believed what stands there."""

STAYS = b"stays"
"""What the lock's file holds while somebody has the directory who does not give it back soon."""


def lock(settings: Settings, *, stays: bool = False) -> IO[str]:
    """Take the directory, which is made where there is none, until the file is closed.

    :param stays: whether it is taken for long. Such a one waits for those who have it for one short command: who asks
        whether a server is up must not be in its way.
    :raises Rejected: DATA_NOT_WRITABLE or ALREADY_SERVED.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        file = settings.data.joinpath("crm.lock").open("a+")
    except OSError as error:
        raise Rejected(
            "DATA_NOT_WRITABLE",
            f"the data directory {settings.data} cannot be written: {error.strerror}; choose another with --data",
        ) from error
    if not _taken(file, patient=stays):
        file.close()
        raise Rejected("ALREADY_SERVED", f"another process serves {settings.data}; stop it, or send commands to it")
    # A full disk is no reason not to serve.
    with suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), STAYS if stays else b"")
    return file


def _taken(file: IO[str], *, patient: bool) -> bool:
    """Whether the lock is ours now. Those who only look share it for a moment, and are waited for; the patient wait for
    short commands too.
    """
    begun, looks = time.monotonic(), 0
    while not _locked(file, fcntl.LOCK_EX):
        waited = time.monotonic() - begun
        if _locked(file, fcntl.LOCK_SH):
            fcntl.flock(file, fcntl.LOCK_UN)
            if waited > LOOKED_AT_SECONDS:
                return False
        elif not patient or waited > TAKEN_SECONDS:
            return False
        elif _has_one_that_stays(file):
            # Who took it just now has not yet said so: it is what one said who is gone.
            looks += 1
            if looks == SURE:
                return False
        time.sleep(random.uniform(0.001, 0.02))
    return True


def is_served_for_long(settings: Settings) -> bool:
    """Whether who serves the directory, where somebody does, stays, or is there for one short command."""
    with suppress(OSError), settings.data.joinpath("crm.lock").open("r") as file:
        return _has_one_that_stays(file)
    return False


def _has_one_that_stays(file: IO[str]) -> bool:
    return os.pread(file.fileno(), len(STAYS), 0) == STAYS


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

"""The one place that assembles everything: a data directory becomes a running node."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import IO

from commands.rejected import Rejected
from infra.keys import Keys, load_master_key
from infra.log import Log
from infra.models import Models
from infra.server import Server
from infra.settings import Settings

PROJECTIONS = Path(__file__).parent.parent / "projections"
LONGEST_SOCKET_PATH = 100
DRAIN_SECONDS = 10.0


class Node:
    """Everything that runs on one data directory, in one process: the log, the keys, the read models, the server."""

    def __init__(self, log: Log, models: Models, server: Server, settings: Settings, owned: ExitStack) -> None:
        self.log = log
        self.models = models
        self.server = server
        self._settings = settings
        self._owned = owned

    @classmethod
    def open(cls, settings: Settings) -> Node:
        """Take the data directory and open everything in it.

        :raises Rejected: ALREADY_SERVED, DATA_NOT_WRITABLE, MASTER_KEY_MISSING, WRONG_MASTER_KEY, NEWER_VERSION or
            LOG_TAMPERED.
        """
        with ExitStack() as owned:
            owned.callback(_lock(settings).close)
            keys = Keys.open(f"sqlite:///{settings.keys_file.absolute()}", load_master_key(settings))
            owned.callback(keys.close)
            log = Log.open(f"sqlite:///{settings.log_file.absolute()}", keys, state_cache=settings.state_cache)
            owned.callback(log.close)
            models = Models(
                settings.models_file,
                log,
                projections=PROJECTIONS,
                time_zone=settings.time_zone,
                memory=settings.memory,
                threads=settings.threads,
                snapshots=settings.snapshots,
            )
            owned.callback(models.close)
            models.start()
            server = Server(log=log, models=models, keys=keys, settings=settings)
            return cls(log, models, server, settings, owned.pop_all())
        raise AssertionError("unreachable")

    def serve(self, address: str | None = None) -> str:
        """Answer on the data directory's own socket, and on the address as well where one is given.

        :returns: the address that is answered on, with the port that was chosen.
        :raises Rejected: ADDRESS_NOT_LOCAL or ADDRESS_IN_USE.
        """
        socket = _socket_address(self._settings)
        bound = self.server.start(*([address] if address else []), socket)
        self._settings.data.joinpath("crm.address").write_text(socket)
        return bound

    def close(self) -> None:
        """Drain the server, stop following the log, and give the data directory back."""
        self.server.stop(DRAIN_SECONDS)
        self._settings.data.joinpath("crm.address").unlink(missing_ok=True)
        self._owned.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def find_server(settings: Settings) -> str | None:
    """The address of the server that runs on the data directory, or none."""
    try:
        with settings.data.joinpath("crm.lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        address = settings.data.joinpath("crm.address")
        return address.read_text() if address.exists() else None
    return None


def _lock(settings: Settings) -> IO[str]:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        lock = settings.data.joinpath("crm.lock").open("a")
    except OSError as error:
        raise Rejected(
            "DATA_NOT_WRITABLE",
            f"the data directory {settings.data} cannot be written: {error.strerror}; choose another with --data",
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Rejected(
            "ALREADY_SERVED", f"another process serves {settings.data}; stop it, or send commands to it"
        ) from error
    return lock


def _socket_address(settings: Settings) -> str:
    own = settings.socket_file.absolute()
    if len(str(own)) <= LONGEST_SOCKET_PATH:
        return f"unix:{own}"
    return f"unix:{Path(gettempdir()) / f'crm-{os.getpid()}.sock'}"

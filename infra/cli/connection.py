"""The way to the server: to the one that runs on the data directory, or to one of our own for as long as we need it."""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commands.rejected import Rejected, require
from crm.client import Client

if TYPE_CHECKING:
    from infra.settings import Settings

PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.05


@contextmanager
def connected(settings: Settings, *, creating: bool = False) -> Iterator[Client]:
    """A client of the server on the data directory. Where none runs, one is started in this process, on the directory's
    Unix socket, so that other commands find it meanwhile. A directory without data is made only when ``creating``.

    :raises Rejected: NO_DATA, and what opening the directory raises.
    """
    from infra.main import Node, find_server

    require(
        creating or settings.log_file.exists(),
        "NO_DATA",
        f"there is no data in {settings.data}; name another directory with --data, or begin with crm import",
    )
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        if address := find_server(settings):
            with Client(address, actor=actor()) as client:
                yield client
            return
        try:
            node = Node.open(settings)
        except Rejected as refusal:
            # Somebody else took the directory just now: a server that has no address yet, or a short command.
            if refusal.code != "ALREADY_SERVED" or time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)
            continue
        with node, Client(node.serve(), actor=actor()) as client:
            yield client
        return


def actor() -> str:
    """Who is at the command line: the system's user, by a name that the server takes."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "unknown"
    return f"user:{re.sub('[^A-Za-z0-9._~-]', '_', name)[:64]}"

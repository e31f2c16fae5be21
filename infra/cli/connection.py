"""The way to the server: to the one that runs on the data directory, or to one of our own for as long as we need it."""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from commands.rejected import Rejected, require
from crm.client import Client
from infra.directory import find_server

if TYPE_CHECKING:
    from infra.main import Node
    from infra.settings import Settings

TAKEN_SECONDS = 30.0
"""How long to wait for a directory that other commands take in turns."""

UNREACHABLE_SECONDS = 5.0
"""How long to wait for a server that can be found but not reached."""

PAUSE_SECONDS = 0.2


@contextmanager
def connected(settings: Settings, *, creating: bool = False, caller: str | None = None) -> Iterator[Client]:
    """A client of the server on the data directory, which acts as ``caller``, or else as the system's user. Where no
    server runs, one is started in this process, on the directory's Unix socket, so that other commands find it
    meanwhile. A directory without data is made only when ``creating``.

    :raises Rejected: NO_DATA, and what opening the directory raises.
    """
    require(
        creating or settings.has_log or find_server(settings) is not None,
        "NO_DATA",
        f"there is no data in {settings.data}; name another directory with --data, or begin with crm import",
    )
    begun = sought = time.monotonic()
    while True:
        if address := find_server(settings):
            with Client(address, actor=caller or actor()) as client:
                # One that is about to stop does not answer, and the directory is free a moment later.
                if client.is_reachable(PAUSE_SECONDS) or time.monotonic() > sought + UNREACHABLE_SECONDS:
                    yield client
                    return
        else:
            if node := opened_unless_taken(settings, begun + TAKEN_SECONDS):
                with node, Client(node.serve(), actor=caller or actor()) as client:
                    yield client
                return
            sought = time.monotonic()
        time.sleep(PAUSE_SECONDS)


def opened_unless_taken(settings: Settings, until: float) -> Node | None:
    """A server of our own, or none where somebody else took the directory just now: a server that cannot be found yet,
    or a short command. Past the moment ``until`` that is a refusal.

    :raises Rejected: what opening the directory raises.
    """
    try:
        return opened(settings)
    except Rejected as refusal:
        if refusal.code != "ALREADY_SERVED" or time.monotonic() > until:
            raise
        return None


def opened(settings: Settings, *, publish: bool = False) -> Node:
    """A server of our own on the data directory; one that is to stay publishes as well.

    :raises Rejected: what opening the directory raises.
    """
    from infra.main import Node

    return Node.open(settings, publish=publish)


def server_status(crm: Client) -> Any:
    """How the server is, where its log stands, and its office's time zone."""
    from crm.v1 import system_pb2

    return crm.system.GetStatus(system_pb2.GetStatusRequest())


def office_zone(crm: Client) -> str:
    """The office's time zone as the server has it: dates are read and instants are shown in it."""
    return str(server_status(crm).time_zone)


def actor() -> str:
    """Who is at the command line: the system's user, by a name that the server takes."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "unknown"
    return f"user:{re.sub('[^A-Za-z0-9._~-]', '_', name)[:64]}"

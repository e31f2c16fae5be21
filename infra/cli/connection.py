"""The way to the server: to the one that runs on the data directory, or to one of our own for as long as we need it."""

from __future__ import annotations

import getpass
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from commands.rejected import Rejected, require
from crm.client import Client
from infra.directory import TAKEN_SECONDS, find_server, is_local, is_served_for_long

if TYPE_CHECKING:
    from pathlib import Path

    import grpc

    from infra.main import Node
    from infra.settings import Settings

UNREACHABLE_SECONDS = 5.0
"""How long to wait for a server that can be found but not reached."""

PAUSE_SECONDS = 0.2

TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""What a bearer token may be written with (RFC 6750)."""


@contextmanager
def connected(settings: Settings, *, creating: bool = False, caller: str | None = None) -> Iterator[Client]:
    """A client of the server on the data directory, which acts as ``caller``, or else as the system's user. Where no
    server runs, one is started in this process, on the directory's Unix socket, so that other commands find it
    meanwhile. A directory without data is made only when ``creating``. Where the settings name a server, it is that
    one.

    :raises Rejected: NO_DATA, and what opening the directory raises; INVALID_SETTING.
    """
    if settings.server is not None:
        with named_server(settings, settings.server, caller or actor()) as client:
            yield client
        return
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
                    with nullcontext() if is_served_for_long(settings) else successor(settings):
                        yield client
                    return
        else:
            if node := opened_unless_taken(settings, begun + TAKEN_SECONDS):
                with node, Client(node.serve(), actor=caller or actor()) as client:
                    yield client
                return
            sought = time.monotonic()
        time.sleep(PAUSE_SECONDS)


@contextmanager
def successor(settings: Settings) -> Iterator[None]:
    """Serve the directory where the server that was found leaves while it is needed, as that of another short command
    may: ours is at the same socket, where the client tries again.
    """
    done = threading.Event()
    with ExitStack() as owned:

        def watch() -> None:
            while not done.wait(PAUSE_SECONDS):
                with suppress(Rejected):  # whoever calls is told that nobody answers
                    if find_server(settings) is None:
                        owned.enter_context(opened(settings)).serve()
                        return

        watching = threading.Thread(target=watch, name="successor", daemon=True)
        watching.start()
        try:
            yield
        finally:
            done.set()
            watching.join()


def named_server(settings: Settings, address: str, caller: str) -> Client:
    """A client of a server somewhere. With a token it is the token that says who calls.

    :raises Rejected: INVALID_SETTING.
    """
    has_token = settings.token is not None or settings.token_file is not None
    # Only over a Unix socket somebody is believed to be a user.
    claim = caller if address.startswith("unix:") else caller.rpartition(":")[2]
    return Client(
        address,
        actor=None if has_token else claim,
        token=partial(token_in, settings) if has_token else None,
        credentials=credentials(settings, address),
    )


def token_in(settings: Settings) -> str:
    """The token that the settings give or name the file of.

    :raises Rejected: INVALID_SETTING.
    """
    content = (read(settings, "token_file") or b"").decode(errors="replace") if settings.token_file else settings.token
    token = (content or "").strip()
    require(
        TOKEN.fullmatch(token),
        "INVALID_SETTING",
        f"CRM_TOKEN{'_FILE' if settings.token_file else ''}: there is no token; crm token makes one",
        field="CRM_TOKEN",
    )
    return token


def credentials(settings: Settings, address: str) -> grpc.ChannelCredentials | None:
    """How to know a server, and what to show it; None where it is on this machine and needs no TLS.

    :raises Rejected: INVALID_SETTING.
    """
    if address.startswith("unix:") or (settings.ca is None and is_local(address)):
        return None
    import grpc

    return grpc.ssl_channel_credentials(
        root_certificates=read(settings, "ca"),
        private_key=read(settings, "certificate_key"),
        certificate_chain=read(settings, "certificate"),
    )


def read(settings: Settings, name: str) -> bytes | None:
    """The content of the file that a setting names, where it names one.

    :raises Rejected: INVALID_SETTING.
    """
    file: Path | None = getattr(settings, name)
    try:
        return None if file is None else file.read_bytes()
    except OSError as error:
        setting = f"CRM_{name.upper()}"
        raise Rejected(
            "INVALID_SETTING", f"{setting}: {file} cannot be read: {error.strerror}", field=setting
        ) from error


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


def opened(settings: Settings, *, stays: bool = False) -> Node:
    """A server of our own on the data directory; one that stays publishes as well, and waits for short commands.

    :raises Rejected: what opening the directory raises.
    """
    from infra.main import Node

    return Node.open(settings, stays=stays)


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

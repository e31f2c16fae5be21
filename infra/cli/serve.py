"""``crm serve``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from infra.cli.options import DataOption, settings_of
from infra.cli.output import note
from infra.parts import Part


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(serve)


def serve(
    data: DataOption = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen",
            metavar="ADDRESS",
            help="host:port on loopback (port 0: any free one) or unix:/path. Default: CRM_LISTEN, or 127.0.0.1:50551.",
        ),
    ] = None,
    only: Annotated[
        Part | None,
        typer.Option("--only", help="Run this part alone. Default: CRM_ONLY, or all."),
    ] = None,
) -> None:
    """Serve a data directory until Ctrl-C or SIGTERM.

    Prints its address when it is ready to answer. Commands on the same directory find it by themselves.

    For example:

        crm serve

        crm serve --data /srv/crm --listen 127.0.0.1:0

    Several servers, each with a data directory of its own, share one log in PostgreSQL, and with it everything:

        export CRM_LOG=postgresql://crm@db/log CRM_KEYS=postgresql://crm@db/keys CRM_MASTER_KEY=...

        crm serve --data /srv/crm-1 --only commands

    With CRM_KAFKA_BOOTSTRAP_SERVERS set, every event goes to the topics that crm migrate made as well. Several may
    publish: one does, the others stand by. To publish and nothing else:

        crm serve --data /srv/crm-2 --only publisher

    Read models that follow the topics, and need the keys but no log:

        crm serve --data /srv/crm-3 --only queries
    """
    from infra.cli.connection import opened

    settings = settings_of(data, **({"only": only} if only else {}))
    with told_to_stop() as stop, opened(settings, publish=True) as node:
        print(node.serve(listen or settings.listen), flush=True)
        note(f"serving {settings.data}; Ctrl-C stops")
        stop.wait()
        note("finishing the calls under way")


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """What Ctrl-C and SIGTERM set meanwhile."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

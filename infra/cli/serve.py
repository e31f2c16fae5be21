"""``crm serve``."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import DataOption, settings_of
from infra.parts import Part

if TYPE_CHECKING:
    from infra.settings import Settings

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

SCHEDULE = "system:schedule"
"""Who asks for the snapshots that are published on a schedule."""


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
            help="host:port (port 0: any free one) or unix:/path; on loopback, unless there are tokens and TLS. "
            "Default: CRM_LISTEN, or 127.0.0.1:50551.",
        ),
    ] = None,
    only: Annotated[
        Part | None,
        typer.Option("--only", help="Run this part alone. Default: CRM_ONLY, or all."),
    ] = None,
) -> None:
    """Serve a data directory until Ctrl-C or SIGTERM, or until its terminal is closed.

    Prints its address when it is ready to answer. Commands on the same directory find it by themselves.

    For example:

        crm serve

        crm serve --data /srv/crm --listen 127.0.0.1:0

        CRM_SNAPSHOT_HOURS=24 CRM_SNAPSHOTS_KEPT=7 crm serve

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
    from infra.directory import socket_address
    from infra.server.journal import journal, kept

    settings = settings_of(data, **({"only": only} if only else {}))
    with kept(settings.log_level):
        with told_to_stop() as stop, opened(settings, stays=True) as node:
            address = node.serve(listen or settings.listen)
            print(address, flush=True)
            journal().info("serving", data=str(settings.data), address=address, metrics=node.server.metrics_address)
            if said := unreachable(settings):
                sentence = f"{said}; it is tried again and again, and until then the rest goes on"
                journal().warning("kafka_unreachable", sentence=sentence)
            if settings.snapshot_hours is not None and node.models is not None:
                publish_snapshots(
                    stop, socket_address(settings), settings.snapshots, timedelta(hours=settings.snapshot_hours)
                )
            stop.wait()
            journal().info("stopping")
        journal().info("stopped")


def unreachable(settings: Settings) -> str | None:
    """Why Kafka cannot be reached now, in words; none where it can, or is not needed."""
    from kafka.errors import KafkaError

    from infra.stream import Cluster, unavailable

    cluster = Cluster.named_by(settings)
    if cluster is None or settings.only is Part.COMMANDS:
        return None
    try:
        cluster.reach()
    except KafkaError as error:
        return unavailable(cluster, error).sentence
    return None


def publish_snapshots(stop: Stop, address: str, folder: Path, every: timedelta) -> None:
    """Have the server publish a snapshot whenever the latest one is so old, until it is told to stop. One that fails is
    said, and tried again when the next one is due.
    """
    from crm.client import Client, CrmError
    from crm.v1 import system_pb2
    from infra.models.snapshots import age
    from infra.server.journal import journal

    old = age(folder, datetime.now(UTC))
    due = timedelta() if old is None else max(every - old, timedelta())
    with Client(address, actor=SCHEDULE) as crm:
        while not stop.wait(min(due.total_seconds(), threading.TIMEOUT_MAX)):
            try:
                crm.system.CreateSnapshot(system_pb2.CreateSnapshotRequest())
            except CrmError as error:
                journal().error("no_snapshot", reason=error.code, sentence=error.sentence)
            due = every


class Stop:
    """Whether somebody said so, by a signal.

    The byte that Python writes for each signal is waited for, not what a handler does: that runs in the main thread
    alone, which is not woken where the system hands the signal to another thread.
    """

    def __init__(self, told: int) -> None:
        self._told = told
        self._is_said = False

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it is said, for at most so many seconds; whether it was."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._is_said:
            left = None if until is None else max(until - time.monotonic(), 0)
            readable, _, _ = select.select([self._told], [], [], left)
            if not readable:
                break
            self._is_said = not STOPPING.isdisjoint(os.read(self._told, 512))
        return self._is_said


@contextmanager
def told_to_stop() -> Iterator[Stop]:
    """What Ctrl-C, SIGTERM and a terminal that is closed say meanwhile; not the last one under nohup."""
    told, telling = os.pipe()
    os.set_blocking(telling, False)
    heeded = STOPPING - {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else STOPPING
    before = {number: signal.signal(number, lambda *_: None) for number in heeded}
    told_before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
    try:
        yield Stop(told)
    finally:
        signal.set_wakeup_fd(told_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(told)
        os.close(telling)

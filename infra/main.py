"""The one place that assembles everything: a data directory becomes a running node."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from commands.rejected import require
from infra.directory import announce, lock, socket_address, withdraw
from infra.keys import Keys, load_master_key, settle
from infra.log import Follower, Log
from infra.models import HeldBack, Keeper, Models, place_in
from infra.parts import Part
from infra.server import Server
from infra.settings import Settings
from infra.stream import Cluster, Place, Publisher, Stream

PROJECTIONS = Path(__file__).parent.parent / "projections"
TURN_SECONDS = 0.0005
"""After so long a thread that computes lets another one go on."""


class Node:
    """What runs on one data directory, in one process: the log, or the topics where it answers queries only, the keys,
    the read models (none where it takes commands or publishes only), the publisher where it publishes, the server.
    """

    def __init__(
        self, log: Log | Stream, models: Models | None, server: Server, settings: Settings, owned: ExitStack
    ) -> None:
        self.log = log
        self.models = models
        self.server = server
        self._settings = settings
        self._owned = owned

    @classmethod
    def open(cls, settings: Settings, *, stays: bool = False) -> Node:
        """Take the data directory and open everything in it.

        :param stays: whether the node is there for long, not for one short command. Such a one publishes the log where
            the settings name a Kafka and do not say to take commands only. One that is there for a moment would fence
            another node's publisher.
        :raises Rejected: ALREADY_SERVED, DATA_NOT_WRITABLE, MASTER_KEY_MISSING, WRONG_MASTER_KEY, NEWER_VERSION,
            LOG_TAMPERED, or INVALID_SETTING where a part has not what it needs.
        """
        cluster = Cluster.named_by(settings)
        require_needs(settings)
        with ExitStack() as owned:
            owned.callback(lock(settings, stays=stays).close)
            # One that was killed is still announced.
            withdraw(settings)
            keys = None
            if settings.only is not Part.PUBLISHER:
                settle(settings)
                keys = Keys.open(settings.keys_url, load_master_key(settings))
                owned.callback(keys.close)
            log: Log | Stream
            if cluster is not None and keys is not None and settings.only is Part.QUERIES:
                log = Stream(cluster, place(settings), forget=keys.forget)
            else:
                log = Log.open(
                    settings.log_url, keys, state_cache=settings.state_cache, waiting=settings.waiting_commands
                )
            owned.callback(log.close)
            if isinstance(log, Log) and log.people is not None:
                owned.callback(Follower(log).close)
            models = None
            if settings.only in (None, Part.QUERIES):
                models = Models(
                    settings.models_file,
                    log,
                    projections=PROJECTIONS,
                    time_zone=settings.time_zone,
                    memory=settings.memory,
                    threads=settings.threads,
                    snapshots=settings.snapshots,
                    look_back=isinstance(log, Log),
                    notice=notice_on(log) if isinstance(log, Stream) else lambda held: None,
                )
                owned.callback(models.close)
                if isinstance(log, Stream):
                    assert keys is not None
                    keys.forget(models.forgotten())
                    # Before the models, so that nobody goes on waiting for an event that does not come.
                    owned.callback(log.close)
                models.start()
                if stays:
                    keeper = Keeper(models)
                    owned.callback(keeper.close)
                    keeper.start()
            publisher = None
            if stays and cluster is not None and isinstance(log, Log) and settings.only is not Part.COMMANDS:
                publisher = Publisher(log, cluster)
                owned.callback(publisher.close)
                publisher.start()
            server = Server(log=log, models=models, keys=keys, settings=settings, publisher=publisher)
            tune_python()
            return cls(log, models, server, settings, owned.pop_all())
        raise AssertionError("unreachable")

    def serve(self, address: str | None = None) -> str:
        """Answer on the data directory's own socket, and on the address as well where one is given.

        :returns: the address that is answered on, with the port that was chosen.
        :raises Rejected: ADDRESS_NOT_LOCAL or ADDRESS_IN_USE.
        """
        socket = socket_address(self._settings)
        bound = self.server.start(*([address] if address else []), socket)
        announce(self._settings, socket)
        return bound

    def close(self) -> None:
        """Drain the server, stop following the log, and give the data directory back."""
        withdraw(self._settings)
        self.server.stop(self._settings.drain_seconds)
        self._owned.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def require_needs(settings: Settings) -> None:
    """Refuse to run a part that has not what it needs.

    :raises Rejected: INVALID_SETTING.
    """
    needed = {Part.PUBLISHER: ("kafka_bootstrap_servers",), Part.QUERIES: ("kafka_bootstrap_servers", "keys")}
    for name in needed.get(settings.only, ()) if settings.only else ():
        setting = f"CRM_{name.upper()}"
        require(
            getattr(settings, name) is not None,
            "INVALID_SETTING",
            f"{setting}: whoever runs {settings.only} alone has to set it",
            field=setting,
        )


def notice_on(stream: Stream) -> Callable[[HeldBack], None]:
    """Tells on the topics what is held back."""

    def notice(held: HeldBack) -> None:
        stream.notice_held_back(held.part, held.stream, held.position, held.type, held.sentence)

    return notice


def place(settings: Settings) -> Place:
    """How far the read models have followed the topics."""
    found = place_in(settings.models_file)
    if found is None or found[0] == 0:
        return Place()
    return Place(*found)


def tune_python() -> None:
    """Set Python up for a server. Garbage is looked for less often: nearly everything is freed when its last reference
    goes; looking again and again through the states that are remembered, which are none, takes a sixth of a command's
    time. Threads take turns more often: a question waits at every step, in a database too, for whoever computes.
    """
    gc.set_threshold(50_000, 20, 20)
    sys.setswitchinterval(TURN_SECONDS)

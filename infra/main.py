"""The one place that assembles everything: a data directory becomes a running node."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from commands.rejected import require
from infra.directory import announce, lock, socket_address, withdraw
from infra.keys import Keys, load_master_key
from infra.log import Log
from infra.models import Models
from infra.parts import Part
from infra.server import Server
from infra.settings import Settings
from infra.stream import Cluster, Publisher

PROJECTIONS = Path(__file__).parent.parent / "projections"
DRAIN_SECONDS = 10.0


class Node:
    """What runs on one data directory, in one process: the log, the keys, the read models (none where it takes commands
    or publishes only), the publisher where it publishes, the server.
    """

    def __init__(self, log: Log, models: Models | None, server: Server, settings: Settings, owned: ExitStack) -> None:
        self.log = log
        self.models = models
        self.server = server
        self._settings = settings
        self._owned = owned

    @classmethod
    def open(cls, settings: Settings, *, publish: bool = False) -> Node:
        """Take the data directory and open everything in it.

        :param publish: whether to publish the log, where the settings name a Kafka and do not say to take commands
            only. Who opens a node for a moment does not, for it would fence another node's publisher.
        :raises Rejected: ALREADY_SERVED, DATA_NOT_WRITABLE, MASTER_KEY_MISSING, WRONG_MASTER_KEY, NEWER_VERSION,
            LOG_TAMPERED, or INVALID_SETTING where a publisher has no Kafka.
        """
        cluster = Cluster.named_by(settings)
        require(
            cluster is not None or settings.only is not Part.PUBLISHER,
            "INVALID_SETTING",
            "CRM_KAFKA_BOOTSTRAP_SERVERS: a publisher needs the address of Kafka, host:port",
            field="CRM_KAFKA_BOOTSTRAP_SERVERS",
        )
        with ExitStack() as owned:
            owned.callback(lock(settings).close)
            # One that was killed is still announced.
            withdraw(settings)
            keys = None
            if settings.only is not Part.PUBLISHER:
                keys = Keys.open(settings.keys_url, load_master_key(settings))
                owned.callback(keys.close)
            log = Log.open(settings.log_url, keys, state_cache=settings.state_cache)
            owned.callback(log.close)
            models = None
            if settings.only is None:
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
            publisher = None
            if publish and cluster is not None and settings.only is not Part.COMMANDS:
                publisher = Publisher(log, cluster)
                owned.callback(publisher.close)
                publisher.start()
            server = Server(log=log, models=models, keys=keys, settings=settings, publisher=publisher)
            collect_less()
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
        self.server.stop(DRAIN_SECONDS)
        self._owned.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def collect_less() -> None:
    """Look for garbage less often. Nearly everything is freed when its last reference goes; looking again and again
    through the states that are remembered, which are none, takes a sixth of a command's time.
    """
    gc.set_threshold(50_000, 20, 20)

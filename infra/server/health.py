"""Health as gRPC knows it: of the server as a whole, of its services, and of its parts, which may be unwell alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from commands.rejected import Rejected
from infra.server.pool import Pool

LOOK_SECONDS = 1.0
WATCHERS = 64
CHECKERS = 2
WAITING_CHECKS = 1_000
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Tells whether the server answers, under the name of each service and of the whole (""), and of each part whether
    it is well, looking again every second. Whoever watches and reads slowly misses states, never the newest.

    :param parts: by the name of each part, what says whether it is well.
    """

    def __init__(self, services: Iterable[str], parts: Mapping[str, Callable[[], bool]]) -> None:
        self._names = ["", *services]
        self._parts = parts
        self._health = health.HealthServicer()
        # In threads of their own: without them a change that is told while a watcher hangs up blocks the whole server,
        # and a probe would wait for those who work.
        self._watching = Pool(WATCHERS, "watch")
        self._checking = Pool(CHECKERS, "check", waiting=WAITING_CHECKS)
        self._health.Watch = in_threads_of(self._watching, self._health.Watch)
        self._health.Check = in_threads_of(self._checking, self._health.Check)
        self._told: dict[str, Any] = {}
        self._stopping = Flag()
        self._telling = Lock()
        self._thread = Thread(target=self._look, name="health", daemon=True)

    def add_to(self, server: grpc.Server) -> None:
        """Answer on a server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)

    def start(self) -> None:
        """Say that the server answers, and begin to look at the parts."""
        self._tell(self._names, SERVING)
        for name, is_well in self._parts.items():
            self._tell([name], state_of(is_well))
        self._thread.start()

    def stop(self) -> None:
        """Say that nothing is answered any more, and look no more."""
        with self._telling:
            self._stopping.set()
        for name in (*self._names, *self._parts):
            self._health.set(name, NOT_SERVING)
        if self._thread.is_alive():
            self._thread.join()

    def close(self) -> None:
        """Let the watchers go."""
        for pool in (self._watching, self._checking):
            pool.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            for name, is_well in self._parts.items():
                self._tell([name], state_of(is_well))

    def _tell(self, names: Iterable[str], state: Any) -> None:
        with self._telling:
            if not self._stopping.is_set():
                for name in names:
                    if self._told.get(name) != state:
                        self._told[name] = state
                        self._health.set(name, state)


def in_threads_of(pool: Pool, behaviour: Callable[..., Any]) -> Any:
    """The behaviour, which runs in the threads of a pool."""
    pooled: Any = partial(behaviour)
    pooled.experimental_thread_pool = pool
    return pooled


def state_of(is_well: Callable[[], bool]) -> Any:
    """The state of a part; one that cannot be looked at is not well."""
    try:
        return SERVING if is_well() else NOT_SERVING
    except Rejected:
        return NOT_SERVING

"""Figures for Prometheus. Labels are names of the contract, of parts and of caches, never anything of a caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from commands.rejected import Rejected, require
from infra.keys import Keys
from infra.log import Log
from infra.server.pool import Pool
from infra.server.system import System
from infra.stream import Stream

if TYPE_CHECKING:
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

LOOPBACK = "127.0.0.1"
LARGEST_PORT = 65_535
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds. A command takes 3 ms, a report 10 to 70 ms; what is above 30 s was told to end before."""


class Metrics:
    """What the server counts, and where Prometheus fetches it."""

    def __init__(
        self, log: Log | Stream, keys: Keys | None, system: System, calls: Pool, streams: Pool, address: str
    ) -> None:
        self._host, self._port = host_and_port(address)
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "crm_call_seconds",
            "How long calls took from their arrival to their last answer, by rpc and gRPC code.",
            ("rpc", "code"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._serving: tuple[WSGIServer, Thread] | None = None
        ProcessCollector(registry=self._registry)
        self._registry.register(_Parts(log, keys, system, {"unary": calls, "stream": streams}))

    def tell(self, rpc: str, code: str, seconds: float) -> None:
        """Count a call."""
        self._seconds.labels(rpc, code).observe(seconds)

    def start(self) -> str:
        """Answer Prometheus.

        :returns: the address.
        :raises Rejected: ADDRESS_IN_USE.
        """
        try:
            self._serving = start_http_server(self._port, self._host, self._registry)
        except OSError as error:
            raise Rejected(
                "ADDRESS_IN_USE",
                f"metrics cannot be bound to {self._host}:{self._port} ({error.strerror}); set CRM_METRICS to another",
            ) from error
        return f"http://{self._host}:{self._serving[0].server_port}/metrics"

    def stop(self) -> None:
        """Answer no more."""
        if self._serving is not None:
            server, thread = self._serving
            server.shutdown()
            server.server_close()
            thread.join()
            self._serving = None


class _Parts:
    """What is looked at when somebody asks."""

    def __init__(self, log: Log | Stream, keys: Keys | None, system: System, pools: dict[str, Pool]) -> None:
        self._log = log
        self._keys = keys
        self._system = system
        self._pools = pools

    def describe(self) -> Iterator[Metric]:
        """Nothing: so that nobody looks before the server runs."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """How the server stands. A log that cannot be read is said, and what does not need it is there all the same."""
        yield from self._of_calls()
        if isinstance(self._log, Log):
            yield from self._of_log(self._log)
        if self._keys is not None:
            yield from _cache("keys", self._keys.asked, self._keys.missed)
        yield from self._of_parts()

    def _of_calls(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("crm_calls_running", "Calls that are being answered.", labels=["kind"])
        waiting = GaugeMetricFamily("crm_calls_waiting", "Calls that wait for a thread.", labels=["kind"])
        for kind, pool in self._pools.items():
            running.add_metric([kind], min(pool.load, pool.size))
            waiting.add_metric([kind], max(0, pool.load - pool.size))
        yield running
        yield waiting

    def _of_log(self, log: Log) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "crm_commands_waiting", "Commands that wait for those being decided.", value=log.waiting
        )
        yield SummaryMetricFamily(
            "crm_commands_per_commit",
            "Commits of this server (count) and the commands that were decided in them (sum).",
            count_value=log.commits,
            sum_value=log.commands,
        )
        yield from _cache("states", log.states.asked, log.states.missed)

    def _of_parts(self) -> Iterator[Metric]:
        figures: tuple[tuple[str, str, Callable[..., float]], ...] = (
            ("position", "How far a part has followed the log.", lambda part: part.position),
            ("lag_events", "By how many events a part is behind.", lambda part: part.lag_events),
            ("lag_seconds", "For how long its next event has been waiting for it.", lambda part: part.lag_seconds),
            ("held_back", "Streams that it holds back, for it cannot read them.", lambda part: part.held_back_streams),
            (
                "failing",
                "1 where its last attempt failed; crm status says why.",
                lambda part: part.last_error != "",
            ),
        )
        try:
            position = self._log.head.position
            parts, _ = self._system.parts()
        except Rejected:
            yield GaugeMetricFamily("crm_log_readable", "1 where the log can be read.", value=0)
            return
        yield GaugeMetricFamily("crm_log_readable", "1 where the log can be read.", value=1)
        yield GaugeMetricFamily("crm_log_position", "The position of the log's last event.", value=position)
        for name, said, value in figures:
            family = GaugeMetricFamily(f"crm_part_{name}", said, labels=["part"])
            for part in parts:
                family.add_metric([part.name], value(part))
            yield family


def _cache(name: str, asked: int, missed: int) -> Iterator[Metric]:
    for kind, count, said in (
        ("asked", asked, "How often something was needed."),
        ("missed", missed, "How often it was not at hand."),
    ):
        family = CounterMetricFamily(f"crm_cache_{kind}", said, labels=["cache"])
        family.add_metric([name], count)
        yield family


def host_and_port(address: str) -> tuple[str, int]:
    """Where to answer: a port on loopback, or a host and a port.

    :raises Rejected: INVALID_SETTING.
    """
    host, _, port = address.rpartition(":")
    require(
        port.isascii() and port.isdigit() and int(port) <= LARGEST_PORT,
        "INVALID_SETTING",
        f"CRM_METRICS: {address} is no address; give a port on this machine, such as 9464, or HOST:PORT",
        field="CRM_METRICS",
    )
    return host.strip("[]") or LOOPBACK, int(port)

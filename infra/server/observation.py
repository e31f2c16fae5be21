"""What is seen of every call: a line in the journal, and its place in the metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from time import perf_counter
from typing import Any

import grpc
import structlog

from infra.server.actor import UNDER_WAY
from infra.server.arrival import ARRIVED
from infra.server.errors import REFUSED_AS
from infra.server.gate import HANDLERS, is_open_to_all
from infra.server.journal import journal
from infra.server.metrics import Metrics

OURS = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"})
"""Codes of calls that failed by the server's fault."""


class Observation(grpc.ServerInterceptor):  # type: ignore[misc]
    """Sees every call of the contract from its arrival to its last answer, before the gate and after it. Calls are
    written down where somebody began a journal.
    """

    def __init__(self, metrics: Metrics | None) -> None:
        self._metrics = metrics
        self._journal: Any = journal() if structlog.is_configured() else None

    def intercept_service(self, proceed: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        """Put the observation around the handler of a call."""
        handler = proceed(details)
        method: str = details.method
        rpc = method.lstrip("/")
        if handler is None or is_open_to_all(method) or (self._metrics is None and self._journal is None):
            return handler
        kind, made = HANDLERS[handler.request_streaming, handler.response_streaming]
        behaviour = getattr(handler, kind)
        see = self._stream if handler.response_streaming else self._single
        # With the thread pool that the behaviour wants.
        seen = wraps(behaviour)(partial(see, rpc, perf_counter(), behaviour))
        return made(seen, handler.request_deserializer, handler.response_serializer)

    def _single(self, rpc: str, begun: float, behaviour: Any, request: Any, context: grpc.ServicerContext) -> Any:
        failed = True
        try:
            answer = behaviour(request, context)
            failed = False
            return answer
        finally:
            self._tell(rpc, begun, context, failed)

    def _stream(
        self, rpc: str, begun: float, behaviour: Any, request: Any, context: grpc.ServicerContext
    ) -> Iterator[Any]:
        failed = True
        try:
            yield from behaviour(request, context)
            failed = False
        finally:
            self._tell(rpc, begun, context, failed)

    def _tell(self, rpc: str, begun: float, context: grpc.ServicerContext, failed: bool) -> None:
        seconds = perf_counter() - begun
        code = code_of(context, failed)
        if self._metrics is not None:
            self._metrics.tell(rpc, code, seconds)
        if self._journal is None:
            return
        line: dict[str, Any] = {"rpc": rpc, "code": code, "milliseconds": round(seconds * 1000, 2)}
        if refused := REFUSED_AS.get(None):
            line["reason"] = refused
        if request_id := getattr(ARRIVED.get(None), "request_id", ""):
            line["request_id"] = request_id[:200]
        if call := UNDER_WAY.get(None):
            line["caller"] = f"{call.caller.actor.type}:{call.caller.actor.id}"
        if code in OURS:
            self._journal.error("call", **line)
        elif code == "UNAVAILABLE":
            self._journal.warning("call", **line)
        else:
            self._journal.info("call", **line)


def code_of(context: grpc.ServicerContext, failed: bool) -> str:
    """The gRPC code that a call ends with, by its name."""
    code: grpc.StatusCode | None = context.code()
    if code is not None:
        return str(code.name)
    if context.is_active():
        return "UNKNOWN" if failed else "OK"
    remaining = context.time_remaining()
    return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"

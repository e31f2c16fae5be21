"""How long a call may take to send its message, so that nobody keeps a thread by sending none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import wraps
from threading import Event, Thread
from time import monotonic
from typing import Any

import grpc

from commands.rejected import Rejected
from infra.server.errors import end
from infra.server.gate import HANDLERS

LOOK_SECONDS = 0.5

ARRIVED: ContextVar[Any] = ContextVar("arrived")
"""The one message of the call under way."""


class Arrival(grpc.ServerInterceptor):  # type: ignore[misc]
    """Takes the one message of a call as a stream of one, and cuts the call off where it does not come within
    ``seconds``. gRPC's own way would wait for it for as long as the caller likes.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._awaited: dict[grpc.ServicerContext, float] = {}
        self._closed = Event()
        self._watch = Thread(target=self._cut_off_the_late, name="arrival", daemon=True)
        self._watch.start()

    def intercept_service(self, proceed: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call, which waits for the message itself."""
        handler = proceed(details)
        if handler is None or handler.request_streaming:
            return handler
        kind, _ = HANDLERS[False, handler.response_streaming]
        _, made = HANDLERS[True, handler.response_streaming]
        behaviour = getattr(handler, kind)

        @wraps(behaviour)  # with the thread pool that the behaviour wants
        def with_message(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
            return behaviour(self._message(requests, context), context)

        return made(with_message, handler.request_deserializer, handler.response_serializer)

    def close(self) -> None:
        """Cut nobody off any more."""
        self._closed.set()
        self._watch.join()

    def each(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """The messages of a call that sends several, each of which has to come in time."""
        while (message := self._next(requests, context)) is not None:
            yield message

    def _message(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        message = self._next(requests, context)
        if message is None:
            end(Rejected("INVALID_MESSAGE", "the call ended without a message; send one"), None, context)
        ARRIVED.set(message)
        return message

    def _next(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        self._awaited[context] = monotonic() + self._seconds
        try:
            return next(requests, None)
        finally:
            del self._awaited[context]

    def _cut_off_the_late(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            now = monotonic()
            for context, until in list(self._awaited.items()):
                if until < now:
                    context.cancel()

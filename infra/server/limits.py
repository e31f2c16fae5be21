"""How much is taken on: what is more is refused at once, before anything was done, with when to come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import grpc

from commands.rejected import Busy
from infra.server.errors import end
from infra.server.gate import is_open_to_all
from infra.server.pool import Pool

REFUSING = 2
"""Threads that refuse. It takes them no time, and those that answer are busy then."""


AGAIN = "nothing was done; try again in a second, or elsewhere"


class Doorman(grpc.ServerInterceptor):  # type: ignore[misc]
    """Takes calls in as long as there is room for them: as many as there are threads, and ``waiting`` more that answer
    with one message; streams, which may stay for long, do not wait.
    """

    def __init__(self, calls: Pool, streams: Pool, waiting: int) -> None:
        self._calls = calls
        self._streams = streams
        self._waiting = waiting
        self._refusing = Pool(REFUSING, "refusing")

    def intercept_service(self, proceed: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call, or of its refusal."""
        handler = proceed(details)
        if handler is None or is_open_to_all(details.method):
            return handler
        if handler.response_streaming:
            if self._streams.load < self._streams.size:
                return handler
            sentence = f"{self._streams.size} streams are under way, which is all this server takes; {AGAIN}"
            return self._refusal(Busy("TOO_MANY_STREAMS", sentence))
        if self._calls.load < self._calls.size + self._waiting:
            return handler
        return self._refusal(Busy("TOO_MANY_CALLS", f"{self._waiting} calls are waiting already; {AGAIN}"))

    def close(self) -> None:
        """Refuse no more."""
        self._refusing.shutdown(wait=False)

    def _refusal(self, refusal: Busy) -> grpc.RpcMethodHandler:
        def refuse(requests: Any, context: grpc.ServicerContext) -> NoReturn:
            end(refusal, None, context)

        behaviour: Any = refuse
        behaviour.experimental_thread_pool = self._refusing
        # As if the caller sent a stream, which nobody waits for: the refusal needs to know nothing of the request.
        return grpc.stream_unary_rpc_method_handler(behaviour)

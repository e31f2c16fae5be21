"""How much is taken on: what is more is refused at once, before anything was done, with when to come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import grpc

from commands.rejected import Busy
from infra.server.errors import end
from infra.server.gate import HANDLERS
from infra.server.pool import Pool

REFUSING = 2
"""Threads that refuse. It takes them no time, and those that answer are busy then."""


AGAIN = "nothing was done; try again in a second, or elsewhere"


class Doorman(grpc.ServerInterceptor):  # type: ignore[misc]
    """Takes calls in as long as the pool that their handler wants, or that of ``calls``, has room for them."""

    def __init__(self, calls: Pool) -> None:
        self._calls = calls
        self._refusing = Pool(REFUSING, "refusing")

    def intercept_service(self, proceed: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call, or of its refusal."""
        handler = proceed(details)
        if handler is None:
            return handler
        kind, _ = HANDLERS[handler.request_streaming, handler.response_streaming]
        pool: Pool = getattr(getattr(handler, kind), "experimental_thread_pool", self._calls)
        if pool.has_room:
            return handler
        if handler.response_streaming:
            sentence = f"{pool.size} streams are under way, which is all this server takes; {AGAIN}"
            return self._refusal(Busy("TOO_MANY_STREAMS", sentence))
        return self._refusal(Busy("TOO_MANY_CALLS", f"{pool.waiting} calls are waiting already; {AGAIN}"))

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

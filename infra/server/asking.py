"""What is done for a call ends when the call does: at its deadline, or when it is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import grpc

from infra.asker import Asker, working_for


def asked(call: Callable[[Any, Any], Any], *, streams: bool) -> Callable[[Any, Any], Any]:
    """The call, whose statements are interrupted when nobody waits for it any more."""

    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        with _asker(context):
            return call(request, context)

    def answers(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with _asker(context):
            yield from call(request, context)

    return answers if streams else answer


@contextmanager
def _asker(context: grpc.ServicerContext) -> Iterator[None]:
    asker = Asker(until(context))
    if not context.add_callback(asker.leave):
        asker.leave()
    with working_for(asker):
        yield


def until(context: grpc.ServicerContext) -> float | None:
    """Until when the caller waits, as an instant of ``time.monotonic``."""
    left = context.time_remaining()
    return None if left is None else monotonic() + left

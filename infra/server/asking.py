"""What is run in the read models for a call ends when the call does: at its deadline, or when it is cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from infra.models import ASKER, Asker


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
    asker = Asker()
    if not context.add_callback(asker.leave):
        asker.leave()
    token = ASKER.set(asker)
    try:
        yield
    finally:
        ASKER.reset(token)

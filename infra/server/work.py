"""Long work that tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import Any, TypeVar

from infra.asker import ASKER, left

Message = TypeVar("Message")


class _Gone(Exception):
    """Nobody listens any more."""


def told(work: Callable[[Callable[[Message], None]], None]) -> Iterator[Message]:
    """What long work tells while it runs in a thread of its own, for whoever asks here; it stops when they leave, at
    its next word at the latest.

    :raises Exception: what the work raises.
    :raises Rejected: DEADLINE_PASSED, at once when they leave.
    """
    words: SimpleQueue[Any] = SimpleQueue()
    gone = Flag()
    done = object()

    def tell(word: Message) -> None:
        if gone.is_set():
            raise _Gone
        words.put(word)

    def run() -> None:
        try:
            work(tell)
            words.put(done)
        except Exception as error:
            words.put(error)

    Thread(target=copy_context().run, args=(run,), name="work", daemon=True).start()
    try:
        with ASKER.get().runs(partial(words.put, left())):
            while (word := words.get()) is not done:
                if isinstance(word, Exception):
                    raise word
                yield word
    finally:
        gone.set()

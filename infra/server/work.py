"""Long work that tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import Any, TypeVar

Message = TypeVar("Message")


class _Gone(Exception):
    """Nobody listens any more."""


def told(work: Callable[[Callable[[Message], None]], None]) -> Iterator[Message]:
    """What long work tells while it runs in a thread of its own; it stops at its next word when nobody listens.

    :raises Exception: what the work raises.
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

    Thread(target=run, name="work", daemon=True).start()
    try:
        while (word := words.get()) is not done:
            if isinstance(word, Exception):
                raise word
            yield word
    finally:
        gone.set()

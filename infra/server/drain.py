"""The end of streams that callers send when the server stops."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from typing import Any, NamedTuple

from commands.rejected import Rejected

END, STOPPING = object(), object()


class Broken(NamedTuple):
    """How reading ended, unlike a message that is none, which is passed on as the error that it is."""

    error: Exception


class Drain:
    """Ends what waits for a caller's next message. What was read before is finished and answered."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stopping = False
        self._waiting: set[SimpleQueue[Any]] = set()

    def stop(self) -> None:
        """End them all, and those that come."""
        with self._lock:
            self._stopping = True
            for words in self._waiting:
                words.put(STOPPING)

    def messages(self, sent: Iterator[Any]) -> Iterator[Any]:
        """What a caller sends, one after the other, none before the one before was taken.

        :raises Rejected: SERVER_STOPPING instead of waiting for the next one; what reading them raises.
        """
        words: SimpleQueue[Any] = SimpleQueue()
        wanted = Semaphore(0)
        with self._lock:
            self._waiting.add(words)
            if self._stopping:
                words.put(STOPPING)
        # gRPC does not let go of whoever waits for a message, so somebody else waits.
        Thread(target=read, args=(sent, wanted, words), name="reading", daemon=True).start()
        try:
            while True:
                wanted.release()
                word = words.get()
                if word is END:
                    return
                if word is STOPPING:
                    raise Rejected(
                        "SERVER_STOPPING",
                        "the server stops; what was answered is done; connect again and send what was not",
                    )
                if isinstance(word, Broken):
                    raise word.error
                yield word
        finally:
            with self._lock:
                self._waiting.discard(words)
            words.put(END)
            wanted.release()


def read(sent: Iterator[Any], wanted: Semaphore, words: SimpleQueue[Any]) -> None:
    """Read a message whenever one is wanted, until there is none."""
    try:
        while wanted.acquire() and words.empty():
            message = next(sent, END)
            words.put(message)
            if message is END:
                return
    except Exception as error:
        words.put(Broken(error))

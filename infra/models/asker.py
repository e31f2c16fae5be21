"""Whoever asks, for as long as they wait for the answer: what is run for them ends when they leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Event, Lock, Thread

import duckdb

from commands.rejected import Rejected

AGAIN_SECONDS = 0.05
"""How soon the next statement for somebody who has left is interrupted as well."""


class Asker:
    """Somebody who waits. Statements that run for them are interrupted once they have `left`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[duckdb.DuckDBPyConnection, Event] = {}
        self._has_left = False

    def leave(self) -> None:
        """They wait no longer."""
        with self._lock:
            self._has_left = True
            for cursor, done in self._running.items():
                Thread(target=_interrupt, args=(cursor, done), name="left", daemon=True).start()

    def require_waiting(self) -> None:
        """Refuse to do more for them once they have left.

        :raises Rejected: DEADLINE_PASSED.
        """
        if self._has_left:
            raise left()

    @contextmanager
    def runs(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """What the cursor runs inside is for them.

        :raises Rejected: DEADLINE_PASSED where they have left.
        """
        done = Event()
        with self._lock:
            if self._has_left:
                raise left()
            self._running[cursor] = done
        try:
            yield
        except duckdb.InterruptException as error:
            if self._has_left:
                raise left() from error
            raise
        finally:
            done.set()
            with self._lock:
                del self._running[cursor]


def _interrupt(cursor: duckdb.DuckDBPyConnection, done: Event) -> None:
    with suppress(duckdb.Error):  # closed just now
        cursor.interrupt()
        while not done.wait(AGAIN_SECONDS):
            cursor.interrupt()


def left() -> Rejected:
    """The refusal of those who do not wait for it."""
    return Rejected("DEADLINE_PASSED", "the caller's deadline passed, or the call was cancelled; nothing was done")


PATIENT = Asker()
"""Somebody who never leaves."""

ASKER: ContextVar[Asker] = ContextVar("asker", default=PATIENT)
"""For whom this thread works."""

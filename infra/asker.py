"""Whoever asks, for as long as they wait for the answer: what is done for them ends when they leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Lock, Thread
from time import monotonic

from commands.rejected import Rejected

AGAIN_SECONDS = 0.05
"""How soon the next statement for somebody who has left is interrupted as well, and who waits for a lock looks whether
they still want it.
"""


class Asker:
    """Somebody who waits, ``until`` an instant of ``time.monotonic`` where they said so. What runs for them is
    interrupted once they have `left`; ``gone`` says whether.
    """

    def __init__(self, until: float | None = None) -> None:
        self.gone = Event()
        self._until = until
        self._lock = Lock()
        self._running: list[Running] = []

    @property
    def patience(self) -> float | None:
        """How many seconds they wait yet; None where they did not say."""
        return None if self._until is None else max(0.0, self._until - monotonic())

    def leave(self) -> None:
        """They wait no longer."""
        with self._lock:
            self.gone.set()
            for running in self._running:
                Thread(target=running.end, name="left", daemon=True).start()

    def require_waiting(self) -> None:
        """Refuse to do more for them once they have left.

        :raises Rejected: DEADLINE_PASSED.
        """
        if self.gone.is_set():
            raise left()

    @contextmanager
    def runs(self, interrupt: Callable[[], object], *interrupted: type[Exception]) -> Iterator[None]:
        """What runs inside is for them: ``interrupt`` is called from another thread when they leave, again and again,
        and never after this is left; the errors ``interrupted`` are what comes of it.

        :raises Rejected: DEADLINE_PASSED where they have left.
        """
        running = Running(interrupt)
        with self._lock:
            self.require_waiting()
            self._running.append(running)
        try:
            yield
        except interrupted as error:
            if self.gone.is_set():
                raise left() from error
            raise
        finally:
            running.done()
            with self._lock:
                self._running.remove(running)

    @contextmanager
    def holding(self, lock: Lock) -> Iterator[None]:
        """The lock is held inside; it is waited for only as long as they wait.

        :raises Rejected: DEADLINE_PASSED.
        """
        while not lock.acquire(timeout=AGAIN_SECONDS):
            self.require_waiting()
        try:
            yield
        finally:
            lock.release()


class Running:
    """Something that runs for somebody who may leave."""

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self._interrupt = interrupt
        self._done = Event()
        self._interrupting = Lock()

    def end(self) -> None:
        """Interrupt it until it is done: one interrupt may come between two statements."""
        while not self._done.is_set():
            with self._interrupting:
                if not self._done.is_set():
                    self._interrupt()
            self._done.wait(AGAIN_SECONDS)

    def done(self) -> None:
        """Interrupt it no more."""
        with self._interrupting:
            self._done.set()


class Patient(Asker):
    """Somebody who never leaves."""

    def leave(self) -> None:
        """They do not."""

    @contextmanager
    def runs(self, interrupt: Callable[[], object], *interrupted: type[Exception]) -> Iterator[None]:
        """Nothing is interrupted."""
        yield

    @contextmanager
    def holding(self, lock: Lock) -> Iterator[None]:
        """The lock is held inside."""
        with lock:
            yield


PATIENT = Patient()

ASKER: ContextVar[Asker] = ContextVar("asker", default=PATIENT)
"""For whom this thread works."""


@contextmanager
def working_for(asker: Asker) -> Iterator[None]:
    """What is done inside is for them."""
    token = ASKER.set(asker)
    try:
        yield
    finally:
        ASKER.reset(token)


def left() -> Rejected:
    """The refusal of those who do not wait for it."""
    return Rejected("DEADLINE_PASSED", "the caller's deadline passed, or the call was cancelled; nothing was done")

"""The end of the log: one thread looks at what is recorded, for all who wait for some of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread
from typing import Protocol

from infra.log import Head, Row

LOOK_AGAIN_SECONDS = 0.5
REST_SECONDS = 0.03
"""Between two looks, so that what is recorded one by one is looked at together, and commands are not kept from it."""

PAUSE_SECONDS = 1.0
ROWS_AT_ONCE = 500


class Source(Protocol):
    """What is asked of a log."""

    @property
    def head(self) -> Head: ...
    def wait(self, after: int, timeout: float | None) -> int: ...
    def kinds(self, after: int, until: int) -> set[tuple[str, str]]: ...
    def rows(self, *, after: int = 0, until: int | None = None) -> Iterator[Row]: ...


@dataclass(slots=True, eq=False)
class Waiting:
    """Somebody who waits for events of a stream, of some types (class names), that mention something; each where it is
    given. Anything that happens wakes who gives nothing.
    """

    stream: str | None = None
    types: Collection[str] = ()
    mention: str | None = None
    clear: int = 0
    """The position up to which nothing lies that was waited for and not told."""
    woken: Flag = field(default_factory=Flag)

    def wake(self) -> None:
        """Wake whoever waits, for whatever reason."""
        self.woken.set()

    def concerns(self, stream: str, type: str) -> bool:
        """Whether an event of the stream and the type is waited for."""
        return (self.stream is None or self.stream == stream) and (not self.types or class_name(type) in self.types)

    def is_mentioned(self, row: Row) -> bool:
        """Whether an event names what is waited for."""
        assert self.mention is not None
        return self.mention == row.stream.partition("-")[2] or self.mention.encode() in row.document


class Tail:
    """Follows the log for as long as anybody waits. Who is idle costs nothing but a thread that sleeps."""

    def __init__(self, log: Source) -> None:
        self._log = log
        self._lock = Lock()
        self._waiting: set[Waiting] = set()
        self._position = 0
        self._thread: Thread | None = None

    @contextmanager
    def waiting(
        self, *, stream: str | None = None, types: Collection[str] = (), mention: str | None = None
    ) -> Iterator[Waiting]:
        """Somebody who waits for what is recorded from now on. Whoever wants what is there already looks after this.

        :raises Rejected: where the log cannot be read.
        """
        waiting = Waiting(stream, frozenset(types), mention)
        head = self._log.head.position
        with self._lock:
            self._waiting.add(waiting)
            if self._thread is None:
                self._position = head
                self._thread = Thread(target=self._follow, name="tail", daemon=True)
                self._thread.start()
            waiting.clear = self._position
        try:
            yield waiting
        finally:
            with self._lock:
                self._waiting.discard(waiting)

    def wait(self, waiting: Waiting, seconds: float) -> tuple[bool, int]:
        """Whether anything came within so many seconds, and the position up to which nothing did."""
        waiting.woken.wait(seconds)
        with self._lock:
            woken, clear = waiting.woken.is_set(), waiting.clear
            waiting.woken.clear()
            if not woken:
                waiting.clear = clear = self._position
            return woken, clear

    def wake_all(self) -> None:
        """Let everybody look, because something is not as it was."""
        with self._lock:
            for waiting in self._waiting:
                waiting.wake()

    def _follow(self) -> None:
        rest = Flag()
        while not self._is_left():
            try:
                head = self._log.wait(self._position, LOOK_AGAIN_SECONDS)
                if head < self._position:
                    # An older state was restored: whoever looks is told.
                    self._position = head
                    self.wake_all()
                elif head > self._position:
                    self._look(head)
                rest.wait(REST_SECONDS)
            except Exception:
                # Whoever looks is told what is wrong.
                self.wake_all()
                rest.wait(PAUSE_SECONDS)

    def _is_left(self) -> bool:
        with self._lock:
            if self._waiting:
                return False
            self._thread = None
            return True

    def _look(self, head: int) -> None:
        """Wake those who wait for anything up to the head."""
        kinds = self._log.kinds(self._position, head)
        with self._lock:
            asleep = [waiting for waiting in self._waiting if not waiting.woken.is_set()]
        concerned = [waiting for waiting in asleep if any(waiting.concerns(*kind) for kind in kinds)]
        found = self._mentioned(concerned, head)
        with self._lock:
            for waiting in asleep:
                # Up to here it waited in vain, and now it does not.
                if waiting in found and not waiting.woken.is_set():
                    waiting.clear = self._position
                    waiting.wake()
            self._position = head

    def _mentioned(self, concerned: list[Waiting], head: int) -> set[Waiting]:
        """Those of them whose mention is among the events up to the head, and those that have none."""
        told = {waiting for waiting in concerned if waiting.mention is None}
        open_ = [waiting for waiting in concerned if waiting.mention is not None]
        if open_:
            for row in self._log.rows(after=self._position, until=head):
                told.update(each for each in open_ if each.concerns(row.stream, row.type) and each.is_mentioned(row))
        return told


def class_name(type_name: str) -> str:
    """``TicketSolved`` of ``crm.TicketSolved.v1`` or ``TicketSolved``."""
    parts = type_name.split(".")
    return parts[1] if len(parts) == 3 else type_name

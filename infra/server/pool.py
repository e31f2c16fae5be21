"""Threads that know how much they have to do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any


class Pool(ThreadPoolExecutor):
    """``size`` threads. ``load`` is how much they were given that is not done: what runs, and what waits for one, of
    which there should be no more than ``waiting``.
    """

    def __init__(self, size: int, name: str, *, waiting: int = 0) -> None:
        super().__init__(size, thread_name_prefix=name)
        self.size = size
        self.waiting = waiting
        self.load = 0
        self._counting = Lock()

    @property
    def has_room(self) -> bool:
        """Whether it should be given more."""
        return self.load < self.size + self.waiting

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """Have it done by the next free thread."""
        with self._counting:
            self.load += 1
        try:
            future = super().submit(work, *given, **named)
        except BaseException:
            self._done(None)
            raise
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[Any] | None) -> None:
        with self._counting:
            self.load -= 1

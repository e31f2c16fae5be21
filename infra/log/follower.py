"""Keeps the directory of people near the head of the log, so that whoever asks it has little to wait for."""

from __future__ import annotations

import time
from threading import Event, Thread

from commands.rejected import Rejected
from infra.log.log import Log

REST = 9
"""How many times as long as it worked the follower rests: nobody waits for it."""

LEAST_REST_SECONDS = 0.5
"""Each step is a transaction, which lone commands should not have to share the disk with."""

LOOK_AGAIN_SECONDS = 1.0


class Follower:
    """A thread that follows the log until it is closed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._closed = Event()
        self._thread = Thread(target=self._run, name="directory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        self._log.wake()
        self._thread.join()

    def _run(self) -> None:
        assert self._log.people is not None
        reached = 0
        while not self._closed.is_set():
            try:
                head = self._log.wait(reached, LOOK_AGAIN_SECONDS, self._closed)
                if head > reached:
                    begin = time.monotonic()
                    if not self._log.people.step(head):
                        reached = head
                    self._closed.wait(max(REST * (time.monotonic() - begin), LEAST_REST_SECONDS))
            except Rejected:  # it lags behind; whoever asks the directory follows, and is told what is wrong
                self._closed.wait(LOOK_AGAIN_SECONDS)

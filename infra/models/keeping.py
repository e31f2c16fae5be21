"""Keeping what reports keep while nobody asks, so that whoever asks does not wait for it."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Event, Thread

import duckdb

from commands.rejected import Rejected
from infra.asker import ASKER, Asker
from infra.models import report
from infra.models.engine import Models

REST = 4.0
"""How much longer than it worked it rests."""

LEAST_REST = 5.0


class Keeper:
    """Keeps, in a thread, what has settled since it last looked, also after a new policy made all of it void."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._asker = Asker()
        self._closed = Event()
        self._thread = Thread(target=self._go_on, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what is being computed is given up."""
        self._closed.set()
        self._asker.leave()
        self._thread.join()

    def _go_on(self) -> None:
        ASKER.set(self._asker)
        rest = LEAST_REST
        while not self._closed.wait(rest):
            begin = time.monotonic()
            # Where it cannot be kept, answers are computed, and say what is wrong.
            with suppress(Rejected, duckdb.Error):
                report.keep(self._models, self._asker)
            rest = max(REST * (time.monotonic() - begin), LEAST_REST)

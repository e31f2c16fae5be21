"""How often a caller may call."""

from __future__ import annotations

from threading import Lock
from time import monotonic

from commands.rejected import Busy
from infra.log import Actor

MOST_REMEMBERED = 10_000
"""Callers that are remembered before those who have been quiet are forgotten."""


class Rates:
    """How often each caller may call: ``rate`` times a second in the long run, and ``burst`` times at once."""

    def __init__(self, rate: float, burst: int) -> None:
        self._every = 1 / rate
        self._ahead = burst / rate
        self._sentence = f"more than {rate:g} calls a second were made in this name"
        self._lock = Lock()
        self._paid_until: dict[tuple[str, str], float] = {}

    def take(self, actor: Actor) -> None:
        """Count a call of theirs.

        :raises Busy: RATE_EXCEEDED.
        """
        who, now = (actor.type, actor.id), monotonic()
        with self._lock:
            paid_until = max(now, self._paid_until.get(who, now)) + self._every
            if paid_until - now <= self._ahead:
                self._paid_until[who] = paid_until
                if len(self._paid_until) > MOST_REMEMBERED:
                    self._paid_until = {name: until for name, until in self._paid_until.items() if until > now}
                return
        wait = paid_until - now - self._ahead
        raise Busy("RATE_EXCEEDED", f"{self._sentence}; nothing was done; try again in {wait:.3f} s", wait)

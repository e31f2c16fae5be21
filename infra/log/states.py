"""The states of the streams, as decisions need them."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Any, NamedTuple

from commands.rejected import Rejected
from domain.event import Event, State


class Known(NamedTuple):
    """What is known of one stream: its version (0: it has not begun), its state, and when it began."""

    version: int
    state: State
    began: datetime | None

    def after(self, event: Event[Any], occurred_at: datetime) -> Known:
        """What is known after one more event."""
        return Known(self.version + 1, event.evolve(self.state), self.began or occurred_at)


def bare(stream: str) -> Known:
    """What is known of a stream before its first event.

    :raises Rejected: UNKNOWN_STREAM where there are no such streams.
    """
    aggregate, _, id = stream.partition("-")
    state = State.by_aggregate.get(aggregate)
    if state is None or not id:
        raise Rejected(
            "UNKNOWN_STREAM",
            f"{stream} is not the name of a stream; those begin with {', '.join(f'{a}-' for a in State.by_aggregate)}",
        )
    return Known(0, state(), None)


class RecentStates:
    """The states of the streams that were used last. One thread changes it, any may look into it.

    ``asked`` and ``missed`` count how often a state was asked for, and how often it was not there.
    """

    def __init__(self, most: int) -> None:
        self.asked = self.missed = 0
        self._most = most
        self._known: OrderedDict[str, Known] = OrderedDict()

    def __contains__(self, stream: str) -> bool:
        return stream in self._known

    def look(self, stream: str) -> Known | None:
        """What is known, without counting as use."""
        return self._known.get(stream)

    def use(self, stream: str) -> Known | None:
        """What is known; it is forgotten later than what was used before."""
        self.asked += 1
        known = self._known.get(stream)
        if known is None:
            self.missed += 1
        else:
            self._known.move_to_end(stream)
        return known

    def keep(self, stream: str, known: Known) -> None:
        """Remember it, and forget what was not used for the longest time where there is too much."""
        self._known[stream] = known
        self._known.move_to_end(stream)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def drop(self, stream: str) -> None:
        """Forget one."""
        self._known.pop(stream, None)

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()

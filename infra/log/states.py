"""The states of the streams, as decisions need them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from commands.rejected import Rejected
from domain.event import Event, State

NOWHERE: Mapping[str, str] = MappingProxyType({})
"""The sources of what came from nowhere else."""

WAS = "_was"


class Known(NamedTuple):
    """What is known of one stream: its version (0: it has not begun), its state, when it began, and the ``sources``:
    from which other stream a field's personal value was copied, where it was. It is forgotten with that one.
    """

    version: int
    state: State
    began: datetime | None
    sources: Mapping[str, str] = NOWHERE

    def after(self, event: Event[Any], occurred_at: datetime, sources: Mapping[str, str] = NOWHERE) -> Known:
        """What is known after one more event, whose fields' values came from these sources."""
        if sources or self.sources:
            sources = self._sources_after(event, sources)
        return Known(self.version + 1, event.evolve(self.state), self.began or occurred_at, sources)

    def sources_of(self, event: Event[Any]) -> Mapping[str, str]:
        """Where the values came from that stood here before an event, which says what they were."""
        if not self.sources:
            return NOWHERE
        return {f"{name}{WAS}": source for name, source in self.sources.items() if f"{name}{WAS}" in event.personal}

    def _sources_after(self, event: Event[Any], sources: Mapping[str, str]) -> Mapping[str, str]:
        gone = {*getattr(event, "cleared", ()), *(name for name in event.personal if getattr(event, name) is not None)}
        kept = {name: source for name, source in self.sources.items() if name not in gone}
        return kept | {name: source for name, source in sources.items() if not name.endswith(WAS)}


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
        self._copies: defaultdict[str, set[str]] = defaultdict(set)

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
        self.drop(stream)
        self._known[stream] = known
        for source in known.sources.values():
            self._copies[source].add(stream)
        if len(self._known) > self._most:
            self.drop(next(iter(self._known)))

    def drop(self, stream: str) -> None:
        """Forget one."""
        known = self._known.pop(stream, None)
        if known is None or not known.sources:
            return
        for source in set(known.sources.values()):
            copies = self._copies.get(source, set())
            copies.discard(stream)
            if not copies:
                self._copies.pop(source, None)

    def copied_from(self, sources: Iterable[str]) -> dict[str, Known]:
        """Those that hold what was copied from other streams."""
        streams = {stream for source in sources for stream in tuple(self._copies.get(source, ()))}
        return {stream: known for stream in streams if (known := self._known.get(stream)) is not None}

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._copies.clear()

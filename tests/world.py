"""Streams in memory: decide on the newest states, then let happen what was decided."""

from __future__ import annotations

from typing import Any

from commands.command import Command, Elsewhere, Fact
from domain.event import Event, State


class World:
    """The states of all streams, by the stream's name."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}

    def state(self, stream: str) -> State:
        """The state of a stream, also of one that never began."""
        return self.states.get(stream) or State.by_aggregate[stream.partition("-")[0]]()

    def states_for(self, command: Command) -> list[State]:
        """The states that the command decides on."""
        return [self.state(stream) for stream in (command.stream, *command.named_streams)]

    def ask(self, command: Command) -> list[Fact]:
        """Decide, and let it happen: all or nothing.

        :raises Rejected: where the rules refuse.
        """
        facts = list(command.outcome(*self.states_for(command)))
        for fact in facts:
            self.happen(command.stream, fact)
        return facts

    def happen(self, home: str, fact: Fact) -> None:
        """Let one fact happen, in the home stream unless it says where."""
        stream, event = located(home, fact)
        self.states[stream] = event.evolve(self.state(stream))


def located(home: str, fact: Fact) -> tuple[str, Event[Any]]:
    """The stream of a fact and its event."""
    return (fact.stream, fact.event) if isinstance(fact, Elsewhere) else (home, fact)

"""A door for imports: streams in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from commands.command import Command
from commands.rejected import Rejected
from domain.event import Event
from infra.intake import Answer, Wish
from tests.world import World, located


@dataclass(frozen=True)
class Happened:
    """What came of a command in memory."""

    first_position: int


@dataclass
class Memory:
    """Streams in memory that remember the request ids, as the log does, the commands in order, and the events with
    their instants and streams.
    """

    world: World = field(default_factory=World)
    position: int = 0
    answers: dict[str, Happened] = field(default_factory=dict)
    wishes: list[Wish] = field(default_factory=list)
    events: list[tuple[datetime, str, Event[Any]]] = field(default_factory=list)

    def door(self, batches: Iterator[list[Wish]]) -> Iterator[list[Answer]]:
        """Decide at once, batch by batch."""
        for batch in batches:
            yield [self._answer(wish) for wish in batch]

    def statuses(self, aggregate: str, as_of: datetime) -> Counter[str]:
        """How many streams are in which status as of an instant: the fold of the events that occurred by then."""
        states: dict[str, Any] = {}
        for occurred_at, stream, event in self.events:
            if occurred_at <= as_of and event.state.aggregate == aggregate:
                states[stream] = event.evolve(states.get(stream) or event.state())
        return Counter(state.status for state in states.values())

    def _answer(self, wish: Wish) -> Answer:
        if wish.request_id in self.answers:
            return self.answers[wish.request_id]
        self.wishes.append(wish)
        try:
            command = command_of(wish)
            facts = self.world.ask(command)
        except Rejected as refusal:
            return refusal
        self.events += [(wish.occurred_at, *located(command.stream, fact)) for fact in facts]
        self.answers[wish.request_id] = Happened(self.position + 1 if facts else 0)
        self.position += len(facts)
        return self.answers[wish.request_id]


def command_of(wish: Wish) -> Command:
    """The command that a wish names.

    :raises Rejected: INVALID_FIELD.
    """
    try:
        return Command.by_name[wish.command].model_validate(wish.fields)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise Rejected("INVALID_FIELD", wrong["msg"], field=str(wrong["loc"][0])) from None

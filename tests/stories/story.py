"""Stories: given what happened, when somebody asks for something, then this happens, or it is rejected.

    given(opened, solved).when(PendTicket(id="7")).rejected("NOT_LIVE")

    story = given(opened)
    story.when(PendTicket(id="7")).then(TicketPended())
    story.when(PendTicket(id="7")).then()

A plain event happened to the stream that the first command is for, ``Elsewhere`` to another one.
"""

from __future__ import annotations

from commands.command import Command, Fact
from commands.rejected import Rejected
from domain.event import Event
from tests.world import World


class Story:
    """What happened so far."""

    def __init__(self, facts: tuple[Fact, ...]) -> None:
        self.world = World()
        self.untold = facts

    def when(self, command: Command) -> Answer:
        """Ask for something."""
        for fact in self.untold:
            assert not isinstance(fact, Event) or fact.state is command.state, "tell the facts of others as Elsewhere"
            self.world.happen(command.stream, fact)
        self.untold = ()
        try:
            return Answer(self, self.world.ask(command))
        except Rejected as refusal:
            return Answer(self, refusal)


class Answer:
    """What came of it."""

    def __init__(self, story: Story, given: list[Fact] | Rejected) -> None:
        self.story = story
        self.given = given

    def then(self, *facts: Fact) -> Story:
        """Exactly these facts, in this order; none means that all was so already."""
        assert self.given == list(facts)
        return self.story

    def rejected(self, code: str, *, field: str | None = None, says: str = "") -> Story:
        """A refusal with this code, about this field, whose sentence has these words in it."""
        assert isinstance(self.given, Rejected), self.given
        assert self.given.code == code
        assert self.given.field == field
        assert says in self.given.sentence
        return self.story


def given(*facts: Fact) -> Story:
    """Begin a story with what happened."""
    return Story(facts)

"""What a wish is: a validated model that decides.

A command has one home stream, ``<aggregate>-<id>``, and may name others in fields whose type is annotated with
``Names``. ``decide`` receives the home state and the states of the named streams in the order of the fields, and
yields facts: plain events happen in the home stream, ``Elsewhere`` in a named one. It is pure: no clock, no
randomness, no input or output. Writing the class is all it takes to register it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from commands.fields import Id, Text
from commands.rejected import Rejected, require
from domain.event import Event, State


@dataclass(frozen=True, slots=True)
class Names:
    """Marks a field of a command that holds the id of another stream, by the state of that stream."""

    state: type[State]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A fact in another stream than the command's own. The values of the fields in ``copied`` were taken from the home
    stream, so they are sealed with the home stream's key and are forgotten with it.
    """

    id: str
    event: Event[Any]
    copied: frozenset[str] = frozenset()

    @property
    def stream(self) -> str:
        """The stream that the fact happens in."""
        return f"{self.event.state.aggregate}-{self.id}"


Fact = Event[Any] | Elsewhere


class Command(BaseModel):
    """A wish for one stream.

    ``creates`` says that the stream must not exist yet, ``begins`` that it need not; every other command needs an
    existing one. Where it exists, it must be neither merged away nor forgotten. A command that is ``of_person`` also
    receives, last, the names of all streams of the person that the home stream is about, where anybody knows them, and
    the position of the newest event in them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    state: ClassVar[type[State]]
    creates: ClassVar[bool] = False
    begins: ClassVar[bool] = False
    of_person: ClassVar[bool] = False
    named: ClassVar[dict[str, type[State]]]
    by_name: ClassVar[dict[str, type[Command]]] = {}
    decide: ClassVar[Callable[..., Iterator[Fact]]]

    id: Id
    reason: Text | None = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.named = {
            name: mark.state
            for name, field in cls.model_fields.items()
            for mark in field.metadata
            if isinstance(mark, Names)
        }
        if hasattr(cls, "decide"):
            Command.by_name[cls.__name__] = cls

    @property
    def stream(self) -> str:
        """The home stream."""
        return f"{self.state.aggregate}-{self.id}"

    @property
    def named_streams(self) -> tuple[str, ...]:
        """The other streams whose states ``decide`` receives, in the order of the fields."""
        if not self.named:  # as with most: a third of the time
            return ()
        return tuple(f"{state.aggregate}-{getattr(self, name)}" for name, state in self.named.items())

    def admit(self, state: State) -> None:
        """Refuse what no command of this kind may do to a stream in this state.

        :raises Rejected: ALREADY_EXISTS, NOT_FOUND, MERGED or FORGOTTEN.
        """
        if self.creates:
            if state.exists:
                raise Rejected(
                    "ALREADY_EXISTS", f"{self.stream} exists already; a new one needs another id", field="id"
                )
        elif state.exists or not self.begins:
            admit_existing(self.stream, state, field="id")

    def outcome(self, *states: Any) -> Iterator[Fact]:
        """The facts that follow from the states of the home stream and of the named ones.

        :raises Rejected: where the rules refuse.
        """
        self.admit(states[0])
        return self.decide(*states)


def admit_existing(stream: str, state: State, *, field: str) -> None:
    """Refuse a stream that is missing, merged away or forgotten.

    :raises Rejected: NOT_FOUND, MERGED or FORGOTTEN.
    """
    if not state.exists:
        raise Rejected("NOT_FOUND", f"there is no {stream}", field=field)
    if state.merged_into is not None:
        raise Rejected(
            "MERGED",
            f"{stream} was merged into {state.aggregate}-{state.merged_into}; address that one, or unmerge them first",
            field=field,
        )
    if state.is_over:
        raise Rejected("FORGOTTEN", f"{stream} was forgotten; nothing more can be recorded about it", field=field)


def require_unchanged(since: int | None, newest: int) -> None:
    """Refuse to judge a person of whom more is known than when they were judged, where that is said.

    :raises Rejected: PERSON_CHANGED.
    """
    require(
        since is None or newest <= since,
        "PERSON_CHANGED",
        f"something was recorded about the person at position {newest}; look at it, and decide anew",
        field="unchanged_since_position",
    )


def differing(command: Command, state: State, names: tuple[str, ...]) -> dict[str, Any]:
    """The named values that the command gives and that differ from the state's."""
    return {
        name: value for name in names if (value := getattr(command, name)) is not None and value != getattr(state, name)
    }

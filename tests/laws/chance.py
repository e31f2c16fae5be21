"""Commands and events by chance, made from nothing but their declarations, so a new one takes part by existing.

The pools are small, so that chance meets: the same ids, the same words, and among the words some names of fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from random import Random
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import commands
import domain
from commands.command import Command
from commands.rejected import Rejected
from domain.event import Event, State, fold
from tests.world import World

assert commands, domain  # importing them registers everything

IDS = ("1", "2", "3")
WORDS = ("name", "phone", "source", "tea", "grüße, 世界 ☕")
INSTANTS = (datetime(2029, 12, 31, 23, 0, 0, 6, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))

COMMANDS = sorted(Command.by_name.values(), key=lambda command: command.__name__)
EVENTS = sorted(Event.by_name.values(), key=lambda event: event.__name__)
STATES = sorted(State.by_aggregate.values(), key=lambda state: state.aggregate)


def walk(chance: Random, kinds: Sequence[type[Command]], steps: int) -> Iterator[tuple[World, Command]]:
    """Commands of these kinds, each with the world in which it is about to be asked; it is asked when the next one is
    fetched. Every walk starts with two streams of each kind that can be begun.
    """
    world = World()
    creating = [(kind, id) for kind in kinds if kind.creates for id in IDS[:2]]
    begun = [any_command(chance, kind).model_copy(update={"id": id}) for kind, id in creating]
    for command in chain(begun, (any_command(chance, chance.choice(kinds)) for _ in range(steps))):
        yield world, command
        with suppress(Rejected):
            world.ask(command)


def any_command(chance: Random, kind: type[Command]) -> Command:
    """A valid command of the kind."""
    schema = shape(kind)
    values = {
        name: any_json(chance, field)
        for name, field in schema["properties"].items()
        if name in schema["required"] or chance.choice((True, False))
    }
    return kind.model_validate(values)


@cache
def shape(kind: type[Command]) -> dict[str, Any]:
    """The JSON Schema of a command."""
    return kind.model_json_schema()


def any_json(chance: Random, schema: dict[str, Any]) -> Any:
    """A value that fits a JSON Schema."""
    if "anyOf" in schema:
        return any_json(chance, chance.choice(schema["anyOf"]))
    if some := schema.get("examples") or schema.get("enum", ())[:3]:
        return chance.choice(some)
    if "const" in schema:
        return schema["const"]
    match schema["type"], schema.get("format"):
        case "null", _:
            return None
        case "boolean", _:
            return chance.choice((True, False))
        case "integer", _:
            lowest = schema.get("minimum", -1)
            return chance.randint(lowest, min(schema.get("maximum", lowest + 9), lowest + 9))
        case "array", _:
            return tuple(any_json(chance, schema["items"]) for _ in range(chance.randint(schema.get("minItems", 0), 2)))
        case "string", "date-time":
            return chance.choice(INSTANTS)
        case "string", _:
            return chance.choice(IDS if "pattern" in schema else WORDS)
    raise AssertionError(f"no value for {schema}")


VALUES: dict[type, Callable[[Random], Any]] = {
    NoneType: lambda chance: None,
    str: lambda chance: chance.choice((*IDS, *WORDS)),
    bool: lambda chance: chance.choice((True, False)),
    int: lambda chance: chance.randint(0, 9),
    Decimal: lambda chance: Decimal(chance.randint(-999, 999)) / 100,
    datetime: lambda chance: chance.choice(INSTANTS),
    date: lambda chance: chance.choice(INSTANTS).date(),
}
"""The kinds of values that an event may carry, and tuples of text besides."""


def any_event(chance: Random, kind: type[Event[Any]]) -> Event[Any]:
    """An event with any values that its annotations allow."""
    return kind(**{name: any_value(chance, hint) for name, hint in kind.annotations.items()})


def any_value(chance: Random, hint: Any) -> Any:
    """A value that fits an annotation."""
    if get_origin(hint) is Annotated:
        return any_value(chance, get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return any_value(chance, chance.choice(get_args(hint)))
    if get_origin(hint) is tuple:
        return tuple(any_value(chance, get_args(hint)[0]) for _ in range(chance.randint(0, 2)))
    return VALUES[hint](chance)


def any_state(chance: Random, kind: type[State]) -> State:
    """A state that any events in any order lead to, whether a rule admits them or not."""
    kinds = [event for event in EVENTS if event.state is kind]
    state: State = fold(kind(), [any_event(chance, chance.choice(kinds)) for _ in range(chance.randint(0, 8))])
    return state

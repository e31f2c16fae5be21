"""What holds for every command that exists."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import commands
from commands.command import Command, Elsewhere, Fact
from commands.rejected import Rejected
from domain.event import State
from tests.laws.chance import COMMANDS, EVENTS, STATES, any_command, walk
from tests.world import World, located


def walking(law: Callable[..., None]) -> Callable[..., None]:
    """A law that is judged on walks of some length."""
    return settings(max_examples=40)(given(chance=st.randoms(use_true_random=False), steps=st.integers(1, 60))(law))


of_every_state = pytest.mark.parametrize("state", STATES)
of_every_command = pytest.mark.parametrize("kind", COMMANDS)

Refusal = tuple[str, str, str | None]


def commands_for(state: type[State]) -> list[type[Command]]:
    return [kind for kind in COMMANDS if kind.state is state]


def facts_of(answer: list[Fact] | Refusal) -> list[Fact]:
    return answer if isinstance(answer, list) else []


def answer(command: Command, states: list[State]) -> list[Fact] | Refusal:
    """The facts, or the refusal in comparable form."""
    try:
        return list(command.outcome(*states))
    except Rejected as refusal:
        return refusal.code, refusal.sentence, refusal.field


# Walks: commands by chance, one after another, among the commands of one aggregate


@of_every_state
@walking
def test_asked_twice_it_changes_things_once(state: type[State], chance: Random, steps: int) -> None:
    for world, command in walk(chance, commands_for(state), steps):
        change_things_once(world, command)


@pytest.mark.slow
def test_every_command_was_asked_twice() -> None:
    chance = Random(10)
    changed = {
        type(command)
        for _ in range(100)
        for world, command in walk(chance, COMMANDS, 300)
        if change_things_once(world, command)
    }
    assert changed == set(COMMANDS)


def change_things_once(world: World, command: Command) -> bool:
    """Ask for the same twice; whether it changed anything the first time."""
    first = answer(command, world.states_for(command))
    if isinstance(first, list):
        world.ask(command)
        second = answer(command, world.states_for(command))
        assert second == [] or isinstance(second, tuple), command
    return bool(facts_of(first))


@of_every_state
@walking
def test_deciding_is_pure(state: type[State], chance: Random, steps: int) -> None:
    for world, command in walk(chance, commands_for(state), steps):
        states = world.states_for(command)
        before = [(hash(state), repr(state)) for state in states]
        first = answer(command, states)
        assert answer(command, [replace(state) for state in states]) == first
        assert [(hash(state), repr(state)) for state in states] == before


@of_every_state
@walking
def test_facts_happen_only_in_the_streams_that_the_command_names(
    state: type[State], chance: Random, steps: int
) -> None:
    for world, command in walk(chance, commands_for(state), steps):
        for fact in facts_of(answer(command, world.states_for(command))):
            stream, event = located(command.stream, fact)
            assert stream in (command.stream, *command.named_streams)
            assert stream.partition("-")[0] == event.state.aggregate
            assert not isinstance(fact, Elsewhere) or fact.copied <= event.annotations.keys()


@of_every_state
@walking
def test_a_refusal_has_a_stable_code_and_a_plain_sentence(state: type[State], chance: Random, steps: int) -> None:
    for world, command in walk(chance, commands_for(state), steps):
        given = answer(command, world.states_for(command))
        if isinstance(given, tuple):
            code, sentence, field = given
            assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", code)
            assert re.fullmatch(r"[^A-Z\n][^\n]{9,}[^.!\n]", sentence), sentence
            assert field is None or field in type(command).model_fields


# Everything is reached


@dataclass
class Reached:
    """What came up in long walks."""

    events: set[str] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)
    statuses: set[tuple[str, object]] = field(default_factory=set)


@pytest.fixture(scope="module")
def reached() -> Reached:
    """A hundred worlds of three hundred commands of all kinds each, always the same ones."""
    chance, found = Random(20), Reached()
    for _ in range(100):
        for world, command in walk(chance, COMMANDS, 300):
            of_person: list[Any] = [(command.stream,), 300] if command.of_person else []
            given = answer(command, [*world.states_for(command), *of_person])
            if isinstance(given, tuple):
                found.codes.add(given[0])
            found.events |= {type(located(command.stream, fact)[1]).__name__ for fact in facts_of(given)}
            found.statuses |= {
                (state.aggregate, status)
                for state in world.states.values()
                if (status := vars(state).get("status")) is not None
            }
    return found


@pytest.mark.slow
def test_every_event_follows_from_some_command(reached: Reached) -> None:
    assert reached.events == {event.__name__ for event in EVENTS}


@pytest.mark.slow
def test_every_refusal_can_happen(reached: Reached) -> None:
    assert reached.codes == set(codes_in_source())


@pytest.mark.slow
def test_every_status_is_reached_and_has_a_type(reached: Reached) -> None:
    types = {state.aggregate: vars(sys.modules[state.__module__])["STATUS_TYPES"] for state in STATES}
    assert reached.statuses == {(aggregate, status) for aggregate, statuses in types.items() for status in statuses}
    known_types = {"open", "ongoing", "on_hold", "won", "lost", "closed"}
    assert {type for statuses in types.values() for type in statuses.values()} <= known_types


def codes_in_source() -> Iterator[str]:
    """The codes that the commands refuse with, read from their source."""
    for file in Path(commands.__path__[0]).glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in ("require", "Rejected"):
                yield from (str(argument.value) for argument in call.args[:2] if isinstance(argument, ast.Constant))


# What every command refuses alike


@of_every_command
def test_only_a_beginning_is_for_a_stream_that_does_not_exist(kind: type[Command]) -> None:
    command = any_command(Random(1), kind)
    states = World().states_for(command)
    if kind.creates:
        assert isinstance(answer(command, states), list)
    elif kind.begins:
        chance = Random(1)
        assert any(isinstance(answer(any_command(chance, kind), states), list) for _ in range(20))
    else:
        assert answer(command, states)[0] == "NOT_FOUND"


@pytest.fixture(scope="module")
def existing() -> list[State]:
    """States that a walk left behind, of streams that take commands."""
    chance, found = Random(3), []
    for _ in range(10):
        *_, (world, _) = walk(chance, COMMANDS, 50)
        found += [state for state in world.states.values() if not gone(state)]
    return found


def gone(state: Any) -> bool:
    return state.merged_into is not None or getattr(state, "forgotten", False)


@of_every_command
def test_what_exists_does_not_begin_and_what_is_gone_takes_nothing(kind: type[Command], existing: list[State]) -> None:
    homes = [state for state in existing if isinstance(state, kind.state)]
    assert homes
    for home in homes:
        command = any_command(Random(5), kind)
        others = World().states_for(command)[1:]
        if kind.creates:
            assert answer(command, [home, *others])[0] == "ALREADY_EXISTS"
            continue
        merged = answer(command, [replace(home, merged_into="elsewhere"), *others])
        assert merged[0] == "MERGED"
        assert f"{home.aggregate}-elsewhere" in str(merged[1])
        if hasattr(home, "forgotten"):
            forgotten: Any = home
            gone = replace(forgotten, forgotten=True)
            assert ("FORGOTTEN" in answer(command, [gone, *others])[:1]) == gone.is_over


# Declarations


@of_every_command
def test_every_command_says_what_it_does(kind: type[Command]) -> None:
    assert kind.__doc__ is not Command.__doc__
    assert re.fullmatch(r"[A-Z].{9,}[^.]\.", " ".join((kind.__doc__ or "").split()))


@of_every_command
def test_no_field_hides_what_every_command_can_do(kind: type[Command]) -> None:
    assert not (kind.model_fields.keys() - Command.model_fields.keys()) & set(dir(Command))


@of_every_command
def test_a_command_takes_no_unknown_fields_and_stays_as_it_was_made(kind: type[Command]) -> None:
    command = any_command(Random(7), kind)
    with pytest.raises(ValueError, match="extra"):
        kind.model_validate({**dict(command), "colour": "blue"})
    with pytest.raises(ValueError, match="frozen"):
        command.id = "2"

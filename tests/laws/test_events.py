"""What holds for every event and every state that exists."""

import re
from dataclasses import fields, replace
from random import Random
from types import NoneType
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.event import Event, State, fold
from domain.ticket import Ticket
from tests.laws.chance import EVENTS, STATES, VALUES, any_event, any_state

chances = st.randoms(use_true_random=False)
of_every_event = pytest.mark.parametrize("kind", EVENTS)
of_every_state = pytest.mark.parametrize("kind", STATES)


@of_every_state
@given(chance=chances)
def test_any_part_of_any_history_in_any_order_leads_to_a_state(kind: type[State], chance: Random) -> None:
    kinds = [event for event in EVENTS if event.state is kind]
    history = [any_event(chance, chance.choice(kinds)) for _ in range(chance.randint(0, 12))]
    chance.shuffle(history)
    state = fold(kind(), history)
    assert type(state) is kind
    assert vars(state).keys() == {field.name for field in fields(state)}
    assert hash(state) == hash(replace(state))
    assert isinstance(state.exists, bool)


@of_every_event
@settings(max_examples=20)
@given(chance=chances)
def test_an_effect_does_not_depend_on_the_state(kind: type[Event[Any]], chance: Random) -> None:
    event = any_event(chance, kind)
    one, two = any_state(chance, kind.state), any_state(chance, kind.state)
    assert not dependent(one, event.evolve(one), two, event.evolve(two))


def dependent(one: State, one_after: State, two: State, two_after: State) -> list[str]:
    """The fields in which one event did not do the same to two states of a kind.

    The same is: a plain value is set to the same in both or left alone in both; of a collection the same elements are
    put in and taken out, whether or not they were there.
    """
    return [
        field.name
        for field in fields(one)
        if not same_effect(*(getattr(state, field.name) for state in (one, one_after, two, two_after)))
    ]


def same_effect(one: Any, one_after: Any, two: Any, two_after: Any) -> bool:
    if isinstance(one, frozenset | tuple):
        sets = [set(value) for value in (one, one_after, two, two_after)]
        return same_elements(*sets) and same_elements(*sets[2:], *sets[:2])
    return bool(one_after == two_after or (one_after == one and two_after == two))


def same_elements(one: set[Any], one_after: set[Any], two: set[Any], two_after: set[Any]) -> bool:
    return one_after - one <= two_after and not (one - one_after) & two_after


def test_an_effect_that_depends_on_the_state_is_noticed() -> None:
    new, live = Ticket(status="new"), Ticket(status="open", rating=3, absorbed=("1",), reply_ids=frozenset("12"))
    counted = dependent(new, replace(new, escalation_level=1), live, replace(live, escalation_level=2))
    assert counted == ["escalation_level"]
    assert dependent(new, replace(new, status="open"), live, live) == []
    solved = Ticket(status="solved")
    assert dependent(new, replace(new, status="open"), solved, solved) == ["status"]
    assert dependent(new, replace(new, absorbed=("2",)), live, live) == ["absorbed"]
    assert dependent(new, new, live, replace(live, reply_ids=frozenset("1"))) == []
    assert dependent(replace(live, reply_ids=frozenset("2")), live, live, replace(live, reply_ids=frozenset("2"))) == [
        "reply_ids"
    ]


# Declarations


@of_every_event
def test_every_event_says_what_happened(kind: type[Event[Any]]) -> None:
    assert re.fullmatch(r"[A-Z].{9,}\.", " ".join((kind.__doc__ or "").split()))


@of_every_event
def test_what_is_personal_can_be_forgotten(kind: type[Event[Any]]) -> None:
    for name in kind.personal:
        assert set(get_args(get_args(kind.annotations[name])[0])) == {str, NoneType}, name


@of_every_event
def test_an_event_carries_values_that_every_reader_knows(kind: type[Event[Any]]) -> None:
    for hint in kind.annotations.values():
        plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        for part in get_args(plain) or (plain,):
            assert part in VALUES or plain == tuple[str, ...], hint


def test_stored_names_and_relations_are_unique() -> None:
    assert len({kind.type_name for kind in EVENTS}) == len(EVENTS)
    assert len({kind.relation for kind in EVENTS}) == len(EVENTS)
    assert all(re.fullmatch(r"crm\.[A-Za-z]+\.v[1-9][0-9]*", kind.type_name) for kind in EVENTS)


@of_every_state
def test_the_bare_state_is_a_stream_before_its_first_event(kind: type[State]) -> None:
    assert not kind().exists
    assert re.fullmatch(r"[a-z]+", kind.aggregate)

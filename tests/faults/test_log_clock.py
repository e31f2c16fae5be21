"""Clocks that jump, forwards and back, and nodes whose clocks differ."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from commands.lead import CaptureLead
from commands.rejected import Rejected
from infra.log import Actor, Outcome, Request
from tests.faults import sizes
from tests.faults.nodes import opened
from tests.places import Place

ANN = Actor("user", "ann")
MINUTE, MICROSECOND = timedelta(minutes=1), timedelta(microseconds=1)


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def capture(id: object) -> Request:
    return Request(CaptureLead(id=str(id)), ANN, f"r-{id}")


@pytest.mark.slow
@pytest.mark.soak
def test_two_nodes_whose_clocks_jump(place: Place, figure: Callable[[str], None]) -> None:
    urls = place.url("log"), place.url("keys")
    clocks = Clock(), Clock()
    chance = random.Random()
    newest, answers = datetime(1970, 1, 1, tzinfo=UTC), Counter[str]()
    with opened(urls, clock=clocks[0]) as (one, _), opened(urls, clock=clocks[1]) as (two, _):
        for jump in range(sizes.JUMPS):
            node = chance.randrange(2)
            log, clock = (one, two)[node], clocks[node]
            span = chance.choice([MICROSECOND, timedelta(seconds=1), MINUTE, timedelta(hours=1)])
            clock.now += chance.uniform(-2, 2) * span
            if clock.now < newest - timedelta(hours=1):  # somebody sets it right
                clock.now = newest + chance.uniform(-1, 1) * MINUTE
            position = log.head.position
            answered = log.submit([capture(f"{jump}-a"), capture(f"{jump}-b")])
            if newest - clock.now > MINUTE:
                assert [each.code for each in answered if isinstance(each, Rejected)] == ["CLOCK_WENT_BACK"] * 2
                assert log.head.position == position
                answers["refused"] += 1
                continue
            first, second = answered
            assert isinstance(first, Outcome)
            assert isinstance(second, Outcome)
            assert (first.position, second.position) == (position + 1, position + 2)
            assert first.recorded_at == second.recorded_at == max(clock.now, newest + MICROSECOND)
            answers["behind" if clock.now <= newest else "ahead"] += 1
            newest = first.recorded_at
        assert answers.keys() == {"refused", "behind", "ahead"}
        instants = [row.recorded_at for row in two.rows()]
        assert instants == sorted(instants)
        assert max(Counter(instants).values()) == 2
        assert one.verify() == []
    figure(f"{sizes.JUMPS:,} jumps: {dict(answers)}")


def test_a_clock_that_went_back_refuses_the_new_and_answers_the_old(place: Place) -> None:
    urls = place.url("log"), place.url("keys")
    ahead, behind = Clock(), Clock()
    ahead.now += MINUTE + MICROSECOND
    with opened(urls, clock=ahead) as (one, _), opened(urls, clock=behind) as (two, _):
        first = one.execute(capture(1))
        with pytest.raises(Rejected) as refused:
            two.execute(capture(2))
        assert refused.value.code == "CLOCK_WENT_BACK"
        assert two.execute(capture(1)) == first
        behind.now += MICROSECOND
        assert two.execute(capture(2)).recorded_at == first.recorded_at + MICROSECOND
        assert one.execute(capture(3)).recorded_at == first.recorded_at + 2 * MICROSECOND

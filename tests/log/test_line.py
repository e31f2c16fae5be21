"""Who stands in line is served, whatever happens to the others."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from types import FrameType

import pytest

from commands.customer import ForgetCustomer
from commands.lead import CaptureLead
from commands.rejected import Rejected
from infra.keys import Keys
from infra.log import Actor, Request
from infra.log.decision import Asked
from infra.log.line import Admit, Line

PATIENCE = 10.0


class Interrupted(Exception):
    """What the signal raises in the main thread."""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """The main thread is interrupted after so long."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Desk:
    """Serves a line, the n-th group once ``may_serve[n]`` is set, and remembers the groups."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.line = Line(self._serve, most=100)
        self.groups: list[list[str]] = []
        self.may_serve: defaultdict[int, Event] = defaultdict(Event)
        self.admits_twice = False
        self._threads: list[Thread] = []

    def stand(self, id: str) -> None:
        """Stand in line until served; whose id begins with "alone" needs to be alone."""
        command = ForgetCustomer(id=id) if id.startswith("alone") else CaptureLead(id=id)
        self.line.stand([Asked(Request(command, Actor("user", "ann")), self._keys)])

    def let_stand(self, *ids: str) -> None:
        """Let others stand in line, in this order."""
        for id in ids:
            self._threads.append(Thread(target=self.stand, args=(id,), daemon=True))
            self._threads[-1].start()
            self.wait_for(id)

    def wait_for(self, id: str) -> None:
        """Wait until somebody is in line, or being served."""
        until = time.monotonic() + PATIENCE
        while id not in self._in_line() and not any(id in group for group in self.groups):
            assert time.monotonic() < until, f"{id} does not come"
            time.sleep(0.001)

    def all_served(self) -> bool:
        """Whether everybody comes back."""
        for thread in self._threads:
            thread.join(PATIENCE)
        return not any(thread.is_alive() for thread in self._threads)

    def _in_line(self) -> list[str]:
        return [caller.asked[0].request.command.id for caller in list(self.line._waiting)]

    def _serve(self, admit: Admit) -> None:
        self.groups.append(ids_of(admit()))
        assert self.may_serve[len(self.groups)].wait(PATIENCE)
        if self.admits_twice:
            self.groups[-1] += ids_of(admit())


def asked(id: str, keys: Keys) -> Asked:
    return Asked(Request(CaptureLead(id=id), Actor("user", "ann")), keys)


def ids_of(asked: list[Asked]) -> list[str]:
    return [each.request.command.id for each in asked]


@pytest.fixture
def desk(keys: Keys) -> Desk:
    return Desk(keys)


def test_whoever_comes_while_others_are_served_is_served_next_and_together(desk: Desk) -> None:
    desk.let_stand("a", "b", "c", "d")
    desk.may_serve[2].set()
    desk.may_serve[1].set()
    assert desk.all_served()
    assert desk.groups == [["a"], ["b", "c", "d"]]


def test_whoever_comes_in_time_is_served_with_those_before(desk: Desk) -> None:
    desk.admits_twice = True
    desk.let_stand("a", "b", "c")
    desk.may_serve[1].set()
    assert desk.all_served()
    assert desk.groups == [["a", "b", "c"]]


def test_nobody_is_served_with_whoever_needs_to_be_alone(desk: Desk) -> None:
    desk.admits_twice = True
    desk.let_stand("a", "b", "alone", "c", "d")
    for turn in (1, 2, 3):
        desk.may_serve[turn].set()
    assert desk.all_served()
    assert desk.groups == [["a", "b"], ["alone"], ["c", "d"]]


def test_somebody_interrupted_while_waiting_leaves_the_line_to_the_others(desk: Desk) -> None:
    desk.let_stand("a", "b")
    with pytest.raises(Interrupted), interrupted_after(0.1):
        desk.stand("me")
    desk.let_stand("c")
    desk.may_serve[2].set()
    desk.may_serve[1].set()
    assert desk.all_served()
    assert desk.groups == [["a"], ["b", "c"]]


def test_who_waits_no_longer_leaves_the_line_to_the_others(desk: Desk, keys: Keys) -> None:
    desk.let_stand("a", "b")
    late = asked("late", keys)
    assert desk.line.stand([late], until=time.monotonic())
    assert isinstance(late.answer, Rejected)
    assert late.answer.code == "DEADLINE_PASSED"
    assert desk.line.waiting == 1
    desk.let_stand("c")
    desk.may_serve[2].set()
    desk.may_serve[1].set()
    assert desk.all_served()
    assert desk.groups == [["a"], ["b", "c"]]


def test_who_is_served_already_when_they_wait_no_longer_gets_the_answer(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted, waits_no_longer = Event(), Event()

    def waited(until: float | None) -> float:
        assert admitted.wait(PATIENCE)
        waits_no_longer.set()
        return 0

    monkeypatch.setattr("infra.log.line.seconds_until", waited)

    def serve(admit: Admit) -> None:
        group = admit()
        company.start()
        while not line.waiting:
            time.sleep(0.001)
        group += admit()
        admitted.set()
        assert waits_no_longer.wait(PATIENCE)
        for each in group:
            each.answer = Rejected("SERVED", each.request.command.id)

    line = Line(serve, most=100)
    late = asked("late", keys)
    company = Thread(target=line.stand, args=([late], 0.0), daemon=True)
    line.stand([asked("first", keys)])
    company.join(PATIENCE)
    assert isinstance(late.answer, Rejected)
    assert late.answer.code == "SERVED"


def test_somebody_interrupted_while_being_served_keeps_nobody_behind_from_waking(desk: Desk) -> None:
    desk.let_stand("a", "b")

    def others() -> None:
        desk.wait_for("me")
        desk.let_stand("c", "d")
        desk.may_serve[1].set()

    company = Thread(target=others, daemon=True)
    company.start()
    with pytest.raises(Interrupted), interrupted_after(0.3):
        desk.stand("me")
    company.join(PATIENCE)
    assert desk.groups == [["a"], ["b", "me", "c", "d"]]
    desk.may_serve[2].set()
    assert desk.all_served()

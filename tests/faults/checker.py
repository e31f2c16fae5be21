"""Whether answers are explained by the order in the log: every command is decided anew on the states of its moment."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from time import sleep
from typing import Any, NamedTuple

from commands.command import Elsewhere
from commands.rejected import Rejected
from domain.event import State
from infra.keys import Keys
from infra.log import Head, Log, Outcome, Request, decode

SURELY_NOT = "nothing was recorded"


class Refused(NamedTuple):
    """A refusal, as it can be sent to another process."""

    code: str
    sentence: str


class Call(NamedTuple):
    """What was asked and answered, and the position of the log before and after, as the caller saw it."""

    request: Request
    before: int
    answer: Outcome | Refused
    after: int


def call(log: Log, request: Request) -> Call:
    """Ask, and look at the log before and after."""
    before = log.head.position
    (answer,) = log.submit([request])
    if isinstance(answer, Rejected):
        return Call(request, before, Refused(answer.code, answer.sentence), log.head.position)
    return Call(request, before, answer, log.head.position)


def insist(log: Callable[[], Log], request: Request, surely_not: Callable[[Request], None]) -> Outcome:
    """Ask until there is an answer, each time whichever log is given. Where a refusal says that nothing was recorded,
    ``surely_not`` checks that.
    """
    while True:
        try:
            return log().execute(request)
        except Rejected as refused:
            if refused.code not in ("LOG_UNAVAILABLE", "LOG_UNCERTAIN", "KEYS_UNAVAILABLE", "KEYS_UNCERTAIN"):
                raise
            if refused.code == "LOG_UNAVAILABLE" and SURELY_NOT in refused.sentence:
                surely_not(request)
            sleep(0.01)


class Order:
    """The order in the log: every event, and the states of the streams after each."""

    def __init__(self, log: Log, keys: Keys) -> None:
        assert log.verify() == []
        self.facts: list[tuple[str, Any]] = []
        self.recorded_at: list[Any] = []
        self.head: Head = log.head
        self._positions: dict[str, list[int]] = defaultdict(list)
        self._states: dict[str, list[State]] = {}
        for row in log.rows():
            assert row.position == len(self.facts) + 1
            _, event = decode(row.document, keys)
            self.facts.append((row.stream, event))
            self.recorded_at.append(row.recorded_at)
            states = self._states.setdefault(row.stream, [event.state()])
            states.append(event.evolve(states[-1]))
            self._positions[row.stream].append(row.position)
            assert row.version == len(self._positions[row.stream])

    def version(self, stream: str, position: int) -> int:
        """The version of a stream as of a position."""
        return bisect_right(self._positions.get(stream, []), position)

    def decided(self, request: Request, position: int) -> list[tuple[str, Any]]:
        """What the command brings about on the states as of a position.

        :raises Rejected:
        """
        command = request.command
        streams = (command.stream, *command.named_streams)
        states = []
        for stream in streams:
            beginning = State.by_aggregate[stream.partition("-")[0]]()
            states.append(self._states.get(stream, [beginning])[self.version(stream, position)])
        return [
            (fact.stream, fact.event) if isinstance(fact, Elsewhere) else (command.stream, fact)
            for fact in command.outcome(*states)
        ]

    def explain(self, calls: Iterable[Call]) -> set[int]:
        """Check every answer; the positions that they recorded."""
        recorded: set[int] = set()
        for each in calls:
            if isinstance(each.answer, Refused):
                self._explain_refusal(each, each.answer)
                continue
            mine = self._explain_outcome(each, each.answer)
            assert recorded.isdisjoint(mine), each
            recorded |= mine
        return recorded

    def _explain_outcome(self, call: Call, answer: Outcome) -> set[int]:
        request, home = call.request, call.request.command.stream
        assert call.before <= answer.position <= call.after, call
        assert (answer.stream, answer.version) == (home, self.version(home, answer.position)), call
        if not answer.last_position:
            assert self.decided(request, answer.position) == [], call
            assert request.expected_version in (None, answer.version), call
            return set()
        first, last = answer.first_position, answer.last_position
        assert call.before < first <= last == answer.position, call
        assert self.decided(request, first - 1) == self.facts[first - 1 : last], call
        assert request.expected_version in (None, self.version(home, first - 1)), call
        assert set(self.recorded_at[first - 1 : last]) == {answer.recorded_at}, call
        return set(range(first, last + 1))

    def _explain_refusal(self, call: Call, refused: Refused) -> None:
        request, home = call.request, call.request.command.stream
        if refused.code == "VERSION_CONFLICT":
            told = re.search(r"is at version (\d+)", refused.sentence)
            assert told is not None, call
            version = int(told[1])
            assert self.version(home, call.before) <= version <= self.version(home, call.after), call
            assert version != request.expected_version, call
            return
        moments = {call.before}
        for stream in (home, *request.command.named_streams):
            positions = self._positions.get(stream, [])
            moments.update(position for position in positions if call.before < position <= call.after)
        assert any(self._refuses(request, moment, refused.code) for moment in moments), call

    def _refuses(self, request: Request, position: int, code: str) -> bool:
        if request.expected_version not in (None, self.version(request.command.stream, position)):
            return False
        try:
            self.decided(request, position)
        except Rejected as refused:
            return refused.code == code
        return False

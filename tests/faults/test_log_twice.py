"""The same request sent to two nodes at once: one effect, one answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from commands.lead import CaptureLead, ScoreLead
from commands.rejected import Rejected
from infra.log import Actor, Log, Outcome, Request
from tests.faults import sizes
from tests.faults.nodes import opened
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
CALLERS = 4


@pytest.mark.soak
def test_one_request_at_two_nodes_at_once(place: Place, figure: Callable[[str], None]) -> None:
    urls = place.url("log"), place.url("keys")
    with opened(urls) as (one, _), opened(urls) as (two, _), ThreadPoolExecutor(CALLERS) as pool:
        one.execute(Request(CaptureLead(id="shared"), ANN))
        ready = Barrier(CALLERS)

        def ask(log: Log, request: Request) -> Outcome | Rejected:
            ready.wait()
            return log.submit([request])[0]

        def at_once(*requests: Request) -> list[Outcome | Rejected]:
            return list(pool.map(ask, (one, two, one, two), requests))

        position, changes = 1, 1
        for turn in range(sizes.REPEATS):
            new = Request(CaptureLead(id=str(turn), name="Ann"), ANN, f"new-{turn}")
            answers = set(at_once(*[new] * CALLERS))
            assert len(answers) == 1
            (answer,) = answers
            assert isinstance(answer, Outcome)
            assert (answer.version, answer.first_position, answer.position) == (1, position + 1, position + 1)

            # Whatever comes first is done; the other content is told so.
            scores = [Request(ScoreLead(id="shared", score=turn % 2 + each % 2), ANN, f"s-{turn}") for each in range(4)]
            told = at_once(*scores)
            done = {answer for answer in told if isinstance(answer, Outcome)}
            refused = [answer.code for answer in told if isinstance(answer, Rejected)]
            assert len(done) == 1
            assert refused == ["REQUEST_ID_REUSED"] * 2
            changes += bool(done.pop().last_position)
            position = one.head.position
            assert two.state("lead-shared")[0] == changes
        assert position == changes + sizes.REPEATS
        assert one.verify() == []
    figure(f"{2 * sizes.REPEATS:,} requests, each from {CALLERS} callers at two nodes at once")

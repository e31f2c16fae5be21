"""A reader that waits at one node is woken by a commit at another one, rather than by looking again and again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from commands.lead import CaptureLead
from infra.keys import Keys
from infra.log import Actor, Head, Log, Request
from infra.log import log as log_module
from tests.faults.nodes import SECONDS
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
TURNS, CUTS = 20, 3


class Counting(Log):
    """Counts how often somebody looks at where the log is."""

    looks = 0

    @property
    def head(self) -> Head:
        self.looks += 1
        return super().head


@pytest.fixture
def nodes(own_place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Log, Counting]]:
    monkeypatch.setattr(log_module, "LOOK_AGAIN_LISTENING_SECONDS", 3600.0)
    keys = Keys.open(own_place.url("keys"), bytes(32))
    log, reader = (kind.open(own_place.url("log"), keys) for kind in (Log, Counting))
    assert isinstance(reader, Counting)
    yield log, reader
    log.close()
    reader.close()
    keys.close()


def capture(id: int) -> Request:
    return Request(CaptureLead(id=str(id)), ANN)


def test_a_reader_is_woken_by_a_commit_at_another_node(nodes: tuple[Log, Counting]) -> None:
    log, reader = nodes
    with ThreadPoolExecutor() as pool:
        before = reader.looks
        for turn in range(TURNS):
            waiting = pool.submit(reader.wait, turn, SECONDS)
            log.execute(capture(turn))
            assert waiting.result() == turn + 1
        # Before it waits, when it is woken, when it hears late of what it saw; and once when it begins to listen.
        assert reader.looks - before <= 3 * TURNS + 1


def test_a_reader_whose_connection_was_cut_misses_nothing(own_place: Place, nodes: tuple[Log, Counting]) -> None:
    log, reader = nodes
    with ThreadPoolExecutor() as pool, psycopg.connect(own_place.url("log"), autocommit=True) as admin:
        before = reader.looks
        for turn in range(CUTS):
            waiting = pool.submit(reader.wait, turn, SECONDS)
            cut = 0
            while not cut:
                cut = len(
                    admin.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
                    ).fetchall()
                )
            log.execute(capture(turn))
            assert waiting.result() == turn + 1
        assert reader.looks - before <= 4 * CUTS + 1

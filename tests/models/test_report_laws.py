"""Laws that every report keeps, whatever it says, on a history told by chance with policies and late facts in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from commands.policy import PublishPriority
from infra.log import Request
from infra.models import EVENTS, Models, kept
from infra.models.report import reports, run
from tests.models.company import ACTOR, PROJECTIONS, Company, company_in, day
from tests.models.test_business_time import any_calendar, any_sla

pytestmark = pytest.mark.slow

Point = tuple[datetime, int]


@pytest.fixture(autouse=True)
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reports keep, they keep from the first row on."""
    monkeypatch.setattr(kept, "WORTH", 0)


def begin(company: Company, chance: Random) -> None:
    company.now = day("02-20 00:00")
    publish(company, chance)
    company.happen_by_chance(chance, 300)
    publish(company, chance)
    company.happen_by_chance(chance, 100)


def publish(company: Company, chance: Random, occurred: datetime | None = None) -> None:
    """Some policies, recorded now, and in force since the instant."""
    priority = PublishPriority(id="p", a_percent=chance.randint(50, 90), b_percent=40, c_percent=chance.randint(0, 30))
    for command in (any_calendar(chance), any_calendar(chance), any_sla(chance, "a"), any_sla(chance, "b"), priority):
        company.now += timedelta(minutes=1)
        company.log.submit([Request(command, ACTOR, occurred_at=occurred)])


def points(company: Company, chance: Random, count: int) -> list[Point]:
    events = company.events()
    others = [
        (chance.choice(events)[0].occurred_at, chance.randint(len(events) // 2, len(events))) for _ in range(count - 1)
    ]
    return [(company.now, len(events)), *others]


def told(models: Models, at: list[Point]) -> dict[tuple[str, Any], bytes]:
    """The bytes of every report at some points, at the first one broken down as well, for a period that is cut out."""
    period = {"period_from": day("03-01 00:00"), "period_to": day("03-20 00:00")}
    found = {}
    for report in reports(models):
        for as_of, known_at in at:
            for by in (None, *(report.breakdowns[1:2] if as_of == at[0][0] else ())):
                answer = run(models, report.name, as_of=as_of, known_at=known_at, by=by, **period)  # type: ignore[arg-type]
                found[report.name, (as_of, known_at, by)] = bytes_of(answer.table)
    return found


def bytes_of(table: pa.Table) -> bytes:
    """The rows in their order, with the types; what Arrow has in the place of a null says nothing."""
    return f"{table.schema} {table.to_pylist()}".encode()


def test_the_past_does_not_move(tmp_path: Path) -> None:
    """Every report as of T known at K stays as it is, to the byte, after facts, late facts and late policies."""
    chance = Random(21)
    with company_in(tmp_path) as company:
        begin(company, chance)
        at = points(company, chance, 2)
        run(company.models, "ticket_times")
        before = told(company.models, at)
        company.happen_by_chance(chance, 150)
        publish(company, chance)
        publish(company, chance, occurred=company.now - timedelta(days=9))
        run(company.models, "ticket_times")
        assert told(company.models, at) == before
        known_now = [(as_of, company.log.head.position) for as_of, _ in at]
        assert list(told(company.models, known_now).values()) != list(before.values())


def test_however_it_was_read_it_says_the_same(tmp_path: Path) -> None:
    """Batches, restarts, one thread or two, a rebuild, with or without what is kept: the same bytes."""
    chance = Random(22)
    with company_in(tmp_path) as company:
        begin(company, chance)
        head = company.log.head.position
        at = points(company, chance, 2)
        expected = told(company.models, at)
        assert {name for name, _ in expected} == {path.stem for path in PROJECTIONS.joinpath("reports").glob("*.sql")}
        for threads, cuts in ((1, [head]), (2, [*sorted(chance.sample(range(1, head), 2)), head])):
            for cut in cuts:
                with another(company, tmp_path / f"{threads}", threads) as models:
                    models.bring([*models.names, *([EVENTS] if cut % 2 else [])], cut)
            with another(company, tmp_path / f"{threads}", threads) as models:
                run(models, "ticket_times")
                assert told(models, at) == expected
                if threads == 1:
                    continue
                models.rebuild()
                assert told(models, at[:1]) == {key: value for key, value in expected.items() if key[1][:2] == at[0]}


@contextmanager
def another(company: Company, folder: Path, threads: int) -> Iterator[Models]:
    """Other read models of the same log."""
    models = Models(
        folder / "models.duckdb",
        company.log,
        projections=PROJECTIONS,
        time_zone="UTC",
        memory="500MB",
        threads=threads,
        snapshots=folder / "snapshots",
    )
    try:
        yield models
    finally:
        models.close()

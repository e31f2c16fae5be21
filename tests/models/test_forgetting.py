"""The law of forgetting: no count, sum or duration changes, of any model or report at any instant, and no byte of any
event; only what is personal is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from commands.command import Command
from commands.customer import ForgetCustomer
from commands.lead import ForgetLead
from commands.rejected import Rejected
from commands.ticket import OpenTicket
from infra.keys import Keys
from infra.log import Actor, Request, decode, instant_text
from infra.models.query import query
from infra.models.report import reports, run
from tests.models.company import Company, company_in, day

ANN = Actor("user", "ann")
CUSTOMERS = "select customer_id from customers where merged_into is null and not forgotten order by all"
LEADS = "select lead_id from leads where merged_into is null and customer_id is null and not forgotten order by all"
TOLD = {"forgotten", "version", "updated_at"}
"""What a customer's or a lead's row says about the forgetting itself."""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        company.happen_by_chance(Random(11), 400)
        for number, row in enumerate(rows(company, CUSTOMERS)):
            ticket = OpenTicket(id=f"of-{number}", customer_id=row["customer_id"], subject="late", body="where is it?")
            company.log.execute(Request(ticket, ANN))
        yield company


POINTS = 1


def points(company: Company, chance: Random, streams: set[str]) -> list[tuple[datetime, int]]:
    """Instants and positions all over the history, the last ones among them, and as many of events in the streams."""
    begin, head = day("01-01 00:00"), company.log.head.position
    span = (company.now - begin) // timedelta(seconds=1)
    anywhere = [
        (begin + timedelta(seconds=chance.randint(0, span)), chance.randint(1, head)) for _ in range(POINTS - 1)
    ]
    theirs = [envelope for envelope, _ in company.events() if envelope.stream in streams]
    at_events = [(each.occurred_at, each.position) for each in chance.sample(theirs, POINTS)]
    return [*anywhere, (company.now, head), *at_events]


def rows(company: Company, sql: str) -> list[dict[str, Any]]:
    return [row for batch in query(company.models, sql, seconds=60, rows=10**6) for row in batch.to_pylist()]


def all_numbers(company: Company, points: list[tuple[datetime, int]]) -> dict[tuple[str, datetime, int], Any]:
    """Every row of every model, without what is personal, and of every report: as it is, and of a period, broken down
    by a column, at each point by another one.
    """
    told: dict[tuple[str, datetime, int], Any] = {}
    for number, (as_of, known_at) in enumerate(points):
        for name, model in company.models.definitions.items():
            plain = ", ".join(f'"{column}"' for column in model.columns if column not in model.personal)
            instant = f"timestamptz '{instant_text(as_of.astimezone(UTC))}'"
            told[name, as_of, known_at] = rows(
                company, f"select {plain} from {name}_at({instant}, {known_at}) order by all"
            )
        for report in reports(company.models):
            answer = run(company.models, report.name, as_of=as_of, known_at=known_at)
            told[f"report {report.name}", as_of, known_at] = answer.table.to_pylist()
            begin, end = as_of - timedelta(days=3), as_of - timedelta(hours=6)
            by = report.breakdowns[number % len(report.breakdowns)] if report.breakdowns else None
            answer = run(
                company.models, report.name, as_of=as_of, known_at=known_at, by=by, period_from=begin, period_to=end
            )
            told[f"report {report.name} by {by} of a period", as_of, known_at] = answer.table.to_pylist()
    return told


@pytest.mark.slow
def test_forgetting_changes_no_number_at_any_instant_and_no_byte(company: Company) -> None:
    wishes: list[Command] = [ForgetLead(id=lead["lead_id"]) for lead in rows(company, LEADS)[::2]]
    wishes += [ForgetCustomer(id=customer["customer_id"]) for customer in rows(company, CUSTOMERS)[::2]]
    assert len({type(wish) for wish in wishes}) == 2
    instants = points(company, Random(7), {wish.stream for wish in wishes})
    before = all_numbers(company, instants)
    documents = [(row.document, row.hash) for row in company.log.rows()]
    forgotten: set[str] = set()
    for wish in wishes:
        company.now += timedelta(minutes=1)
        outcome = company.log.execute(Request(wish, ANN))
        document = next(company.log.rows(after=outcome.first_position - 1, until=outcome.first_position)).document
        forgotten |= set(orjson.loads(document)["data"]["streams"])
    assert {stream.partition("-")[0] for stream in forgotten} == {"customer", "lead", "ticket"}
    assert all_numbers(company, instants) == before
    assert [(row.document, row.hash) for row in company.log.rows()][: len(documents)] == documents
    assert company.log.verify() == []
    assert company.models.check_archive() == []
    assert list(company.models.check_rebuild(company.models.names, lambda *_: None)) == []

    now = (company.now, company.log.head.position)
    later = all_numbers(company, [now])
    as_before = all_numbers(company, [(now[0], len(documents))])
    for (name, *_), told in later.items():
        expected = as_before[name, now[0], len(documents)]
        if name in ("customers", "leads") or name.startswith("report lead_register"):
            told, expected = ([without(each, TOLD) for each in found] for found in (told, expected))
        assert told == expected, name
    opened = 0
    for row in company.log.rows():
        _, event = decode(row.document, company.keys)
        values = [getattr(event, name) for name in event.personal]
        if row.stream in forgotten:
            assert values == [None] * len(values)
        opened += any(value is not None for value in values)
    assert opened  # of those who were not forgotten


def without(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_wrong_or_missing_keys_give_null_or_a_clear_word(tmp_path: Path) -> None:
    other = Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(32))
    with company_in(tmp_path / "company") as company:
        company.happen_by_chance(Random(3), 40)
        for row in company.log.rows():
            _, event = decode(row.document, other)
            assert all(getattr(event, name) is None for name in event.personal)
    other.close()
    with pytest.raises(Rejected) as refusal:
        Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(31) + b"1")
    assert refusal.value.code == "WRONG_MASTER_KEY"

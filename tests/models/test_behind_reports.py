"""What a report counts can be told one by one: the records behind a number add up to it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from commands.rejected import Rejected
from infra.models.report import Answer, reports, run
from tests.models.company import Company, company_in

pytestmark = pytest.mark.slow

NOT_SUMS = ("median_", "mean_", "total_")
"""Columns of whole numbers that parts do not add up to: seconds are rounded last."""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        company.happen_by_chance(Random(3), 1200)
        yield company


def sums(answer: Answer, breakdown: Any = ...) -> dict[Any, dict[str, int]]:
    """The sums of the counts, by the key without the breakdown: of all rows, or of those with one breakdown."""
    key = [name for name in answer.report.key if name != "breakdown"]
    counts = [
        column.name
        for column in answer.report.columns
        if column.type == "BIGINT" and column.name not in key and not column.name.startswith(NOT_SUMS)
    ]
    found: dict[Any, dict[str, int]] = {}
    for row in answer.table.to_pylist():
        if breakdown in (..., row["breakdown"]):
            total = found.setdefault(tuple(row[name] for name in key), dict.fromkeys(counts, 0))
            for name in counts:
                total[name] += row[name] or 0
    return found


def test_the_records_behind_a_number_add_up_to_it(company: Company) -> None:
    events = company.events()
    question: dict[str, Any] = {
        "as_of": events[-1][0].recorded_at,
        "period_from": events[len(events) // 8][0].occurred_at,
        "period_to": events[7 * len(events) // 8][0].occurred_at,
    }
    broken_down = [report for report in reports(company.models) if report.breakdowns]
    assert len(broken_down) > 20
    counted = 0
    for report in broken_down:
        id, column = report.breakdowns[0], report.breakdowns[1]
        whole = run(company.models, report.name, **question)
        records = run(company.models, report.name, by=id, **question)
        parts = run(company.models, report.name, by=column, **question)
        assert sums(records) == sums(whole) == sums(parts), report.name
        counted += records.table.num_rows
        for value in {row["breakdown"] for row in parts.table.to_pylist()}:
            within = run(company.models, report.name, by=column, within=value or "", **question)
            assert sums(within) == sums(parts, value), (report.name, column, value)
    assert counted > 100


def test_what_is_not_of_a_report(company: Company) -> None:
    def refused(name: str, **question: Any) -> Rejected:
        with pytest.raises(Rejected) as refusal:
            run(company.models, name, **question)
        return refusal.value

    stream = refused("lead_conversion", stream="ticket-1")
    assert (stream.code, stream.field) == ("UNKNOWN_STREAM", "stream")
    assert "it counts lead-…" in stream.sentence
    assert refused("backlog", stream="nonsense").code == "UNKNOWN_STREAM"
    assert "it counts no streams" in refused("business_hours", stream="ticket-1").sentence
    assert refused("backlog", within="high").field == "by"
    assert refused("sla_clocks", by="ticket_id", within="1").code == "UNKNOWN_COLUMN"
    assert run(company.models, "backlog", stream="ticket-nobody").table.num_rows == 0

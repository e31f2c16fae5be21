"""The service desk's incidents, decided in memory."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from domain.ticket import TicketAssigned, TicketReopened
from infra.intake import Mapping, Wish
from infra.intake.source import load
from tests.real.conftest import MAPPINGS, ZONE, Imported

pytestmark = pytest.mark.slow

DATES = [datetime(2016, 3, 15), datetime(2016, 5, 2, 11, 30), datetime(2016, 9, 1)]
STATUSES = """
select
    case last(incident_state order by place) filter (incident_state <> '-100')
        when 'Active' then 'open'
        when 'Awaiting User Info' then 'pending'
        when 'Resolved' then 'solved'
        when 'Closed' then 'closed'
        when 'New' then 'new'
        when null then 'new'
        else 'on_hold'
    end as status
from incidents
where at_instant <= $date
group by number
union all
select 'new' from (select number from incidents group by number having min(opened) <= $date and min(at_instant) > $date)
"""


def test_the_file_is_read_whole(incident_files: list[Path]) -> None:
    with duckdb.connect() as connection:
        load(connection, incident_files[0], "source1")

        def figures(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        assert figures("select count(*), count(distinct number), min(row), max(row) from source1") == [
            (141_712, 24_918, 2, 141_713)
        ]
        assert figures("select priority, count(*) from source1 group by all order by all") == [
            ("1 - Critical", 2258),
            ("2 - High", 2972),
            ("3 - Moderate", 132_452),
            ("4 - Low", 4030),
        ]
        last = "from source1 qualify row_number() over (partition by number order by row desc) = 1"
        assert figures(f"select sum(n::int) from (select reassignment_count as n {last})") == [(23_414,)]
        assert figures(f"select made_sla, count(*) from (select made_sla {last}) group by all order by all") == [
            ("false", 9115),
            ("true", 15_803),
        ]


def test_one_row_is_refused(incidents: Imported) -> None:
    (refused,) = csv.DictReader(incidents.refused.splitlines())
    assert (refused["row"], refused["command"], refused["id"], refused["code"]) == (
        "23079",
        "TriageTicket",
        "INC0005100",
        "CLOSED",
    )
    assert incidents.totals.refused == {"CLOSED": 1}


def test_no_row_asks_for_what_is_so_already(incidents: Imported) -> None:
    assert incidents.totals.unchanged == 0
    assert incidents.totals.changed == incidents.totals.total - 1


def test_all_tickets_are_closed_in_the_end(incidents: Imported) -> None:
    assert Counter(state.status for state in incidents.memory.world.states.values()) == {  # type: ignore[attr-defined]
        "closed": 24_918
    }


def test_the_reopens_come_out(incidents: Imported) -> None:
    reopened = [(stream, event) for _, stream, event in incidents.memory.events if isinstance(event, TicketReopened)]
    assert (len({stream for stream, _ in reopened}), len(reopened)) == (275, 331)
    assert Counter(event.status for _, event in reopened) == {"open": 329, "pending": 2}


@pytest.mark.parametrize(("field", "column"), [("group_id", "assignment_group"), ("agent_id", "assigned_to")])
def test_the_reassignments_equal_plain_sql(
    incidents: Imported, plain: duckdb.DuckDBPyConnection, field: str, column: str
) -> None:
    ((reassignments, tickets),) = plain.execute(f"""
        select count(*), count(distinct number)
        from (
            select number, {column} as now, lag({column}) over (partition by number order by place) as before
            from incidents
            where {column} <> '?'
        )
        where now <> before
    """).fetchall()
    given = Counter(
        stream
        for _, stream, event in incidents.memory.events
        if isinstance(event, TicketAssigned) and getattr(event, field) is not None
    )
    assert sum(count - 1 for count in given.values()) == reassignments > 2000
    assert sum(count > 1 for count in given.values()) == tickets


@pytest.mark.parametrize("date", DATES, ids=str)
def test_the_statuses_as_of_a_past_date_equal_plain_sql(
    incidents: Imported, plain: duckdb.DuckDBPyConnection, date: datetime
) -> None:
    counted = plain.execute(f"select status, count(*) from ({STATUSES}) group by all", {"date": date}).fetchall()
    assert len(counted) >= 5
    assert incidents.memory.statuses("ticket", date.replace(tzinfo=ZoneInfo(ZONE))) == dict(counted)


def days(count: int) -> list[datetime]:
    random = Random(498)
    return [datetime(2016, 3, 1) + timedelta(minutes=random.randrange(200 * 24 * 60)) for _ in range(count)]


@pytest.mark.parametrize("day", days(3), ids=str)
def test_nothing_of_the_future_leaks_into_the_past(
    incidents: Imported, incident_files: list[Path], plain: duckdb.DuckDBPyConnection, tmp_path: Path, day: datetime
) -> None:
    """The rows up to a day mean exactly what the whole file says happened up to that day, but for tickets that were
    opened by then and show up later.
    """
    known = {place for (place,) in plain.execute("select place from incidents where at_instant <= ?", [day]).fetchall()}
    cut = tmp_path / "cut.csv"
    with gzip.open(incident_files[0], "rt", newline="") as whole, cut.open("w", newline="") as part:
        part.write(whole.readline())
        part.writelines(line for place, line in enumerate(whole, start=1) if place in known)
    shown = {
        number
        for (number,) in plain.execute("select distinct number from incidents where at_instant <= ?", [day]).fetchall()
    }
    with Mapping.open(MAPPINGS / "incidents.sql", [cut], time_zone=ZONE) as mapping:
        from_the_part = said(wish for batch in mapping.batches(5000) for wish in batch)
    until = day.replace(tzinfo=ZoneInfo(ZONE))
    from_the_whole = said(
        wish for wish in incidents.memory.wishes if wish.occurred_at <= until and wish.fields["id"] in shown
    )
    assert len(from_the_part) > 1000
    assert from_the_part == from_the_whole


def said(wishes: Iterable[Wish]) -> list[tuple[object, ...]]:
    """What commands say, without where they stand in their file."""
    return [(wish.command, wish.fields, wish.occurred_at, wish.request_id) for wish in wishes]

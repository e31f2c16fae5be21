"""The reports over both files, imported into a log and followed by the read models, asked for through a real port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from commands.lead import ConvertLead
from commands.policy import PublishCalendar, PublishSla
from commands.ticket import ReopenTicket
from domain.business_time import CalendarVersion, business_time
from domain.policy import CalendarPublished, Policy
from domain.ticket import LIVE
from infra.intake import Mapping, run
from infra.log import Actor, Request
from infra.models import Models
from infra.models.report import run as report_at
from tests.intake.log_door import log_door
from tests.models.test_report_laws import bytes_of
from tests.real.company import Company, company_of, copied, models_of
from tests.real.conftest import MAPPINGS, ZONE
from tests.real.test_incidents import STATUSES
from tests.real.test_leads import WON

pytestmark = pytest.mark.slow

DATES = [datetime(2016, 3, 15), datetime(2016, 5, 2, 11, 30), datetime(2018, 1, 15, 12)]


@pytest.fixture(scope="module")
def company(
    incident_files: list[Path], lead_files: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    imports = {"marketplace_leads": lead_files, "incidents": incident_files}
    with company_of(tmp_path_factory.mktemp("company"), imports) as company:
        yield company


def test_what_was_refused_in_memory_is_refused_by_the_log(company: Company) -> None:
    assert company.totals["incidents"].refused == {"CLOSED": 1}
    assert company.totals["marketplace_leads"].refused == {}
    assert company.log.head.position == 178_979 + 8842 + 842


def test_a_second_import_finds_everything_done(company: Company, lead_files: list[Path], tmp_path: Path) -> None:
    head = company.log.head
    with Mapping.open(MAPPINGS / "marketplace_leads.sql", lead_files, time_zone=ZONE) as mapping:
        door = log_door(company.log, "marketplace_leads")
        totals = run(mapping, lead_files, door, head=head.position, refused=tmp_path / "refused.csv")
    assert (totals.already, totals.changed, totals.unchanged) == (8842, 0, 0)
    assert company.log.head == head


def test_all_tickets_are_closed_in_the_end(company: Company) -> None:
    assert [(row["status"], row["tickets"]) for row in company.report("tickets_by_status")] == [("closed", 24_918)]


def test_the_reopens_come_out(company: Company) -> None:
    (row,) = company.report("reopen_rate")
    assert (row["solved"], row["reopened"], row["reopens"]) == (24_918, 275, 331)


def test_the_reassignments_equal_plain_sql(company: Company, plain: duckdb.DuckDBPyConnection) -> None:
    (row,) = company.report("reassignment_rate")
    for kind, column in (("group", "assignment_group"), ("agent", "assigned_to")):
        ((times, tickets),) = plain.execute(f"""
            select count(*), count(distinct number)
            from (
                select number, {column} as now, lag({column}) over (partition by number order by place) as before
                from incidents
                where {column} <> '?'
            )
            where now <> before
        """).fetchall()
        assert (row[f"{kind}_reassignments"], row[f"{kind}_reassigned"]) == (times, tickets)


@pytest.mark.parametrize("date", DATES, ids=str)
def test_tickets_as_of_a_past_date_equal_plain_sql(
    company: Company, plain: duckdb.DuckDBPyConnection, date: datetime
) -> None:
    counted = dict(plain.execute(f"select status, count(*) from ({STATUSES}) group by all", {"date": date}).fetchall())
    shown = {row["status"]: row["tickets"] for row in company.report("tickets_by_status", date)}
    assert shown == counted
    backlog = sum(count for status, count in counted.items() if status not in ("solved", "closed"))
    assert sum(row["backlog"] for row in company.report("backlog", date)) == backlog


def test_the_leads_won_by_origin_come_out(company: Company) -> None:
    (row,) = company.report("lead_conversion")
    assert (row["leads"], row["converted"], str(row["conversion_rate"])) == (8000, 842, "0.105250")
    by_source = {
        row["breakdown"]: (row["converted"], row["leads"]) for row in company.report("lead_conversion", by="source")
    }
    assert by_source == WON
    assert len(company.report("lead_conversion", by="landing_page")) == 495
    for column, people in (("sdr_id", 32), ("sr_id", 22)):
        who = [row for row in company.report("lead_conversion", by=column) if row["breakdown"] is not None]
        assert (len(who), sum(row["converted"] for row in who)) == (people, 842)


@pytest.mark.parametrize("date", [datetime(2017, 9, 1), datetime(2018, 1, 15, 12), datetime(2018, 5, 9)], ids=str)
def test_conversion_by_origin_as_of_a_past_date_equals_plain_sql(
    company: Company, plain: duckdb.DuckDBPyConnection, date: datetime
) -> None:
    counted = plain.execute(
        """
        select
            origin,
            count(*),
            count(*) filter (won_date is not null and greatest(first_contact_date, won_date)::timestamp <= $date)
        from leads left join deals using (mql_id)
        where first_contact_date::timestamp <= $date
        group by origin
        """,
        {"date": date},
    ).fetchall()
    shown = [
        (row["breakdown"], row["leads"], row["converted"])
        for row in company.report("lead_conversion", date, by="source")
    ]
    assert sorted(shown, key=str) == sorted(counted, key=str)


def test_the_log_is_sound(company: Company) -> None:
    assert company.log.verify() == []


def test_the_read_models_equal_a_rebuild(company: Company) -> None:
    assert company.models.check_rebuild() == []


# What the reports say of the incidents, by the laws


START, END = "2016-02-01", "2017-04-01"


def test_movements_explain_every_month_of_the_backlog(company: Company) -> None:
    months = company.report("backlog_movements", every="month", period_from=START, period_to=END)
    for row in months:
        gained, lost = row["opened"] + row["reopened"] + row["unmerged"], row["solved"] + row["merged"]
        assert row["backlog_before"] + gained - lost == row["backlog_after"]
    assert all(one["backlog_after"] == two["backlog_before"] for one, two in pairwise(months))
    begun = Counter(row["status"] in LIVE for row in company.report("ticket_moves") if row["status_before"] is None)
    assert begun.total() == 24_918  # among them some that were solved within the minute of their opening
    assert (sum(row["opened"] for row in months), months[-1]["backlog_after"]) == (begun[True], 0)
    assert (months[0]["backlog_before"], len(months)) == (0, 14)
    assert sum(row["reopened"] for row in months) <= 331  # the statuses of one minute may cancel each other out
    standing = {
        row["period_to"]: row["backlog"]
        for row in company.report("backlog", every="month", period_from=START, period_to=END)
    }
    assert standing == {row["period_to"]: row["backlog_after"] for row in months}


def test_littles_law(company: Company) -> None:
    """The backlog summed up over time, instant by instant, is the time that the tickets spent in it."""
    moves = sorted(
        (row["moved_at"], (row["status"] in LIVE) - (row["status_before"] in LIVE))
        for row in company.report("ticket_moves")
    )
    backlog, area = 0, timedelta()
    for (since, change), (until, _) in pairwise(moves):
        backlog += change
        area += backlog * (until - since)
    times = company.report("ticket_phases")
    live = sum(row["microseconds"] for row in times if row["status"] in LIVE)
    assert area == timedelta(microseconds=live)
    parts = {row["measure"]: row["total_seconds"] for row in company.report("ticket_times")}
    assert parts["agent_work"] + parts["on_hold"] + parts["pending"] == live // 1_000_000


def test_a_week_of_office_hours_is_what_plain_python_counts(company: Company) -> None:
    """Every incident's way to its first solution, in business time: once in SQL, once in Python."""
    since = datetime(2016, 1, 1, tzinfo=UTC)
    says = PublishCalendar(
        id="office",
        time_zone=ZONE,
        hours=tuple(f"{weekday} 08:30-17:45" for weekday in ("mon", "tue", "wed", "thu", "fri")),
        holidays=("2016-03-25", "2016-03-28", "2016-05-05", "2016-05-16", "2016-12-26"),
    )
    company.log.execute(Request(says, Actor("user", "ada"), occurred_at=since))
    (published,) = decided(says)
    versions = [CalendarVersion(calendar_id="office", version=1, in_force_from=since, says=published)]
    found = company.report("ticket_time_parts", datetime(2016, 7, 1))
    assert len(found) > 15_000
    solved = [row for row in found if row["first_resolution"] is not None]
    for row in solved[::40]:
        end = row["opened_at"] + timedelta(microseconds=int(row["first_resolution"] * 1_000_000))
        open_time = business_time(versions, None, row["opened_at"], end)
        assert row["business_first_resolution"] * 1_000_000 == open_time // timedelta(microseconds=1)
    assert len(solved) // 40 > 300


def decided(command: PublishCalendar) -> list[CalendarPublished]:
    return [fact for fact in command.outcome(Policy()) if isinstance(fact, CalendarPublished)]


TOLD = (
    "backlog",
    "backlog_movements",
    "first_contact_resolution",
    "lead_conversion",
    "lead_conversion_flow",
    "leads_by_agent",
    "reassignment_rate",
    "reopen_rate",
    "sla_attainment",
    "ticket_times",
    "tickets_by_status",
)


def test_the_past_does_not_move_however_it_was_read(company: Company, tmp_path: Path) -> None:
    """Reports as of T known at K stay as they are, to the byte, after late facts; and other read models, brought there
    in uneven steps by one thread, with nothing kept, say the same.
    """
    ada, times = Actor("user", "ada"), [date.replace(tzinfo=ZoneInfo(ZONE)) for date in DATES[1:]]
    promise = PublishSla(id="first", measure="first_resolution", seconds=5 * 86_400, is_business_time=False)
    ((ticket, lead),) = company.sql("""
        select
            (
                select min(ticket_id) from tickets
                where opened_at > timestamptz '2016-03-12' and closed_at < timestamptz '2016-03-31'
            ) as ticket,
            (select min(lead_id) from leads where status = 'new' and captured_at < timestamptz '2017-10-01') as lead
    """)
    with copied(company, tmp_path) as (log, models):
        log.execute(Request(promise, ada, occurred_at=datetime(2016, 1, 1, tzinfo=UTC)))
        head = log.head.position
        report_at(models, "ticket_times")  # what has come to rest is kept
        before = told(models, times, head)
        for command, occurred_at in (
            (ReopenTicket(id=ticket, reason="it was never mended"), datetime(2016, 4, 1, tzinfo=UTC)),
            (ConvertLead(id=lead, customer_id="a-late-one"), datetime(2017, 11, 1, tzinfo=UTC)),
            (promise.model_copy(update={"seconds": 3600}), datetime(2016, 2, 1, tzinfo=UTC)),
        ):
            assert log.execute(Request(command, ada, occurred_at=occurred_at)).first_position > head
        now = log.head.position
        moved = told(models, times, now)
        for name, as_of in (("backlog", times[0]), ("lead_conversion", times[1]), ("sla_attainment", times[0])):
            assert moved[name, as_of] != before[name, as_of]
        assert told(models, times, head) == before
        tmp_path.joinpath("again").mkdir()
        others = models_of(tmp_path / "again", log, threads=1)
        for position in (1, 54_321, head - 1, now):
            others.bring(others.names, position)
        assert told(others, times, head) == before
        others.close()


def told(models: Models, times: list[datetime], known_at: int) -> dict[tuple[str, datetime], bytes]:
    """The bytes of reports as of some instants, for a period that is cut out."""
    period: dict[str, Any] = {
        "period_from": datetime(2016, 3, 10, tzinfo=UTC),
        "period_to": datetime(2017, 12, 1, tzinfo=UTC),
    }
    return {
        (name, as_of): bytes_of(report_at(models, name, as_of=as_of, known_at=known_at, **period).table)
        for name in TOLD
        for as_of in times
    }

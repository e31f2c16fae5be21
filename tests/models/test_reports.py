"""Reports over a small history that is told by hand, at several T and K, late facts included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from commands.lead import (
    CaptureLead,
    ContactLead,
    ConvertLead,
    DisqualifyLead,
    NurtureLead,
    ReverseConversion,
)
from commands.policy import PublishSla
from commands.rejected import Rejected
from commands.ticket import (
    AssignTicket,
    CloseTicket,
    HoldTicket,
    MergeTickets,
    OpenTicket,
    PendTicket,
    ReceiveReply,
    ReopenTicket,
    ReplyToTicket,
    ResumeTicket,
    SolveTicket,
    UnmergeTickets,
)
from infra.models.report import reports, run
from tests.models.company import PROJECTIONS, Company, company_in, day

NAMES = sorted(path.stem for path in PROJECTIONS.joinpath("reports").glob("*.sql"))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        tell_leads(company)
        tell_tickets(company)
        yield company


def tell_leads(company: Company) -> None:
    tell = company.tell
    tell("01-10 09:00", CaptureLead(id="a", source="web", email="a@example.org"))
    tell("01-20 09:00", CaptureLead(id="b", source="web"))
    tell("01-25 09:00", CaptureLead(id="c", source="fair"))
    tell("02-01 09:00", ContactLead(id="a", contact_id="1", channel="phone"))
    tell("02-05 09:00", ConvertLead(id="a", customer_id="a", sdr_id="sam"))
    tell("02-10 09:00", CaptureLead(id="d"))
    tell("02-12 09:00", ConvertLead(id="b", customer_id="b", sdr_id="sue"))
    tell("02-20 09:00", ReverseConversion(id="b", reason="a typo"))
    tell("02-22 09:00", DisqualifyLead(id="c", reason="no budget"))
    tell("03-01 09:00", ConvertLead(id="d", customer_id="d"), occurred="02-28 09:00")


def tell_tickets(company: Company) -> None:
    tell = company.tell
    tell("03-04 09:00", OpenTicket(id="1", priority="high", group_id="first", subject="it burns"))
    tell("03-04 09:10", ReplyToTicket(id="1", reply_id="bot", is_bot=True))
    tell("03-04 09:15", ReplyToTicket(id="1", reply_id="aside", agent_id="ann", is_public=False))
    tell("03-04 09:30", ReplyToTicket(id="1", reply_id="first", agent_id="ann"))
    tell("03-04 10:00", ResumeTicket(id="1"))
    tell("03-04 11:00", PendTicket(id="1"))
    tell("03-04 13:00", ReceiveReply(id="1", reply_id="back"))
    tell("03-04 14:00", AssignTicket(id="1", group_id="second", agent_id="bob"))
    tell("03-04 15:00", SolveTicket(id="1", agent_id="bob"))
    tell("03-05 15:00", ReopenTicket(id="1"))
    tell("03-05 16:00", HoldTicket(id="1"))
    tell("03-05 18:00", SolveTicket(id="1", agent_id="bob"))
    tell("03-06 18:00", CloseTicket(id="1"))
    tell("03-06 19:00", OpenTicket(id="2", priority="low", opened_by="agent"))
    tell("03-06 20:00", OpenTicket(id="3"))
    tell("03-06 21:00", MergeTickets(id="2", merged_id="3", reason="the same"))
    tell("03-06 23:00", UnmergeTickets(id="2", merged_id="3", reason="not the same"))
    tell("03-07 09:00", SolveTicket(id="3"), occurred="03-06 22:30")


def rows(company: Company, name: str, **question: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run(company.models, name, **question).table.to_pylist()]


# Leads


def test_leads_by_status_as_of_three_dates(company: Company) -> None:
    assert rows(company, "leads_by_status", as_of=day("01-20 08:59")) == [("all", "new", "open", 1)]
    assert rows(company, "leads_by_status", as_of=day("02-12 09:00")) == [
        ("all", "converted", "won", 2),
        ("all", "new", "open", 2),
    ]
    assert rows(company, "leads_by_status") == [
        ("all", "converted", "won", 2),
        ("all", "disqualified", "lost", 1),
        ("all", "qualified", "ongoing", 1),
    ]


def test_the_cohort_is_followed_and_a_reversed_conversion_does_not_count(company: Company) -> None:
    january = {"period_from": day("01-01 00:00"), "period_to": day("02-01 00:00")}
    assert rows(company, "lead_conversion", as_of=day("02-01 00:00"), **january) == [("all", 3, 0, Decimal(0))]
    assert rows(company, "lead_conversion", as_of=day("02-12 09:00"), **january) == [("all", 3, 2, Decimal("0.666667"))]
    assert rows(company, "lead_conversion", **january) == [("all", 3, 1, Decimal("0.333333"))]


def test_the_flow_counts_what_happened_in_the_period(company: Company) -> None:
    february = {"period_from": day("02-01 00:00"), "period_to": day("03-01 00:00")}
    assert rows(company, "lead_conversion_flow", **february) == [("all", 1, 2, Decimal(2))]
    assert rows(company, "lead_conversion_flow", as_of=day("02-15 00:00"), **february) == [("all", 1, 2, Decimal(2))]
    late = {"period_from": day("02-11 00:00"), "period_to": day("03-01 00:00")}
    assert rows(company, "lead_conversion_flow", **late) == [("all", 0, 1, None)]


def test_a_late_fact_is_not_known_before_it_was_recorded(company: Company) -> None:
    then = day("02-28 12:00")
    assert rows(company, "lead_conversion", as_of=then) == [("all", 4, 2, Decimal("0.5"))]
    assert rows(company, "lead_conversion", as_of=then, known_at=then) == [("all", 4, 1, Decimal("0.25"))]


def test_a_late_fact_takes_a_lead_out_of_its_conversion(tmp_path: Path) -> None:
    """Nothing reversed the conversion by then, but it is not what the lead was: its status says so, and so do all."""
    with company_in(tmp_path) as company:
        company.tell("03-01 09:00", CaptureLead(id="1"))
        company.tell("03-01 10:00", ConvertLead(id="1", customer_id="1"))
        company.tell("03-01 12:00", ReverseConversion(id="1", reason="a typo"))
        company.tell("03-01 13:00", NurtureLead(id="1"), occurred="03-01 09:30")
        then = day("03-01 11:00")
        assert rows(company, "leads_by_status", as_of=then) == [("all", "nurturing", "on_hold", 1)]
        assert rows(company, "lead_conversion", as_of=then) == [("all", 1, 0, 0)]
        assert rows(company, "lead_conversion_flow", as_of=then) == [("all", 1, 0, 0)]
        assert rows(company, "lead_conversion", as_of=then, known_at=3) == [("all", 1, 1, 1)]


def test_a_lead_is_in_its_status_from_the_very_instant_on(tmp_path: Path) -> None:
    with company_in(tmp_path) as company:
        for id, hour in (("1", "09"), ("2", "10"), ("3", "11")):
            company.tell(f"03-01 {hour}:00", CaptureLead(id=id))
        company.tell("03-01 12:00", NurtureLead(id="1"), occurred="03-01 11:00")
        *_, last = company.events()
        times = rows(company, "lead_time_in_status", as_of=last[0].occurred_at)
        assert [row[1:8] for row in times] == [
            ("new", "open", 3, 2, 3600, 3600, 10_800),
            ("nurturing", "on_hold", 1, 1, 0, 0, 0),
        ]
        then = {row[1]: row[3] for row in rows(company, "leads_by_status", as_of=last[0].occurred_at)}
        assert then == {row[1]: row[4] for row in times}


def test_sums_beyond_what_a_double_can_hold_are_rounded_exactly(tmp_path: Path) -> None:
    """601 leads over a year: 1.9e16 microseconds, a microsecond less than half a second more, and so much."""
    leads, second = 601, 1_000_000
    with company_in(tmp_path) as company:
        for number in range(leads):
            company.tell("01-01 09:00", CaptureLead(id=str(number)))
        captured = [envelope.occurred_at for envelope, _ in company.events()]
        begin = day("01-01 00:00").replace(year=2025)
        spent = sum((begin - each) // timedelta(microseconds=1) for each in captured)
        for remainder, up in ((second // 2 - 1, 0), (second // 2, 1)):
            more = (remainder - spent) * pow(leads, -1, second) % second
            total = spent + leads * more
            assert total > 2**53
            assert total % second == remainder
            as_of = begin + timedelta(microseconds=more)
            ((_, _, _, _, _, _, mean, found, *_),) = rows(company, "lead_time_in_status", as_of=as_of)
            assert found == total // second + up
            assert mean == (2 * total + leads * second) // (2 * leads * second)


def test_a_breakdown_splits_the_whole(company: Company) -> None:
    assert rows(company, "lead_conversion", by="source") == [
        ("fair", 1, 0, Decimal(0)),
        ("web", 2, 1, Decimal("0.5")),
        (None, 1, 1, Decimal(1)),
    ]
    assert rows(company, "lead_conversion", by="sdr_id", as_of=day("02-12 09:00")) == [
        ("sam", 1, 1, Decimal(1)),
        ("sue", 1, 1, Decimal(1)),
        (None, 2, 0, Decimal(0)),
    ]


# Tickets


def test_tickets_by_status(company: Company) -> None:
    assert rows(company, "tickets_by_status", as_of=day("03-06 22:00")) == [
        ("all", "closed", "closed", 1),
        ("all", "merged", "closed", 1),
        ("all", "new", "open", 1),
    ]
    assert rows(company, "tickets_by_status", by="priority") == [
        ("high", "closed", "closed", 1),
        ("low", "new", "open", 1),
        (None, "solved", "won", 1),
    ]


def test_the_backlog_leaves_out_solved_closed_and_merged(company: Company) -> None:
    opened = day("03-04 09:00")
    assert rows(company, "backlog", as_of=day("03-04 14:59")) == [("all", 1, 0, opened)]
    assert rows(company, "backlog", as_of=day("03-04 15:00")) == []
    assert rows(company, "backlog", as_of=day("03-05 15:00")) == [("all", 1, 0, opened)]
    assert rows(company, "backlog", as_of=day("03-06 20:00")) == [("all", 2, 2, day("03-06 19:00"))]
    assert rows(company, "backlog", as_of=day("03-06 22:00"), by="priority") == [("low", 1, 1, day("03-06 19:00"))]


def test_the_parts_of_a_tickets_time(company: Company) -> None:
    def parts(**question: Any) -> dict[str, tuple[Any, ...]]:
        return {row[0]: (*row[3:11], *row[13:15]) for row in rows(company, "ticket_time_parts", **question)}

    hour = 3600
    live = parts(as_of=day("03-04 12:00"))
    #   ended, total, agent work, hold, pending, solved, requester wait, first response, first and full resolution
    assert live["1"] == (day("03-04 12:00"), 3 * hour, 2 * hour, 0, hour, 0, 2 * hour, hour / 2, None, None)
    reopened = parts(as_of=day("03-05 17:00"))
    assert reopened["1"] == (
        day("03-05 17:00"), 32 * hour, 5 * hour, hour, 2 * hour, 24 * hour, 6 * hour, hour / 2, 6 * hour, None
    )  # fmt: skip
    done = parts()
    assert done["1"] == (
        day("03-05 18:00"), 33 * hour, 5 * hour, 2 * hour, 2 * hour, 24 * hour, 7 * hour, hour / 2, 6 * hour, 33 * hour
    )  # fmt: skip


def test_time_in_a_merge_that_was_undone_counts_as_the_status_it_went_back_to(company: Company) -> None:
    def of_three(**question: Any) -> tuple[Any, ...]:
        return next(row[3:6] for row in rows(company, "ticket_time_parts", **question) if row[0] == "3")

    hour = 3600
    before = company.models.position_at(day("03-06 23:30"))
    assert of_three(as_of=day("03-06 22:00")) == (day("03-06 21:00"), hour, hour)
    assert of_three(as_of=day("03-06 23:30"), known_at=before) == (day("03-06 23:30"), 3.5 * hour, 3.5 * hour)
    assert of_three(as_of=day("03-06 23:30")) == (day("03-06 22:30"), 2.5 * hour, 2.5 * hour)


def test_ticket_times(company: Company) -> None:
    def times(**question: Any) -> list[tuple[Any, ...]]:
        found = rows(company, "ticket_times", **question)
        assert all(row[4:7] == row[7:] for row in found)  # without calendars it is always open
        return [row[:7] for row in found]

    hour = 3600
    first = {"period_to": day("03-05 00:00")}
    assert times(**first) == [
        ("all", "first_response", 1, 0, hour // 2, hour // 2, hour // 2),
        ("all", "response_after_reopening", 0, 1, None, None, None),
        ("all", "next_reply", 0, 1, None, None, None),
        ("all", "first_resolution", 1, 0, 6 * hour, 6 * hour, 6 * hour),
        ("all", "full_resolution", 1, 0, 33 * hour, 33 * hour, 33 * hour),
        ("all", "requester_wait", 1, 0, 7 * hour, 7 * hour, 7 * hour),
        ("all", "agent_work", 1, 0, 5 * hour, 5 * hour, 5 * hour),
        ("all", "on_hold", 1, 0, 2 * hour, 2 * hour, 2 * hour),
        ("all", "pending", 1, 0, 2 * hour, 2 * hour, 2 * hour),
    ]
    assert times(as_of=day("03-07 00:00"))[:5] == [
        ("all", "first_response", 1, 2, hour // 2, hour // 2, hour // 2),
        ("all", "response_after_reopening", 0, 1, None, None, None),
        ("all", "next_reply", 0, 1, None, None, None),
        ("all", "first_resolution", 2, 1, int(4.25 * hour), int(4.25 * hour), int(8.5 * hour)),
        ("all", "full_resolution", 2, 1, int(17.75 * hour), int(17.75 * hour), int(35.5 * hour)),
    ]


@pytest.mark.slow
def test_a_response_from_creation_and_from_reopening_are_two_figures(tmp_path: Path) -> None:
    """Monday 9:00 created, 9:05 solved by a bot, Friday 14:00 reopened, 14:10 an agent replies."""
    with company_in(tmp_path) as company:
        company.tell("03-04 09:00", OpenTicket(id="1"))
        company.tell("03-04 09:05", ReplyToTicket(id="1", reply_id="bot", is_bot=True))
        company.tell("03-04 09:05", SolveTicket(id="1"))
        company.tell("03-08 14:00", ReopenTicket(id="1"))
        company.tell("03-08 14:10", ReplyToTicket(id="1", reply_id="agent", agent_id="ann"))
        figures = {row[1]: row[2:5] for row in rows(company, "ticket_times")}
        minute = 60
        assert figures["first_response"] == (1, 0, (4 * 24 * 60 + 5 * 60 + 10) * minute)
        assert figures["response_after_reopening"] == (1, 0, 10 * minute)
        waiting = {row[1]: row[2:5] for row in rows(company, "ticket_times", as_of=day("03-08 14:05"))}
        assert waiting["response_after_reopening"] == (0, 1, None)


def test_a_late_fact_takes_a_ticket_out_of_its_solution(tmp_path: Path) -> None:
    """What is pending has no full resolution, though nothing reopened it by then; what is closed has its last one."""
    with company_in(tmp_path) as company:
        company.tell("03-01 08:00", PublishSla(id="1", measure="full_resolution", seconds=5400))
        company.tell("03-01 13:00", OpenTicket(id="1"))
        company.tell("03-01 14:00", SolveTicket(id="1"))
        company.tell("03-01 16:00", ReopenTicket(id="1"))
        company.tell("03-01 17:00", PendTicket(id="1"), occurred="03-01 14:20")
        company.tell("03-01 18:00", SolveTicket(id="1"))
        company.tell("03-01 19:00", CloseTicket(id="1"), occurred="03-01 17:30")
        told = []
        for hour in ("14:10", "14:25", "15:00", "17:45", "18:30"):
            then = day(f"03-01 {hour}")
            (parts,) = run(company.models, "ticket_time_parts", as_of=then).table.to_pylist()
            (clock,) = run(company.models, "sla_clocks", as_of=then).table.to_pylist()
            told.append((hour, parts["status"], parts["total"], parts["full_resolution"], clock["state"]))
    assert told == [
        ("14:10", "solved", 3600, 3600, "met"),
        ("14:25", "pending", 5100, None, "running"),
        ("15:00", "pending", 7200, None, "late"),
        ("17:45", "closed", 3600, 3600, "met"),
        ("18:30", "closed", 18_000, 18_000, "breached"),
    ]


def test_the_reopen_rate_counts_tickets_solved_in_the_period(company: Company) -> None:
    assert rows(company, "reopen_rate") == [("all", 2, 1, 1, Decimal("0.5"))]
    assert rows(company, "reopen_rate", as_of=day("03-04 15:00")) == [("all", 1, 0, 0, Decimal(0))]
    fifth = {"period_from": day("03-05 00:00"), "period_to": day("03-06 00:00")}
    assert rows(company, "reopen_rate", **fifth) == [("all", 1, 1, 1, Decimal(1))]


def test_groups_and_agents_are_reassigned_apart(company: Company) -> None:
    third = Decimal("0.333333")
    assert rows(company, "reassignment_rate") == [("all", 3, 1, 1, third, 0, 0, Decimal(0))]
    assert rows(company, "reassignment_rate", as_of=day("03-04 13:59")) == [("all", 1, 0, 0, 0, 0, 0, 0)]


# The past


@pytest.mark.slow
def test_nothing_that_comes_later_changes_the_past(tmp_path: Path) -> None:
    with company_in(tmp_path) as company:
        tell_leads(company)
        tell_tickets(company)
        position = company.models.newest().position
        points = [day("01-20 08:59"), day("02-28 12:00"), day("03-05 16:30"), day("03-08 00:00")]

        def told() -> list[str]:
            return [
                run(company.models, name, as_of=point, known_at=position).table.to_pydict().__repr__()
                for name in NAMES
                for point in points
            ]

        before = told()
        company.tell("04-01 00:00", ReopenTicket(id="3"), occurred="03-06 23:00")
        company.tell("04-01 00:00", SolveTicket(id="2"), occurred="03-06 19:30")
        company.tell("04-01 00:00", ReverseConversion(id="a", reason="a typo"), occurred="02-27 00:00")
        assert told() == before
        assert rows(company, "lead_conversion", as_of=points[-1]) != rows(
            company, "lead_conversion", as_of=points[-1], known_at=position
        )


@pytest.mark.parametrize("name", sorted({*NAMES} - {"business_hours"}))
def test_before_the_beginning_there_is_nothing(company: Company, name: str) -> None:
    assert rows(company, name, as_of=datetime(1, 1, 1, tzinfo=UTC)) == []
    assert rows(company, name, known_at=0) == []
    assert rows(company, name, known_at=datetime(1970, 1, 1, tzinfo=UTC)) == []


def test_an_answer_names_its_point_and_the_version_of_its_sql(company: Company) -> None:
    then = day("02-12 09:00")
    answer = run(company.models, "backlog", as_of=then)
    assert (answer.as_of, answer.position) == (then, company.log.head.position)
    assert run(company.models, "backlog", known_at=7).position == 7
    assert answer.report.clock == "state"
    assert answer.report.sql_version == next(
        report.sql_version for report in reports(company.models) if report.name == "backlog"
    )


# Being told what is wrong


def refused(company: Company, name: str = "lead_conversion", **question: Any) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        run(company.models, name, **question)
    return refusal.value


def test_refusals(company: Company) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    unknown = refused(company, "lead_conversation")
    assert unknown.code == "UNKNOWN_REPORT"
    assert "lead_conversion" in unknown.sentence
    column = refused(company, by="sorce")
    assert column.code == "UNKNOWN_COLUMN"
    assert "source" in column.sentence
    assert refused(company, by="email").code == "FIELD_IS_PERSONAL"
    assert refused(company, by="version").code == "UNKNOWN_COLUMN"
    assert refused(company, "ticket_time_parts", by="status").code == "UNKNOWN_COLUMN"
    period = refused(company, period_from=day("02-01 00:00"), period_to=day("01-01 00:00"))
    assert (period.code, period.field) == ("INVALID_PERIOD", "period_to")
    beyond = company.log.head.position + 1
    questions: list[tuple[str, Any]] = [
        ("as_of", tomorrow),
        ("known_at", tomorrow),
        ("known_at", beyond),
        ("min_position", beyond),
    ]
    for field, value in questions:
        refusal = refused(company, **{field: value})
        assert (refusal.code, refusal.field) == ("IN_THE_FUTURE", field)
    assert refused(company, as_of=datetime(2024, 1, 1)).code == "INVALID_INSTANT"


# Descriptions

COLUMN = re.compile(r"^-- column: (\w+):", re.MULTILINE)


def report_file(name: str) -> str:
    return PROJECTIONS.joinpath("reports", f"{name}.sql").read_text("utf-8")


def test_every_report_says_what_it_means(company: Company) -> None:
    described = {report.name: report for report in reports(company.models)}
    assert sorted(described) == sorted(NAMES)
    for report in described.values():
        assert report.broken is None
        assert all((report.meaning, report.formula, report.edges, report.source))
        moves = report.name.endswith("_movements")  # which have a row for whatever there is at T
        assert ("\n-- zero:" in report_file(report.name)) == ("breakdown" in report.key and not moves)
        assert all(column.meaning for column in report.columns)
        assert {"as_of", "known_at"} <= set(report.parameters)
        assert ("period_from" in report.parameters) != ("a period does not matter" in report.edges)
        assert ("period_to" in report.parameters) != ("a period does not matter" in report.edges)
        assert set(COLUMN.findall(report_file(report.name))) == {column.name for column in report.columns}
    assert described["lead_conversion"].clock == "cohort"
    assert described["lead_conversion_flow"].clock == "flow"
    assert "source" in described["lead_conversion"].breakdowns


def test_every_report_says_what_tells_its_rows_apart_and_what_it_is_made_of(company: Company) -> None:
    for each in reports(company.models):
        rows = run(company.models, each.name).table.select(list(each.key)).to_pylist()
        assert each.key, each.name
        assert len({tuple(row.values()) for row in rows}) == len(rows), each.name
        assert each.event_types, each.name
    backlog = run(company.models, "backlog", every="month", period_from=day("01-01 00:00")).report
    assert backlog.key == ("period_from", "breakdown")
    assert {"TicketOpened", "TicketSolved"} <= set(backlog.event_types)
    assert not any(name.startswith("Lead") for name in backlog.event_types)


@pytest.mark.slow
def test_a_broken_report_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    projections = Path(copytree(PROJECTIONS, tmp_path / "projections"))
    folder = projections / "reports"
    folder.joinpath("typo.sql").write_text("-- A typo.\n-- clock: state\nselect leed_id from leads order by 1\n")
    folder.joinpath("timeless.sql").write_text("-- No clock.\nselect lead_id from leads order by 1\n")
    folder.joinpath("leak.sql").write_text("-- A leak.\n-- clock: state\nselect * from leads_history order by 1\n")
    folder.joinpath("macro.sql").write_text("-- A leak.\n-- clock: state\nfrom leads_at($as_of, 9) order by 1\n")
    folder.joinpath("past.sql").write_text("-- A leak.\n-- clock: state\nfrom main.leads order by 1\n")
    folder.joinpath("today.sql").write_text("-- A clock.\n-- clock: state\nselect now() as x from leads order by 1\n")
    folder.joinpath("unordered.sql").write_text("-- No order.\n-- clock: state\nselect lead_id from leads\n")
    folder.joinpath("circle.sql").write_text("-- A circle.\n-- clock: state\nfrom round order by 1\n")
    folder.joinpath("round.sql").write_text("-- A circle.\n-- clock: state\nfrom circle order by 1\n")
    folder.joinpath("mine.sql").write_text(
        "-- One more file.\n-- clock: state\nselect count(*) as leads from LEADS order by 1\n"
    )
    folder.joinpath("restless.sql").write_text(
        "-- Never settled.\n-- clock: state\n-- settled: leads\nselect lead_id from leads order by 1\n"
    )
    folder.joinpath("unknowing.sql").write_text(
        "-- Never settled.\n-- clock: state\n-- settled: leads(state = 'won')\nselect lead_id from leads order by 1\n"
    )
    folder.joinpath("calls.sql").write_text(
        "-- A call.\n-- clock: state\nfrom standing_before(ticket_moves, ticket_id) order by 1\n"
    )
    with company_in(tmp_path / "data", projections=projections) as company:
        tell_leads(company)
        broken = {report.name: report.broken for report in reports(company.models) if report.broken}
        assert sorted(broken) == [
            "calls",
            "circle",
            "leak",
            "macro",
            "past",
            "restless",
            "round",
            "timeless",
            "today",
            "typo",
            "unknowing",
            "unordered",
        ]
        assert "leed_id" in str(broken["typo"])
        assert "standing_before" in str(broken["calls"])
        assert "MODEL(CONDITION)" in str(broken["restless"])
        assert refused(company, "leak").code == "REPORT_BROKEN"
        assert rows(company, "mine", as_of=day("01-20 09:00")) == [(2,)]
        assert rows(company, "lead_conversion") == [("all", 4, 2, Decimal("0.5"))]


MACROS = {
    "outer_rows": "-- Calls another.\n-- takes: rows\nselect *\nfrom rows_of({rows})\nwhere lead_id is not null",
    "rows_of": "-- All rows.\n-- takes: rows\nfrom {rows}\n",
    "wrong": "-- A typo.\n-- takes: rows, id\nselect {id}\nfrom {rows}\nwhere {id}_ is not null\n",
}

MISTAKES = {
    "typo": ("select lead_id,\n       leed_id\nfrom leads\norder by 1", "typo.sql, line 4: Binder"),
    "syntax": ("select lead_id\n-- Of all.\nfrom from leads\norder by 1", "syntax.sql, line 5: Parser"),
    "leak": ("select 'leads_history'\n-- leads_history\nfrom leads_history\norder by 1", "leak.sql, line 5: it"),
    "builds_on": ("with x as (\n    from typo\n)\nfrom x\norder by 1", "typo.sql, line 4: Binder"),
    "calls": ("\nfrom wrong(leads, lead_id)\norder by 1", "wrong.sql, line 5: Binder"),
    "calls_calls": ("from outer_rows(tickets)\norder by 1", "outer_rows.sql, line 5: Binder"),
    "after": (
        "with x as (\n    from outer_rows(\n        leads\n    )\n)\nselect leed_id from x\norder by 1",
        "after.sql, line 8: Binder",
    ),
    "zero": ("-- zero: source, leeds\nselect source, count(*) as leads\nfrom leads\ngroup by all\norder by 1", "leeds"),
    "rests": (
        "-- settled: leads(true)\nselect lead_id,\n       leed_id\nfrom leads\norder by 1",
        "rests.sql, line 5: Bi",
    ),
    "restless": ("-- settled: leads(state = 'won')\nselect lead_id\nfrom leads\norder by 1", "is broken: Binder"),
}
"""Reports with a mistake each, after two lines of header, and what is said of it."""


@pytest.mark.slow
def test_a_mistake_has_a_file_and_a_line(tmp_path: Path) -> None:
    projections = Path(copytree(PROJECTIONS, tmp_path / "projections"))
    for name, text in MACROS.items():
        projections.joinpath("macros", f"{name}.sql").write_text(text)
    for name, (select, _) in MISTAKES.items():
        projections.joinpath("reports", f"{name}.sql").write_text(f"-- A mistake.\n-- clock: state\n{select}\n")
    with company_in(tmp_path / "data", projections=projections) as company:
        tell_leads(company)
        broken = {report.name: report.broken for report in reports(company.models) if report.broken}
        assert sorted(broken) == sorted(MISTAKES)
        for name, (_, said) in MISTAKES.items():
            assert said in str(broken[name])
            assert said in refused(company, name).sentence
        moves = projections.joinpath("macros", "standing_before.sql")
        moves.write_text(moves.read_text().replace("where moved_at", "where mooved_at"))
        said = "the report churn_rate is broken: standing_before.sql, line 5: Binder"
        assert said in refused(company, "churn_rate").sentence

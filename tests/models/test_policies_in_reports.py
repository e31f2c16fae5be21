"""Reports that policies, customers and time have a say in, over small histories told by hand; and reports as series."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from commands.command import Command
from commands.customer import (
    ActivateCustomer,
    AnswerSurvey,
    ChangePriority,
    DeclareChurn,
    LogInteraction,
    MergeCustomers,
    ReactivateCustomer,
    RegisterCustomer,
    UnmergeCustomers,
)
from commands.lead import CaptureLead, ContactLead
from commands.policy import PublishCalendar, PublishPriority, PublishSla
from commands.rejected import Rejected
from commands.ticket import (
    CloseTicket,
    EscalateTicket,
    MergeTickets,
    OpenTicket,
    PendTicket,
    RateTicket,
    ReceiveReply,
    ReopenTicket,
    ReplyToTicket,
    SolveTicket,
    TriageTicket,
    UnmergeTickets,
)
from infra.log import Request
from infra.models.report import look_at, run
from tests.models.company import ACTOR, Company, company_in, day

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
"""What is recorded at one instant is so much apart."""

WEEK = tuple(f"{weekday} 09:00-17:00" for weekday in ("mon", "tue", "wed", "thu", "fri"))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company"), time_zone="Europe/Berlin") as company:
        tell_customers(company)
        tell_service(company)
        yield company


def tell_customers(company: Company) -> None:
    tell = company.tell
    for id in "abcdef":
        tell("01-02 09:00", RegisterCustomer(id=id))
    for id in "abcd":
        tell("01-10 09:00", ActivateCustomer(id=id))
    tell("01-20 09:00", DeclareChurn(id="d"))
    tell("02-05 09:00", DeclareChurn(id="a"))
    tell("02-10 09:00", ReactivateCustomer(id="a"))
    tell("02-11 09:00", DeclareChurn(id="b"))
    tell("02-12 09:00", ReactivateCustomer(id="d"))
    tell("02-13 09:00", ActivateCustomer(id="e"))
    tell("02-20 09:00", MergeCustomers(id="a", merged_id="c", reason="the same"))
    tell("03-02 09:00", UnmergeCustomers(id="a", merged_id="c", reason="not the same"))
    tell("03-03 09:00", ChangePriority(id="a", priority="C"))
    visit = {"channel": "visit", "direction": "inbound"}
    for number, result in enumerate(("purchase", None, "looked around", None)):
        tell(
            "03-04 09:00",
            LogInteraction.model_validate({"id": "a", "interaction_id": f"{number}", "result": result, **visit}),
        )
    tell("03-05 09:00", ChangePriority(id="a", priority="A"))
    tell(
        "03-05 09:00", LogInteraction.model_validate({"id": "a", "interaction_id": "5", "result": "purchase", **visit})
    )
    tell(
        "03-05 09:00",
        LogInteraction(id="a", interaction_id="6", channel="phone", direction="inbound", result="purchase"),
    )
    tell("03-05 10:00", LogInteraction(id="b", interaction_id="1", channel="web", direction="inbound"))
    tell("03-06 09:00", PublishPriority(id="abc", a_percent=80, b_percent=30, c_percent=10))
    for number, (metric, score) in enumerate(
        [("nps", 10), ("nps", 9), ("nps", 8), ("nps", 6), ("csat", 4), ("csat", 3)]
    ):
        tell(
            "03-07 09:00",
            AnswerSurvey.model_validate({"id": "a", "answer_id": f"{number}", "metric": metric, "score": score}),
        )


def tell_service(company: Company) -> None:
    """The office in Berlin, in April 2024, two hours ahead of UTC: Friday the 5th is the first day of the story."""
    tell = company.tell
    tell("04-01 00:00", PublishCalendar(id="office", time_zone="Europe/Berlin", hours=WEEK, holidays=("2024-04-08",)))
    tell("04-01 00:00", PublishSla(id="respond", measure="first_response", seconds=2 * 3600, critical_seconds=3600))
    tell("04-01 00:00", PublishSla(id="solve", measure="full_resolution", seconds=8 * 3600, pauses=("pending",)))
    tell("04-01 00:00", PublishSla(id="hold", measure="first_contact_resolution", seconds=86_400))
    tell("04-05 13:50", OpenTicket(id="2", priority="low"))
    tell("04-05 14:00", OpenTicket(id="1"))  # 16:00 on Friday: an hour is left
    tell("04-05 14:30", TriageTicket(id="2", priority="critical"))
    tell("04-05 14:30", CaptureLead(id="l", source="web"))
    tell("04-09 07:30", ReplyToTicket(id="1", reply_id="1"))  # 9:30 on Tuesday, for Monday is a holiday
    tell("04-09 07:30", ContactLead(id="l", contact_id="1", channel="phone"))
    tell("04-09 08:00", PendTicket(id="1"))
    tell("04-10 08:00", ReceiveReply(id="1", reply_id="2"))
    tell("04-10 10:00", ReplyToTicket(id="1", reply_id="3"))
    tell("04-10 12:00", SolveTicket(id="1"))
    tell("04-10 12:00", SolveTicket(id="2"))
    tell("04-10 13:00", RateTicket(id="2", rating=5))
    tell("04-10 13:00", RateTicket(id="1", rating=2))
    tell("04-11 11:00", ReopenTicket(id="2"))
    tell("04-11 12:00", OpenTicket(id="3"))
    tell("04-11 12:00", EscalateTicket(id="3", level=2))


def rows(company: Company, name: str, **question: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run(company.models, name, **question).table.to_pylist()]


def berlin(text: str) -> datetime:
    """An instant in winter in Berlin."""
    return day(text) - HOUR


FEBRUARY = {"period_from": berlin("02-01 00:00"), "period_to": berlin("03-01 00:00")}


# Customers


def test_churn_counts_who_was_active_and_left_even_if_they_came_back(company: Company) -> None:
    assert rows(company, "churn_rate", **FEBRUARY) == [("all", 3, 2, Decimal("0.666667"))]
    assert rows(company, "churn_rate", as_of=day("02-10 09:00"), **FEBRUARY) == [("all", 3, 1, Decimal("0.333333"))]
    assert rows(company, "churn_rate") == []


def test_retention_looks_at_both_ends(company: Company) -> None:
    #                                                     active: a b c at the start, a d e at the end (c is merged)
    assert rows(company, "retention_rate", **FEBRUARY) == [("all", 3, 3, 2, Decimal("0.333333"))]


def test_reactivation_counts_who_had_left_before(company: Company) -> None:
    assert rows(company, "reactivation_rate", **FEBRUARY) == [("all", 1, 1, Decimal(1))]


def test_the_movements_of_customers(company: Company) -> None:
    #   before, activated e, returned a d, unmerged, churned a b, merged c, after
    assert rows(company, "customer_movements", **FEBRUARY) == [("all", 3, 1, 2, 0, 2, 1, 3)]
    since_march = {"period_from": FEBRUARY["period_to"]}
    assert rows(company, "customer_movements", **since_march) == [("all", 3, 0, 0, 1, 0, 0, 4)]


def test_movements_and_rates_over_a_start_are_broken_down_by_the_values_at_t(company: Company) -> None:
    # a had no priority in February and has A now
    assert rows(company, "churn_rate", by="priority", as_of=berlin("03-01 00:00"), **FEBRUARY) == [
        (None, 3, 2, Decimal("0.666667"))
    ]
    assert rows(company, "churn_rate", by="priority", **FEBRUARY) == [
        ("A", 1, 1, Decimal(1)),
        (None, 2, 1, Decimal("0.5")),
    ]
    assert rows(company, "retention_rate", by="priority", **FEBRUARY) == [
        ("A", 1, 1, 0, Decimal(1)),
        (None, 2, 2, 2, Decimal(0)),
    ]
    assert rows(company, "reactivation_rate", by="priority", **FEBRUARY) == [(None, 1, 1, Decimal(1))]
    assert rows(company, "customer_movements", by="priority", **FEBRUARY) == [
        ("A", 1, 0, 1, 0, 1, 0, 1),
        (None, 2, 1, 1, 0, 1, 1, 2),
    ]
    # ticket 2 was low until 14:30 and has been critical since
    start = day("04-05 14:00")
    assert [row[:2] for row in rows(company, "backlog", by="priority", as_of=start - MICROSECOND)] == [("low", 1)]
    period = {"period_from": start, "period_to": day("04-05 15:00")}
    assert rows(company, "backlog_movements", by="priority", **period) == [
        ("critical", 1, 0, 0, 0, 0, 0, 1),
        (None, 0, 1, 0, 0, 0, 0, 1),
    ]
    for name in ("backlog_movements", "customer_movements", "churn_rate", "retention_rate", "reactivation_rate"):
        assert "broken down, a" in look_at(company.models, name).edges


def test_customers_by_status_and_priority(company: Company) -> None:
    assert rows(company, "customers_by_status", as_of=berlin("03-01 00:00")) == [
        ("all", "active", "ongoing", 3),
        ("all", "churned", "lost", 1),
        ("all", "prospect", "open", 1),
    ]
    assert rows(company, "customers_by_priority") == [("all", "A", 1, 0, 1, 0, 0), ("all", None, 5, 1, 3, 0, 1)]


def test_visits_count_for_the_priority_of_their_instant_beside_what_is_expected(company: Company) -> None:
    before = {"as_of": day("03-05 23:00")}
    assert rows(company, "visit_conversion", **before) == [
        ("all", "A", 1, 1, Decimal(1), Decimal("0.75")),
        ("all", "C", 4, 1, Decimal("0.25"), Decimal("0.15")),
        ("all", None, 1, 0, Decimal(0), None),
    ]
    expected = {row[1]: row[5] for row in rows(company, "visit_conversion")}
    assert expected == {"A": Decimal("0.80"), "C": Decimal("0.10"), None: None}
    at_the_instant = rows(company, "visit_conversion", as_of=day("03-05 09:00") + MICROSECOND, by="channel")
    assert at_the_instant[0] == ("visit", "A", 1, 1, Decimal(1), Decimal("0.75"))


def test_surveys(company: Company) -> None:
    assert rows(company, "nps") == [("all", 4, 2, 1, 1, Decimal(25))]
    assert rows(company, "survey_csat") == [("all", 2, 1, Decimal("0.5"))]


# Service under policies


def test_speed_to_lead_in_business_time(company: Company) -> None:
    calendar = 3 * 86_400 + 17 * 3600
    assert rows(company, "speed_to_lead") == [("all", 1, 1, 0, calendar, calendar, 3600, 3600)]
    assert rows(company, "speed_to_lead", as_of=day("04-08 00:00")) == [("all", 1, 0, 1, None, None, None, None)]


def test_due_instants_follow_calendar_priority_and_pauses(company: Company) -> None:
    due = {(row[0], row[1]): row[4:5] + row[6:] for row in rows(company, "sla_clocks")}
    #   an hour on Friday, half an hour on Tuesday; two hours were allowed
    assert due["respond", "1"] == (day("04-09 07:30"), day("04-09 08:00"), Decimal(5400), "met")
    #   critical since 14:30, so an hour from the start; solved and reopened without an answer
    assert (due["respond", "2"][:2], due["respond", "2"][3]) == ((None, day("04-05 14:50")), "late")
    #   1 h Friday, 1 h Tuesday, then pending for a day; on Wednesday from 10:00 to 14:00
    assert due["solve", "1"] == (day("04-10 12:00"), day("04-10 14:00"), Decimal(6 * 3600), "met")
    assert due["respond", "3"][:2] == (None, day("04-11 14:00"))
    then = {(row[0], row[1]): row[4:5] + row[6:] for row in rows(company, "sla_clocks", as_of=day("04-09 09:00"))}
    assert then["solve", "1"] == (None, None, Decimal(2 * 3600), "running")
    assert then["respond", "2"] == (None, day("04-05 14:50"), Decimal(3 * 3600 + 600), "late")


def test_a_due_instant_does_not_wait_for_a_longer_target(tmp_path: Path) -> None:
    """Three hours into eight the priority rises, and one hour is allowed: due at once. Lowering it changes nothing."""
    with company_in(tmp_path) as company:
        company.tell("04-01 00:00", PublishSla(id="s", measure="first_response", seconds=28_800, critical_seconds=3600))
        company.tell("04-02 09:00", OpenTicket(id="1"))
        assert rows(company, "sla_clocks", as_of=day("04-02 12:00"))[0][6] == day("04-02 17:00")
        company.tell("04-02 12:00", TriageTicket(id="1", priority="critical"))
        company.tell("04-02 13:00", TriageTicket(id="1", priority="low"))
        assert rows(company, "sla_clocks")[0][6] == day("04-02 12:00")


def test_a_new_version_of_an_sla_holds_from_its_instant_on(tmp_path: Path) -> None:
    with company_in(tmp_path) as company:
        company.tell("04-01 00:00", PublishSla(id="s", measure="first_response", seconds=7200))
        company.tell("04-02 09:00", OpenTicket(id="1"))
        company.tell(
            "04-02 09:10", PublishSla(id="s", measure="first_response", seconds=3600, valid_from=day("04-02 10:30"))
        )
        company.tell("04-02 09:20", OpenTicket(id="2"))
        assert {row[1]: row[6] for row in rows(company, "sla_clocks")} == {
            "1": day("04-02 10:30"),
            "2": day("04-02 10:30"),
        }


def test_a_clock_that_stops_as_it_starts_is_met(tmp_path: Path) -> None:
    with company_in(tmp_path) as company:
        company.tell("04-01 00:00", PublishSla(id="s", measure="first_resolution", seconds=60))
        company.tell("04-02 09:00", OpenTicket(id="1"))
        company.tell("04-02 09:05", SolveTicket(id="1"), "04-02 09:00")
        start = day("04-02 09:00")
        assert rows(company, "sla_clocks") == [
            ("s", "1", start, "first_resolution", start, start, None, Decimal(0), "met")
        ]


def test_a_breach_stays_one_when_its_ticket_ends_without_what_was_promised(tmp_path: Path) -> None:
    """An hour was promised from nine on; solved, merged and both after it, and twice before it. No answer to any."""
    with company_in(tmp_path) as company:

        def tell(instant: str, command: Command) -> None:
            company.tell(instant, command, instant)

        tell("04-01 00:00", PublishSla(id="s", measure="first_response", seconds=3600))
        for id in ("both", "merged", "merged early", "solved", "solved early", "survivor"):
            tell("04-02 09:00", OpenTicket(id=id.replace(" ", "-"), priority="low"))
        tell("04-02 09:30", SolveTicket(id="solved-early"))
        tell("04-02 09:30", MergeTickets(id="survivor", merged_id="merged-early", reason="the same"))
        tell("04-02 11:00", SolveTicket(id="solved"))
        tell("04-02 11:00", SolveTicket(id="both"))
        tell("04-02 12:00", MergeTickets(id="survivor", merged_id="merged", reason="the same"))
        tell("04-02 13:00", MergeTickets(id="survivor", merged_id="both", reason="the same"))
        tell("04-02 13:00", CloseTicket(id="solved"))

        def told() -> dict[str, Any]:
            return {row[1]: (row[5], row[7] / 60, row[8]) for row in rows(company, "sla_clocks", as_of=company.now)}

        def attained(**period: datetime) -> tuple[Any, ...]:
            return rows(company, "sla_attainment", as_of=company.now, **period)[0][3:]

        assert told() == {
            "both": (day("04-02 11:00"), 120, "breached"),
            "merged": (day("04-02 12:00"), 180, "breached"),
            "merged-early": (day("04-02 09:30"), 30, "void"),
            "solved": (day("04-02 11:00"), 120, "breached"),
            "solved-early": (day("04-02 09:30"), 30, "void"),
            "survivor": (None, 240, "late"),
        }
        assert attained() == (3, 0, 3, Decimal(0), 0, 1)
        assert attained(period_from=day("04-02 12:00"), period_to=day("04-02 12:01")) == (1, 0, 1, Decimal(0), 0, 1)
        tell("04-02 14:00", UnmergeTickets(id="survivor", merged_id="both", reason="not the same"))
        tell("04-02 14:00", UnmergeTickets(id="survivor", merged_id="merged", reason="not the same"))
        tell("04-02 14:00", ReopenTicket(id="solved", reason="not solved"))
        again = told()
        assert [id for id in again if again[id][2] == "late"] == ["merged", "solved", "survivor"]
        assert (again["both"], again["merged"][1]) == ((day("04-02 11:00"), 120, "breached"), 300)
        assert attained() == (1, 0, 1, Decimal(0), 0, 3)


def test_sla_attainment_counts_what_ended_and_shows_what_runs(company: Company) -> None:
    assert rows(company, "sla_attainment", as_of=day("04-12 00:00")) == [
        ("all", "respond", "first_response", 1, 1, 0, Decimal(1), 0, 2),
        ("all", "solve", "full_resolution", 1, 1, 0, Decimal(1), 1, 1),
    ]
    nothing = {"period_from": day("04-11 00:00")}
    assert rows(company, "sla_attainment", as_of=day("04-12 00:00"), **nothing)[0][3:7] == (0, 0, 0, None)


def test_first_contact_resolution_holds_as_long_as_the_policy_says(company: Company) -> None:
    #   solved 1 and 2; 1 took two replies, 2 was reopened within the day
    assert rows(company, "first_contact_resolution") == [("all", 2, 0, 1, 0, Decimal(0))]
    assert rows(company, "first_contact_resolution", as_of=day("04-11 10:00")) == [("all", 2, 2, 0, 0, None)]
    assert rows(company, "one_touch_rate") == [("all", 2, 1, Decimal("0.5"))]


def test_a_solution_that_did_not_last_a_moment_is_none_for_good(tmp_path: Path) -> None:
    """Where a source tells minutes or days, a ticket may be solved and reopened at the same instant."""
    later: dict[str, tuple[Command, ...]] = {
        "again live": (SolveTicket(id="1"), ReopenTicket(id="1")),
        "solved twice": (SolveTicket(id="2"), ReopenTicket(id="2"), SolveTicket(id="2")),
        "reopened first": (ReopenTicket(id="3"), SolveTicket(id="3")),
        "for good": (SolveTicket(id="4"),),
    }
    with company_in(tmp_path) as company:
        for id in "1234":
            company.tell("04-01 09:00", OpenTicket(id=id))
        company.tell("04-01 09:30", SolveTicket(id="3"))
        for commands in later.values():
            for command in commands:
                company.tell("04-02 00:00", command, "04-01 10:00")
        company.now = day("05-01 00:00")
        assert rows(company, "first_contact_resolution", period_from=day("04-01 10:00"), as_of=company.now) == [
            ("all", 4, 0, 2, 2, Decimal("0.5"))
        ]
        assert rows(company, "reopen_rate", period_from=day("04-01 10:00"), as_of=company.now)[0][1:3] == (4, 3)


def test_a_superseded_version_never_comes_into_force(tmp_path: Path) -> None:
    """The first version was to hold from March on; the second one, published in February, holds instead of it."""
    march = day("03-01 00:00")
    hold = {"id": "hold", "measure": "first_contact_resolution", "is_business_time": False}
    with company_in(tmp_path) as company:
        company.tell("01-01 00:00", RegisterCustomer(id="a"))
        company.tell("01-01 00:00", ChangePriority(id="a", priority="A"))
        company.tell("01-01 00:00", PublishPriority(id="p", a_percent=90, b_percent=0, c_percent=0, valid_from=march))
        company.tell("01-01 00:00", PublishSla.model_validate({**hold, "seconds": 30 * 86_400, "valid_from": march}))
        company.tell("02-01 00:00", PublishPriority(id="p", a_percent=60, b_percent=0, c_percent=0))
        company.tell("02-01 00:00", PublishSla.model_validate({**hold, "seconds": 86_400}))
        company.tell("02-01 00:00", PublishSla(id="reply", measure="first_response", seconds=60))
        later = PublishSla(id="reply", measure="first_response", seconds=90, valid_from=day("04-01 00:30"))
        company.tell("02-01 00:00", later)
        company.tell("04-01 00:00", LogInteraction(id="a", interaction_id="1", channel="visit", direction="inbound"))
        company.tell("04-01 00:00", OpenTicket(id="1"), "04-01 00:00")
        company.tell("04-01 00:20", PublishSla(id="reply", measure="first_response", seconds=120))
        company.tell("04-01 01:00", SolveTicket(id="1"), "04-01 01:00")
        (clock,) = [row for row in rows(company, "sla_clocks") if row[0] == "reply"]
        assert clock[7] == sum(span[-1] for span in rows(company, "sla_minutes")) == 3600

        def told() -> tuple[Any, Any]:
            point = {"as_of": day("04-03 00:00")}
            return rows(company, "visit_conversion", **point)[0][5], rows(company, "first_contact_resolution", **point)

        assert told() == (Decimal("0.60"), [("all", 1, 0, 0, 1, Decimal(1))])
        #   of two policies the one counts whose version came into force later
        other = PublishPriority(id="o", a_percent=70, b_percent=0, c_percent=0)
        company.tell("04-02 00:00", other, "02-10 00:00")
        week = PublishSla.model_validate({**hold, "id": "first", "seconds": 7 * 86_400})
        company.tell("04-02 00:00", week, "02-10 00:00")
        assert told() == (Decimal("0.70"), [("all", 1, 1, 0, 0, None)])


def test_csat_and_escalation(company: Company) -> None:
    assert rows(company, "csat") == [("all", 2, 2, 1, Decimal("0.5"), Decimal(1))]
    assert rows(company, "escalation_rate") == [("all", 3, 1, 1, Decimal("0.333333"))]


# Series


def test_a_series_of_a_flow_is_cut_at_local_midnights_and_adds_up(company: Company) -> None:
    whole = {"period_from": berlin("02-01 00:00"), "period_to": day("04-11 22:00")}
    months = rows(company, "backlog_movements", every="month", **whole)
    assert [row[:2] for row in months] == [
        (berlin("02-01 00:00"), berlin("03-01 00:00")),
        (berlin("03-01 00:00"), day("03-31 22:00")),  # summer time began
        (day("03-31 22:00"), day("04-11 22:00")),
    ]
    ((_, _, *movements, _),) = rows(company, "backlog_movements", **whole)
    assert [sum(column) for column in list(zip(*months, strict=True))[4:9]] == movements
    assert all(before[9] == after[3] for before, after in pairwise(months))
    days = rows(company, "backlog_movements", every="day", **whole)
    assert (len(days), {(row[1] - row[0]) / HOUR for row in days}) == (71, {23.0, 24.0})


def test_a_series_of_a_state_is_what_stood_before_each_part_ended(company: Company) -> None:
    weeks = rows(company, "backlog", every="week", period_from=day("04-03 00:00"), as_of=day("04-12 00:00"))
    assert [(row[0], row[1], row[3]) for row in weeks] == [
        (day("04-03 00:00"), day("04-07 22:00"), 2),
        (day("04-07 22:00"), day("04-12 00:00"), 2),
    ]
    for start, end, *row in rows(company, "customers_by_status", every="day", **FEBRUARY):
        then = end - MICROSECOND
        status = row[1]
        counted = {told[1]: told for told in rows(company, "customers_by_status", as_of=then)}
        assert tuple(row) == counted.get(status, ("all", status, None, 0))
        assert end - start == timedelta(days=1)


def test_a_part_of_a_series_that_counts_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with company_in(tmp_path) as company:
        company.tell("03-04 09:00", OpenTicket(id="1", priority="high", agent_id="ann"))
        company.tell("03-05 09:00", SolveTicket(id="1", agent_id="ann"))
        company.tell("03-07 09:00", OpenTicket(id="2", priority=None))
        company.tell("03-07 10:00", ReopenTicket(id="1"))
        ask = {"every": "day", "period_from": day("03-04 00:00"), "as_of": day("03-08 00:00")}
        told = rows(company, "backlog", by="priority", **ask)
        high, nobody = (("high", 1, 0, day("03-04 09:00")), (None, 1, 1, day("03-07 09:00")))
        none = [(name, 0, 0, None) for name in ("high", None)]
        assert [row[2:] for row in told] == [high, none[1], *none, *none, high, nobody]
        assert [row[0] for row in told[::2]] == [day(f"03-0{number} 00:00") for number in (4, 5, 6, 7)]
        solved = rows(company, "csat", **ask)
        assert [row[3:] for row in solved] == [(0, 0, 0, None, None), (1, 0, 0, None, 0), *[(0, 0, 0, None, None)] * 2]
        assert [row[2] for row in rows(company, "backlog", by="ticket_id", **ask)] == ["1", "1", "2"]
        monkeypatch.setattr("infra.models.report.LARGEST_SERIES", 7)
        with pytest.raises(Rejected, match="not 4 parts of 2;") as refusal:
            rows(company, "backlog", by="priority", **ask)
        assert (refusal.value.code, refusal.value.field) == ("INVALID_SERIES", "every")


def test_a_day_that_a_zone_skipped_is_no_part_of_a_series(tmp_path: Path) -> None:
    """Samoa went from 29 December 2011 to the 31st, at midnight."""
    midnight = datetime(2011, 12, 30, 10, tzinfo=UTC)
    with company_in(tmp_path, time_zone="Pacific/Apia") as company:
        company.now = midnight - 24 * HOUR
        company.log.submit([Request(RegisterCustomer(id="1"), ACTOR)])
        end = midnight + 24 * HOUR
        for name in ("customers_by_status", "referral_rate"):
            question = {"every": "day", "period_from": midnight - 24 * HOUR, "period_to": end, "as_of": end}
            parts = [row[:2] for row in rows(company, name, **question)]
            assert parts == [(midnight - 24 * HOUR, midnight), (midnight, end)]


def test_a_series_of_a_cohort_follows_each_part_until_t(company: Company) -> None:
    months = rows(company, "csat", every="month", period_from=day("03-31 22:00"), as_of=day("04-10 11:59"))
    assert months == []
    (april,) = rows(company, "csat", every="month", period_from=day("03-31 22:00"), as_of=day("04-12 00:00"))
    assert april == (day("03-31 22:00"), day("04-12 00:00"), "all", 2, 2, 1, Decimal("0.5"), Decimal(1))


def test_a_series_describes_its_columns(company: Company) -> None:
    answer = run(company.models, "backlog", every="week", period_from=day("04-03 00:00"))
    assert [column.name for column in answer.report.columns] == answer.table.column_names
    assert all(column.meaning for column in answer.report.columns)


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"every": "hour", "period_from": day("04-03 00:00")}, "every"),
        ({"every": "day"}, "period_from"),
        ({"every": "day", "period_from": day("04-03 00:00"), "as_of": day("04-02 00:00")}, "period_from"),
        ({"every": "day", "period_from": datetime(1900, 1, 1, tzinfo=UTC)}, "every"),
        ({"every": "day", "period_from": datetime(1, 1, 1, tzinfo=timezone(HOUR))}, "period_from"),
    ],
    ids=str,
)
def test_what_is_no_series(company: Company, question: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as refusal:
        run(company.models, "backlog", **question)
    assert (refusal.value.code, refusal.value.field) == ("INVALID_SERIES", field)


# The past


def test_nothing_that_comes_later_changes_the_past(tmp_path: Path) -> None:
    names = ("sla_clocks", "sla_attainment", "speed_to_lead", "churn_rate", "visit_conversion", "ticket_time_parts")
    with company_in(tmp_path) as company:
        tell_customers(company)
        tell_service(company)
        position, point = company.models.newest().position, day("04-11 00:00")

        def told() -> list[list[tuple[Any, ...]]]:
            question = {"as_of": point, "period_from": berlin("02-01 00:00"), "known_at": position}
            return [rows(company, name, **question) for name in names]

        before = told()
        company.tell(
            "05-01 00:00", PublishCalendar(id="office", time_zone="UTC", hours=("mon 00:00-02:00",)), "04-05 00:00"
        )
        company.tell("05-01 00:00", PublishPriority(id="abc", a_percent=9, b_percent=9, c_percent=9), "03-07 00:00")
        company.tell("05-01 00:00", PublishSla(id="respond", measure="first_response", seconds=60), "04-02 00:00")
        company.tell("05-01 00:00", DeclareChurn(id="c"), "02-14 00:00")
        company.tell("05-01 00:00", ReplyToTicket(id="2", reply_id="late"), "04-06 00:00")
        assert told() == before
        known_now = {"as_of": point, "period_from": berlin("02-01 00:00")}
        for name, then in zip(names, before, strict=True):
            assert rows(company, name, **known_now) != then, name

"""Everything twice: once by the read models and reports in SQL, once folded in Python from the raw events; on logs that
came about by chance, late facts among them, at many points (T, K).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

import pytest

from commands.command import Command
from commands.customer import CorrectCustomer, LogInteraction, MergeCustomers, RegisterCustomer
from commands.lead import CaptureLead, ConvertLead, NurtureLead, QualifyLead, ReverseConversion
from commands.policy import PublishSla
from domain.business_time import CalendarVersion, business_time
from domain.customer import Customer, CustomerRegistered, InteractionLogged, SurveyAnswered
from domain.event import Event, State
from domain.lead import Lead, LeadCaptured, LeadContacted, LeadConverted
from domain.policy import CalendarPublished, PriorityPublished, SlaPublished
from domain.ticket import (
    LIVE,
    Ticket,
    TicketAssigned,
    TicketEscalated,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from infra.log import Envelope, Request
from infra.models import records
from infra.models.point import at_point
from infra.models.report import run
from tests.models.company import ACTOR, Company, company_in, day, ratio, states_at

Events = list[tuple[Envelope, Event[Any]]]
POINTS = 25
MICROSECOND = timedelta(microseconds=1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[1, 2])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        chance = Random(request.param)
        company.happen_by_chance(chance, 2500)
        visit(company, chance)
        promise_to_hold(company, chance)
        sell(company, chance)
        yield company


def visit(company: Company, chance: Random) -> None:
    """Visits, some of which end in a purchase; by chance alone hardly any does."""
    of_customers = [envelope for envelope, _ in company.events() if envelope.stream.startswith("customer-")]
    for number in range(40):
        then = chance.choice(of_customers)
        visited = LogInteraction(
            id=then.stream.partition("-")[2],
            interaction_id=f"visit-{number}",
            channel="visit",
            direction="inbound",
            result=chance.choice(("purchase", None)),
        )
        company.log.submit([Request(visited, ACTOR, occurred_at=then.occurred_at)])


def promise_to_hold(company: Company, chance: Random) -> None:
    """How long solutions are to hold: two SLAs, each with versions from several instants on."""
    events = company.events()
    instants = sorted(chance.choice(events)[0].occurred_at for _ in range(30))
    for number, instant in enumerate(instants):
        longest = chance.choice((20 * 86_400, 4 * 86_400, 3600))
        promised = PublishSla.model_validate(
            {
                "id": chance.choice(("holds", "lasts", "stays")),
                "measure": "first_contact_resolution",
                "seconds": chance.choice((None, longest)),
                "low_seconds": longest + number,
                "critical_seconds": longest // 3,
                "valid_from": chance.choice((None, instant + timedelta(days=chance.randint(-3, 3)))),
            }
        )
        company.log.submit([Request(promised, ACTOR, occurred_at=instant)])


def sell(company: Company, chance: Random) -> None:
    """Leads that are converted, given back and converted again, half of it told late; by chance alone hardly any is."""
    for number in range(300):
        company.now += timedelta(minutes=chance.randint(0, 60))
        id, ago = f"sold-{number // 30}", timedelta(minutes=chance.randint(0, 600))
        step: Command = chance.choice(
            (
                CaptureLead(id=id),
                NurtureLead(id=id),
                QualifyLead(id=id),
                ConvertLead(id=id, customer_id=f"bought-{number}"),
                ReverseConversion(id=id, reason="a typo"),
            )
        )
        occurred = company.now - ago if chance.random() < 0.5 else None
        company.log.submit([Request(step, ACTOR, occurred_at=occurred)])


@pytest.fixture(scope="module")
def events(company: Company) -> Events:
    return company.events()


class At(NamedTuple):
    """A point of the two clocks, and what had happened by T and was known at K."""

    as_of: datetime
    known_at: int
    events: Events
    states: dict[str, State]

    def of(self, aggregate: str) -> dict[str, Any]:
        """The states of one kind, by id."""
        named = (stream.partition("-") for stream in self.states)
        return {id: self.states[f"{kind}-{id}"] for kind, _, id in named if kind == aggregate}


@pytest.fixture(scope="module")
def points(company: Company, events: Events) -> list[At]:
    """Points by chance, many of them exactly where something happened."""
    chance = Random(7)
    instants = [envelope.occurred_at for envelope, _ in events]
    wanted = [(datetime.now(UTC), len(events))]
    for _ in range(POINTS - 1):
        instant = chance.choice(instants) + chance.choice([timedelta(), -MICROSECOND, timedelta(minutes=7)])
        wanted.append((instant, chance.randint(0, len(events)) if chance.random() < 0.6 else len(events)))
    return [at(events, as_of, known_at) for as_of, known_at in wanted]


def at(events: Events, as_of: datetime, known_at: int) -> At:
    seen = [each for each in events if each[0].occurred_at <= as_of and each[0].position <= known_at]
    return At(as_of, known_at, seen, states_at(events, as_of, known_at))


def in_force_from(envelope: Envelope, event: Any) -> datetime:
    """From when on the version of a policy is in force, unless a newer one is."""
    return max(event.valid_from or envelope.occurred_at, envelope.occurred_at)


def calendars_of(at: At) -> list[CalendarVersion]:
    return [
        CalendarVersion(
            calendar_id=envelope.stream.partition("-")[2],
            version=envelope.version,
            in_force_from=in_force_from(envelope, event),
            says=event,
        )
        for envelope, event in at.events
        if isinstance(event, CalendarPublished)
    ]


def newest_policy(at: At, kind: type[Event[Any]], measure: str | None = None) -> Any:
    """Of each policy of a kind the newest version in force at T, and of these the one that came into force last."""
    newest = {
        envelope.stream: (in_force_from(envelope, event), envelope.stream, event)
        for envelope, event in at.events
        if isinstance(event, kind)
        and in_force_from(envelope, event) <= at.as_of
        and getattr(event, "measure", None) == measure
    }
    return max(newest.values(), key=lambda found: found[:2])[2] if newest else None


def rows(company: Company, at: At, model: str) -> list[dict[str, Any]]:
    with at_point(company.models, [model], as_of=at.as_of, known_at=at.known_at) as point:
        found: list[dict[str, Any]] = point.table(f"from {point.rows_of(model)}").to_pylist()
        return found


def answers(company: Company, at: At, name: str, **question: Any) -> list[dict[str, Any]]:
    table = run(company.models, name, as_of=at.as_of, known_at=at.known_at, **question).table
    found: list[dict[str, Any]] = table.to_pylist()
    return found


# The law: rows of the models


@pytest.mark.parametrize("kind", [Lead, Customer, Ticket])
def test_a_row_says_what_the_state_says(company: Company, points: list[At], kind: type[State]) -> None:
    model = company.models.definitions[f"{kind.aggregate}s"]
    shared = sorted(set(model.columns) & set(kind.__dataclass_fields__))
    assert {"status", "merged_into"} <= set(shared)
    for at in points:
        found = {row[f"{kind.aggregate}_id"]: row for row in rows(company, at, model.name)}
        states = at.of(kind.aggregate)
        assert found.keys() == states.keys()
        for id, state in states.items():
            assert {name: found[id][name] for name in shared} == {name: getattr(state, name) for name in shared}


@pytest.mark.parametrize("kind", [Lead, Customer, Ticket])
def test_the_version_is_that_of_the_newest_event_that_counts(
    company: Company, points: list[At], kind: type[State]
) -> None:
    for at in points:
        newest = {
            envelope.stream: (envelope.version, envelope.recorded_at)
            for envelope, event in at.events
            if event.state is kind
        }
        assert {
            f"{kind.aggregate}-{row[f'{kind.aggregate}_id']}": (row["version"], row["updated_at"])
            for row in rows(company, at, f"{kind.aggregate}s")
        } == newest


def test_what_customers_have(company: Company, points: list[At]) -> None:
    for at in points:
        customers: dict[str, Customer] = at.of("customer")
        assert {
            (row["customer_id"], row["contact_point_id"], row["is_verified"])
            for row in rows(company, at, "contact_points")
        } == {(id, *point) for id, customer in customers.items() for point in customer.contact_points}
        assert {
            (row["customer_id"], row["purpose"], row["channel"], row["expires_at"])
            for row in rows(company, at, "consents")
            if row["status"] == "granted"
        } == {(id, *consent) for id, customer in customers.items() for consent in customer.consents}
        assert {(row["customer_id"], row["topic"], row["preference"]) for row in rows(company, at, "preferences")} == {
            (id, *preference) for id, customer in customers.items() for preference in customer.preferences
        }
        for model, key, field in (
            ("overlays", "overlay_id", "overlay_ids"),
            ("interactions", "interaction_id", "interaction_ids"),
            ("survey_answers", "answer_id", "answer_ids"),
        ):
            assert {(row["customer_id"], row[key]) for row in rows(company, at, model)} == {
                (id, each) for id, customer in customers.items() for each in getattr(customer, field)
            }
        assert {row["customer_id"]: row["interactions"] for row in rows(company, at, "customers")} == {
            id: len(customer.interaction_ids) for id, customer in customers.items()
        }


def test_what_was_said_to_tickets_and_leads(company: Company, points: list[At]) -> None:
    for at in points:
        tickets: dict[str, Ticket] = at.of("ticket")
        leads: dict[str, Lead] = at.of("lead")
        assert {(row["ticket_id"], row["reply_id"]) for row in rows(company, at, "ticket_replies")} == {
            (id, reply) for id, ticket in tickets.items() for reply in ticket.reply_ids
        }
        assert {(row["lead_id"], row["contact_id"]) for row in rows(company, at, "lead_contacts")} == {
            (id, contact) for id, lead in leads.items() for contact in lead.contact_ids
        }
        assert {row["ticket_id"]: row["notes"] for row in rows(company, at, "tickets")} == {
            id: len(ticket.note_ids) for id, ticket in tickets.items()
        }


def test_the_present_is_one_of_the_points(company: Company) -> None:
    for name in company.models.definitions:
        now = records.list_(company.models, name, page_size=1000)
        again = records.list_(company.models, name, page_size=1000, as_of=now.as_of, known_at=now.position)
        assert now == again


# The figures of the reports


def test_statuses(company: Company, points: list[At]) -> None:
    for at in points:
        for aggregate in ("lead", "ticket"):
            found = answers(company, at, f"{aggregate}s_by_status")
            states = Counter(state.status for state in at.of(aggregate).values())
            assert {row["status"]: row[f"{aggregate}s"] for row in found} == states


def test_lead_conversion(company: Company, points: list[At], events: Events) -> None:
    start, end = events[len(events) // 5][0].recorded_at, events[len(events) // 2][0].recorded_at
    begun = {
        envelope.stream: envelope.occurred_at for envelope, event in events if type(event).__name__ == "LeadCaptured"
    }
    converted_ever = 0
    for at in points:
        cohort = [
            state for stream, state in at.states.items() if isinstance(state, Lead) and start <= begun[stream] < end
        ]
        converted = sum(lead.status == "converted" for lead in cohort)
        converted_ever += converted
        found = answers(company, at, "lead_conversion", period_from=start, period_to=end)
        assert [(row["leads"], row["converted"], row["conversion_rate"]) for row in found] == (
            [(len(cohort), converted, ratio(converted, len(cohort)))] if cohort else []
        )
    assert converted_ever


def test_conversions_in_a_period(company: Company, points: list[At], span: tuple[datetime, datetime]) -> None:
    told = 0
    for at in points:
        captured = sum(
            isinstance(event, LeadCaptured) and span[0] <= envelope.occurred_at < span[1]
            for envelope, event in at.events
        )
        converted = 0
        for id, lead in at.of("lead").items():
            instants = [
                envelope.occurred_at
                for envelope, event in at.events
                if envelope.stream == f"lead-{id}" and isinstance(event, LeadConverted)
            ]
            converted += lead.status == "converted" and span[0] <= instants[-1] < span[1]
        found = answers(company, at, "lead_conversion_flow", period_from=span[0], period_to=span[1])
        rate = ratio(converted, captured) if captured else None
        assert [(row["leads"], row["conversions"], row["conversion_rate"]) for row in found] == (
            [(captured, converted, rate)] if captured or converted else []
        )
        told += converted
    assert told


def test_visits(company: Company, few: list[At], span: tuple[datetime, datetime]) -> None:
    told = bought = 0
    for at in few:
        visits: Counter[Any] = Counter()
        purchases: Counter[Any] = Counter()
        for envelope, event in at.events:
            if (
                isinstance(event, InteractionLogged)
                and event.channel in ("visit", "walk_in", "web")
                and event.direction == "inbound"
                and span[0] <= envelope.occurred_at < span[1]
            ):
                then: Any = states_at(at.events, envelope.occurred_at, at.known_at)[envelope.stream]
                visits[then.priority] += 1
                purchases[then.priority] += event.result == "purchase"
        found = answers(company, at, "visit_conversion", period_from=span[0], period_to=span[1])
        said = newest_policy(at, PriorityPublished)
        percents = (said.a_percent, said.b_percent, said.c_percent) if said else (75, 34, 15)
        expected = dict(zip("ABC", percents, strict=True))
        assert all(
            row["expected_rate"] == (None if row["priority"] is None else Decimal(expected[row["priority"]]) / 100)
            for row in found
        )
        assert {row["priority"]: (row["visits"], row["purchases"], row["conversion_rate"]) for row in found} == {
            priority: (count, purchases[priority], ratio(purchases[priority], count))
            for priority, count in visits.items()
        }
        told, bought = told + visits.total(), bought + purchases.total()
    assert 0 < bought < told


def test_times_over_the_tickets_are_those_of_each(company: Company, points: list[At]) -> None:
    """The medians and sums of ticket_times, from the times of each ticket, which are proven by themselves."""
    for at in points[:6]:
        parts = answers(company, at, "ticket_time_parts")
        waits = answers(company, at, "next_replies")
        for row in answers(company, at, "ticket_times"):
            of = waits if row["measure"] == "next_reply" else parts
            for column, field in (("seconds", ""), ("business_seconds", "business_")):
                name = column if row["measure"] == "next_reply" else f"{field}{row['measure']}"
                times = [each[name] for each in of if each[name] is not None]
                assert row["tickets"] == len(times)
                assert row[f"total_{column}"] == (half_up(sum(times)) if times else None)
                assert row[f"median_{column}"] == (half_up(median(times)) if times else None)


def half_up(number: Decimal) -> int:
    return int(number.quantize(Decimal(1), ROUND_HALF_UP))


def test_the_backlog(company: Company, points: list[At]) -> None:
    for at in points:
        live = [ticket for ticket in at.of("ticket").values() if ticket.is_live]
        opened = [
            envelope.occurred_at
            for envelope, event in at.events
            if isinstance(event, TicketOpened) and at.states[envelope.stream].is_live  # type: ignore[attr-defined]
        ]
        found = answers(company, at, "backlog")
        assert [list(row.values())[1:] for row in found] == (
            [[len(live), sum(ticket.agent_id is None for ticket in live), min(opened)]] if live else []
        )


def test_reopen_rate(company: Company, points: list[At], events: Events) -> None:
    start, end = events[len(events) // 5][0].recorded_at, events[2 * len(events) // 3][0].recorded_at
    for at in points:
        solved = {
            envelope.stream
            for envelope, event in at.events
            if isinstance(event, TicketSolved) and start <= envelope.occurred_at < end
        }
        reopens = Counter(envelope.stream for envelope, event in at.events if isinstance(event, TicketReopened))
        reopened = [reopens[stream] for stream in solved if reopens[stream]]
        found = answers(company, at, "reopen_rate", period_from=start, period_to=end)
        assert [(row["solved"], row["reopened"], row["reopens"], row["reopen_rate"]) for row in found] == (
            [(len(solved), len(reopened), sum(reopened), ratio(len(reopened), len(solved)))] if solved else []
        )


def test_reassignment_rate(company: Company, points: list[At]) -> None:
    for at in points:
        tickets = len(at.of("ticket"))
        expected: list[Any] = [tickets]
        for field in ("group_id", "agent_id"):
            assigned = Counter(
                envelope.stream
                for envelope, event in at.events
                if isinstance(event, TicketAssigned) and getattr(event, field) is not None
            )
            again = [count - 1 for count in assigned.values() if count > 1]
            expected += [len(again), sum(again), ratio(len(again), tickets) if tickets else None]
        found = answers(company, at, "reassignment_rate")
        assert [list(row.values())[1:] for row in found] == ([expected] if tickets else [])


def test_the_parts_of_a_tickets_time_add_up_at_every_instant(company: Company, points: list[At]) -> None:
    """DOMAIN's identity, each part counted instant by instant from the folded states."""
    for at in points:
        found = {row["ticket_id"]: row for row in answers(company, at, "ticket_time_parts")}
        assert found.keys() == at.of("ticket").keys()
        for id, row in found.items():
            expected = time_parts(at, f"ticket-{id}")
            assert {name: row[name] for name in expected} == expected
            parts = ("agent_work", "on_hold", "pending", "solved_before_reopening")
            assert sum(row[part] for part in parts) == row["total"]


def time_parts(at: At, stream: str) -> dict[str, Any]:
    """The parts of a ticket's time, the long way: the state after every change of the clock."""
    own = [(envelope, event) for envelope, event in at.events if envelope.stream == stream]
    opened = next(envelope.occurred_at for envelope, event in own if isinstance(event, TicketOpened))
    status = at.states[stream].status  # type: ignore[attr-defined]
    ends = [at.as_of]
    if status in ("solved", "closed"):
        ends += [envelope.occurred_at for envelope, event in own if isinstance(event, TicketSolved)][-1:]
    if status == "merged":
        ends += [envelope.occurred_at for envelope, event in own if type(event).__name__ == "TicketMerged"][-1:]
    end = min(ends)

    def spent_within(begin: datetime, end: datetime) -> Counter[str]:
        between = {envelope.occurred_at for envelope, _ in own if begin < envelope.occurred_at < end}
        spent: Counter[str] = Counter()
        for start, stop in pairwise(sorted(between | {begin, end})):
            ticket = states_at(own, start, at.known_at)[stream]
            assert isinstance(ticket, Ticket)
            spent[str(ticket.status_before_merge if ticket.status == "merged" else ticket.status)] += (
                stop - start
            ) // MICROSECOND
        return spent

    spent = spent_within(opened, end)
    replies = sorted(
        envelope.occurred_at
        for envelope, event in own
        if isinstance(event, TicketReplied) and event.is_public and not event.is_bot
    )
    gaps = list(pairwise(replies))
    worked = [spent_within(*gap) for gap in gaps]
    solutions = [envelope.occurred_at for envelope, event in own if isinstance(event, TicketSolved)]
    reopened = max((envelope.occurred_at for envelope, event in own if isinstance(event, TicketReopened)), default=None)
    again = min((reply for reply in replies if reopened and reply >= reopened), default=None)
    return {
        "reopened_at": reopened,
        "response_after_reopening": seconds((again - reopened) // MICROSECOND) if again and reopened else None,
        "ended_at": end,
        "total": seconds((end - opened) // MICROSECOND),
        "agent_work": seconds(spent["new"] + spent["open"]),
        "on_hold": seconds(spent["on_hold"]),
        "pending": seconds(spent["pending"]),
        "solved_before_reopening": seconds(spent["solved"] + spent["closed"]),
        "requester_wait": seconds(spent["new"] + spent["open"] + spent["on_hold"]),
        "first_response": seconds((min(replies) - opened) // MICROSECOND) if replies else None,
        "first_resolution": seconds((min(solutions) - opened) // MICROSECOND) if solutions else None,
        "periodic_update": seconds(max((until - since) // MICROSECOND for since, until in gaps)) if gaps else None,
        "pausable_update": (
            seconds(max(each["new"] + each["open"] + each["on_hold"] for each in worked)) if worked else None
        ),
    }


def seconds(microseconds: int) -> Decimal:
    return Decimal(microseconds) / 1_000_000


# Moves, and what they explain

Move = tuple[str, datetime, Any, Any]
ACTIVE = ("active", "at_risk")


@pytest.fixture(scope="module")
def few(points: list[At]) -> list[At]:
    """Some of the points, for what takes long to fold by hand."""
    return points[:8]


@pytest.fixture(scope="module")
def span(events: Events) -> tuple[datetime, datetime]:
    """A period in the middle of the history; both ends are instants at which something happened."""
    return events[len(events) // 8][0].occurred_at, events[7 * len(events) // 8][0].occurred_at


def status_of(state: Any) -> Any:
    return "merged" if isinstance(state, Customer) and state.merged_into is not None else state.status


def moves_of(at: At, aggregate: str) -> list[Move]:
    """Every change of a status, found by folding up to every instant at which something happened."""
    found = []
    for id in at.of(aggregate):
        stream, before = f"{aggregate}-{id}", None
        own = [(envelope, event) for envelope, event in at.events if envelope.stream == stream]
        for instant in sorted({envelope.occurred_at for envelope, _ in own}):
            status = status_of(states_at(own, instant, at.known_at)[stream])
            if status != before:
                found.append((id, instant, before, status))
            before = status
    return found


def standing_before(moves: list[Move], instant: datetime) -> dict[str, Any]:
    """The status of each stream just before an instant."""
    return {id: status for id, moved_at, _, status in moves if moved_at < instant}


def counted_moves(moves: list[Move], span: tuple[datetime, datetime], before: Any, after: Any) -> int:
    return sum(span[0] <= moved < span[1] and was in before and now in after for _, moved, was, now in moves)


@pytest.mark.parametrize("aggregate", ["ticket", "customer"])
def test_moves(company: Company, few: list[At], aggregate: str) -> None:
    for at in few:
        found = [tuple(row.values()) for row in answers(company, at, f"{aggregate}_moves")]
        assert found == sorted(moves_of(at, aggregate))


def test_movements_explain_the_difference_of_two_backlogs(
    company: Company, few: list[At], span: tuple[datetime, datetime]
) -> None:
    question = {"period_from": span[0], "period_to": span[1]}
    for at in few:
        moves = moves_of(at, "ticket")
        found = answers(company, at, "backlog_movements", **question)
        if not moves:
            assert found == []
            continue
        (row,) = found
        assert list(row.values()) == [
            "all",
            sum(status in LIVE for status in standing_before(moves, span[0]).values()),
            counted_moves(moves, span, (None,), LIVE),
            counted_moves(moves, span, ("solved", "closed"), LIVE),
            counted_moves(moves, span, ("merged",), LIVE),
            counted_moves(moves, span, LIVE, ("solved", "closed")),
            counted_moves(moves, span, LIVE, ("merged",)),
            sum(status in LIVE for status in standing_before(moves, span[1]).values()),
        ]
        gained, lost = row["opened"] + row["reopened"] + row["unmerged"], row["solved"] + row["merged"]
        assert row["backlog_before"] + gained - lost == row["backlog_after"]
        for instant, column in zip(span, ("backlog_before", "backlog_after"), strict=True):
            if instant <= at.as_of:
                then = at._replace(as_of=instant - MICROSECOND)
                assert [each["backlog"] for each in answers(company, then, "backlog")] == [row[column]][: row[column]]


def test_movements_explain_the_difference_of_two_counts_of_customers(
    company: Company, few: list[At], span: tuple[datetime, datetime]
) -> None:
    for at in few:
        moves = moves_of(at, "customer")
        for row in answers(company, at, "customer_movements", period_from=span[0], period_to=span[1]):
            gained = row["activated"] + row["returned"] + row["unmerged"]
            assert row["active_before"] + gained - row["churned"] - row["merged"] == row["active_after"]
            before, after = (list(standing_before(moves, instant).values()) for instant in span)
            assert row["active_before"] == sum(status in ACTIVE for status in before)
            assert row["active_after"] == sum(status in ACTIVE for status in after)


def test_churn_retention_and_reactivation(company: Company, few: list[At], span: tuple[datetime, datetime]) -> None:
    told = Counter[str]()
    question = {"period_from": span[0], "period_to": span[1]}
    for at in few:
        moves = moves_of(at, "customer")
        before, after = standing_before(moves, span[0]), standing_before(moves, span[1])
        in_period = [(id, status) for id, moved_at, _, status in moves if span[0] <= moved_at < span[1]]
        active = {id for id, status in before.items() if status in ACTIVE}
        gone = {id for id, status in before.items() if status == "churned"}
        left = {id for id, status in in_period if status == "churned"} & active
        back = {id for id, status in in_period if status in ACTIVE} & gone
        still = {id for id, status in after.items() if status in ACTIVE}
        expected: dict[str, tuple[int, ...]] = {
            "churn_rate": (len(active), len(left)),
            "reactivation_rate": (len(gone), len(back)),
            "retention_rate": (len(active), len(still), len(still - active)),
        }
        for name, counts in expected.items():
            found = [list(row.values())[1:] for row in answers(company, at, name, **question)]
            kept = counts[1] - counts[2] if name == "retention_rate" else counts[1]
            rate = ratio(kept, counts[0]) if counts[0] else None
            shown = any(counts) if name == "retention_rate" else counts[0]
            assert found == ([[*counts, rate]] if shown else [])
            told[name] += kept
    assert sum(told.values()) > 0


# Customers as they stand


def test_customers_by_status_and_priority(company: Company, points: list[At]) -> None:
    for at in points:
        customers = [each for each in at.of("customer").values() if each.merged_into is None]
        statuses = {row["status"]: row["customers"] for row in answers(company, at, "customers_by_status")}
        assert statuses == Counter(customer.status for customer in customers)
        found = {row["priority"]: row for row in answers(company, at, "customers_by_priority")}
        assert {priority: row["customers"] for priority, row in found.items()} == Counter(
            customer.priority for customer in customers
        )
        parts = ("prospects", "active", "at_risk", "churned")
        assert all(sum(row[part] for part in parts) == row["customers"] for row in found.values())


def test_referral_rate(tmp_path: Path) -> None:
    chance, sources = Random(5), ("referral", "web", None)
    with company_in(tmp_path) as company:
        for number in range(40):
            then = f"03-{1 + number // 2:02} {chance.randint(0, 8):02}:00"
            company.tell(
                f"03-{2 + number // 2:02} 09:00",
                RegisterCustomer(id=str(number), source=chance.choice(sources)),
                occurred=chance.choice((then, None)),
            )
        for number in range(12):
            reason, recorded = "a mistake", f"04-{1 + number:02} 09:00"
            company.tell(recorded, CorrectCustomer(id=str(number), source=chance.choice(sources[:2]), reason=reason))
            company.tell(recorded, MergeCustomers(id=str(number), merged_id=str(number + 20), reason=reason))
        events, (start, end), referred = company.events(), (day("03-05 07:00"), day("03-19 00:00")), set()
        for _ in range(POINTS):
            as_of, known_at = chance.choice(events)[0].occurred_at, chance.randint(len(events) // 2, len(events))
            point = at(events, as_of, known_at)
            customers: dict[str, Customer] = point.of("customer")
            came = [
                customers[envelope.stream.removeprefix("customer-")]
                for envelope, event in point.events
                if isinstance(event, CustomerRegistered) and start <= envelope.occurred_at < end
            ]
            new = [customer.source == "referral" for customer in came if customer.merged_into is None]
            found = answers(company, point, "referral_rate", period_from=start, period_to=end)
            assert [list(row.values()) for row in found] == (
                [["all", len(new), sum(new), ratio(sum(new), len(new))]] if new else []
            )
            referred.add(sum(new))
        assert len(referred) > 3


# Leads


def test_the_register_and_the_agents(company: Company, points: list[At]) -> None:
    for at in points:
        leads = at.of("lead")
        register = answers(company, at, "lead_register")
        assert {row["lead_id"]: (row["status"], row["agent_id"]) for row in register} == {
            id: (lead.status, lead.agent_id) for id, lead in leads.items()
        }
        owned = Counter(lead.agent_id for lead in leads.values() if lead.status != "merged")
        found = answers(company, at, "leads_by_agent")
        assert {row["agent_id"]: (row["leads"], row["share"]) for row in found} == {
            agent: (count, ratio(count, owned.total())) for agent, count in owned.items()
        }
        assert all(row["open"] + row["converted"] + row["disqualified"] == row["leads"] for row in found)


def test_speed_to_lead(company: Company, points: list[At]) -> None:
    contacted_ever, outside = 0, 0
    for at in points:
        captured = {
            envelope.stream: envelope.occurred_at for envelope, event in at.events if type(event) is LeadCaptured
        }
        times, business_times, calendars = [], [], calendars_of(at)
        for stream, since in captured.items():
            contacts = [
                envelope.occurred_at
                for envelope, event in at.events
                if envelope.stream == stream and isinstance(event, LeadContacted) and event.direction == "outbound"
            ]
            if contacts:
                times.append((min(contacts) - since) // MICROSECOND)
                business_times.append(business_time(calendars, None, since, min(contacts)) // MICROSECOND)
        outside += sum(times) - sum(business_times)
        contacted_ever += len(times)
        found = answers(company, at, "speed_to_lead")
        assert [(row["leads"], row["contacted"], row["never_contacted"]) for row in found] == (
            [(len(captured), len(times), len(captured) - len(times))] if captured else []
        )
        if times:
            for column, spent in (("seconds", times), ("business_seconds", business_times)):
                assert found[0][f"median_{column}"] == whole(median(spent) / 1_000_000)
                assert found[0][f"mean_{column}"] == whole(sum(spent) / len(spent) / 1_000_000)
    assert contacted_ever
    assert outside


def whole(number: float) -> int:
    """Rounded to a whole number, half up."""
    return int(number + 0.5)


def test_the_time_in_every_status_adds_up(company: Company, few: list[At]) -> None:
    for at in few:
        spent: dict[str, Counter[str]] = {}
        in_business: dict[str, Counter[str]] = {}
        leads, calendars = at.of("lead"), calendars_of(at)
        for id in leads:
            own = [(envelope, event) for envelope, event in at.events if envelope.stream == f"lead-{id}"]
            instants = sorted({envelope.occurred_at for envelope, _ in own} | {at.as_of})
            for since, until in pairwise(instants):
                state: Any = states_at(own, since, at.known_at)[f"lead-{id}"]
                spent.setdefault(state.status, Counter())[id] += (until - since) // MICROSECOND
                in_business.setdefault(state.status, Counter())[id] += (
                    business_time(calendars, None, since, until) // MICROSECOND
                )
            spent.setdefault(leads[id].status, Counter())[id] += 0
            in_business.setdefault(leads[id].status, Counter())[id] += 0
        found = {row["status"]: row for row in answers(company, at, "lead_time_in_status")}
        assert found.keys() == spent.keys()
        now = Counter(lead.status for lead in leads.values())
        for status, row in found.items():
            assert (row["leads"], row["there_now"]) == (len(spent[status]), now[status])
            for column, times in (("seconds", spent[status]), ("business_seconds", in_business[status])):
                assert row[f"total_{column}"] == whole(times.total() / 1_000_000)
                assert row[f"median_{column}"] == whole(median(times.values()) / 1_000_000)
                assert row[f"mean_{column}"] == whole(times.total() / len(times) / 1_000_000)


# Tickets: solved in a period


def test_one_touch_first_contact_and_satisfaction(
    company: Company, few: list[At], span: tuple[datetime, datetime]
) -> None:
    question, promised = {"period_from": span[0], "period_to": span[1]}, set()
    for at in few:
        tickets: dict[str, Ticket] = at.of("ticket")
        solutions: dict[str, datetime] = {}
        for envelope, event in at.events:
            if isinstance(event, TicketSolved) and span[0] <= envelope.occurred_at < span[1]:
                id = envelope.stream.partition("-")[2]
                solutions[id] = min(solutions.get(id, envelope.occurred_at), envelope.occurred_at)
        replies = Counter(
            envelope.stream.partition("-")[2]
            for envelope, event in at.events
            if isinstance(event, TicketReplied) and event.is_public and not event.is_bot
        )
        touched = {id for id in solutions if replies[id] <= 1}
        ratings = [rating for id in solutions if (rating := tickets[id].rating) is not None]
        good = sum(rating >= 4 for rating in ratings)
        solved = len(solutions)
        assert [list(row.values())[1:] for row in answers(company, at, "one_touch_rate", **question)] == (
            [[solved, len(touched), ratio(len(touched), solved)]] if solved else []
        )
        assert [list(row.values())[1:] for row in answers(company, at, "csat", **question)] == (
            [[solved, len(ratings), good, ratio(good, len(ratings)) if ratings else None, ratio(len(ratings), solved)]]
            if solved
            else []
        )
        promise = newest_policy(at, SlaPublished, "first_contact_resolution")
        promised.add(promise)
        holds_until = {id: solved + holds(promise, tickets[id].priority) for id, solved in solutions.items()}
        decided = {id for id, until in holds_until.items() if until <= at.as_of}
        reopened = {
            id
            for id, moved, before, after in moves_of(at, "ticket")
            if id in decided and before in ("solved", "closed") and after in LIVE
            and solutions[id] <= moved <= holds_until[id]
        }  # fmt: skip
        then = {id: states_at(at.events, solutions[id], at.known_at)[f"ticket-{id}"] for id in decided}
        reopened |= {id for id, ticket in then.items() if status_of(ticket) in LIVE}
        first = (touched & decided) - reopened
        rate = ratio(len(first), len(decided)) if decided else None
        assert [list(row.values())[1:] for row in answers(company, at, "first_contact_resolution", **question)] == (
            [[solved, solved - len(decided), len(reopened), len(first), rate]] if solved else []
        )
    assert len(promised) > 2


def holds(promise: SlaPublished | None, priority: str | None) -> timedelta:
    """How long a solution is to hold."""
    if promise is None:
        return timedelta(days=7)
    of_priority = getattr(promise, f"{priority}_seconds") if priority else None
    return timedelta(seconds=of_priority or promise.seconds or 7 * 86_400)


def test_escalation_rate(company: Company, points: list[At]) -> None:
    for at in points:
        tickets = len(at.of("ticket"))
        times = Counter(envelope.stream for envelope, event in at.events if isinstance(event, TicketEscalated))
        assert [list(row.values())[1:] for row in answers(company, at, "escalation_rate")] == (
            [[tickets, len(times), times.total(), ratio(len(times), tickets)]] if tickets else []
        )


def test_surveys(company: Company, points: list[At]) -> None:
    told: Counter[str] = Counter()
    for at in points:
        scores: dict[str, list[int]] = {"nps": [], "csat": []}
        for _, event in at.events:
            if isinstance(event, SurveyAnswered) and event.metric in scores:
                scores[event.metric].append(event.score)
        nps, csat = scores["nps"], scores["csat"]
        promoters, detractors = sum(score >= 9 for score in nps), sum(score <= 6 for score in nps)
        found = answers(company, at, "nps")
        assert [list(row.values())[1:5] for row in found] == (
            [[len(nps), promoters, len(nps) - promoters - detractors, detractors]] if nps else []
        )
        if nps:
            exact = Decimal(100 * (promoters - detractors)) / len(nps)
            assert abs(found[0]["nps"] - exact) <= Decimal("0.005")
        good = sum(score >= 4 for score in csat)
        assert [list(row.values())[1:] for row in answers(company, at, "survey_csat")] == (
            [[len(csat), good, ratio(good, len(csat))]] if csat else []
        )
        told += Counter({"nps": len(nps), "csat": len(csat)})
    assert min(told["nps"], told["csat"]) > 0

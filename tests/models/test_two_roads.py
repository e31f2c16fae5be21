"""Everything twice: once by the read models and reports in SQL, once folded in Python from the raw events; on logs that
came about by chance, late facts among them, at many points (T, K).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

import pytest

from domain.customer import Customer
from domain.event import Event, State
from domain.lead import Lead
from domain.ticket import (
    Ticket,
    TicketAssigned,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketSolved,
)
from infra.log import Envelope
from infra.models import records
from infra.models.point import at_point
from infra.models.report import run
from tests.models.company import Company, company_in, states_at

Events = list[tuple[Envelope, Event[Any]]]
POINTS = 25
MICROSECOND = timedelta(microseconds=1)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[1, 2])
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        company.happen_by_chance(Random(request.param), 2500)
        yield company


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


def test_the_backlog(company: Company, points: list[At]) -> None:
    for at in points:
        live = [ticket for ticket in at.of("ticket").values() if ticket.is_live]
        found = answers(company, at, "backlog")
        assert [(row["backlog"], row["without_agent"]) for row in found] == (
            [(len(live), sum(ticket.agent_id is None for ticket in live))] if live else []
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
    instants = sorted({envelope.occurred_at for envelope, _ in own if envelope.occurred_at < end} | {end})
    spent: Counter[str] = Counter()
    for start, stop in pairwise(instants):
        ticket = states_at(own, start, at.known_at)[stream]
        assert isinstance(ticket, Ticket)
        spent[str(ticket.status_before_merge if ticket.status == "merged" else ticket.status)] += (
            stop - start
        ) // MICROSECOND
    replies = [
        envelope.occurred_at
        for envelope, event in own
        if isinstance(event, TicketReplied) and event.is_public and not event.is_bot
    ]
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
    }


def seconds(microseconds: int) -> Decimal:
    return Decimal(microseconds) / 1_000_000


def ratio(part: int, whole: int) -> Decimal:
    """Rounded to six places, half up, in whole numbers."""
    return Decimal((2_000_000 * part + whole) // (2 * whole)) / 1_000_000

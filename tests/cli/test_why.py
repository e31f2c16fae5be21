"""From a number to the records that it counts, and from a record to the facts behind it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crm.v1 import customers_pb2, tickets_pb2
from infra.cli.app import run
from infra.cli.connection import connected
from infra.cli.options import settings_of
from tests.cli.conftest import Crm

pytestmark = pytest.mark.slow

WEEK = "['mon 09:00-17:00', 'tue 09:00-17:00', 'wed 09:00-17:00', 'thu 09:00-17:00', 'fri 09:00-17:00']"

MAPPING = f"""\
-- A desk in Berlin that answers within two hours of business time, and two tickets.
select 'PublishCalendar' as command, 'office' as id, timestamptz '2024-04-01' as occurred_at, row, 0 as step,
       'Europe/Berlin' as time_zone, {WEEK} as hours, null as measure, null as seconds, null as pauses,
       null as priority, null as reply_id, null as reason
from source where row = 2
union all
select 'PublishSla', 'answer', timestamptz '2024-04-01', row, 1, null, null, 'first_response', 7200, null, null, null,
       null
from source where row = 2
union all
select 'PublishSla', 'solve', timestamptz '2024-04-01', row, 2, null, null, 'full_resolution', 28800, ['pending'], null,
       null, null
from source where row = 2
union all
select command, ticket, instant::timestamptz, row, 3, null, null, null, null, null, priority, reply, reason from source
"""

HISTORY = """\
command,ticket,instant,priority,reply,reason
OpenTicket,1,2024-04-05T14:00:00Z,high,,
OpenTicket,2,2024-04-05T14:30:00Z,low,,
ReplyToTicket,1,2024-04-08T08:30:00Z,,r1,
PendTicket,1,2024-04-08T09:00:00Z,,,waits for a photograph
TriageTicket,2,2024-04-08T09:30:00Z,high,,the customer called
SolveTicket,1,2024-04-09T08:00:00Z,,,
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the two tickets, which nobody changes."""
    folder = tmp_path_factory.mktemp("desk")
    mapping, history = folder / "desk.sql", folder / "desk.csv"
    mapping.write_text(MAPPING)
    history.write_text(HISTORY)
    assert run(["import", str(mapping), str(history), "--data", str(folder / "data")]) == 0
    return folder / "data"


def rows(crm: Crm, *arguments: object) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(crm(*arguments, "--format", "csv").out)))


def test_a_number_leads_to_its_records(crm: Crm, desk: Path) -> None:
    at = ("--as-of", "2024-04-08T12:00:00Z", "--data", desk)
    assert [row["backlog"] for row in rows(crm, "report", "backlog", "--by", "priority", *at)] == ["2"]
    high = rows(crm, "why", "backlog", "--row", "priority=high", *at)
    assert [(row["stream"], row["backlog"]) for row in high] == [("ticket-1", "1"), ("ticket-2", "1")]
    earlier = ("--as-of", "2024-04-08T09:00:00Z", "--data", desk)
    low = rows(crm, "why", "backlog", "--row", "priority=low", *earlier)
    assert [row["stream"] for row in low] == ["ticket-2"]
    assert rows(crm, "why", "backlog", "--row", "channel=", *at) == high
    said = crm("why", "sla_attainment", "--row", "sla_id=answer", "--column", "late", *at)
    assert "ticket-2" in said.out
    assert "ticket-1" not in said.out
    assert "records: 1; go on with: crm why ticket-2 --as-of 2024-04-08T12:00:00Z" in said.err


def test_rows_that_are_records_already(crm: Crm, desk: Path) -> None:
    late = rows(crm, "why", "sla_clocks", "--row", "state=breached", "--data", desk)
    assert [(row["stream"], row["sla_id"]) for row in late] == [("ticket-1", "answer")]
    assert {row["stream"] for row in rows(crm, "why", "business_hours", "--data", desk)} == {"", "policy-office"}


def test_a_record_leads_to_its_facts(crm: Crm, desk: Path) -> None:
    ask = ("why", "ticket-2", "--data", desk)
    values = {row["field"]: row for row in rows(crm, *ask)}
    assert values["priority"]["value"] == "high"
    assert values["priority"]["type"] == "TicketTriaged"
    assert values["priority"]["since"] == "2024-04-08T09:30:00Z"
    assert values["priority"]["reason"] == "the customer called"
    told = crm(*ask)
    assert "priority = high  since 2024-04-08 09:30:00" in told.out
    assert "why: the customer called" in told.out
    before = {row["field"]: row for row in rows(crm, *ask, "--as-of", "2024-04-08")}
    assert before["priority"]["type"] == "TicketOpened"


def test_what_reports_count_leads_to_its_events(crm: Crm, company: Path) -> None:
    def at(day: int) -> datetime:
        return datetime(2025, 1, day, tzinfo=UTC)

    ticket: dict[str, Any] = {"id": "7"}
    met: dict[str, Any] = {"id": "c1", "channel": "phone", "direction": "inbound"}
    with connected(settings_of(company)) as door:
        door.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(**ticket, occurred_at=at(1)))
        door.tickets.SolveTicket(tickets_pb2.SolveTicketRequest(**ticket, occurred_at=at(2)))
        door.tickets.ReopenTicket(tickets_pb2.ReopenTicketRequest(**ticket, reason="again", occurred_at=at(3)))
        interaction = customers_pb2.LogInteractionRequest
        newest = door.customers.LogInteraction(interaction(**met, interaction_id="1", occurred_at=at(9)))
        late = door.customers.LogInteraction(interaction(**met, interaction_id="2", occurred_at=at(5)))

    def told(stream: str, *circumstances: str) -> dict[str, tuple[str, str]]:
        explained = rows(crm, "why", stream, *circumstances, "--data", company)
        assert [row["field"] for row in explained] == sorted({row["field"] for row in explained})
        return {row["field"]: (row["value"], row["type"]) for row in explained}

    values = told("ticket-7")
    assert values["reopens"] == ("1", "TicketReopened")
    assert values["first_solved_at"] == ("2025-01-02T00:00:00.000000Z", "TicketSolved")
    assert values["opened_at"] == ("2025-01-01T00:00:00.000000Z", "TicketOpened")
    assert not values.keys() & {"solved_at", "escalations", "version", "ticket_id"}
    before = told("ticket-7", "--as-of", "2025-01-02T12:00:00Z")
    assert before["solved_at"] == ("2025-01-02T00:00:00.000000Z", "TicketSolved")
    assert "reopens" not in before
    lead = told("lead-1")
    assert lead["captured_at"] == ("2024-01-10T00:00:00.000000Z", "LeadCaptured")
    assert lead["converted_at"] == ("2024-02-20T00:00:00.000000Z", "LeadConverted")
    customer = {row["field"]: row for row in rows(crm, "why", "customer-c1", "--data", company)}
    assert (customer["interactions"]["value"], customer["interactions"]["position"]) == ("2", str(late.position))
    last = customer["last_interaction_at"]
    assert (last["value"], last["position"]) == ("2025-01-09T00:00:00.000000Z", str(newest.position))
    known = rows(crm, "why", "customer-c1", "--known-at", str(newest.position), "--data", company)
    assert [row["value"] for row in known if row["field"] == "interactions"] == ["1"]


def test_the_minutes_that_counted_add_up_to_the_reported_ones(crm: Crm, desk: Path) -> None:
    """Opened on Friday at 16:00 in Berlin, an hour before the office closes; answered on Monday at 10:30."""
    explained = json.loads(crm("why", "ticket-1", "--format", "json", "--data", desk).out)
    assert {each["field"] for each in explained["values"]} >= {"status", "priority"}
    seconds = {clock["sla_id"]: Decimal(str(clock["seconds"])) for clock in explained["clocks"]}
    assert seconds == {"answer": 3600 + 5400, "solve": 3600 + 7200 + 0}
    for clock in explained["clocks"]:
        spans = [span for span in explained["spans"] if span["sla_id"] == clock["sla_id"]]
        assert sum(Decimal(str(span["counted_seconds"])) for span in spans) == seconds[clock["sla_id"]]
        assert spans[0]["began_at"] == clock["started_at"]
        assert spans[-1]["ended_at"] == clock["stopped_at"]
    said = [
        (each["began_at"][5:16], each["why"], each["counted_seconds"], each["calendar_id"])
        for each in explained["spans"]
        if each["sla_id"] == "solve"
    ]
    assert said == [
        ("04-05T14:00", "counted", 3600, "office"),
        ("04-05T15:00", "out_of_hours", 0, None),
        ("04-08T07:00", "counted", 5400, "office"),
        ("04-08T08:30", "counted", 1800, "office"),
        ("04-08T09:00", "paused", 0, None),
    ]
    shown = crm("why", "ticket-1", "--sla", "--data", desk).out
    assert shown.startswith("SLA answer, first_response: breached")
    assert "paused" in shown
    spans = rows(crm, "why", "ticket-1", "--sla", "--data", desk)
    assert len(spans) == len(explained["spans"])


def test_what_cannot_be_explained(crm: Crm, desk: Path) -> None:
    def refused(*arguments: object) -> str:
        ended = crm("why", *arguments, "--data", desk)
        assert ended.status == 1
        assert ended.out == ""
        return ended.err

    assert "UNKNOWN_REPORT" in refused("backlok")
    assert "did you mean backlog" in refused("backlok")
    assert "did you mean priority" in refused("backlog", "--row", "prioritie=high")
    assert "UNKNOWN_COLUMN" in refused("backlog", "--column", "breakdown")
    assert "NOT_FOUND" in refused("ticket-3")
    assert "IN_THE_FUTURE" in refused("backlog", "--as-of", "9000-01-01")
    for wrong in (
        ("backlog", "--row", "high"),
        ("backlog", "--sla"),
        ("lead-1", "--sla"),
        ("ticket-1", "--column", "backlog"),
        ("backlog", "--row", "priority=high", "--row", "channel="),
        ("backlog", "--as-of", "soon"),
    ):
        assert crm("why", *wrong, "--data", desk).status == 2

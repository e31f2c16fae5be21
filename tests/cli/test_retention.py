"""Retention policies are obeyed, by the version in force, and what was done is said."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm.client import Client
from crm.v1 import customers_pb2, leads_pb2, policies_pb2, tickets_pb2
from infra.cli import privacy, retention
from infra.main import Node
from infra.settings import Settings
from tests.cli.conftest import Crm

pytestmark = pytest.mark.slow

NOW = datetime.now(UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Callable[[Client], None]], None]:
    """Lets something happen in a data directory."""

    def tell(story: Callable[[Client], None]) -> None:
        with Node.open(Settings(data=tmp_path / "data")) as node, Client(node.serve(), actor="user:ann") as crm:
            story(crm)

    return tell


def people(crm: Client) -> None:
    def registered(id: str, days: float) -> None:
        crm.customers.RegisterCustomer(
            customers_pb2.RegisterCustomerRequest(id=id, name=f"Name of {id}", occurred_at=ago(days))
        )

    def met(id: str, days: float) -> None:
        request: Any = {"interaction_id": f"{days}", "channel": "phone", "direction": "inbound"}
        crm.customers.LogInteraction(customers_pb2.LogInteractionRequest(id=id, **request, occurred_at=ago(days)))

    def churned(id: str, days: float) -> None:
        crm.customers.DeclareChurn(customers_pb2.DeclareChurnRequest(id=id, occurred_at=ago(days)))

    for id in ("silent", "met", "old", "left", "back", "again", "active"):
        registered(id, 900)
    registered("new", 100)
    met("old", 500)
    met("met", 100)
    churned("left", 400)
    churned("back", 400)
    churned("again", 400)
    for id in ("back", "again"):
        crm.customers.ReactivateCustomer(customers_pb2.ReactivateCustomerRequest(id=id, occurred_at=ago(300)))
    churned("again", 200)
    crm.customers.ActivateCustomer(customers_pb2.ActivateCustomerRequest(id="active", occurred_at=ago(800)))


def published(crm: Client, **days: Any) -> None:
    crm.policies.PublishRetention(policies_pb2.PublishRetentionRequest(id="people", **days))


def test_who_is_due_is_forgotten_by_the_policy_in_force(
    crm: Crm, tell: Callable[[Callable[[Client], None]], None], tmp_path: Path
) -> None:
    at = ("--data", tmp_path / "data", "--format", "json")

    def ran(*more: str) -> dict[str, str]:
        done = crm("run", "retention", *more, *at)
        assert done.status == 0, done
        return {row["customer"]: row["outcome"] for row in json.loads(done.out)["rows"]}

    tell(people)
    assert ran() == {}
    tell(lambda client: published(client, prospect_days=365, churned_days=300))
    tell(lambda client: published(client, prospect_days=1, valid_from=NOW + timedelta(days=30)))  # not yet in force
    assert ran("--dry-run") == dict.fromkeys(("silent", "old", "left"), "would be forgotten")
    assert ran() == dict.fromkeys(("silent", "old", "left"), "forgotten")
    assert ran() == {}
    log = crm("log", "--type", "CustomerForgotten", *at).out.splitlines()
    reasons = {json.loads(line)["subject"]: json.loads(line)["data"]["reason"] for line in log}
    assert reasons.keys() == {"customer-silent", "customer-old", "customer-left"}
    assert reasons["customer-left"].startswith("retention policy people, version 1: churned, no contact since ")
    assert crm("find", "--name", "silent", *at[:2]).status == 1
    assert crm("find", "--name", "met", *at[:2]).status == 0
    tell(lambda client: published(client, churned_days=150))
    assert ran() == {"again": "forgotten"}


def contacts(crm: Client) -> None:
    """People of whom one customer alone would be due."""

    def registered(id: str) -> None:
        crm.customers.RegisterCustomer(customers_pb2.RegisterCustomerRequest(id=id, occurred_at=ago(900)))

    def became(id: str) -> None:
        crm.leads.CaptureLead(leads_pb2.CaptureLeadRequest(id=id, name=id, occurred_at=ago(900)))
        crm.leads.ConvertLead(leads_pb2.ConvertLeadRequest(id=id, customer_id=id, occurred_at=ago(880)))

    def opened(id: str) -> None:
        crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(id=id, customer_id=id, occurred_at=ago(800)))

    def replied(id: str, days: float, *, is_public: bool = True) -> None:
        request = tickets_pb2.ReplyToTicketRequest(id=id, reply_id="1", is_public=is_public, occurred_at=ago(days))
        crm.tickets.ReplyToTicket(request)

    def merged(id: str, other: str) -> None:
        request = customers_pb2.MergeCustomersRequest(id=id, merged_id=other, reason="the same", occurred_at=ago(2))
        crm.customers.MergeCustomers(request)

    for id in ("a-client", "client", "a-twin", "twin", "answered", "internal", "written", "gone"):
        registered(id)
    crm.customers.ActivateCustomer(customers_pb2.ActivateCustomerRequest(id="client", occurred_at=ago(700)))
    merged("a-client", "client")
    merged("a-twin", "twin")
    for id in ("answered", "internal", "written", "gone"):
        opened(id)
    replied("answered", 1)
    replied("internal", 1, is_public=False)
    crm.tickets.ReceiveReply(tickets_pb2.ReceiveReplyRequest(id="written", reply_id="1", occurred_at=ago(1)))
    crm.customers.DeclareChurn(customers_pb2.DeclareChurnRequest(id="gone", occurred_at=ago(700)))
    replied("gone", 1)
    became("contacted")
    became("silent")
    for id, days in (("contacted", 1), ("silent", 600)):
        crm.leads.CaptureLead(leads_pb2.CaptureLeadRequest(id=f"{id}-2", occurred_at=ago(870)))
        request: Any = {"contact_id": "1", "channel": "phone", "direction": "inbound"}
        crm.leads.ContactLead(leads_pb2.ContactLeadRequest(id=f"{id}-2", **request, occurred_at=ago(days)))
        crm.leads.ConvertLead(leads_pb2.ConvertLeadRequest(id=f"{id}-2", customer_id=id, occurred_at=ago(0.5)))


def test_the_whole_person_is_judged(crm: Crm, tell: Callable[[Callable[[Client], None]], None], tmp_path: Path) -> None:
    tell(contacts)
    tell(lambda client: published(client, prospect_days=365, churned_days=365))
    at = ("--data", tmp_path / "data", "--format", "json")
    assert crm("backup", tmp_path / "backups", "--keys", tmp_path / "keys.db", *at[:2]).status == 0
    expected = {
        "a-client": "left as it is: customer-client is active",
        "a-twin": "forgotten",
        "answered": "left as it is: TicketReplied in ticket-answered since",
        "contacted": "left as it is: LeadContacted in lead-contacted-2 since",
        "gone": "left as it is: TicketReplied in ticket-gone since",
        "internal": "forgotten",
        "silent": "forgotten",
        "written": "left as it is: TicketReplyReceived in ticket-written since",
    }
    for more in (("--dry-run",), ()):
        ran = crm("run", "retention", *more, *at)
        answer = json.loads(ran.out)
        assert [each["what"] for each in answer["handed_out"]] == ["backup", "backup of the keys"]
        assert ("destroy it, and make a new one" in ran.err) == (not more)
        rows = {row["customer"]: row for row in answer["rows"]}
        said = {id: row["outcome"].replace("would be forgotten", "forgotten") for id, row in rows.items()}
        assert said == expected
    assert rows["silent"]["since"] == ago(600).isoformat().replace("+00:00", "Z")
    forgotten = {
        json.loads(line)["subject"] for line in crm("log", "--type", "CustomerForgotten", *at).out.splitlines()
    }
    assert forgotten == {"customer-a-twin", "customer-internal", "customer-silent"}


def test_what_was_done_is_said_though_something_failed(
    crm: Crm, tell: Callable[[Callable[[Client], None]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(crm: Client, due: retention.Due, found: retention.Judged) -> None:
        if due.id == "old":  # which the server refuses
            due = due._replace(id="nobody", etag="")
        forget(crm, due, found)
        if due.id == "silent":
            raise KeyboardInterrupt

    tell(people)
    tell(lambda client: published(client, prospect_days=365, churned_days=300))
    forget = retention.forget
    monkeypatch.setattr(retention, "forget", failing)
    at = ("--data", tmp_path / "data", "--format", "json")
    for status, expected in (
        (130, [("left", "forgotten"), ("old", "failed: INVALID_FIELD"), ("silent", retention.UNKNOWN)]),
        (1, [("old", "failed: INVALID_FIELD")]),
    ):
        ran = crm("run", "retention", *at)
        assert ran.status == status, ran
        assert [(row["customer"], row["outcome"]) for row in json.loads(ran.out)["rows"]] == expected


def test_who_is_told_of_meanwhile_is_judged_again(
    crm: Crm, tell: Callable[[Callable[[Client], None]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(id: str) -> tickets_pb2.OpenTicketRequest:
        ticket = f"{id}-{tried.count(id)}"
        return tickets_pb2.OpenTicketRequest(id=ticket, customer_id=id, occurred_at=ago(1 if id == "old" else 800))

    def meanwhile(crm: Client, due: retention.Due, found: retention.Judged) -> None:
        if due.id == "left" or tried.count(due.id) < {"old": 1, "silent": 2}[due.id]:
            crm.tickets.OpenTicket(told(due.id))
        tried.append(due.id)
        forget(crm, due, found)

    tell(people)
    tell(lambda client: published(client, prospect_days=365, churned_days=300))
    tried: list[str] = []
    forget = retention.forget
    monkeypatch.setattr(retention, "forget", meanwhile)
    ran = crm("run", "retention", "--data", tmp_path / "data", "--format", "json")
    assert {row["customer"]: row["outcome"] for row in json.loads(ran.out)["rows"]} == {
        "left": "left as it is: PERSON_CHANGED",
        "old": "left as it is: TicketOpened in ticket-old-0 since",
        "silent": "forgotten",
    }
    assert [tried.count(id) for id in ("left", "old", "silent")] == [privacy.MOST_TRIES, 1, 3]

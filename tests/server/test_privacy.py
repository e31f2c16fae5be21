"""Finding people, and telling what we hold about them, through a real port."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from infra.cli.privacy import sending_of


@pytest.fixture(scope="module", autouse=True)
def story(caller: Any) -> None:
    caller("CaptureLead", id="p-1", name="Ada Abel", email="Ada@Example.org", phone="+49 30 12345")
    caller("ConvertLead", id="p-1", customer_id="p-1")
    caller("OpenTicket", id="p-1", customer_id="p-1", subject="late")
    caller("RegisterCustomer", id="p-2", name="Ben Abel", email="ben@example.org")


def found(caller: Any, **known: str) -> dict[str, list[str]]:
    return {match.stream: list(match.slots) for match in caller("FindPeople", **known).matches}


def test_people_are_found_at_once(caller: Any) -> None:
    assert found(caller, email="ada@example.org") == {"customer-p-1": ["email"], "lead-p-1": ["email"]}
    assert set(found(caller, name="abel")) == {"customer-p-1", "lead-p-1", "customer-p-2"}
    assert found(caller, name="Abel Ben", email="BEN@example.org") == {"customer-p-2": ["email", "name"]}
    assert found(caller, name="Abel", phone="0049 30 12345").keys() == {"customer-p-1", "lead-p-1"}
    assert found(caller, name="Ada Brandt") == {}


@pytest.mark.parametrize(("given", "field"), [({}, "email"), ({"phone": "none"}, "phone"), ({"name": " "}, "name")])
def test_nothing_to_look_for(caller: Any, given: dict[str, str], field: str) -> None:
    refused = caller.refused("FindPeople", **given)
    assert (refused.code, refused.fields) == ("INVALID_FIELD", [field])


def test_who_cannot_be_described(caller: Any) -> None:
    assert caller.refused("DescribeSubject", customer_id="nobody").code == "NOT_FOUND"
    assert caller.refused("DescribeSubject").code == "INVALID_FIELD"


def test_what_we_hold_about_a_person_with_consents_at_each_sending(caller: Any) -> None:
    def at(day: int) -> datetime:
        return datetime(2025, 1, day, tzinfo=UTC)

    id = {"id": "p-3"}
    caller("CaptureLead", id="p-3", name="Cleo", occurred_at=at(1))
    caller("ConvertLead", id="p-3", customer_id="p-3", occurred_at=at(2))
    caller("LogInteraction", **id, interaction_id="1", channel="email", direction="outbound", occurred_at=at(3))
    caller("GrantConsent", **id, purpose="news", channel="email", expires_at=at(20), occurred_at=at(4))
    caller("GrantConsent", **id, purpose="offers", channel="phone", occurred_at=at(5))
    caller("WithdrawConsent", **id, purpose="offers", channel="phone", occurred_at=at(10))
    caller("OpenTicket", id="p-3", customer_id="p-3", body="where?", occurred_at=at(6))
    caller("ReplyToTicket", id="p-3", reply_id="1", body="there", channel="email", occurred_at=at(7))
    caller("ReplyToTicket", id="p-3", reply_id="2", is_public=False, occurred_at=at(8))
    caller("LogInteraction", **id, interaction_id="2", channel="phone", direction="inbound", occurred_at=at(11))
    caller("LogInteraction", **id, interaction_id="3", channel="email", direction="outbound", occurred_at=at(12))
    caller("LogInteraction", **id, interaction_id="4", channel="email", direction="outbound", occurred_at=at(25))
    parts = caller("DescribeSubject", customer_id="p-3")
    assert list(parts[0].streams) == ["customer-p-3", "lead-p-3", "ticket-p-3"]
    states = {part.state.stream: MessageToDict(part.state.values) for part in parts if part.HasField("state")}
    assert states["customer-p-3"]["name"] == states["lead-p-3"]["name"] == "Cleo"
    events = [part.event for part in parts if part.HasField("event")]
    assert [event.position for event in events] == sorted(event.position for event in events)
    assert len(events) == 13
    assert "where?" in [event.data.fields["body"].string_value for event in events if event.type == "TicketOpened"]
    sendings = [part.sending for part in parts if part.HasField("sending")]
    allowed = [
        (sending.occurred_at.ToDatetime(UTC).day, {consent.purpose for consent in sending.consents})
        for sending in sorted(sendings, key=lambda sending: sending.occurred_at.seconds)
    ]
    assert allowed == [(3, set()), (7, {"news", "offers"}), (12, {"news"}), (25, set())]
    assert all(sending.consents_known == sending.consents for sending in sendings)

    caller("ForgetCustomer", id="p-3")
    parts = caller("DescribeSubject", customer_id="p-3")
    assert "Cleo" not in str(parts)
    assert "where?" not in str(parts)
    assert len([part for part in parts if part.HasField("event")]) == 14


def test_a_consent_that_came_late_is_told_from_what_was_known_at_the_sending(caller: Any) -> None:
    def at(day: int) -> datetime:
        return datetime(2025, 1, day, tzinfo=UTC)

    id, channel = {"id": "p-late"}, {"channel": "email"}
    caller("RegisterCustomer", **id, name="Gus", occurred_at=at(1))
    caller("GrantConsent", **id, purpose="news", **channel, occurred_at=at(2))
    sent = caller("LogInteraction", **id, interaction_id="1", **channel, direction="outbound", occurred_at=at(5))
    caller("GrantConsent", **id, purpose="offers", **channel, occurred_at=at(3))
    caller("WithdrawConsent", **id, purpose="news", **channel, occurred_at=at(4))
    parts = caller("DescribeSubject", customer_id="p-late")
    (sending,) = [part.sending for part in parts if part.HasField("sending")]
    assert sending.position == sent.position
    assert [(each.customer_id, each.purpose) for each in sending.consents] == [("p-late", "offers")]
    assert [(each.customer_id, each.purpose) for each in sending.consents_known] == [("p-late", "news")]
    shown = sending_of(sending)
    assert [each["purpose"] for name in ("consents", "consents_known") for each in shown[name]] == ["offers", "news"]


def test_somebody_known_as_a_lead_only(caller: Any) -> None:
    caller("CaptureLead", id="p-5", name="Edda")
    parts = caller("DescribeSubject", lead_id="p-5")
    assert list(parts[0].streams) == ["lead-p-5"]
    assert "Edda" in str(parts)
    position = caller("ForgetLead", id="p-5", reason="asked").position
    assert found(caller, name="edda") == {}
    assert "Edda" not in str(caller("DescribeSubject", lead_id="p-5"))
    lead = caller("GetLead", lead_id="p-5", min_position=position)
    assert (lead.forgotten, lead.status, lead.HasField("name")) == (True, "new", False)
    caller("CaptureLead", id="p-6", name="Fay")
    caller("ConvertLead", id="p-6", customer_id="p-6")
    assert caller.refused("ForgetLead", id="p-6").code == "IS_CUSTOMER"
    for asked in ({}, {"lead_id": "p-6", "customer_id": "p-6"}):
        assert caller.refused("DescribeSubject", **asked).code == "INVALID_FIELD"
    assert caller.refused("DescribeSubject", lead_id="nobody").fields == ["lead_id"]


def test_who_was_forgotten_is_not_found(caller: Any) -> None:
    caller("CaptureLead", id="p-4", name="Dora")
    caller("ConvertLead", id="p-4", customer_id="p-4")
    assert len(found(caller, name="dora")) == 2
    position = caller("ForgetCustomer", id="p-4", reason="asked").position
    assert found(caller, name="dora") == {}
    assert not caller("GetLead", lead_id="p-4", min_position=position).HasField("name")
    assert not caller("GetCustomer", customer_id="p-4", min_position=position).HasField("name")
    refused = caller.refused("CorrectLead", id="p-4", phone="0815", reason="she called")
    assert (refused.code, refused.fields) == ("FORGOTTEN", ["phone"])


def told(caller: Any, **asked: str) -> tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]:
    """The states, and the events with their data, in the answer about a person."""
    parts = caller("DescribeSubject", **asked)
    states = {part.state.stream: MessageToDict(part.state.values) for part in parts if part.HasField("state")}
    events = [part.event for part in parts if part.HasField("event")]
    return states, [(event.stream, event.type, MessageToDict(event.data)) for event in events]


def test_nobody_is_told_what_is_somebody_elses(caller: Any) -> None:
    caller("RegisterCustomer", id="p-7", name="Gil", company="Gil & Co")
    caller("CaptureLead", id="p-8", name="Hal", phone="0800 8888", email="hal@example.org", country="DE")
    caller("ConvertLead", id="p-8", customer_id="p-7")
    for asked in ({"customer_id": "p-7"}, {"lead_id": "p-8"}):  # as long as they are one
        states, _ = told(caller, **asked)
        assert states.keys() == {"customer-p-7", "lead-p-8"}
        assert states["customer-p-7"]["phone"] == "0800 8888"
    caller("ReverseConversion", id="p-8", reason="not the same")

    states, events = told(caller, customer_id="p-7")
    assert states.keys() == {"customer-p-7"}
    assert (states["customer-p-7"]["name"], "phone" in states["customer-p-7"]) == ("Gil", False)
    assert "8888" not in str(events)
    assert "hal@" not in str(events)
    states, events = told(caller, lead_id="p-8")
    assert states.keys() == {"lead-p-8"}
    assert "Gil" not in str(events)
    copied = {"phone": "0800 8888", "email": "hal@example.org"}
    assert ("customer-p-7", "CustomerCorrected", copied) in events

    caller("CaptureLead", id="p-9", name="Ida", phone="0800 9999")
    caller("ConvertLead", id="p-9", customer_id="p-9")
    caller("ReverseConversion", id="p-9", reason="a mistake")
    assert "Ida" not in str(told(caller, customer_id="p-9"))
    copied = {"name": "Ida", "phone": "0800 9999"}
    assert ("customer-p-9", "CustomerRegistered", copied) in told(caller, lead_id="p-9")[1]
    caller("ForgetLead", id="p-9")
    assert "Ida" not in str(told(caller, lead_id="p-9"))


def test_merged_customers_are_one_person_until_they_are_not(caller: Any) -> None:
    for id, name in (("p-10", "Jan"), ("p-11", "Jana")):
        caller("RegisterCustomer", id=id, name=name)
    caller("MergeCustomers", id="p-10", merged_id="p-11", reason="the same")
    for id in ("p-10", "p-11"):
        states, _ = told(caller, customer_id=id)
        assert {stream: state["name"] for stream, state in states.items()} == {
            "customer-p-10": "Jan",
            "customer-p-11": "Jana",
        }
    caller("UnmergeCustomers", id="p-10", merged_id="p-11", reason="not the same")
    assert told(caller, customer_id="p-10")[0].keys() == {"customer-p-10"}
    assert "Jana" not in str(told(caller, customer_id="p-10"))

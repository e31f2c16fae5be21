"""Single commands through a real port."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

LONG_AGO = datetime(2024, 3, 1, 12, tzinfo=UTC)


def test_an_outcome_says_what_happened_and_where(caller: Any, node: Any) -> None:
    outcome = caller("OpenTicket", id="c1", subject="Broken", group_id="desk")
    assert (outcome.id, outcome.stream, outcome.etag) == ("c1", "ticket-c1", "2")
    assert outcome.last_position == outcome.first_position + 1 == outcome.position
    assert outcome.recorded_at.ToDatetime(UTC) <= datetime.now(UTC)
    again = caller("AssignTicket", id="c1", group_id="desk")
    assert again.etag == "2"
    assert not again.HasField("first_position")
    assert not again.HasField("last_position")
    assert again.position == node.log.head.position


def test_every_kind_of_field_arrives(caller: Any, node: Any) -> None:
    caller("RegisterCustomer", id="c2", name="Ann")
    caller("CorrectCustomer", id="c2", reason="typo", clear=["name"], email="ann@example.org")
    caller("GrantConsent", id="c2", purpose="newsletter", channel="email", expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    caller("AnswerSurvey", id="c2", answer_id="a", metric="nps", score=0)
    caller("OpenTicket", id="c2")
    caller("ReplyToTicket", id="c2", reply_id="r", is_public=False)
    _, customer = node.log.state("customer-c2")
    assert (customer.name, customer.email) == (None, "ann@example.org")
    assert ("newsletter", "email", datetime(2099, 1, 1, tzinfo=UTC)) in customer.consents
    reply = next(
        step for step in caller("ReplayStream", stream="ticket-c2") if step.event.type == "crm.TicketReplied.v1"
    )
    assert reply.data["is_public"] is False


def test_a_new_stream_gets_an_id_when_none_is_given(caller: Any) -> None:
    first, second = caller("CaptureLead", name="A"), caller("CaptureLead", name="A")
    assert first.id != second.id
    assert UUID(first.id).version == 7


def test_a_request_sent_again_gets_the_first_answer(caller: Any, node: Any) -> None:
    first = caller("CaptureLead", name="Bea", request_id="capture-bea")
    caller("AssignLead", id=first.id, agent_id="x")
    head = node.log.head.position
    assert caller("CaptureLead", name="Bea", request_id="capture-bea") == first
    assert node.log.head.position == head
    refused = caller.refused("CaptureLead", name="Ben", request_id="capture-bea")
    assert refused.code == "REQUEST_ID_REUSED"


def test_the_same_request_id_of_another_command_makes_another_id(caller: Any) -> None:
    lead = caller("CaptureLead", request_id="same", validate_only=True)
    ticket = caller("OpenTicket", request_id="same", validate_only=True)
    assert lead.id != ticket.id


def test_validate_only_changes_nothing(caller: Any, node: Any) -> None:
    head = node.log.head.position
    outcome = caller("OpenTicket", id="c3", validate_only=True)
    assert outcome.etag == "1"
    assert not outcome.HasField("last_position")
    assert node.log.head.position == head
    assert caller.refused("SolveTicket", id="c3").code == "NOT_FOUND"


def test_an_etag_excludes_others(caller: Any) -> None:
    etag = caller("OpenTicket", id="c4", etag="0").etag
    assert caller("PendTicket", id="c4", etag=etag).etag == "2"
    refused = caller.refused("ResumeTicket", id="c4", etag=etag)
    assert (refused.code, refused.status.name) == ("VERSION_CONFLICT", "ABORTED")


def test_a_fact_of_the_past_is_recorded_as_such(caller: Any) -> None:
    caller("OpenTicket", id="c5", occurred_at=LONG_AGO, reason="found in a drawer", correlation_id="box-7")
    (step,) = caller("ReplayStream", stream="ticket-c5")
    assert step.occurred_at.ToDatetime(UTC) == LONG_AGO
    assert step.event.recorded_at.ToDatetime(UTC) > LONG_AGO + timedelta(days=1)
    assert step.reason == "found in a drawer"
    assert '"correlationid":"box-7"' in step.event.document


@pytest.mark.parametrize(
    ("claim", "actor"),
    [(None, "unauthenticated:anonymous"), ("alice", "unauthenticated:alice")],
)
def test_who_calls_over_the_network_is_what_they_claim(caller: Any, claim: str | None, actor: str) -> None:
    metadata = [("crm-actor", claim)] if claim else None
    outcome = caller("OpenTicket", metadata=metadata)
    (step,) = caller("ReplayStream", stream=outcome.stream)
    assert step.actor == actor


@pytest.mark.parametrize(
    ("claim", "actor"),
    [("user:alice", "user:alice"), ("system:demo", "system:demo"), ("alice", "unauthenticated:alice")],
)
def test_who_calls_over_the_socket_is_believed(local_caller: Any, claim: str, actor: str) -> None:
    outcome = local_caller("OpenTicket", metadata=[("crm-actor", claim)])
    (step,) = local_caller("ReplayStream", stream=outcome.stream)
    assert step.actor == actor


def test_nobody_on_the_network_is_believed_to_be_a_user(caller: Any) -> None:
    for claim in ("user:alice", "system:demo", "a b", "x" * 65, "admin:alice"):
        refused = caller.refused("OpenTicket", metadata=[("crm-actor", claim)])
        assert (refused.code, refused.fields) == ("INVALID_FIELD", ["crm-actor"])


@pytest.mark.slow
def test_sixteen_callers_at_once_lose_nothing(caller: Any, node: Any) -> None:
    head = node.log.head.position

    def work(number: int) -> list[int]:
        caller("OpenTicket", id=f"many-{number}")
        notes = [caller("AddNote", id=f"many-{number}", note_id=str(note)) for note in range(20)]
        shared = [caller("AddNote", id="many-0", note_id=f"{number}-{note}") for note in range(5)] if number else []
        return [outcome.position for outcome in (*notes, *shared)]

    caller("OpenTicket", id="many-all")
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(work, 0)
        positions = first.result() + [position for each in pool.map(work, range(1, 16)) for position in each]
    assert len(set(positions)) == len(positions) == 16 * 20 + 15 * 5
    assert node.log.head.position == head + 1 + 16 * 21 + 15 * 5
    assert node.log.state("ticket-many-0")[0] == 21 + 15 * 5
    assert node.log.verify() == []

"""Watching a record through a real port."""

from __future__ import annotations

from typing import Any

import grpc
import pytest


def watch(caller: Any, rpc: str, **given: Any) -> Any:
    return caller.streaming(rpc, caller.request(rpc, **given), timeout=60)


def test_a_record_is_sent_whenever_it_has_changed(caller: Any) -> None:
    position = caller("OpenTicket", id="w1", subject="It squeaks").position
    call = watch(caller, "WatchTicket", ticket_id="w1", min_position=position)
    first = next(call)
    assert (first.status, first.subject) == ("new", "It squeaks")
    caller("OpenTicket", id="w-other")
    assigned = caller("AssignTicket", id="w1", agent_id="ann")
    second = next(call)
    assert (second.agent_id, second.etag) == ("ann", assigned.etag)
    assert second.read_point.position >= assigned.position
    caller("OpenTicket", id="w-survivor")
    caller("MergeTickets", id="w-survivor", merged_id="w1", reason="twins")
    assert next(call).merged_into == "w-survivor"
    call.cancel()


def test_only_the_fields_asked_for_are_looked_at(caller: Any) -> None:
    position = caller("CaptureLead", id="w2").position
    call = watch(caller, "WatchLead", lead_id="w2", min_position=position, read_mask={"paths": ["status"]})
    assert next(call).status == "new"
    caller("ScoreLead", id="w2", score=7)
    caller("QualifyLead", id="w2")
    found = next(call)
    assert (found.status, found.HasField("score")) == ("qualified", False)
    call.cancel()


def test_any_record_can_be_watched(caller: Any) -> None:
    caller("RegisterCustomer", id="w3")
    position = caller("GrantConsent", id="w3", purpose="news", channel="email").position
    key = {"customer_id": "w3", "purpose": "news", "channel": "email"}
    call = watch(caller, "WatchRecord", model="consents", key=key, min_position=position)
    assert next(call).values["status"] == "granted"
    caller("WithdrawConsent", id="w3", purpose="news", channel="email")
    assert next(call).values["status"] == "withdrawn"
    call.cancel()


def test_a_customer_that_is_forgotten_is_sent_without_what_was_personal(caller: Any) -> None:
    position = caller("RegisterCustomer", id="w4", name="Ann", country="DE").position
    call = watch(caller, "WatchCustomer", customer_id="w4", min_position=position)
    assert next(call).name == "Ann"
    caller("ForgetCustomer", id="w4")
    found = next(call)
    assert (found.HasField("name"), found.country) == (False, "DE")
    call.cancel()


@pytest.mark.parametrize(
    ("rpc", "given", "code"),
    [
        ("WatchTicket", {"ticket_id": "nobody"}, "NOT_FOUND"),
        ("WatchTicket", {"ticket_id": "w1", "read_mask": {"paths": ["state"]}}, "UNKNOWN_COLUMN"),
        ("WatchRecord", {"model": "cats", "key": {"a": "1"}}, "UNKNOWN_MODEL"),
        ("WatchRecord", {"model": "tickets", "key": {"id": "1"}}, "INVALID_KEY"),
    ],
)
def test_what_cannot_be_watched(caller: Any, rpc: str, given: Any, code: str) -> None:
    assert caller.refused(rpc, **given).code == code


def test_watchers_go_home_when_the_server_stops(run_node: Any, make_caller: Any, tmp_path: Any) -> None:
    with run_node(tmp_path) as node:
        caller = make_caller(node.address)
        position = caller("OpenTicket", id="1").position
        call = watch(caller, "WatchTicket", ticket_id="1", min_position=position)
        next(call)
        node.server.stop(30)
        with pytest.raises(grpc.RpcError) as stopped:
            next(call)
        assert caller.refusal(stopped.value).code == "SERVER_STOPPING"

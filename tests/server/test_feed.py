"""The feed and replay through a real port."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Timer
from typing import Any

import grpc
import pytest

from crm.v1 import commands_pb2

DAY = datetime(2024, 5, 6, 9, tzinfo=UTC)


def events(answers: Any) -> list[Any]:
    return [event for answer in answers for event in answer.events]


@pytest.fixture(scope="module", autouse=True)
def history(caller: Any) -> int:
    """Something to read: 1,300 events."""
    for number in range(3):
        caller("OpenTicket", id=f"f{number}", occurred_at=DAY)
    notes = [{"add_note": {"id": "f0", "note_id": str(note)}} for note in range(1297)]
    sent = [commands_pb2.ExecuteCommandsRequest(commands=notes[begin : begin + 500]) for begin in range(0, 1297, 500)]
    answers = list(caller.streaming("ExecuteCommands", iter(sent)))
    return int(answers[-1].results[-1].outcome.position)


def test_the_feed_is_gapless_and_proves_it(caller: Any, node: Any) -> None:
    answers = caller("ReadEvents")
    assert all(len(answer.events) <= 500 for answer in answers)
    assert answers[-1].position == node.log.head.position
    read = events(answers)
    assert [event.position for event in read] == list(range(1, node.log.head.position + 1))
    hash = bytes(32)
    for event in read:
        hash = sha256(hash + event.document.encode()).digest()
        assert event.hash == hash


def test_the_feed_begins_anywhere(caller: Any) -> None:
    first = events(caller("ReadEvents", after_position=40, limit=3))
    assert [event.position for event in first] == [41, 42, 43]
    late = caller("OpenTicket", id="f-late")
    again = events(caller("ReadEvents", recorded_from=late.recorded_at))
    assert [event.stream for event in again] == ["ticket-f-late"]
    assert events(caller("ReadEvents", recorded_from=datetime(2999, 1, 1, tzinfo=UTC))) == []
    assert events(caller("ReadEvents", recorded_from=datetime(1, 1, 1, tzinfo=UTC), limit=1))[0].position == 1


def test_a_reader_goes_on_where_it_was_by_position_and_hash(caller: Any) -> None:
    for filtered in ({}, {"types": ["TicketOpened"]}, {"stream": "ticket-f0"}):
        whole = events(caller("ReadEvents", **filtered))
        for limit in (1, 2, 7):
            first = caller("ReadEvents", limit=limit, **filtered)
            rest = caller("ReadEvents", after_position=first[-1].position, after_hash=first[-1].hash, **filtered)
            assert events(first) + events(rest) == whole
    assert caller("ReadEvents", after_position=0, after_hash=bytes(32), limit=1)[0].events[0].position == 1


def test_the_feed_of_one_stream(caller: Any, node: Any) -> None:
    read = events(caller("ReadEvents", stream="ticket-f0"))
    assert [event.version for event in read] == list(range(1, 1299))
    later = events(caller("ReadEvents", stream="ticket-f0", after_position=read[1199].position))
    assert [event.version for event in later] == list(range(1201, 1299))


@pytest.mark.parametrize("name", ["TicketOpened", "crm.TicketOpened.v1"])
def test_the_feed_of_some_types(caller: Any, name: str, node: Any) -> None:
    answers = caller("ReadEvents", types=[name, "LeadCaptured"])
    assert {"crm.TicketOpened.v1"} <= {event.type for event in events(answers)}
    assert {event.type for event in events(answers)} <= {"crm.TicketOpened.v1", "crm.LeadCaptured.v1"}
    assert answers[-1].position == node.log.head.position


def test_a_follower_sees_what_happens(caller: Any, node: Any) -> None:
    call = caller.streaming(
        "ReadEvents", caller.request("ReadEvents", follow=True, after_position=node.log.head.position)
    )
    first = next(call)
    assert (list(first.events), first.position) == ([], node.log.head.position)
    for number in range(3):
        opened = caller("OpenTicket", id=f"follow-{number}")
        answer = next(call)
        assert [event.stream for event in answer.events] == [f"ticket-follow-{number}"]
        assert answer.position == opened.position
    call.cancel()
    with pytest.raises(grpc.RpcError):
        next(call)


def test_a_follower_stops_at_its_limit(caller: Any, node: Any) -> None:
    sent = caller.request(
        "ReadEvents", follow=True, after_position=node.log.head.position, types=["TicketHeld"], limit=2
    )
    timer = Timer(0.2, lambda: [caller("OpenTicket", id="held"), caller("HoldTicket", id="held")])
    timer.start()
    call = caller.streaming("ReadEvents", sent)
    answers = [next(call)]
    timer.join()
    caller("ResumeTicket", id="held")
    caller("HoldTicket", id="held")
    answers += list(call)
    assert [event.version for event in events(answers)] == [2, 4]


def test_a_follower_with_nothing_to_see_hears_how_far_the_log_was_looked_at(caller: Any, node: Any) -> None:
    def heartbeat(**given: Any) -> Any:
        sent = caller.request(
            "ReadEvents", follow=True, after_position=node.log.head.position, heartbeat={"nanos": 100_000_000}, **given
        )
        return caller.streaming("ReadEvents", sent, timeout=60)

    idle, busy = heartbeat(types=["TicketHeld"], stream="ticket-heart"), heartbeat(stream="ticket-beat")
    for call in (idle, busy):
        next(call)
    opened = caller("OpenTicket", id="beat")
    first = next(answer for answer in busy if answer.events)
    assert (first.events[0].position, first.position) == (opened.position, opened.position)
    reached = next(answer for answer in idle if answer.position >= opened.position)
    assert list(reached.events) == []
    assert reached.hash == node.log.hash_at(reached.position)
    # From there another reader goes on.
    caller("OpenTicket", id="heart")
    held = caller("HoldTicket", id="heart")
    place = {"after_position": reached.position, "after_hash": reached.hash, "types": ["TicketHeld"]}
    assert [event.position for event in events(caller("ReadEvents", **place))] == [held.position]
    assert [event.position for event in next(answer for answer in idle if answer.events).events] == [held.position]
    for call in (idle, busy):
        call.cancel()
    for seconds in ({"seconds": 0}, {"seconds": 3601}, {"nanos": -1}):
        assert caller.refused("ReadEvents", follow=True, heartbeat=seconds).fields == ["heartbeat"]


CUT_OFF = """
DELETE FROM events WHERE position > 2;
UPDATE log_head SET (position, hash) = (SELECT position, hash FROM events WHERE position = 2);
"""
WRITTEN_ANEW = """
UPDATE events SET hash = zeroblob(32) WHERE position = 4;
UPDATE log_head SET hash = zeroblob(32);
"""


@pytest.mark.slow
@pytest.mark.parametrize("change", [CUT_OFF, WRITTEN_ANEW])
def test_a_follower_is_told_when_the_log_is_not_the_one_it_has_read(
    run_node: Any, make_caller: Any, tmp_path: Any, change: str
) -> None:
    with run_node(tmp_path) as node:
        caller = make_caller(node.address)
        for number in range(4):
            caller("OpenTicket", id=f"t{number}")
        call = caller.streaming("ReadEvents", caller.request("ReadEvents", follow=True), timeout=60)
        assert next(call).position == 4
        with sqlite3.connect(tmp_path / "log.db") as log:
            log.executescript(change)
        caller("OpenTicket", id="late")
        with pytest.raises(grpc.RpcError) as forked:
            list(call)
        assert caller.refusal(forked.value).code == "HISTORY_FORKED"


def test_many_idle_followers_keep_no_command_waiting(caller: Any, node: Any) -> None:
    following = caller.request("ReadEvents", follow=True, after_position=node.log.head.position)
    calls = [caller.streaming("ReadEvents", following, timeout=60) for _ in range(node.settings.workers + 5)]
    for call in calls:
        next(call)
    opened = caller("OpenTicket", id="busy")
    assert opened.etag == "1"
    for call in calls:
        assert [event.stream for event in next(call).events] == ["ticket-busy"]
        call.cancel()


def test_a_stream_is_replayed_step_by_step(caller: Any) -> None:
    caller("OpenTicket", id="r1", subject="Broken", occurred_at=DAY)
    caller("AssignTicket", id="r1", agent_id="ann", occurred_at=DAY + timedelta(hours=1))
    caller("SolveTicket", id="r1", occurred_at=DAY + timedelta(hours=2), reason="repaired")
    steps = caller("ReplayStream", stream="ticket-r1")
    assert [step.event.type for step in steps] == [
        "crm.TicketOpened.v1",
        "crm.TicketAssigned.v1",
        "crm.TicketSolved.v1",
    ]
    assert [step.after["status"] for step in steps] == ["new", "new", "solved"]
    assert steps[0].data["subject"] == "Broken"
    assert "sealed:1:" in steps[0].event.document
    assert "Broken" not in steps[0].event.document
    assert "status" not in steps[0].before
    assert (steps[1].before["status"], "agent_id" in steps[1].before) == ("new", False)
    assert steps[1].after == steps[2].before
    assert steps[2].reason == "repaired"
    assert not steps[1].HasField("reason")


def test_a_stream_is_replayed_at_any_point(caller: Any) -> None:
    caller("OpenTicket", id="r2", occurred_at=DAY)
    known = caller("PendTicket", id="r2", occurred_at=DAY + timedelta(hours=2)).position
    caller("SolveTicket", id="r2", occurred_at=DAY + timedelta(hours=1))

    def status(**point: Any) -> str:
        return str(caller("ReplayStream", stream="ticket-r2", **point)[-1].after["status"])

    assert status() == "solved"
    assert status(known_at_position=known) == "pending"
    assert status(as_of=DAY + timedelta(minutes=90)) == "solved"
    assert status(as_of=DAY + timedelta(minutes=30)) == "new"
    recorded = caller("ReplayStream", stream="ticket-r2")[1].event.recorded_at
    assert status(known_at=recorded) == "pending"


def test_what_a_stream_has_seen_is_told_in_order(caller: Any) -> None:
    caller("OpenTicket", id="r3")
    for note in ("c", "a", "b"):
        caller("AddNote", id="r3", note_id=note)
    assert list(caller("ReplayStream", stream="ticket-r3")[-1].after["note_ids"]) == ["a", "b", "c"]

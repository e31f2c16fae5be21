"""Commands in bulk through a real port."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from crm.v1 import commands_pb2


def bulk(caller: Any, *messages: list[dict[str, Any]]) -> list[list[Any]]:
    """The results of messages of commands."""
    sent = [commands_pb2.ExecuteCommandsRequest(commands=commands) for commands in messages]
    return [list(answer.results) for answer in caller.streaming("ExecuteCommands", iter(sent))]


def test_five_hundred_commands_keep_their_order(caller: Any, node: Any) -> None:
    commands: list[dict[str, Any]] = []
    for number in range(100):
        commands.append({"open_ticket": {"id": f"b{number}"}})
        commands.append({"pend_ticket": {"id": f"b{number}"}})
        commands.append({"rate_ticket": {"id": f"b{number}", "rating": 5}})
        commands.append({"escalate_ticket": {"id": f"b{number}", "level": 10}})
        commands.append({"open_ticket": {"id": f"b{number}"}})
    (results,) = bulk(caller, commands)
    said = [result.refusal.code or result.outcome.etag for result in results]
    assert said == ["1", "2", "NOT_SOLVED", "INVALID_FIELD", "ALREADY_EXISTS"] * 100
    assert results[3].refusal.field == "level"
    positions = [result.outcome.position for result in results if result.HasField("outcome")]
    assert positions == list(range(positions[0], positions[0] + 200))
    assert node.log.head.position == positions[-1]


def test_every_message_gets_its_answer(caller: Any) -> None:
    answers = bulk(caller, [{"open_ticket": {"id": "b-x"}}], [], [{"solve_ticket": {"id": "b-x"}}] * 2)
    assert [[result.outcome.etag for result in results] for results in answers] == [["1"], [], ["2", "2"]]


def test_commands_of_every_stream_go_together(caller: Any) -> None:
    (results,) = bulk(
        caller,
        [
            {"capture_lead": {"id": "b-lead", "name": "Ann"}},
            {"convert_lead": {"id": "b-lead", "customer_id": "b-customer"}},
            {"activate_customer": {"id": "b-customer"}},
            {"open_ticket": {"customer_id": "b-customer"}},
        ],
    )
    assert [result.outcome.stream.partition("-")[0] for result in results] == ["lead", "lead", "customer", "ticket"]
    assert results[2].outcome.etag == "2"


def test_requests_sent_again_in_bulk_change_nothing(caller: Any, node: Any) -> None:
    commands = [{"capture_lead": {"request_id": f"bulk-{number}"}} for number in range(50)]
    first = bulk(caller, commands)
    head = node.log.head.position
    assert bulk(caller, commands) == first
    assert node.log.head.position == head


def test_an_empty_command_is_refused_alone(caller: Any) -> None:
    (results,) = bulk(caller, [{}, {"open_ticket": {"id": "b-alone"}}])
    assert (results[0].refusal.code, results[0].refusal.field) == ("INVALID_FIELD", "command")
    assert results[1].outcome.etag == "1"


def test_too_many_commands_are_refused_and_none_happens(caller: Any, node: Any) -> None:
    head = node.log.head.position
    with pytest.raises(grpc.RpcError) as error:
        bulk(caller, [{"open_ticket": {}}] * 501)
    refused = caller.refusal(error.value)
    assert (refused.code, refused.status) == ("TOO_MANY_COMMANDS", grpc.StatusCode.INVALID_ARGUMENT)
    assert refused.fields == ["commands"]
    assert node.log.head.position == head


@pytest.mark.slow
def test_large_texts_fit_into_one_message(caller: Any) -> None:
    caller("OpenTicket", id="b-large")
    notes = [{"add_note": {"id": "b-large", "note_id": str(number), "body": "x" * 20_000}} for number in range(500)]
    (results,) = bulk(caller, notes)
    assert results[-1].outcome.etag == "501"

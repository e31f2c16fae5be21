"""A foreign client: ``buf curl`` knows nothing but the server's reflection."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from google.rpc import error_details_pb2

from tests.server.curl import Curl, CurlFailed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def curl(node: Any, curl_at: Callable[[str], Curl]) -> Curl:
    return curl_at(node.address)


def test_a_whole_story(curl: Curl) -> None:
    opened = {"id": "curl", "subject": "It squeaks", "priority": "high", "occurredAt": "2024-06-03T08:00:00Z"}
    (first,) = curl("TicketService/OpenTicket", "crm-actor: ann", **opened)
    assert (first["stream"], first["etag"]) == ("ticket-curl", "1")
    replied = {"id": "curl", "replyId": "1", "agentId": "bob", "occurredAt": "2024-06-03T09:30:00Z"}
    curl("TicketService/ReplyToTicket", **replied, body="Oil it")
    solved = {"id": "curl", "etag": "2", "agentId": "bob", "occurredAt": "2024-06-04T08:00:00Z"}
    (last,) = curl("TicketService/SolveTicket", **solved)

    (now,) = curl("TicketService/GetTicket", ticketId="curl", minPosition=last["position"])
    assert (now["status"], now["subject"], now["etag"]) == ("solved", "It squeaks", last["etag"])
    (past,) = curl("TicketService/GetTicket", ticketId="curl", asOf="2024-06-03T12:00:00Z", readMask="status,solvedAt")
    assert past == {"status": "new", "readPoint": past["readPoint"]}
    assert past["readPoint"]["asOf"] == "2024-06-03T12:00:00Z"
    where = 'status = "solved" AND opened_at >= 2024-06-03 AND opened_at < 2024-06-04'
    (page,) = curl("TicketService/ListTickets", filter=where, orderBy="opened_at desc")
    assert [ticket["ticketId"] for ticket in page["tickets"]] == ["curl"]

    period = {"periodFrom": "2024-06-03T00:00:00Z", "periodTo": "2024-06-04T00:00:00Z"}
    (report,) = curl("ReportService/RunReport", name="ticket_times", **period, minPosition=last["position"])
    names = [column["name"] for column in report["chunk"]["columns"]]
    assert len(report["chunk"]["rows"][0]) == len(names)
    assert report["report"]["sqlVersion"]

    steps = curl("LogService/ReplayStream", stream="ticket-curl")
    assert [step["event"]["type"] for step in steps] == [
        "crm.TicketOpened.v1",
        "crm.TicketReplied.v1",
        "crm.TicketSolved.v1",
    ]
    assert steps[0]["actor"] == "unauthenticated:ann"
    assert [step["after"]["status"] for step in steps] == ["new", "new", "solved"]


def test_commands_in_bulk(curl: Curl) -> None:
    commands = [
        {"captureLead": {"id": "curl-bulk"}},
        {"recycleLead": {"id": "curl-bulk"}},
        {"nurtureLead": {"id": "no"}},
    ]
    (answer,) = curl("CommandService/ExecuteCommands", commands=commands)
    assert answer["results"][1]["outcome"]["etag"] == "1"
    assert answer["results"][2]["refusal"] == {
        "code": "NOT_FOUND",
        "sentence": "there is no lead-no",
        "field": "id",
    }


def test_errors_can_be_read(curl: Curl) -> None:
    with pytest.raises(CurlFailed) as refused:
        curl("TicketService/PendTicket", id="curl-nobody")
    error = json.loads(str(refused.value))
    assert (error["code"], error["message"]) == ("not_found", "there is no ticket-curl-nobody")
    packed = {detail["type"].rpartition(".")[2]: b64decode(detail["value"] + "==") for detail in error["details"]}
    info = error_details_pb2.ErrorInfo.FromString(packed["ErrorInfo"])
    assert (info.reason, info.domain) == ("NOT_FOUND", "annals.crm")
    assert error_details_pb2.BadRequest.FromString(packed["BadRequest"]).field_violations[0].field == "id"
    assert error_details_pb2.ResourceInfo.FromString(packed["ResourceInfo"]).resource_name == "curl-nobody"


def test_what_the_contract_does_not_know_is_not_even_sent(curl: Curl) -> None:
    with pytest.raises(CurlFailed, match="colour"):
        curl("TicketService/OpenTicket", colour="red")

"""Every refusal that a caller can meet, one by one, through a real port: its status, code and details."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import grpc
import pytest

from commands.command import Command
from commands.rejected import Rejected
from crm.v1 import commands_pb2, tickets_pb2
from infra.server.codes import STATUSES, status_of
from infra.server.errors import status

THEN = datetime(2024, 2, 3, 4, 5, tzinfo=UTC)
ANSWER = {"answer_id": "1", "metric": "csat"}
POINT = {"contact_point_id": "1"}
BEFORE = {"known_at_position": -1}
BEYOND = {"known_at_position": 10**9}

STORY: list[dict[str, Any]] = [
    {"register_customer": {"id": "e-prospect"}},
    {"register_customer": {"id": "e-active"}},
    {"activate_customer": {"id": "e-active"}},
    {"register_customer": {"id": "e-churned"}},
    {"declare_churn": {"id": "e-churned"}},
    {"register_customer": {"id": "e-merged"}},
    {"merge_customers": {"id": "e-active", "merged_id": "e-merged", "reason": "twins"}},
    {"register_customer": {"id": "e-forgotten"}},
    {"forget_customer": {"id": "e-forgotten"}},
    {"capture_lead": {"id": "e-won"}},
    {"convert_lead": {"id": "e-won", "customer_id": "e-active"}},
    {"capture_lead": {"id": "e-new"}},
    {"capture_lead": {"id": "e-lost"}},
    {"disqualify_lead": {"id": "e-lost", "reason": "no money"}},
    {"capture_lead": {"id": "e-one", "request_id": "e-request"}},
    {"capture_lead": {"id": "e-two"}},
    {"capture_lead": {"id": "e-three"}},
    {"merge_leads": {"id": "e-one", "merged_id": "e-two", "reason": "twins"}},
    {"merge_leads": {"id": "e-one", "merged_id": "e-three", "reason": "twins"}},
    {"open_ticket": {"id": "e-open", "occurred_at": THEN}},
    {"open_ticket": {"id": "e-closed"}},
    {"solve_ticket": {"id": "e-closed"}},
    {"close_ticket": {"id": "e-closed"}},
    {"publish_priority": {"id": "e-priority", "a_percent": 75, "b_percent": 34, "c_percent": 15}},
]


@pytest.fixture(scope="module", autouse=True)
def story(caller: Any) -> int:
    sent = commands_pb2.ExecuteCommandsRequest(commands=STORY)
    (answer,) = caller.streaming("ExecuteCommands", iter([sent]))
    assert [result.refusal.code for result in answer.results] == [""] * len(STORY)
    return int(answer.results[-1].outcome.position)


@dataclass(frozen=True)
class Case:
    """A call that is refused, with the field at fault, where one is."""

    code: str
    rpc: str
    given: dict[str, Any] = field(default_factory=dict)
    field: str | None = None

    @property
    def id(self) -> str:
        return f"{self.code}-{self.rpc}"


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


CASES = [
    Case("CONTRADICTION", "CorrectLead", {"id": "e-new", "reason": "r", "company": "c", "clear": ["company"]}, "clear"),
    Case("FIELD_IS_PERSONAL", "ListTickets", {"filter": 'subject = "x"'}, "filter"),
    Case("FIELD_IS_PERSONAL", "ListTickets", {"order_by": "subject"}, "order_by"),
    Case("INVALID_FIELD", "ContactLead", {"id": "e-new", "contact_id": "1", "channel": "pigeon"}, "channel"),
    Case("INVALID_FIELD", "AssignLead", {"id": "e-new"}, "agent_id"),
    Case("INVALID_FIELD", "QualifyLead", {}, "id"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "a b"}, "id"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "e-new", "etag": "seven"}, "etag"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "e-new", "etag": "-1"}, "etag"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "e-new", "request_id": ""}, "request_id"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "e-new", "request_id": "1\0"}, "request_id"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "e-new", "correlation_id": "x" * 201}, "correlation_id"),
    Case("INVALID_FIELD", "QualifyLead", {"id": "e-new", "occurred_at": {"seconds": 10**15}}, "occurred_at"),
    Case("INVALID_FIELD", "GetTicketReply", {"ticket_id": "1"}, "reply_id"),
    Case("INVALID_FIELD", "GetTicket", {"ticket_id": "1", "as_of": {"nanos": -1}}, "as_of"),
    Case("INVALID_FIELD", "ReadEvents", {"limit": 0}, "limit"),
    Case("INVALID_FIELD", "ReadEvents", {"types": ["TicketSold"]}, "types"),
    Case("INVALID_FIELD", "ReplayStream", {"stream": "nonsense"}, "stream"),
    Case("INVALID_FIELD", "RunSql", {"sql": "select 1", "encoding": 7}, "encoding"),
    Case("IS_CUSTOMER", "ForgetLead", {"id": "e-won"}),
    Case("INVALID_FILTER", "ListTickets", {"filter": "status ~ open"}, "filter"),
    Case("INVALID_KEY", "GetRecord", {"model": "tickets", "key": {"id": "e-open"}}, "key"),
    Case("INVALID_ORDER", "ListTickets", {"order_by": "status down"}, "order_by"),
    Case("INVALID_PAGE_SIZE", "ListTickets", {"page_size": -1}, "page_size"),
    Case("INVALID_PAGE_TOKEN", "ListTickets", {"page_token": "nonsense"}, "page_token"),
    Case("INVALID_PERIOD", "RunReport", {"name": "backlog", "period_from": THEN, "period_to": datetime(2024, 1, 1)}),
    Case("NOTHING_GIVEN", "AssignTicket", {"id": "e-open"}),
    Case("REASON_REQUIRED", "ReopenTicket", {"id": "e-closed"}, "reason"),
    Case("SAME_STREAM", "MergeLeads", {"id": "e-new", "merged_id": "e-new", "reason": "r"}, "merged_id"),
    Case(
        "SCORE_OUT_OF_RANGE",
        "AnswerSurvey",
        {"id": "e-active", "answer_id": "1", "metric": "csat", "score": 0},
        "score",
    ),
    Case("SQL_INVALID", "RunSql", {"sql": "select nothing from tickets"}, "sql"),
    Case("SQL_INVALID", "RunSql", {"sql": "selec"}, "sql"),
    Case("SQL_REFUSED", "RunSql", {"sql": "delete from tickets_now"}, "sql"),
    Case("SQL_REFUSED", "RunSql", {"sql": "select 1; select 2"}, "sql"),
    Case("UNKNOWN_COLUMN", "ListTickets", {"filter": "state = open"}, "filter"),
    Case("UNKNOWN_COLUMN", "GetTicket", {"ticket_id": "e-open", "read_mask": {"paths": ["state"]}}, "read_mask"),
    Case("UNKNOWN_COLUMN", "RunReport", {"name": "leads_by_status", "by": "colour"}, "by"),
    Case("UNKNOWN_COLUMN", "RunReport", {"name": "leads_by_status", "within": "web"}, "by"),
    Case("UNKNOWN_STREAM", "RunReport", {"name": "leads_by_status", "stream": "ticket-1"}, "stream"),
    Case("UNKNOWN_FIELD", "CorrectLead", {"id": "e-new", "reason": "r", "clear": ["colour"]}, "clear"),
    Case("UNKNOWN_FIELD", "ConvertLead", {"id": "e-new", "customer_id": "e-active", "overwrite": ["x"]}, "overwrite"),
    Case("BEFORE_BEGINNING", "SolveTicket", {"id": "e-open", "occurred_at": THEN - timedelta(1)}, "occurred_at"),
    Case("IN_THE_FUTURE", "SolveTicket", {"id": "e-open", "occurred_at": tomorrow()}, "occurred_at"),
    Case("IN_THE_FUTURE", "GetTicket", {"ticket_id": "e-open", "as_of": tomorrow()}, "as_of"),
    Case("IN_THE_FUTURE", "GetTicket", {"ticket_id": "e-open", "known_at": tomorrow()}, "known_at"),
    Case("POSITION_BEYOND_LOG", "GetTicket", {"ticket_id": "e-open", **BEYOND}, "known_at_position"),
    Case("POSITION_BEYOND_LOG", "ReadEvents", {"after_position": 10**9}, "after_position"),
    Case("INVALID_FIELD", "ReadEvents", {"after_position": 1, "after_hash": b"short"}, "after_hash"),
    Case("INVALID_FIELD", "ReadEvents", {"recorded_from": THEN, "after_hash": bytes(32)}, "after_hash"),
    Case("HISTORY_FORKED", "ReadEvents", {"after_position": 1, "after_hash": bytes(32)}),
    Case("HISTORY_FORKED", "ReadEvents", {"after_position": 10**9, "after_hash": bytes(32)}),
    Case("POSITION_BEYOND_LOG", "ReplayStream", {"stream": "ticket-e-open", **BEFORE}, "known_at_position"),
    Case("NOT_FOUND", "SolveTicket", {"id": "nobody"}, "id"),
    Case("NOT_FOUND", "GetTicket", {"ticket_id": "nobody"}),
    Case("NOT_FOUND", "ReplayStream", {"stream": "ticket-nobody"}, "stream"),
    Case("NO_SUCH_CONTACT_POINT", "VerifyContactPoint", {"id": "e-active", **POINT}, "contact_point_id"),
    Case("NO_SUCH_OVERLAY", "WithdrawOverlay", {"id": "e-active", "overlay_id": "1"}, "overlay_id"),
    Case("UNKNOWN_MODEL", "RebuildModels", {"models": ["tickets", "cats"]}),
    Case("UNKNOWN_REPORT", "RunReport", {"name": "weather"}, "name"),
    Case("UNKNOWN_REPORT", "GetReport", {"name": "weather"}, "name"),
    Case("ALREADY_EXISTS", "OpenTicket", {"id": "e-open"}, "id"),
    Case("REQUEST_ID_REUSED", "CaptureLead", {"id": "e-other", "request_id": "e-request"}, "request_id"),
    Case("PERSON_CHANGED", "ForgetCustomer", {"id": "e-churned", "unchanged_since_position": 0}),
    Case("VERSION_CONFLICT", "SolveTicket", {"id": "e-open", "etag": "99"}),
    Case("VERSION_CONFLICT", "OpenTicket", {"id": "e-open", "etag": "0"}),
    Case("CHURNED", "MarkAtRisk", {"id": "e-churned"}),
    Case("CLOSED", "SolveTicket", {"id": "e-closed"}),
    Case("FORGOTTEN", "ActivateCustomer", {"id": "e-forgotten"}, "id"),
    Case("MERGED", "QualifyLead", {"id": "e-two"}, "id"),
    Case("NOT_CHURNED", "ReactivateCustomer", {"id": "e-prospect"}),
    Case("NOT_CONVERTED", "ReverseConversion", {"id": "e-new", "reason": "r"}),
    Case("NOT_CONVERTIBLE", "ConvertLead", {"id": "e-lost", "customer_id": "e-active"}),
    Case("NOT_DISQUALIFIED", "RecycleLead", {"id": "e-qualified"}),
    Case("NOT_LATEST_MERGE", "UnmergeLeads", {"id": "e-one", "merged_id": "e-two", "reason": "r"}, "merged_id"),
    Case("NOT_LIVE", "PendTicket", {"id": "e-closed"}),
    Case("NOT_OPEN", "QualifyLead", {"id": "e-lost"}),
    Case("NOT_PROSPECT", "ActivateCustomer", {"id": "e-churned"}),
    Case("NOT_SOLVED", "CloseTicket", {"id": "e-open"}),
    Case("OTHER_KIND", "PublishRetention", {"id": "e-priority", "prospect_days": 365}, "id"),
    Case("INVALID_SERIES", "RunReport", {"name": "backlog", "every": "fortnight"}, "every"),
    Case("SQL_TOO_MANY_ROWS", "RunSql", {"sql": "select * from range(100000)"}),
]

OTHERWISE = {
    # Tested below, for they need more than one call, or one that no client library makes.
    "INVALID_MESSAGE",
    "MIN_POSITION_NOT_REACHED",
    "PAGE_TOO_LARGE",
    "SQL_TIMEOUT",
    "TOO_MANY_COMMANDS",
    "TOO_MANY_FOLLOWERS",
    "INTERNAL",
    # Tested where the server stops.
    "SERVER_STOPPING",
    # Tested where the server has limits.
    "DEADLINE_PASSED",
    "LOG_BUSY",
    "MESSAGE_TOO_LARGE",
    "RATE_EXCEEDED",
    "TOO_MANY_CALLS",
    "TOO_MANY_STREAMS",
    # Tested where callers have tokens.
    "ACCESS_NOT_LOGGED",
    "NOT_ALLOWED",
    "TOKEN_EXPIRED",
    "TOKEN_INVALID",
    "TOKEN_KEYS_UNAVAILABLE",
    "TOKEN_MISSING",
    "TOKEN_NOT_TAKEN",
    # Tested where several servers share a log.
    "NOT_SERVED_HERE",
}
UNREACHABLE = {
    # What only a damaged, full or foreign data directory, a clock, or a broken SQL file brings about.
    "CLOCK_WENT_BACK",
    "DATA_NOT_WRITABLE",
    "EVENTS_UNREADABLE",
    "KEYS_FULL",
    "KEYS_UNCERTAIN",
    "KEYS_UNAVAILABLE",
    "KEYS_UNREADABLE",
    "LOG_CLOSED",
    "LOG_FULL",
    "LOG_TAMPERED",
    "LOG_UNAVAILABLE",
    "LOG_UNCERTAIN",
    "LOG_UNREADABLE",
    "MODELS_UNWRITABLE",
    "MODEL_BROKEN",
    "MODEL_INVALID",
    "NOT_SEALED",
    "POSITION_MISSING",
    "REPORT_BROKEN",
    "SEAL_BROKEN",
    "SQL_OUT_OF_MEMORY",
    "STREAM_HELD_BACK",
    "STREAM_UNAVAILABLE",
    "UNKNOWN_EVENT_TYPE",
    "UNREADABLE_EVENT",
    # What the wire cannot say.
    "INVALID_INSTANT",
    "NO_TIME_ZONE",
    "POSITION_AHEAD",
}


def test_every_code_is_met_here_or_is_known_to_be_out_of_reach() -> None:
    met = {case.code for case in CASES} | OTHERWISE
    assert met & UNREACHABLE == set()
    assert met | UNREACHABLE == {code for codes in STATUSES.values() for code in codes}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_refusal_says_what_is_wrong(case: Case, caller: Any, node: Any) -> None:
    if case.code == "NOT_DISQUALIFIED":
        caller("CaptureLead", id="e-qualified", request_id="e-qualified")
        caller("QualifyLead", id="e-qualified")
    head = node.log.head.position
    refused = caller.refused(case.rpc, **case.given)
    assert (refused.code, refused.status) == (case.code, status_of(case.code))
    assert len(refused.sentence) > 10
    assert not any(word in refused.sentence for word in ("Traceback", "Error(", "pydantic", "object at 0x"))
    if case.field is not None:
        assert refused.fields == [case.field]
    if refused.status is grpc.StatusCode.FAILED_PRECONDITION:
        (violation,) = refused.details["PreconditionFailure"].violations
        assert (violation.type, violation.subject) == (case.code, case.given[case.field or "id"])
    if refused.status in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS):
        assert refused.details["ResourceInfo"].resource_name
    if refused.status is grpc.StatusCode.UNAVAILABLE:
        assert refused.details["RetryInfo"].retry_delay.seconds > 0
    if refused.status is grpc.StatusCode.RESOURCE_EXHAUSTED:
        assert "RetryInfo" not in refused.details, "to come again would not help"
    assert node.log.head.position == head


def test_a_refusal_names_the_state_and_what_is_allowed(caller: Any) -> None:
    refused = caller.refused("PendTicket", id="e-closed")
    assert "closed" in refused.sentence
    assert "new, open, pending" in refused.sentence
    allowed = caller.refused("ContactLead", id="e-new", contact_id="1", channel="pigeon").sentence
    assert "'email'" in allowed
    assert "pigeon" not in allowed, "a value may be personal"


def test_every_bad_field_is_named(caller: Any) -> None:
    refused = caller.refused("ContactLead", id="a b", channel="pigeon")
    assert refused.fields == ["id", "contact_id", "channel"]
    described = refused.details["BadRequest"].field_violations
    assert described[1].description == "is required"
    assert all(each.reason == "INVALID_FIELD" for each in described)


def test_a_refusal_gets_through_however_long_the_request(caller: Any) -> None:
    for text in ("x" * 100_000, "…" * 10_000):
        refused = caller.refused("GetReport", name=text)
        assert (refused.code, refused.sentence[-1]) == ("UNKNOWN_REPORT", "…")
        assert caller.refused("ListTickets", filter=text).code in ("INVALID_FILTER", "UNKNOWN_COLUMN")


def test_bytes_that_are_no_message(caller: Any) -> None:
    refused = caller.refused_raw("OpenTicket", b"\xff\xff\xff")
    assert (refused.code, refused.status) == ("INVALID_MESSAGE", grpc.StatusCode.INVALID_ARGUMENT)


def test_fields_that_the_contract_does_not_know(caller: Any) -> None:
    known = tickets_pb2.OpenTicketRequest(id="e-unknown").SerializeToString()
    refused = caller.refused_raw("OpenTicket", known + b"\xd2\x0f\x01x")
    assert (refused.code, refused.fields) == ("UNKNOWN_FIELD", ["250"])
    wrong_type = caller.refused_raw("OpenTicket", known + b"\x18\x01")
    assert (wrong_type.code, wrong_type.fields) == ("UNKNOWN_FIELD", ["channel"])
    assert caller.refused("SolveTicket", id="e-unknown").code == "NOT_FOUND"


@pytest.mark.slow
def test_a_position_that_is_not_reached_in_time(caller: Any, node: Any) -> None:
    beyond = node.log.head.position + 1000
    for rpc, given in (("GetTicket", {"ticket_id": "e-open"}), ("RunSql", {"sql": "select 1"})):
        refused = caller.refused(rpc, min_position=beyond, timeout=1, **given)
        assert (refused.code, refused.fields) == ("MIN_POSITION_NOT_REACHED", ["min_position"])
        assert refused.status is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_position_that_is_reached_while_waiting(caller: Any, node: Any) -> None:
    next_one = caller.future("GetTicket", ticket_id="e-open", min_position=node.log.head.position + 1)
    position = caller("OpenTicket").position
    assert next_one.result().read_point.position >= position


@pytest.mark.slow
def test_a_statement_that_takes_too_long(caller: Any) -> None:
    refused = caller.refused("RunSql", sql="select sum(a.range * b.range) from range(10000000) a, range(10000000) b")
    assert (refused.code, refused.status) == ("SQL_TIMEOUT", grpc.StatusCode.DEADLINE_EXCEEDED)


def test_a_page_that_no_client_takes(caller: Any) -> None:
    caller("OpenTicket", id="e-big")
    replies = [
        {"reply_to_ticket": {"id": "e-big", "reply_id": str(number), "body": "x" * 20_000}} for number in range(300)
    ]
    sent = commands_pb2.ExecuteCommandsRequest(commands=replies)
    (answer,) = caller.streaming("ExecuteCommands", iter([sent]))
    question = {"filter": 'ticket_id = "e-big"', "min_position": answer.results[-1].outcome.position}
    refused = caller.refused("ListTicketReplies", page_size=300, **question)
    assert (refused.code, refused.fields) == ("PAGE_TOO_LARGE", ["page_size"])
    mask = {"paths": ["reply_id"]}
    assert len(caller("ListTicketReplies", page_size=300, read_mask=mask, **question).ticket_replies) == 300


def test_what_is_unforeseen_is_told_without_a_trace(caller: Any, node: Any, capsys: pytest.CaptureFixture[str]) -> None:
    node.settings.snapshots.parent.mkdir(exist_ok=True)
    manifest = node.settings.snapshots / f"crm-{node.log.head.position}.json"
    manifest.mkdir(parents=True)
    refused = caller.refused("CreateSnapshot")
    assert (refused.code, refused.status) == ("INTERNAL", grpc.StatusCode.INTERNAL)
    reference = refused.sentence.rpartition(" ")[2]
    assert len(reference) == 32
    assert "Error" not in refused.sentence
    printed = capsys.readouterr()
    assert reference in printed.out + printed.err
    manifest.rmdir()


@pytest.mark.slow
def test_too_many_followers(caller: Any, node: Any) -> None:
    following = caller.request("ReadEvents", follow=True, after_position=node.log.head.position)
    calls = [caller.streaming("ReadEvents", following, timeout=60) for _ in range(200)]
    for call in calls:
        next(call)
    refused = caller.refused("ReadEvents", follow=True)
    assert (refused.code, refused.status) == ("TOO_MANY_FOLLOWERS", grpc.StatusCode.RESOURCE_EXHAUSTED)
    for call in calls:
        call.cancel()
    wait_until(lambda: follows(caller, following))


def follows(caller: Any, following: Any) -> bool:
    """Whether there is a place for one more follower."""
    call = caller.streaming("ReadEvents", following)
    with suppress(grpc.RpcError):
        next(call)
        call.cancel()
        return True
    return False


def wait_until(so: Callable[[], bool]) -> None:
    """Ask again until it is so; the test as a whole fails where it never is."""
    for _ in range(200):
        if so():
            return
        sleep(0.05)
    raise AssertionError("it never came to be")


@pytest.mark.parametrize("code", sorted(UNREACHABLE))
def test_what_is_out_of_reach_has_its_status_all_the_same(code: str) -> None:
    command: type[Command] = Command.by_name["SolveTicket"]
    told = status(Rejected(code, f"a {command.__name__} was refused"))
    assert told.code == status_of(code).value[0] != grpc.StatusCode.UNKNOWN.value[0]
    names = [detail.type_url.rpartition(".")[2] for detail in told.details]
    assert names[0] == "ErrorInfo"
    assert ("RetryInfo" in names) == (status_of(code).name == "UNAVAILABLE")

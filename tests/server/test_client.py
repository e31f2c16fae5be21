"""The Python client, against a real server and over a way that breaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice, repeat
from random import Random
from threading import Event as Flag
from threading import Thread
from typing import Any

import grpc
import pytest

from commands.rejected import Busy
from crm import errors
from crm.client import Client, is_local
from crm.feed import Patience
from crm.v1 import commands_pb2, leads_pb2, log_pb2, models_pb2, outcome_pb2, system_pb2, tickets_pb2
from infra.server.codes import STATUSES
from infra.server.errors import guard
from tests.wire import Wire


@pytest.fixture
def crm(node: Any) -> Iterator[Client]:
    with Client(node.address, actor="ann") as crm:
        yield crm


@contextmanager
def wired(node: Any, cuts: Iterator[int]) -> Iterator[tuple[Client, Wire]]:
    """A client whose connections are cut."""
    wire = Wire(node.address, cuts)
    with Client(wire.address, actor="ann") as crm:
        yield crm, wire
    wire.close()


@contextmanager
def serving(service: str, **handlers: grpc.RpcMethodHandler) -> Iterator[Client]:
    """A client of a server that does nothing but this."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(f"crm.v1.{service}", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with Client(f"127.0.0.1:{port}") as crm:
        yield crm
    server.stop(None)


def opened(id: str, **given: Any) -> tickets_pb2.OpenTicketRequest:
    return tickets_pb2.OpenTicketRequest(id=id, **given)


def test_every_status_of_a_refusal_has_its_class() -> None:
    kinds = [errors.KINDS[status] for status in STATUSES]
    assert len(set(kinds)) == len(kinds)
    assert all(issubclass(kind, errors.CrmError) for kind in kinds)


@pytest.mark.parametrize(
    ("call", "kind", "code", "field"),
    [
        (lambda crm: crm.tickets.SolveTicket(tickets_pb2.SolveTicketRequest(id="x-no")), errors.NotFound, None, "id"),
        (lambda crm: crm.tickets.OpenTicket(opened("a b")), errors.InvalidArgument, "INVALID_FIELD", "id"),
        (lambda crm: crm.tickets.OpenTicket(opened("client-1")), errors.AlreadyExists, None, "id"),
        (lambda crm: crm.tickets.OpenTicket(opened("client-1", etag="0")), errors.Aborted, "VERSION_CONFLICT", None),
        (
            lambda crm: crm.tickets.CloseTicket(tickets_pb2.CloseTicketRequest(id="client-1")),
            errors.FailedPrecondition,
            "NOT_SOLVED",
            None,
        ),
        (
            lambda crm: list(crm.log.ReadEvents(log_pb2.ReadEventsRequest(after_position=10**9))),
            errors.OutOfRange,
            "POSITION_BEYOND_LOG",
            "after_position",
        ),
        (
            lambda crm: list(crm.log.ReadEvents(log_pb2.ReadEventsRequest(after_position=1, after_hash=bytes(32)))),
            errors.DataLoss,
            "HISTORY_FORKED",
            None,
        ),
    ],
)
def test_errors_have_a_class_a_code_and_a_field(
    crm: Client, call: Callable[[Client], Any], kind: type[errors.CrmError], code: str | None, field: str | None
) -> None:
    crm.tickets.OpenTicket(opened("client-1", request_id="client-1"))
    with pytest.raises(kind) as refused:
        call(crm)
    assert refused.value.code == code or code is None
    assert refused.value.field == field
    assert set(refused.value.fields) == ({field} if field else set())
    assert not refused.value.is_passing
    assert str(refused.value) == f"{refused.value.code}: {refused.value.sentence}"


def test_queries_see_what_was_written(crm: Client, node: Any) -> None:
    assert crm.position == 0
    position = crm.leads.CaptureLead(leads_pb2.CaptureLeadRequest()).position
    assert crm.position == position
    crm.see(position - 1)
    assert crm.position == position
    command = commands_pb2.Command(capture_lead=leads_pb2.CaptureLeadRequest())
    nobody = commands_pb2.Command(qualify_lead=leads_pb2.QualifyLeadRequest(id="x-no"))
    sent = commands_pb2.ExecuteCommandsRequest(commands=[command, nobody])
    (answer,) = crm.commands.ExecuteCommands(iter([sent]))
    assert crm.position == answer.results[0].outcome.position == position + 1
    future = crm.leads.CaptureLead.future(leads_pb2.CaptureLeadRequest())
    assert future.result().position == position + 2

    crm.see(node.log.head.position + 1000)
    with pytest.raises(errors.DeadlineExceeded) as refused:
        crm.models.ListRecords(models_pb2.ListRecordsRequest(model="leads"), timeout=1)
    assert (refused.value.code, refused.value.field) == ("MIN_POSITION_NOT_REACHED", "min_position")
    asked = models_pb2.ListRecordsRequest(model="leads", known_at_position=position)
    assert crm.models.ListRecords(asked).read_point.position == position
    asked = models_pb2.ListRecordsRequest(model="leads", min_position=position)
    assert crm.models.ListRecords(asked).read_point.position >= position


def test_a_call_without_a_deadline_has_one(node: Any) -> None:
    with Client(node.address, timeout=0.5) as crm:
        crm.see(node.log.head.position + 1000)
        with pytest.raises(errors.DeadlineExceeded):
            crm.models.ListRecords(models_pb2.ListRecordsRequest(model="leads"))


def test_a_command_whose_answer_is_lost_happens_once(node: Any) -> None:
    # The answers to two requests to connect get through; then the answer to the command does not.
    with wired(node, iter([0, 90])) as (crm, wire):
        outcome = crm.tickets.OpenTicket(opened("client-once", subject="Once"))
        assert outcome.etag == "1"
        assert wire.cut == 2
    assert [row.version for row in node.log.rows(stream="ticket-client-once")] == [1]


def test_commands_in_bulk_have_request_ids(crm: Client, node: Any) -> None:
    named = tickets_pb2.OpenTicketRequest(id="client-bulk-1", request_id="mine")
    sent = commands_pb2.ExecuteCommandsRequest(
        commands=[{"open_ticket": named}, {"open_ticket": {"id": "client-bulk-2"}}, commands_pb2.Command()]
    )
    (answer,) = crm.commands.ExecuteCommands(iter([sent]))
    assert [each.refusal.code for each in answer.results] == ["", "", "INVALID_FIELD"]
    assert not sent.commands[1].open_ticket.request_id
    documents = [next(node.log.rows(stream=f"ticket-client-bulk-{number}")).document for number in (1, 2)]
    assert b'"correlationid":"mine"' in documents[0]
    assert b'"correlationid":"' in documents[1]


@pytest.mark.slow
def test_a_server_that_is_not_there(tmp_path: Any) -> None:
    with Client(f"unix:{tmp_path}/nobody") as crm:
        with pytest.raises(errors.Unavailable) as refused:
            crm.tickets.OpenTicket(opened("1"))
        assert refused.value.is_passing
        with pytest.raises(errors.Unavailable):
            next(crm.feed(patience=0))


def test_a_call_may_be_for_somebody_else(crm: Client) -> None:
    made = crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(), metadata=(("crm-actor", "ben"),))
    (step,) = crm.log.ReplayStream(log_pb2.ReplayStreamRequest(stream=made.stream))
    assert step.actor == "unauthenticated:ben"


def test_a_token_does_not_travel_in_clear() -> None:
    for address, local in (("crm.example.org:443", False), ("10.0.0.1:1", False), ("[::1]:1", True), ("unix:/x", True)):
        assert is_local(address) == local
        if not local:
            with pytest.raises(ValueError, match="in clear"):
                Client(address, token="secret")
    Client("crm.example.org:443", token="secret", credentials=grpc.ssl_channel_credentials()).close()
    Client("localhost:1", token="secret").close()


@pytest.mark.parametrize("name", ["Jörg", "a\nb", "\x7f"])
def test_a_name_that_cannot_travel_is_said_at_once(name: str) -> None:
    with pytest.raises(ValueError, match="opaque name"):
        Client("localhost:1", actor=name)


def test_a_token_may_be_a_line_of_a_file(node: Any) -> None:
    with Client(node.address, token=lambda: "a.b.c\n") as crm, pytest.raises(errors.Unauthenticated) as refused:
        crm.system.GetStatus(system_pb2.GetStatusRequest())
    assert refused.value.code == "TOKEN_NOT_TAKEN", "it arrived"


@pytest.fixture(scope="module")
def history(node: Any) -> int:
    """Two thousand events to read."""
    with Client(node.address) as crm:
        for begin in range(0, 2000, 500):
            commands = [{"capture_lead": {"id": f"client-feed-{number}"}} for number in range(begin, begin + 500)]
            list(crm.commands.ExecuteCommands(iter([commands_pb2.ExecuteCommandsRequest(commands=commands)])))
        return crm.position


@pytest.mark.slow
def test_a_feed_neither_loses_nor_repeats_when_connections_break(node: Any, history: int) -> None:
    chance = Random(3)
    with wired(node, (chance.randint(0, 300_000) for _ in range(6))) as (crm, wire):
        positions = [event.position for event in crm.feed(log_pb2.ReadEventsRequest(limit=history))]
        assert positions == list(range(1, history + 1))
        assert wire.cut >= 4


@pytest.mark.slow
def test_a_feed_that_follows_goes_on_while_connections_break(node: Any, crm: Client, history: int) -> None:
    chance, done = Random(4), Flag()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            crm.tickets.OpenTicket(opened(f"client-flow-{number}"))

    with wired(node, (chance.randint(200, 4_000) for _ in range(4))) as (reader, wire):
        writer = Thread(target=write)
        writer.start()
        request = log_pb2.ReadEventsRequest(after_position=history, types=["TicketOpened"], follow=True)
        streams = []
        with reader.feed(request) as feed:
            for event in feed:
                streams.append(event.stream)
                if wire.cut == 4 and len(streams) >= 60:
                    break
            place = feed.position, feed.hash
        done.set()
        writer.join()
    found = [stream for stream in streams if stream.startswith("ticket-client-flow-")]
    assert found == [f"ticket-client-flow-{number + 1}" for number in range(len(found))]
    # Another reader goes on where this one was.
    request = log_pb2.ReadEventsRequest(after_position=place[0], after_hash=place[1], types=["TicketOpened"], limit=1)
    assert [event.stream for event in crm.feed(request)] == [f"ticket-client-flow-{len(found) + 1}"]


def test_a_feed_ends_when_it_is_closed(crm: Client, node: Any) -> None:
    feed = crm.feed(log_pb2.ReadEventsRequest(after_position=node.log.head.position - 1, follow=True))
    assert next(feed).position == node.log.head.position
    reader = Thread(target=lambda: list(feed))
    reader.start()
    feed.close()
    reader.join(60)
    assert not reader.is_alive()


def test_a_stream_whose_token_expired_goes_on_with_a_new_one() -> None:
    expired = errors.Unauthenticated(
        "TOKEN_EXPIRED", "the token has expired", field=None, status=grpc.StatusCode.UNAUTHENTICATED
    )
    patience = Patience(60)
    with pytest.raises(errors.Unauthenticated):
        patience.bear(expired)
    for _ in range(2):
        patience.heard()
        patience.bear(expired)
    with pytest.raises(errors.Unauthenticated):
        patience.bear(expired)


def test_a_feed_says_when_the_log_is_another_one(crm: Client) -> None:
    with pytest.raises(errors.DataLoss) as forked:
        next(crm.feed(log_pb2.ReadEventsRequest(after_position=1, after_hash=bytes(32), follow=True)))
    assert forked.value.code == "HISTORY_FORKED"


@pytest.mark.slow
def test_a_watch_goes_on_when_the_connection_breaks(node: Any, crm: Client) -> None:
    crm.tickets.OpenTicket(opened("client-watch"))
    with wired(node, repeat(700, 3)) as (reader, wire):
        reader.see(crm.position)
        request = tickets_pb2.WatchTicketRequest(ticket_id="client-watch")
        seen = []
        for ticket in reader.watch(reader.tickets.WatchTicket, request):
            seen.append(ticket.agent_id)
            if wire.cut == 3 or len(seen) == 500:
                break
            assign = tickets_pb2.AssignTicketRequest(id="client-watch", agent_id=f"a{len(seen)}")
            crm.tickets.AssignTicket(assign)
        assert wire.cut == 3
    assert seen == ["", *(f"a{number}" for number in range(1, len(seen)))]
    with pytest.raises(errors.NotFound):
        next(islice(crm.watch(crm.tickets.WatchTicket, tickets_pb2.WatchTicketRequest(ticket_id="x-no")), 1))


def test_what_the_server_itself_says_of_its_failure_is_not_asked_for_again() -> None:
    asked = 0

    def fail(request: Any, context: grpc.ServicerContext) -> None:
        nonlocal asked
        asked += 1
        raise ZeroDivisionError

    failing = serving("TicketService", OpenTicket=grpc.unary_unary_rpc_method_handler(guard(fail)))
    with failing as crm, pytest.raises(errors.Internal) as refused:
        crm.tickets.OpenTicket(opened("x"))
    assert (refused.value.code, refused.value.is_passing, asked) == ("INTERNAL", False, 1)


def test_what_the_server_hangs_up_on_is_asked_for_again() -> None:
    hung_up: set[str] = set()

    def once(call: str, context: grpc.ServicerContext) -> None:
        if call not in hung_up:
            hung_up.add(call)
            context.cancel()

    def open_ticket(request: bytes, context: grpc.ServicerContext) -> Any:
        once("OpenTicket", context)
        return outcome_pb2.Outcome(position=7).SerializeToString()

    def read_events(request: bytes, context: grpc.ServicerContext) -> Iterator[Any]:
        after = log_pb2.ReadEventsRequest.FromString(request).after_position
        if after == 1:
            once("ReadEvents", context)
        if after < 2:
            answer = log_pb2.ReadEventsResponse(events=[log_pb2.Event(position=after + 1)], position=after + 1)
            yield answer.SerializeToString()
            once("ReadEvents in the middle", context)

    with serving("TicketService", OpenTicket=grpc.unary_unary_rpc_method_handler(open_ticket)) as crm:
        assert crm.tickets.OpenTicket(opened("x")).position == 7
    with serving("LogService", ReadEvents=grpc.unary_stream_rpc_method_handler(read_events)) as crm:
        feed = crm.feed(log_pb2.ReadEventsRequest(follow=True))
        assert [next(feed).position, next(feed).position] == [1, 2]
        feed.close()
    assert hung_up == {"OpenTicket", "ReadEvents", "ReadEvents in the middle"}


@pytest.mark.parametrize("stream", ["feed", "watch"])
def test_a_client_that_is_closed_under_a_stream_ends_it(node: Any, crm: Client, stream: str) -> None:
    """In a process of its own: it was the end of the process."""
    ticket = crm.tickets.OpenTicket(opened(f"closed-under-{stream}"))
    program = f"""
from threading import Timer
from crm.client import Client, CrmError
from crm.v1 import log_pb2, tickets_pb2

crm = Client({node.address!r})
request = tickets_pb2.WatchTicketRequest(ticket_id={ticket.id!r}, min_position={ticket.position})
found = crm.feed(log_pb2.ReadEventsRequest(follow=True)) if {stream!r} == "feed" else crm.watch(
    crm.tickets.WatchTicket, request)
next(iter(found))
Timer(0.2, crm.close).start()
try:
    list(found)
except CrmError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "CLIENT_CLOSED\n"), done.stderr


def test_a_client_that_was_closed_says_so(node: Any) -> None:
    crm = Client(node.address)
    crm.tickets.OpenTicket(opened("once-closed-1"))
    crm.close()
    request = commands_pb2.ExecuteCommandsRequest()
    calls: list[Callable[[], Any]] = [
        lambda: crm.tickets.OpenTicket(opened("once-closed-2")),
        lambda: crm.tickets.OpenTicket.future(opened("once-closed-2")).result(),
        lambda: list(crm.commands.ExecuteCommands(iter([request]))),
        lambda: next(crm.feed()),
    ]
    for call in calls:
        with pytest.raises(errors.Cancelled) as refused:
            call()
        assert (refused.value.code, refused.value.is_passing) == ("CLIENT_CLOSED", False)
    assert not crm.is_reachable(60)


def test_what_is_under_way_when_a_client_is_closed_ends(node: Any) -> None:
    crm, hung_up = Client(node.address), Flag()

    def messages() -> Iterator[commands_pb2.ExecuteCommandsRequest]:
        yield commands_pb2.ExecuteCommandsRequest()
        hung_up.wait(60)

    answers = crm.commands.ExecuteCommands(messages())
    events = crm.log.ReadEvents(log_pb2.ReadEventsRequest(follow=True))
    for stream in (answers, events):
        next(stream)
    crm.close()
    for stream in (answers, events):
        with pytest.raises(errors.Cancelled) as refused:
            list(stream)
        assert refused.value.code == "CLIENT_CLOSED"
    hung_up.set()


@pytest.mark.parametrize("token", ["two\nlines", "ä"])
def test_a_token_that_cannot_travel_is_said_at_once(node: Any, token: str) -> None:
    with Client(node.address, token=token) as crm:
        with pytest.raises(ValueError, match="one line of ASCII"):
            crm.tickets.OpenTicket(opened("m-1"))
        with pytest.raises(ValueError, match="one line of ASCII"):
            next(crm.feed())


def test_the_newest_position_of_a_message_is_remembered(crm: Client, node: Any) -> None:
    def message(*ids: str) -> Any:
        made = [commands_pb2.Command(open_ticket=opened(id, request_id=f"r-{id}")) for id in ids]
        return iter([commands_pb2.ExecuteCommandsRequest(commands=made)])

    list(crm.commands.ExecuteCommands(message("bulk-seen-1")))
    before = crm.position
    list(crm.commands.ExecuteCommands(message("bulk-seen-2", "bulk-seen-1")))
    assert crm.position > before


def test_no_call_waits_beyond_its_deadline_to_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(request: Any, context: grpc.ServicerContext) -> None:
        raise Busy("RATE_EXCEEDED", "too often", 4)

    class Impatient(Flag):
        def wait(self, timeout: float | None = None) -> bool:
            pytest.fail(f"it waited for {timeout} s")

    monkeypatch.setattr("crm.feed.Flag", Impatient)
    handler = grpc.unary_unary_rpc_method_handler(guard(busy))
    with serving("TicketService", OpenTicket=handler) as crm, pytest.raises(errors.ResourceExhausted) as refused:
        crm.tickets.OpenTicket(opened("d-1"), timeout=3)
    assert refused.value.retry_after == 4


def test_what_goes_to_this_machine_goes_through_no_proxy(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Client(node.address) as crm:
        assert crm.tickets.OpenTicket(opened("no-proxy-1")).position


def unavailable() -> errors.CrmError:
    return errors.Unavailable("UNAVAILABLE", "away", field=None, status=grpc.StatusCode.UNAVAILABLE)


def test_patience_begins_when_it_first_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("crm.feed.monotonic", lambda: now)
    waiting = Patience(60)
    waiting.heard()
    now += 3600
    waiting.bear(unavailable())
    now += 61
    with pytest.raises(errors.Unavailable):
        waiting.bear(unavailable())
    waiting.heard()
    waiting.bear(unavailable())


def test_patience_lasts_as_long_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0

    class Passing(Flag):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now
            now += timeout or 0
            return False

    monkeypatch.setattr("crm.feed.monotonic", lambda: now)
    monkeypatch.setattr("crm.feed.Flag", Passing)
    waiting = Patience(5)
    with suppress(errors.Unavailable):
        for _ in range(100):
            waiting.bear(unavailable())
    assert now == pytest.approx(1005)


def test_whoever_hangs_up_while_the_server_is_away_is_let_go() -> None:
    with Client("127.0.0.1:1") as crm:
        feed, watched = crm.feed(patience=None), crm.tickets.WatchTicket(tickets_pb2.WatchTicketRequest(ticket_id="1"))
        told: list[Any] = []

        def wait(answers: Iterator[Any]) -> None:
            try:
                told.append(list(answers))
            except errors.CrmError as error:
                told.append(error.status)

        waiting = [Thread(target=wait, args=(each,)) for each in (feed, watched)]
        for each in waiting:
            each.start()
        feed.close()
        watched.cancel()
        for each in waiting:
            each.join(60)
        assert sorted(map(str, told)) in (["StatusCode.CANCELLED", "[]"], ["StatusCode.UNAVAILABLE", "[]"])

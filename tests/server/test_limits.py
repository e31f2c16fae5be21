"""What is too much is refused at once, and what was acknowledged is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from commands.rejected import Rejected
from commands.ticket import OpenTicket
from crm.client import Client
from crm.errors import ResourceExhausted
from crm.v1 import tickets_pb2
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request
from infra.server import Server, reports
from infra.server.health import NOT_SERVING, SERVING, Health

ANN = Actor("user", "ann")
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


def wait_until(so: Callable[[], bool]) -> None:
    until = monotonic() + 60
    while not so():
        assert monotonic() < until, "it never came to be"
        sleep(0.01)


@pytest.fixture
def limited(node: Any, make_caller: Any) -> Callable[..., Any]:
    """Callers of another server on the same log and models, with limits."""

    @contextmanager
    def serving(**limits: Any) -> Iterator[Any]:
        settings = node.settings.model_copy(update=limits)
        server = Server(log=node.log, models=node.models, keys=node.keys, settings=settings)
        yield make_caller(server.start("127.0.0.1:0"))
        server.stop(5)

    return serving


def retry_seconds(refusal: Any) -> float:
    return float(refusal.details["RetryInfo"].retry_delay.ToNanoseconds()) / 1e9


def test_more_calls_than_may_wait(node: Any, limited: Any) -> None:
    with limited(workers=1, waiting_calls=2) as caller:
        later = node.log.head.position + 1
        calls = [caller.future("GetTicket", ticket_id="waited-for", min_position=later) for _ in range(20)]
        wait_until(lambda: sum(call.done() for call in calls) == 17)
        refused = [caller.refusal(call.exception()) for call in calls if call.done()]
        assert {(each.code, each.status) for each in refused} == {("TOO_MANY_CALLS", EXHAUSTED)}
        assert {retry_seconds(each) for each in refused} == {1}
        node.log.execute(Request(OpenTicket(id="waited-for"), ANN))
        assert sum(call.exception(timeout=60) is None for call in calls) == 3
        assert caller("GetTicket", ticket_id="waited-for").etag == "1"


def test_more_streams_than_there_may_be(node: Any, limited: Any) -> None:
    with limited(streams=2) as caller:
        following = caller.request("ReadEvents", follow=True, after_position=node.log.head.position)
        calls = [caller.streaming("ReadEvents", following) for _ in range(2)]
        for call in calls:
            next(call)
        refused = caller.refused("ExecuteCommands")
        assert (refused.code, refused.status, retry_seconds(refused)) == ("TOO_MANY_STREAMS", EXHAUSTED, 1)
        assert caller("OpenTicket").position, "a command does not wait for streams"
        calls[0].cancel()

        def there_is_room() -> bool:
            try:
                return caller("ExecuteCommands") is not None
            except grpc.RpcError:
                return False

        wait_until(there_is_room)
        calls[1].cancel()


def test_more_watchers_of_health_than_there_may_be(limited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.server.health.WATCHERS", 2)
    with limited(workers=1) as caller:
        health = health_pb2_grpc.HealthStub(caller.channel)
        calls = [health.Watch(health_pb2.HealthCheckRequest(), timeout=60) for _ in range(2)]
        for call in calls:
            next(call)
        with pytest.raises(grpc.RpcError) as error:
            next(health.Watch(health_pb2.HealthCheckRequest(), timeout=60))
        refused = caller.refusal(error.value)
        assert (refused.code, refused.status) == ("TOO_MANY_STREAMS", EXHAUSTED)


def test_a_probe_does_not_wait_for_those_who_work(node: Any, limited: Any) -> None:
    with limited(workers=1, waiting_calls=2) as caller:
        later = node.log.head.position + 1
        calls = [caller.future("GetTicket", ticket_id="probed", min_position=later) for _ in range(4)]
        wait_until(lambda: sum(call.done() for call in calls) == 1)
        health = health_pb2_grpc.HealthStub(caller.channel)
        assert (
            health.Check(health_pb2.HealthCheckRequest(), timeout=30).status == health_pb2.HealthCheckResponse.SERVING
        )
        assert sum(call.done() for call in calls) == 1, "they work"
        node.log.execute(Request(OpenTicket(id="probed"), ANN))
        assert sum(call.exception(timeout=60) is None for call in calls) == 3


class SlowReader:
    """A call that is not over."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return True


def test_a_slow_watcher_of_health_is_told_the_newest_state_alone() -> None:
    health = Health([], {})
    health.start()
    watched = health._health.Watch(health_pb2.HealthCheckRequest(), SlowReader())
    for state in [NOT_SERVING, SERVING] * 1000:
        health._tell([""], state)
    health.stop()
    watched.close()
    assert [told.status for told in watched] == [NOT_SERVING]
    health.close()


def test_more_calls_a_second_than_one_caller_may(limited: Any) -> None:
    with limited(rate=0.01, burst=3) as caller:
        ann, ben = (("crm-actor", "ann"),), (("crm-actor", "ben"),)
        for _ in range(3):
            caller("GetStatus", metadata=ann)
        refused = caller.refused("OpenTicket", id="too-fast", metadata=ann)
        assert (refused.code, refused.status) == ("RATE_EXCEEDED", EXHAUSTED)
        assert 0 < retry_seconds(refused) <= 100
        assert "more than 0.01 calls a second" in refused.sentence
        assert caller.refused("GetTicket", ticket_id="too-fast", metadata=ben).code == "NOT_FOUND"


def test_a_message_that_is_too_large(limited: Any) -> None:
    with limited(message_bytes=64 * 1024) as caller:
        refused = caller.refused("OpenTicket", subject="x" * 70_000)
        assert (refused.code, refused.status) == ("MESSAGE_TOO_LARGE", EXHAUSTED)
        assert "65,536 are allowed" in refused.sentence
        with pytest.raises(grpc.RpcError) as error:
            caller("OpenTicket", subject="x" * 300_000)
        assert error.value.code() is EXHAUSTED
        assert caller("OpenTicket", subject="x" * 100).position


def test_an_answer_may_be_larger_than_what_is_taken(limited: Any) -> None:
    with limited(message_bytes=64 * 1024) as caller:
        opened = [caller("OpenTicket", body="x" * 20_000).position for _ in range(4)]
        page = caller("ListTickets", order_by="opened_at desc", page_size=4, min_position=opened[-1])
        assert page.ByteSize() > 64 * 1024
        (read,) = caller("ReadEvents", after_position=opened[0] - 1, limit=4)
        assert [event.position for event in read.events] == opened


def test_who_sends_no_message_keeps_nobody_waiting(limited: Any) -> None:
    with limited(workers=1, message_seconds=0.5) as caller:
        silent = caller.channel.stream_unary("/crm.v1.TicketService/OpenTicket")
        gone = Event()
        calls = [silent.future(iter(gone.wait, True), timeout=120) for _ in range(5)]
        assert caller("OpenTicket", subject="in time").position
        assert {call.code() for call in calls} == {grpc.StatusCode.CANCELLED}
        gone.set()


def test_a_call_without_a_message(caller: Any) -> None:
    call = caller.channel.stream_unary("/crm.v1.TicketService/OpenTicket").future(iter(()))
    refused = caller.refusal(call.exception())
    assert refused.code == "INVALID_MESSAGE"


def test_a_command_whose_deadline_passed_while_it_stood_in_line_is_not_decided(node: Any, caller: Any) -> None:
    with node.log.appending():
        late = caller.streaming(
            "ExecuteCommands",
            iter([caller.request("ExecuteCommands", commands=[{"open_ticket": {"id": "late"}}])]),
            timeout=0.5,
        )
        with pytest.raises(grpc.RpcError) as error:
            next(late)
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    node.log.execute(Request(OpenTicket(id="after-late"), ANN))
    assert node.log.state("ticket-late")[0] == 0


def test_what_is_past_its_deadline_does_not_concern_the_others(node: Any) -> None:
    late = Request(OpenTicket(id="too-late"), ANN, deadline=monotonic() - 1)
    refused, done = node.log.submit([late, Request(OpenTicket(id="in-time"), ANN, deadline=monotonic() + 60)])
    assert refused.code == "DEADLINE_PASSED"
    assert done.position == node.log.head.position
    assert node.log.state("ticket-too-late")[0] == 0


def test_more_commands_than_may_wait(tmp_path: Path) -> None:
    keys = Keys.open(f"sqlite:///{tmp_path / 'keys.db'}", b"k" * 32)
    log = Log.open(f"sqlite:///{tmp_path / 'log.db'}", keys, waiting=2)
    asked: list[Future[Outcome]] = []
    with ThreadPoolExecutor(32) as pool:

        def one_is_refused() -> bool:
            asked.append(pool.submit(log.execute, Request(OpenTicket(id=f"{len(asked)}"), ANN)))
            return any(each.done() for each in asked)

        with log.appending():
            wait_until(one_is_refused)
            assert log.waiting == 2
        errors = [each.exception(timeout=60) for each in asked]
    assert {error.code for error in errors if isinstance(error, Rejected)} == {"LOG_BUSY"}
    versions = [log.state(f"ticket-{number}")[0] for number in range(len(asked))]
    assert versions == [int(error is None) for error in errors]
    log.close()
    keys.close()


def test_an_overload_loses_nothing_that_was_acknowledged(node: Any, limited: Any) -> None:
    with limited(workers=2, waiting_calls=2) as caller:
        calls = {f"storm-{number}": caller.future("OpenTicket", id=f"storm-{number}") for number in range(300)}
        ended = {name: call.exception(timeout=60) for name, call in calls.items()}
    assert None in ended.values()
    for name, error in ended.items():
        version, _ = node.log.state(f"ticket-{name}")
        if error is None:
            assert (version, calls[name].result().etag) == (1, "1")
        else:
            assert (version, caller.refusal(error).code) == (0, "TOO_MANY_CALLS")


def test_a_client_comes_again_when_the_server_says_so(serve_again: Any, tmp_path: Path) -> None:
    with serve_again(tmp_path, rate=2.0, burst=1) as (address, _), Client(address, actor="ann") as crm:
        outcomes = [crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest()) for _ in range(3)]
        assert len({outcome.position for outcome in outcomes}) == 3


def test_a_client_does_not_wait_for_what_takes_too_long(serve_again: Any, tmp_path: Path) -> None:
    with serve_again(tmp_path, rate=0.01, burst=1) as (address, _), Client(address, actor="ann") as crm:
        crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest())
        begin = monotonic()
        with pytest.raises(ResourceExhausted) as refused:
            crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest())
        assert refused.value.code == "RATE_EXCEEDED"
        assert (refused.value.retry_after or 0) > 30 > monotonic() - begin


def test_rows_that_nobody_reads_are_kept_for_nobody(limited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "UNREAD_SECONDS", 0.5)
    many = "select repeat('x', 1000) as x from range(10000) a, range(100)"
    with limited(streams=1, sql_seconds=0.5) as caller:
        unread = caller.streaming("RunSql", caller.request("RunSql", sql=many), timeout=600)
        next(unread)
        wait_until(lambda: answers(caller))
        with pytest.raises(grpc.RpcError) as ended:
            list(unread)
        assert ended.value.code() is grpc.StatusCode.CANCELLED


def answers(caller: Any) -> bool:
    try:
        return bool(caller("RunSql", sql="select 1"))
    except grpc.RpcError:
        return False


def test_a_statement_ends_when_its_caller_has_left(limited: Any) -> None:
    for_hours = "select sum(a.range * b.range) from range(10000000) a, range(10000000) b"
    with limited(streams=1, sql_seconds=100_000) as caller:
        with pytest.raises(grpc.RpcError) as error:
            caller("RunSql", sql=for_hours, timeout=1)
        assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        left = caller.streaming("RunSql", caller.request("RunSql", sql=for_hours), timeout=600)
        left.cancel()
        wait_until(lambda: answers(caller))

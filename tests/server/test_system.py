"""The server's own state, its health, and what it listens on."""

from __future__ import annotations

import socket
import stat
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from time import monotonic, sleep
from typing import Any

import duckdb
import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from commands.rejected import Rejected
from commands.ticket import OpenTicket
from infra.log import Actor, Request
from infra.server import Server
from infra.server.contract import services
from infra.server.server import require_local


def test_the_status_names_every_part(caller: Any, node: Any) -> None:
    position = caller("OpenTicket").position
    status = caller("GetStatus")
    until = monotonic() + 60
    while any(part.lag_events for part in status.parts) and monotonic() < until:  # the follower comes when it comes
        sleep(0.05)
        status = caller("GetStatus")
    assert status.well
    assert status.position == node.log.head.position
    assert status.hash == node.log.head.hash
    assert status.recorded_at.ToDatetime(UTC) == node.log.head.recorded_at
    assert status.data_directory == str(node.settings.data)
    assert [part.name for part in status.parts] == ["archive", *node.models.names]
    parts = {part.name: part for part in status.parts}
    assert parts["archive"].position >= position
    assert parts["tickets"].rows > 0
    assert all((part.lag_events == 0) == (part.lag_seconds == 0) for part in status.parts)


def test_verification_tells_how_far_it_is(caller: Any, node: Any) -> None:
    caller("OpenTicket")
    answers = caller("Verify")
    assert {answer.part for answer in answers} == {"log"}
    assert (answers[-1].done, answers[-1].total) == (node.log.head.position, node.log.head.position)
    assert not any(answer.HasField("finding") for answer in answers)


@pytest.mark.slow
def test_verification_compares_the_models_with_a_rebuild(caller: Any, node: Any) -> None:
    caller("OpenTicket")
    node.models.bring(node.models.names, node.log.head.position)
    answers = caller("Verify", rebuild=True, timeout=60)
    assert {"log", "archive", *node.models.names} == {answer.part for answer in answers}
    assert not any(answer.HasField("finding") for answer in answers)


@pytest.mark.slow
def test_models_are_rebuilt_on_demand(caller: Any) -> None:
    opened = caller("OpenTicket", id="rebuilt")
    caller("GetTicket", ticket_id="rebuilt", min_position=opened.position)
    answers = caller("RebuildModels", models=["tickets"], timeout=60)
    assert {answer.model for answer in answers} == {"tickets"}
    assert answers[-1].done == answers[-1].total
    assert caller("GetTicket", ticket_id="rebuilt").etag == "1"
    assert caller.refused("RebuildModels", models=["nothing"]).code == "UNKNOWN_MODEL"


@pytest.mark.slow
def test_a_snapshot_is_published_on_demand(caller: Any) -> None:
    opened = caller("OpenTicket", id="published")
    snapshot = caller("CreateSnapshot", min_position=opened.position, timeout=60)
    assert snapshot.position >= opened.position
    assert len(snapshot.hash) == 32
    assert abs((snapshot.created_at.ToDatetime(UTC) - datetime.now(UTC)).total_seconds()) < 3600
    with duckdb.connect(snapshot.file, read_only=True) as copy:
        assert copy.execute("select status from tickets where ticket_id = 'published'").fetchall() == [("new",)]


def test_every_service_says_that_it_is_healthy(caller: Any) -> None:
    health = health_pb2_grpc.HealthStub(caller.channel)
    for name in ("", *(service.full_name for service in services())):
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_tells_the_contract(caller: Any) -> None:
    reflection = reflection_pb2_grpc.ServerReflectionStub(caller.channel)
    ask = reflection_pb2.ServerReflectionRequest
    listed, described = reflection.ServerReflectionInfo(
        iter([ask(list_services=""), ask(file_containing_symbol="crm.v1.TicketService")]), timeout=10
    )
    names = {service.name for service in listed.list_services_response.service}
    assert {service.full_name for service in services()} <= names
    assert "grpc.health.v1.Health" in names
    files = [FileDescriptorProto.FromString(file) for file in described.file_descriptor_response.file_descriptor_proto]
    assert "crm/v1/tickets.proto" in {file.name for file in files}


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:50551", "example.org:50551", "unix:relative", ""]
)
def test_no_other_machine_is_answered(node: Any, address: str) -> None:
    server = Server(log=node.log, models=node.models, keys=node.keys, settings=node.settings)
    with pytest.raises(Rejected) as refused:
        server.start(address)
    assert refused.value.code == "ADDRESS_NOT_LOCAL"


@pytest.mark.parametrize("address", ["127.0.0.1:0", "127.8.9.1:7", "localhost:50551", "[::1]:0", "unix:/tmp/x.sock"])
def test_this_machine_is_answered(address: str) -> None:
    require_local(address)


def test_a_port_that_is_taken_is_refused(node: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(log=node.log, models=node.models, keys=node.keys, settings=node.settings)
        with pytest.raises(Rejected) as refused:
            server.start(f"127.0.0.1:{taken.getsockname()[1]}")
        assert refused.value.code == "ADDRESS_IN_USE"
        server.stop(0)


def test_only_the_user_of_the_server_may_use_its_socket(node: Any) -> None:
    mode = Path(node.socket.removeprefix("unix:")).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def wait_until_every_worker_is_busy(caller: Any) -> None:
    """Calls on one connection may overtake each other, so sending first is not being served first."""
    while True:
        try:
            caller("GetStatus", timeout=0.5)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return
            raise


def test_a_command_whose_caller_gave_up_before_its_turn_does_not_happen(node: Any, make_caller: Any) -> None:
    settings = node.settings.model_copy(update={"workers": 1})
    server = Server(log=node.log, models=node.models, keys=node.keys, settings=settings)
    caller = make_caller(server.start("127.0.0.1:0"))
    first = caller.future("GetTicket", ticket_id="given-up", min_position=node.log.head.position + 1)
    wait_until_every_worker_is_busy(caller)
    with pytest.raises(grpc.RpcError) as late:
        caller("OpenTicket", id="given-up", timeout=0.5)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    node.log.execute(Request(OpenTicket(id="somebody-else"), Actor("user", "ann")))
    with pytest.raises(grpc.RpcError):
        first.result()
    assert caller.refused("GetTicket", ticket_id="given-up").code == "NOT_FOUND"
    server.stop(5)


def test_a_server_that_stops_finishes_and_sends_followers_home(node: Any, make_caller: Any) -> None:
    server = Server(log=node.log, models=node.models, keys=node.keys, settings=node.settings)
    caller = make_caller(server.start("127.0.0.1:0"))
    following = caller.request("ReadEvents", follow=True, after_position=node.log.head.position)
    call = caller.streaming("ReadEvents", following)
    next(call)
    stopping = Timer(0, server.stop, [20])
    stopping.start()
    with pytest.raises(grpc.RpcError) as error:
        next(call)
    assert caller.refusal(error.value).code == "SERVER_STOPPING"
    assert "RetryInfo" in caller.refusal(error.value).details
    stopping.join()
    with pytest.raises(grpc.RpcError) as gone:
        caller("GetStatus", timeout=5)
    assert gone.value.code() is grpc.StatusCode.UNAVAILABLE

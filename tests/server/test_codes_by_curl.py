"""Every code of a refusal as a foreign client reads it: those that a request can bring about from the server itself,
the others from a server whose one rpc refuses with the code that it is asked for.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NoReturn

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection

from commands.rejected import Rejected
from crm.v1 import commands_pb2, reports_pb2
from infra.server.codes import STATUSES, status_of
from infra.server.contract import services
from infra.server.errors import guard
from tests.server.curl import Curl, CurlFailed
from tests.server.test_errors import CASES, STORY

pytestmark = pytest.mark.slow

SERVICES = {method.name: service.name for service in services() for method in service.methods}
PREPARED = {"NOT_DISQUALIFIED"}
"""Codes whose case needs a step of its own before it."""


@pytest.fixture(scope="module")
def served(run_node: Any, tmp_path_factory: pytest.TempPathFactory, curl_at: Callable[[str], Curl]) -> Iterator[Curl]:
    """A server of our own with something to refuse about."""
    with run_node(tmp_path_factory.mktemp("curl")) as node:
        with grpc.insecure_channel(node.address) as channel:
            call = channel.stream_stream(
                "/crm.v1.CommandService/ExecuteCommands",
                request_serializer=commands_pb2.ExecuteCommandsRequest.SerializeToString,
                response_deserializer=commands_pb2.ExecuteCommandsResponse.FromString,
            )
            (answer,) = call(iter([commands_pb2.ExecuteCommandsRequest(commands=STORY)]), timeout=60)
            assert len(answer.results) == len(STORY)
        yield curl_at(node.address)


@pytest.fixture(scope="module")
def refusing(curl_at: Callable[[str], Curl]) -> Iterator[Curl]:
    """A server that refuses with the code that it is asked for, by the way of all refusals."""

    def refuse(request: reports_pb2.GetReportRequest, context: grpc.ServicerContext) -> NoReturn:
        raise Rejected(request.name, "as it was asked to", field="name")

    server = grpc.server(ThreadPoolExecutor(4))
    call = grpc.unary_unary_rpc_method_handler(guard(refuse), reports_pb2.GetReportRequest.FromString)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("crm.v1.ReportService", {"GetReport": call})])
    reflection.enable_server_reflection(["crm.v1.ReportService", reflection.SERVICE_NAME], server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield curl_at(f"127.0.0.1:{port}")
    server.stop(1).wait()


@pytest.mark.parametrize("code", [code for codes in STATUSES.values() for code in codes])
def test_a_foreign_client_reads_every_code(code: str, served: Curl, refusing: Curl, caller: Any) -> None:
    sent = asked(code, caller)
    curl = refusing if sent is None else served
    rpc, fields = sent or ("GetReport", {"name": code})
    with pytest.raises(CurlFailed) as refused:
        curl(f"{SERVICES[rpc]}/{rpc}", **fields)
    error = json.loads(str(refused.value))
    assert error["code"] == status_of(code).name.lower()
    packed = {detail["type"].rpartition(".")[2]: b64decode(detail["value"] + "==") for detail in error["details"]}
    info = error_details_pb2.ErrorInfo.FromString(packed["ErrorInfo"])
    assert (info.reason, info.domain) == (code, "annals.crm")
    assert len(error["message"]) > 10


def asked(code: str, caller: Any) -> tuple[str, dict[str, Any]] | None:
    """The rpc and the JSON that bring the code about, where JSON can say it."""
    for case in CASES:
        if case.code == code and code not in PREPARED:
            with suppress(ValueError):
                return case.rpc, MessageToDict(caller.request(case.rpc, **case.given))
    return None


def test_most_codes_come_from_the_server_itself(caller: Any) -> None:
    assert sum(asked(code, caller) is not None for codes in STATUSES.values() for code in codes) >= 40

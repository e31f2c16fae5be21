"""A real server on real files, and callers that reach it through real ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from infra.keys import Keys
from infra.log import Log
from infra.models import Models
from infra.server import Server
from infra.server.contract import message_class, services
from infra.settings import Settings
from tests.server.curl import Curl, curl_to

PROJECTIONS = Path(__file__).parents[2] / "projections"
DETAILS = ("ErrorInfo", "BadRequest", "PreconditionFailure", "ResourceInfo", "RetryInfo")


@dataclass(frozen=True)
class Refusal:
    """What a caller sees of a refusal."""

    status: grpc.StatusCode
    code: str
    sentence: str
    details: dict[str, Any]

    @property
    def fields(self) -> list[str]:
        return [each.field for each in self.details["BadRequest"].field_violations]


class Caller:
    """Calls a server by the names of its rpcs."""

    def __init__(self, address: str, token: str | None = None, credentials: Any = None) -> None:
        self.channel = (
            grpc.secure_channel(address, credentials) if credentials is not None else grpc.insecure_channel(address)
        )
        self._proof = () if token is None else (("authorization", f"Bearer {token}"),)
        self._methods = {method.name: method for service in services() for method in service.methods}

    def close(self) -> None:
        self.channel.close()

    def request(self, rpc: str, **fields: Any) -> Message:
        return message_class(self._methods[rpc].input_type)(**fields)

    def __call__(self, rpc: str, *, metadata: Any = None, timeout: float = 30, **fields: Any) -> Any:
        """The answer of an rpc, a list where it is a stream."""
        sent = self.request(rpc, **fields)
        if self._methods[rpc].server_streaming:
            sent = iter([sent]) if self._methods[rpc].client_streaming else sent
            return list(self.streaming(rpc, sent, metadata=metadata, timeout=timeout))
        proven = (*(metadata or ()), *self._proof)
        return self._multicallable(rpc, "unary_unary")(sent, metadata=proven, timeout=timeout)

    def streaming(self, rpc: str, sent: Any, *, metadata: Any = None, timeout: float = 30) -> Any:
        """The running call of an rpc that answers with a stream."""
        kind = "stream_stream" if self._methods[rpc].client_streaming else "unary_stream"
        return self._multicallable(rpc, kind)(sent, metadata=(*(metadata or ()), *self._proof), timeout=timeout)

    def refused(self, rpc: str, **fields: Any) -> Refusal:
        """How an rpc is refused; fails where it is not."""
        with pytest.raises(grpc.RpcError) as error:
            self(rpc, **fields)
        return refusal(error.value)

    def refused_raw(self, rpc: str, sent: bytes) -> Refusal:
        """How an rpc is refused that is sent these bytes."""
        method = self._methods[rpc]
        with pytest.raises(grpc.RpcError) as error:
            self.channel.unary_unary(f"/{method.containing_service.full_name}/{rpc}")(sent, timeout=30)
        return refusal(error.value)

    def future(self, rpc: str, **fields: Any) -> Any:
        """The running call of an rpc that answers with one message."""
        return self._multicallable(rpc, "unary_unary").future(self.request(rpc, **fields), timeout=30)

    @staticmethod
    def refusal(error: Any) -> Refusal:
        """What a failed call says."""
        return refusal(error)

    def _multicallable(self, rpc: str, kind: str) -> Any:
        method = self._methods[rpc]
        return getattr(self.channel, kind)(
            f"/{method.containing_service.full_name}/{rpc}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=message_class(method.output_type).FromString,
        )


def refusal(error: Any) -> Refusal:
    """What a failed call says."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    details = {}
    for packed in status.details:
        name = packed.type_url.rpartition(".")[2]
        details[name] = getattr(error_details_pb2, name)()
        assert packed.Unpack(details[name])
    assert set(details) <= set(DETAILS)
    assert details["ErrorInfo"].domain == "annals.crm"
    return Refusal(error.code(), details["ErrorInfo"].reason, status.message, details)


@dataclass(frozen=True)
class Node:
    """A running server and its parts."""

    log: Log
    models: Models
    keys: Keys
    server: Server
    settings: Settings
    address: str
    socket: str


@contextmanager
def running(data: Path, projections: Path = PROJECTIONS) -> Iterator[Node]:
    given: dict[str, Any] = {"data": data, "sql_seconds": 5, "sql_rows": 50_000, "workers": 20}
    settings = Settings(**given)
    keys = Keys.open(f"sqlite:///{settings.keys_file}", b"k" * 32)
    log = Log.open(f"sqlite:///{settings.log_file}", keys)
    models = Models(
        settings.models_file,
        log,
        projections=projections,
        time_zone="UTC",
        memory="512MB",
        threads=1,
        snapshots=settings.snapshots,
    )
    models.start()
    server = Server(log=log, models=models, keys=keys, settings=settings)
    socket = f"unix:{settings.socket_file}"
    address = server.start("127.0.0.1:0", socket)
    yield Node(log, models, keys, server, settings, address, socket)
    server.stop(5)
    models.close()
    log.close()
    keys.close()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running(tmp_path_factory.mktemp("data")) as node:
        yield node


@pytest.fixture(scope="session")
def serve_again(node: Node) -> Callable[..., AbstractContextManager[tuple[str, str]]]:
    """Runs another server on the same log and models with other settings, ``data`` among them: the addresses on
    loopback and of its Unix socket.
    """

    @contextmanager
    def serving(data: Path, **settings: Any) -> Iterator[tuple[str, str]]:
        settings = {name: str(value) if name == "token_keys" else value for name, value in settings.items()}
        own = node.settings.model_copy(update={"data": data, **settings})
        server = Server(log=node.log, models=node.models, keys=node.keys, settings=own)
        socket = f"unix:{data / 'crm.sock'}"
        yield server.start("127.0.0.1:0", socket), socket
        server.stop(5)

    return serving


@pytest.fixture(scope="session")
def run_node() -> Callable[..., AbstractContextManager[Node]]:
    """Runs a server of its own on a data directory, perhaps with other projections."""
    return running


@pytest.fixture
def make_caller() -> Iterator[Callable[..., Caller]]:
    """Makes callers of other servers, perhaps with a token or over TLS."""
    made: list[Caller] = []

    def make(address: str, token: str | None = None, credentials: Any = None) -> Caller:
        made.append(Caller(address, token, credentials))
        return made[-1]

    yield make
    for caller in made:
        caller.close()


@pytest.fixture(scope="session")
def caller(node: Node) -> Iterator[Caller]:
    caller = Caller(node.address)
    yield caller
    caller.close()


@pytest.fixture(scope="session")
def local_caller(node: Node) -> Iterator[Caller]:
    """A caller on the Unix socket."""
    caller = Caller(node.socket)
    yield caller
    caller.close()


@pytest.fixture(scope="session")
def curl_at(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Curl]:
    """``buf curl`` for the server at an address."""
    return lambda address: curl_to(address, tmp_path_factory.mktemp("home"))

"""The gRPC server: binds what the contract offers to what answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from commands.rejected import Rejected, require
from domain.event import snake_case
from infra.directory import is_local
from infra.keys import Keys
from infra.log import Log
from infra.models import Models
from infra.parts import Part
from infra.server.admission import (
    require_fields,
    require_known_fields,
    require_readable,
    required_fields,
    too_large,
    unreadable,
)
from infra.server.anymodel import AnyModel
from infra.server.arrival import Arrival
from infra.server.asking import asked
from infra.server.commands import Commands
from infra.server.contract import command_of, message_class, resources, services
from infra.server.drain import Drain
from infra.server.errors import guard, guard_stream
from infra.server.feed import Feed, Followers
from infra.server.gate import Gate, require_complete
from infra.server.health import Health
from infra.server.limits import Doorman
from infra.server.metrics import Metrics
from infra.server.observation import Observation
from infra.server.opening import AccessLog, Edge
from infra.server.pool import Pool
from infra.server.privacy import Privacy
from infra.server.queries import Queries, not_served
from infra.server.rates import Rates
from infra.server.replay import Replay
from infra.server.reports import Reports
from infra.server.system import System
from infra.server.tls import credentials
from infra.server.tokens import Tokens
from infra.server.upkeep import Upkeep
from infra.server.watching import Watching
from infra.settings import Settings
from infra.stream import Publisher, Stream

LARGEST_PORT = 65_535

REFLECTORS = 4

OVERSIZE = 4
"""How many times too large a message is that is not even read."""

Call = Callable[[Any, Any], Any]


class Server:
    """Answers everything in the contract, or what needs no read models where there are none, what needs no log where it
    follows topics, and without keys only how it is; health and reflection.
    """

    def __init__(
        self,
        *,
        log: Log | Stream,
        models: Models | None,
        keys: Keys | None,
        settings: Settings,
        publisher: Publisher | None = None,
    ) -> None:
        self._tokens = Tokens.named_by(settings)
        self._credentials = credentials(settings)
        self._access = AccessLog(settings.access)
        self.calls = Pool(settings.workers, "call", waiting=settings.waiting_calls)
        # In threads of their own, so that idle streams never keep a command waiting.
        self._streams = Pool(settings.streams, "stream")
        self._reflecting = Pool(REFLECTORS, "reflection", waiting=settings.waiting_calls)
        self._doorman = Doorman(self.calls)
        self._message_bytes = settings.message_bytes
        self._arrival = Arrival(settings.message_seconds)
        rates = None if settings.rate is None else Rates(settings.rate, settings.burst)
        self._commands: Commands | None = None
        self._queries: Queries | None = None
        self._followers: Followers | None = None
        system = System(log, models, settings, publisher)
        self._metrics = None
        if settings.metrics is not None:
            self._metrics = Metrics(log, keys, system, self.calls, self._streams, settings.metrics)
        self._parts: list[object] = [system]
        edge = None if keys is None else Edge(keys, self._access)
        if keys is not None and edge is not None and isinstance(log, Log):
            self._commands = Commands(log, keys)
            self._followers = Followers(log)
            self._parts += [self._commands, Feed(log, self._followers), Replay(log, edge)]
            if log.people is not None:
                self._parts.append(Privacy(log, log.people, keys, edge))
        if models is not None and edge is not None:
            watching = None if self._followers is None else Watching(models, self._followers)
            self._queries = Queries(log, models, edge, watching)
            self._parts += [
                AnyModel(log, models, edge, watching),
                Reports(log, models, edge, settings),
                Upkeep(log, models, settings),
            ]
        self.metrics_address: str | None = None
        self._services = services()
        self._health = Health(
            (service.full_name for service in self._services), parts_of(log, models, publisher, self._commands)
        )
        self._drain = Drain()
        require_complete(self._services)
        self._server = grpc.server(
            self.calls,
            interceptors=[Observation(self._metrics), self._doorman, Gate(self._tokens, rates), self._arrival],
            options=[
                # What is a little too large is refused in our words, what is much too large by gRPC.
                ("grpc.max_receive_message_length", OVERSIZE * settings.message_bytes),
                ("grpc.so_reuseport", 0),
                # Who is gone without a word gives their place back, and who asks whether we are there may do so.
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ],
        )
        for service in self._services:
            self._server.add_generic_rpc_handlers([self._handler(service)])
        self._health.add_to(self._server)
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(self._reflection(), self._server)

    def start(self, *addresses: str) -> str:
        """Begin to answer at the addresses: ``host:port`` on loopback (port 0: any free one) or ``unix:/path``; with
        tokens and TLS any other as well.

        :returns: the first address, with the port that was chosen.
        :raises Rejected: ADDRESS_NOT_LOCAL, ADDRESS_NEEDS_TLS, ADDRESS_INVALID or ADDRESS_IN_USE.
        """
        for address in addresses:
            if self._tokens is None:
                require_local(address)
            elif self._credentials is None:
                require_no_eavesdropper(address)
            require_port(address)
        bound = [self._bind(address) for address in addresses]
        if self._metrics is not None:
            self.metrics_address = self._metrics.start()
        self._server.start()
        self._health.start()
        return bound[0]

    def stop(self, grace: float) -> None:
        """Take no more calls, let those that run finish within ``grace`` seconds, then cut them off."""
        self._health.stop()
        self._drain.stop()
        if self._followers is not None:
            self._followers.stop()
        self._server.stop(grace).wait()
        self._streams.shutdown(wait=False, cancel_futures=True)
        self._reflecting.shutdown(wait=False, cancel_futures=True)
        self._doorman.close()
        self._arrival.close()
        self._health.close()
        self._access.close()
        if self._metrics is not None:
            self._metrics.stop()

    def _bind(self, address: str) -> str:
        try:
            if self._credentials is None or address.startswith("unix:"):
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, self._credentials)
        except RuntimeError as error:
            raise Rejected(
                "ADDRESS_IN_USE", f"nothing can be bound to {address}; another process has it, or the path is wrong"
            ) from error
        if address.startswith("unix:"):
            # Whoever may open the socket is believed to be who they say, so only this user may.
            Path(address.removeprefix("unix:")).chmod(0o600)
            return address
        return f"{address.rpartition(':')[0]}:{port}"

    def _reflection(self) -> reflection.ReflectionServicer:
        names = (service.full_name for service in self._services)
        servicer = reflection.ReflectionServicer([*names, health.SERVICE_NAME, reflection.SERVICE_NAME])
        answer = servicer.ServerReflectionInfo

        def reflect(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            yield from answer(self._drain.messages(self._arrival.each(requests, context)), context)

        # Nobody's token is asked for here, so it may not take the streams of those who have one.
        servicer.ServerReflectionInfo = guard_stream(reflect)
        servicer.ServerReflectionInfo.experimental_thread_pool = self._reflecting
        return servicer

    def _handler(self, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
        models = resources(service)
        handlers = {method.name: self._method(method, models) for method in service.methods}
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _method(self, method: MethodDescriptor, models: dict[Any, str]) -> grpc.RpcMethodHandler:
        call = self._call(method, models)
        if command_of(method.input_type) is None and not method.client_streaming:
            call = asked(call, streams=method.server_streaming)
        request = _parser(message_class(method.input_type), self._message_bytes)
        # What a command requires is refused with all else that is wrong with it.
        required = [] if command_of(method.input_type) else required_fields(method.input_type)
        if not method.server_streaming:
            return grpc.unary_unary_rpc_method_handler(guard(_checked(call, required)), request, _serialized)
        behaviour: Any = guard_stream(self._drained(call) if method.client_streaming else _checked(call, required))
        behaviour.experimental_thread_pool = self._streams
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(behaviour, request, _serialized)
        return grpc.unary_stream_rpc_method_handler(behaviour, request, _serialized)

    def _drained(self, call: Call) -> Call:
        """The call, whose caller's stream ends when the server stops."""
        return lambda requests, context: call(self._drain.messages(requests), context)

    def _call(self, method: MethodDescriptor, models: dict[Any, str]) -> Call:
        """What answers an rpc: a part's function of its name, or the command or model that its messages stand for."""
        name = snake_case(method.name)
        for part in self._parts:
            if hasattr(part, name):
                answer: Call = getattr(part, name)
                return answer
        kind = command_of(method.input_type)
        if kind is not None and self._commands is not None:
            return self._commands.single(kind, method.input_type)
        if kind is None and self._queries is not None:
            if method.output_type in models:
                make = self._queries.watch if method.server_streaming else self._queries.get
                return make(models[method.output_type], method)
            if name.startswith("list_"):
                return self._queries.list(name.removeprefix("list_"), method)
        return _not_served


def parts_of(
    log: Log | Stream, models: Models | None, publisher: Publisher | None, commands: Commands | None
) -> dict[str, Callable[[], bool]]:
    """What runs here, by the name that its health has, and what says whether it is well."""
    parts: dict[str, Callable[[], bool]] = {}
    if commands is not None:
        parts[Part.COMMANDS] = lambda: log.head is not None
    if models is not None:
        parts[Part.QUERIES] = lambda: models.last_error is None
    if publisher is not None:
        parts[Part.PUBLISHER] = lambda: publisher.status.last_error is None
    return parts


def require_local(address: str) -> None:
    """Refuse an address that another machine could reach, since nobody there could say who they are.

    :raises Rejected: ADDRESS_NOT_LOCAL.
    """
    require(
        is_local(address),
        "ADDRESS_NOT_LOCAL",
        f"{address} is not this machine alone; allowed are 127.0.0.1:PORT, [::1]:PORT, localhost:PORT and unix:/PATH, "
        "any other with CRM_TOKEN_KEYS, CRM_TLS_CERTIFICATE and CRM_TLS_KEY",
    )


def require_no_eavesdropper(address: str) -> None:
    """Refuse an address to which tokens and personal values would travel in clear.

    :raises Rejected: ADDRESS_NEEDS_TLS.
    """
    require(
        is_local(address),
        "ADDRESS_NEEDS_TLS",
        f"{address} is not this machine alone, so tokens would travel in clear; set CRM_TLS_CERTIFICATE and "
        "CRM_TLS_KEY, or use 127.0.0.1:PORT, [::1]:PORT, localhost:PORT or unix:/PATH",
    )


def require_port(address: str) -> None:
    """Refuse an address whose port is none.

    :raises Rejected: ADDRESS_INVALID.
    """
    port = address.rpartition(":")[2]
    require(
        address.startswith("unix:/") or (port.isascii() and port.isdigit() and int(port) <= LARGEST_PORT),
        "ADDRESS_INVALID",
        f"{address} has no port between 0 and {LARGEST_PORT}",
    )


def _not_served(request: Message, context: grpc.ServicerContext) -> NoReturn:
    raise not_served()


def _parser(message: type[Message], largest: int) -> Callable[[bytes], Message | Rejected]:
    def parse(sent: bytes) -> Message | Rejected:
        if len(sent) > largest:
            return too_large(len(sent), largest)
        try:
            return message.FromString(sent)
        except DecodeError:
            return unreadable()

    return parse


def _checked(call: Call, required: Sequence[str]) -> Call:
    """The call, refusing what cannot be read, what the contract does not know, and what lacks a required field."""

    def checked(request: Any, context: Any) -> Any:
        require_readable(request)
        require_known_fields(request)
        require_fields(request, required)
        return call(request, context)

    return checked


def _serialized(message: Message) -> bytes:
    content: bytes = message.SerializeToString()
    return content

"""A thin client of the contract: one channel, a stub for each service, errors with a code.

    with Client("127.0.0.1:50551", actor="alice") as crm:
        outcome = crm.leads.CaptureLead(leads_pb2.CaptureLeadRequest(name="Ada"))

Every call is sent again where the server could not be reached for a moment, or is busy and says when to come again.
That is safe: a command without a ``request_id`` is given one before it is sent, so it happens once however often it
arrives. Queries see what this client wrote before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from ipaddress import ip_address
from pkgutil import iter_modules
from threading import Event as Flag
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

import grpc

import crm.v1
from crm.errors import Cancelled, CrmError, crm_error
from crm.feed import Feed, Patience, watch
from crm.v1 import commands_pb2, log_pb2

__all__ = ["ACTOR_KEY", "TOKEN_KEY", "Client", "CrmError", "Feed", "crm_error", "stubs", "with_request_id"]

LARGEST_MESSAGE = 64 * 1024 * 1024
TIMEOUT = 30.0
PATIENCE = 300.0
RETRY_SECONDS = 5.0
"""How long a server may be away, or busy, before a call says so. What gRPC has of its own for that (a retry policy) may
leave a call that answers with a stream waiting for ever, and does not heed when to come again.
"""

ONCE = frozenset({"CreateSnapshot"})
"""Calls that change something each time they arrive; they are not sent again."""

OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.max_send_message_length", LARGEST_MESSAGE),
    # A server that comes back is found at once, and one that went without a word is noticed.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]


class Client:
    """A connection to a server: one stub for each service of the contract, named as its file: ``tickets`` for
    ``crm/v1/tickets.proto``. Threads may share it.

    ``address`` is ``host:port`` or ``unix:/path``; ``actor`` is who the caller says to be, an opaque name such as
    ``alice`` or, on the server's own Unix socket, ``user:alice``; every call raises :class:`CrmError` where it fails.

    ``token`` is the bearer token that says who calls, or what gives it before each call, for tokens that are renewed; a
    service that acts for somebody names them as ``actor``. ``credentials``, from ``grpc.ssl_channel_credentials``, make
    it TLS.

    ``timeout`` is how many seconds a call that is answered with one message may take in all, where it does not say so
    itself; streams take as long as they take.

    ``position`` is the newest position at which this client changed anything. Queries that do not say otherwise wait
    until they see it; ``see`` adds what another client wrote.

    :raises ValueError: where a token would travel in clear, or the actor's name cannot travel at all.
    """

    def __init__(
        self,
        address: str,
        *,
        actor: str | None = None,
        token: str | Callable[[], str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        if token is not None and credentials is None and not is_local(address):
            raise ValueError(f"a token for {address} would travel in clear; give credentials, so that it is TLS")
        if actor is not None and not (actor.isascii() and actor.isprintable()):
            raise ValueError("an actor is an opaque name of A-Z a-z 0-9 . _ ~ -")
        # What goes to this machine does not leave it for a proxy that the environment names.
        options = [*OPTIONS, ("grpc.enable_http_proxy", 0)] if is_local(address) else OPTIONS
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._seen = _Seen()
        self._closed = Flag()
        each_call = _Circumstances(((ACTOR_KEY, actor),) if actor else (), token, timeout, self._seen, self._closed)
        self._stubs = stubs(_Unregistered(grpc.intercept_channel(self._channel, each_call)))

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("_stubs", {}).get(name)
        if found is None:
            raise AttributeError(f"a client has no {name}; the contract has {', '.join(vars(self).get('_stubs', ()))}")
        return found

    @property
    def position(self) -> int:
        """The position that queries see at least; 0 where nothing was written."""
        return self._seen.position

    def see(self, position: int) -> None:
        """Let the queries that follow see what was written up to a position."""
        self._seen.add(position)

    def feed(self, request: log_pb2.ReadEventsRequest | None = None, *, patience: float | None = PATIENCE) -> Feed:
        """The events that a request asks for, for ever with ``follow``, also when the connection breaks.

        :param patience: how many seconds the server may be away; None: for ever.
        """
        asked = request if request is not None else log_pb2.ReadEventsRequest(follow=True)
        return Feed(self._stubs["log"].ReadEvents, asked, patience=patience)

    def watch(self, call: Callable[[Any], Any], request: Any, *, patience: float | None = PATIENCE) -> Iterator[Any]:
        """A record as it stands, and again whenever it has changed, for example with ``crm.tickets.WatchTicket``.

        :param patience: how many seconds the server may be away; None: for ever.
        """
        return watch(call, request, patience=patience)

    def is_reachable(self, seconds: float) -> bool:
        """Whether a connection stands, or does within so many seconds."""
        if self._closed.is_set():
            return False
        try:
            grpc.channel_ready_future(self._channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return False
        return True

    def close(self) -> None:
        """Hang up; calls that are under way end as CLIENT_CLOSED, and so do those that come."""
        self._closed.set()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Unregistered:
    """A channel that lets no call register its method, which gRPC does anew at each call of a channel that intercepts,
    and which ends the whole process where the channel was closed meanwhile.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        make = getattr(self._channel, kind)

        def made(method: str, *, request_serializer: Any, response_deserializer: Any, **_: Any) -> Any:
            return make(method, request_serializer, response_deserializer)

        return made


def stubs(channel: Any) -> dict[str, Any]:
    """The stub of every service of the contract, by the name of the service's file."""
    ending = "_pb2_grpc"
    files = [found.name for found in iter_modules(crm.v1.__path__) if found.name.endswith(ending)]
    made = ((file, name, kind) for file in files for name, kind in [*vars(import_module(f"crm.v1.{file}")).items()])
    return {file.removesuffix(ending): kind(channel) for file, name, kind in made if name.endswith("ServiceStub")}


def is_local(address: str) -> bool:
    """Whether an address is on this machine, so that nobody listens on the way."""
    host = address.rpartition(":")[0].strip("[]")
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


ACTOR_KEY = "crm-actor"
"""The metadata that names the caller."""

TOKEN_KEY = "authorization"
"""The metadata that proves who it is."""


class _Seen:
    """The newest position that was written."""

    def __init__(self) -> None:
        self.position = 0
        self._lock = Lock()

    def add(self, position: int) -> None:
        with self._lock:
            self.position = max(self.position, position)

    def add_answer(self, answer: Any) -> None:
        """Remember the position of what answers a command, or a message of commands."""
        kind = answer.DESCRIPTOR.full_name
        if kind == "crm.v1.Outcome":
            self.add(answer.position)
        elif kind == "crm.v1.ExecuteCommandsResponse":
            # One that was sent before is answered with the position of then.
            self.add(max((each.outcome.position for each in answer.results), default=0))

    def asked_for(self, request: Any) -> Any:
        """The request, with the position where it may say one and does not."""
        known = request.DESCRIPTOR.fields_by_name
        if not self.position or "min_position" not in known or request.HasField("min_position"):
            return request
        if "known_at" in known and request.WhichOneof("known"):
            return request
        sent = type(request)()
        sent.CopyFrom(request)
        sent.min_position = self.position
        return sent


class _CallDetails(NamedTuple):
    """gRPC gives a call's circumstances in this form and wants them back in it."""

    method: str
    timeout: float | None
    metadata: Sequence[tuple[str, str | bytes]] | None
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Circumstances(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[misc]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[misc]
    grpc.StreamStreamClientInterceptor,  # type: ignore[misc]
):
    """Adds to every call what all calls have in common: who calls, a request id, the position to see, a deadline, and
    errors with a code.
    """

    def __init__(
        self,
        metadata: tuple[tuple[str, str], ...],
        token: str | Callable[[], str] | None,
        timeout: float,
        seen: _Seen,
        closed: Flag,
    ) -> None:
        self._metadata = metadata
        self._token = token
        self._timeout = timeout
        self._seen = seen
        self._closed = closed

    def intercept_unary_unary(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        timeout = self._timeout if details.timeout is None else details.timeout
        begin, sent = monotonic(), self._seen.asked_for(with_request_id(request))
        patience = Patience(0 if details.method.rpartition("/")[2] in ONCE else RETRY_SECONDS)
        while True:
            call = self._begin(proceed, self._with_metadata(details, timeout - (monotonic() - begin)), sent)
            # A call that runs on in the background raises gRPC's own error where it is asked for its result.
            if not call.done() or call.code() is grpc.StatusCode.OK:
                call.add_done_callback(self._remember)
                return call
            try:
                patience.bear(self._error(call), timeout - (monotonic() - begin))
            except CrmError as error:
                raise error from call

    def intercept_unary_stream(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        begin, sent = monotonic(), self._seen.asked_for(request)

        def left() -> float | None:
            return None if details.timeout is None else details.timeout - (monotonic() - begin)

        def again() -> Any:
            return self._begin(proceed, self._with_metadata(details, left()), sent)

        return _Answers(again, Patience(RETRY_SECONDS), self._error, left)

    def intercept_stream_stream(self, proceed: Callable[..., Any], details: Any, requests: Any) -> Any:
        sent = map(with_request_ids, requests)
        # What was taken from an iterator cannot be taken from it again.
        return _Answers(
            lambda: self._begin(proceed, self._with_metadata(details, details.timeout), sent),
            Patience(0),
            self._error,
            lambda: None,
            self._seen,
        )

    def _error(self, failed: grpc.RpcError) -> CrmError:
        """What a failed call raises."""
        if self._closed.is_set() and failed.code() is grpc.StatusCode.CANCELLED:
            return closed()
        return crm_error(failed)

    def _begin(self, proceed: Callable[..., Any], details: _CallDetails, sent: Any) -> Any:
        """The call, begun.

        :raises CrmError: CLIENT_CLOSED.
        """
        failed: BaseException | None = None
        if not self._closed.is_set():
            try:
                call = proceed(details, sent)
            except ValueError as error:
                failed = error
            else:
                # Where the call could not even be begun, gRPC hands over why as if that were an answer.
                failed = call.exception() if call.done() else None
                if failed is None or isinstance(failed, grpc.RpcError):
                    return call
        if self._closed.is_set():
            raise closed() from failed
        assert failed is not None
        raise failed

    def _remember(self, call: Any) -> None:
        if call.code() is grpc.StatusCode.OK:
            self._seen.add_answer(call.result())

    def _with_metadata(self, details: Any, timeout: float | None) -> _CallDetails:
        given = details.metadata or ()
        # The server takes one name alone; that of the call itself comes first.
        own = () if any(key == ACTOR_KEY for key, _ in given) else self._metadata
        token = self._token() if callable(self._token) else self._token
        proof: tuple[tuple[str, str], ...] = ()
        if token is not None:
            # Read from a file it ends with its line.
            token = token.strip()
            if not (token.isascii() and token.isprintable()):
                raise ValueError("a token is one line of ASCII")
            proof = ((TOKEN_KEY, f"Bearer {token}"),)
        return _CallDetails(
            details.method,
            timeout,
            [*given, *own, *proof],
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )


class _Answers:
    """The answers of a streaming call; ``cancel`` hangs up."""

    def __init__(
        self,
        begin: Callable[[], Any],
        patience: Patience,
        error: Callable[[grpc.RpcError], CrmError],
        left: Callable[[], float | None],
        seen: _Seen | None = None,
    ) -> None:
        self._begin = begin
        self._patience = patience
        self._error = error
        self._left = left
        self._seen = seen
        self._has_begun = False
        self._call = begin()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                answer = next(self._call)
            except grpc.RpcError as failed:
                try:
                    self._bear(self._error(failed))
                except CrmError as error:
                    raise error from failed
                self._call = self._begin()
                if self._patience.is_stopped:
                    self._call.cancel()
                continue
            self._has_begun = True
            if self._seen is not None:
                self._seen.add_answer(answer)
            return answer

    def cancel(self) -> None:
        self._patience.stop()
        self._call.cancel()

    def _bear(self, error: CrmError) -> None:
        if self._has_begun:
            raise error
        self._patience.bear(error, self._left())


def closed() -> CrmError:
    """What becomes of the calls of a client that was closed."""
    return Cancelled(
        "CLIENT_CLOSED",
        "this client was closed; make another",
        field=None,
        status=grpc.StatusCode.CANCELLED,
        is_final=True,
    )


def with_request_id(request: Any) -> Any:
    """The request, with a request id where it may carry one and has none."""
    if "request_id" not in request.DESCRIPTOR.fields_by_name or request.request_id:
        return request
    sent = type(request)()
    sent.CopyFrom(request)
    sent.request_id = uuid4().hex
    return sent


def with_request_ids(message: Any) -> Any:
    """A message of commands, with a request id for each that has none: it may be sent again as well."""
    if not isinstance(message, commands_pb2.ExecuteCommandsRequest):
        return message
    bare = [number for number, each in enumerate(message.commands) if _lacks_id(each)]
    if not bare:
        return message
    sent = commands_pb2.ExecuteCommandsRequest()
    sent.CopyFrom(message)
    for number in bare:
        command = sent.commands[number]
        getattr(command, str(command.WhichOneof("command"))).request_id = uuid4().hex
    return sent


def _lacks_id(command: commands_pb2.Command) -> bool:
    kind = command.WhichOneof("command")
    return kind is not None and not getattr(command, kind).request_id

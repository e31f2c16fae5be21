"""A thin client of the contract: one channel, a stub for each service, errors with a code.

    with Client("127.0.0.1:50551", actor="alice") as crm:
        outcome = crm.leads.CaptureLead(leads_pb2.CaptureLeadRequest(name="Ada"))

Every call is sent again where the server could not be reached for a moment. That is safe: a command without a
``request_id`` is given one before it is sent, so it happens once however often it arrives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_status import rpc_status

import crm.v1

LARGEST_MESSAGE = 64 * 1024 * 1024
RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class CrmError(Exception):
    """A call that was refused or failed. ``code`` is stable and part of the contract (the name of the gRPC status where
    the server gave none), ``sentence`` says what is wrong, ``field`` names the field of the request that is at fault,
    where one is, and ``status`` is gRPC's.
    """

    def __init__(self, code: str, sentence: str, *, field: str | None, status: grpc.StatusCode) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence
        self.field = field
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


class Client:
    """A connection to a server: one stub for each service of the contract, named as its file: ``tickets`` for
    ``crm/v1/tickets.proto``. Threads may share it.

    ``address`` is ``host:port`` or ``unix:/path``; ``actor`` is who the caller says to be, an opaque name such as
    ``alice`` or, on the server's own Unix socket, ``user:alice``; every call raises :class:`CrmError` where it fails.

    ``token`` is the bearer token that says who calls, or what gives it before each call, for tokens that are renewed; a
    service that acts for somebody names them as ``actor``. ``credentials``, from ``grpc.ssl_channel_credentials``, make
    it TLS.
    """

    def __init__(
        self,
        address: str,
        *,
        actor: str | None = None,
        token: str | Callable[[], str] | None = None,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        options = [
            ("grpc.service_config", json.dumps(RETRIES)),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ]
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        channel = grpc.intercept_channel(self._channel, _Circumstances(((ACTOR_KEY, actor),) if actor else (), token))
        self._stubs = stubs(channel)

    def __getattr__(self, name: str) -> Any:
        found = vars(self).get("_stubs", {}).get(name)
        if found is None:
            raise AttributeError(f"a client has no {name}; the contract has {', '.join(vars(self).get('_stubs', ()))}")
        return found

    def is_reachable(self, seconds: float) -> bool:
        """Whether a connection stands, or does within so many seconds."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return False
        return True

    def close(self) -> None:
        """Hang up; calls that are under way end."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def stubs(channel: grpc.Channel) -> dict[str, Any]:
    """The stub of every service of the contract, by the name of the service's file."""
    ending = "_pb2_grpc"
    files = [found.name for found in iter_modules(crm.v1.__path__) if found.name.endswith(ending)]
    made = ((file, name, kind) for file in files for name, kind in vars(import_module(f"crm.v1.{file}")).items())
    return {file.removesuffix(ending): kind(channel) for file, name, kind in made if name.endswith("ServiceStub")}


ACTOR_KEY = "crm-actor"
"""The metadata that names the caller."""

TOKEN_KEY = "authorization"
"""The metadata that proves who it is."""


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
    """Adds to every call what all calls have in common: who calls, a request id, errors with a code."""

    def __init__(self, metadata: tuple[tuple[str, str], ...], token: str | Callable[[], str] | None) -> None:
        self._metadata = metadata
        self._token = token

    def intercept_unary_unary(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        call = proceed(self._with_metadata(details), with_request_id(request))
        if isinstance(call, grpc.RpcError):
            raise crm_error(call) from call
        return call

    def intercept_unary_stream(self, proceed: Callable[..., Any], details: Any, request: Any) -> Any:
        return _Answers(proceed(self._with_metadata(details), request))

    def intercept_stream_stream(self, proceed: Callable[..., Any], details: Any, requests: Any) -> Any:
        return _Answers(proceed(self._with_metadata(details), requests))

    def _with_metadata(self, details: Any) -> _CallDetails:
        token = self._token() if callable(self._token) else self._token
        proof = () if token is None else ((TOKEN_KEY, f"Bearer {token}"),)
        return _CallDetails(
            details.method,
            details.timeout,
            [*(details.metadata or ()), *self._metadata, *proof],
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )


class _Answers:
    """The answers of a streaming call; ``cancel`` hangs up."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise crm_error(error) from error

    def cancel(self) -> None:
        self._call.cancel()


def with_request_id(request: Any) -> Any:
    """The request, with a request id where it may carry one and has none."""
    if "request_id" not in request.DESCRIPTOR.fields_by_name or request.request_id:
        return request
    sent = type(request)()
    sent.CopyFrom(request)
    sent.request_id = uuid4().hex
    return sent


def crm_error(error: grpc.RpcError) -> CrmError:
    """What a failed call says, from the details that the server attached."""
    status = error.code()
    code, sentence, field = status.name, error.details() or "the server gave no reason", None
    described = rpc_status.from_call(error)
    for detail in described.details if described is not None else ():
        if detail.Is(ErrorInfo.DESCRIPTOR):
            info = ErrorInfo()
            detail.Unpack(info)
            code = info.reason
        elif detail.Is(BadRequest.DESCRIPTOR):
            fault = BadRequest()
            detail.Unpack(fault)
            field = fault.field_violations[0].field if fault.field_violations else None
    return CrmError(code, sentence, field=field, status=status)

"""Who is let in: the one place that looks at tokens and permissions, before anything else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from commands.rejected import Rejected, require
from infra.server.actor import HEADER, UNDER_WAY, Call, Caller, claimed, on_behalf
from infra.server.errors import end
from infra.server.permissions import PERMISSIONS, Permission
from infra.server.rates import Rates
from infra.server.tokens import Tokens

OPEN_TO_ALL = frozenset({health.SERVICE_NAME, reflection.SERVICE_NAME})
"""Probes have no tokens, and the contract is no secret. Over mTLS they need a certificate like everybody."""

AUTHORIZATION = "authorization"
SCHEME = "bearer "
SOCKET = "unix:"

HANDLERS: dict[tuple[bool, bool], tuple[str, Callable[..., grpc.RpcMethodHandler]]] = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


class Gate(grpc.ServerInterceptor):  # type: ignore[misc]
    """Lets a call through when its caller is known and may make it.

    :param tokens: what is believed; None where callers on this machine need none, and no others are answered.
    :param rates: how often each may call, where that is limited.
    """

    def __init__(self, tokens: Tokens | None, rates: Rates | None = None) -> None:
        self._tokens = tokens
        self._rates = rates
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}

    def intercept_service(self, proceed: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        """Put the gate before the handler of a call. Nothing is checked here, for this thread serves all calls."""
        method: str = details.method
        if (guarded := self._handlers.get(method)) is not None:
            return guarded
        handler = proceed(details)
        if handler is None or is_open_to_all(method):
            return handler
        rpc = method.lstrip("/")
        return self._handlers.setdefault(method, self._guarded(handler, rpc, PERMISSIONS[rpc.partition("/")[2]]))

    def _guarded(self, handler: grpc.RpcMethodHandler, rpc: str, permission: Permission) -> grpc.RpcMethodHandler:
        kind, made = HANDLERS[handler.request_streaming, handler.response_streaming]
        behaviour = getattr(handler, kind)

        @wraps(behaviour)  # with the thread pool that the behaviour wants
        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                caller = self._caller(context)
                permission.require(caller.roles)
                if self._rates is not None:
                    self._rates.take(caller.actor)
                require_time(context)
            except Exception as error:
                end(error, None, context)
            UNDER_WAY.set(Call(rpc, caller, permission))
            if handler.request_streaming:
                request = while_good(request, caller)
            answer = behaviour(request, context)
            return told_while_good(answer, caller, context) if handler.response_streaming else answer

        return made(guarded, handler.request_deserializer, handler.response_serializer)

    def _caller(self, context: grpc.ServicerContext) -> Caller:
        """Who calls.

        :raises Rejected: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_NOT_TAKEN or TOKEN_KEYS_UNAVAILABLE;
            NOT_ALLOWED or INVALID_FIELD for a name in the metadata ``crm-actor``.
        """
        credentials, claim = None, None
        for key, value in context.invocation_metadata():
            if key == AUTHORIZATION:
                require(credentials is None, "TOKEN_INVALID", "more than one authorization was sent; send one")
                credentials = value
            elif key == HEADER:
                require(claim is None, "INVALID_FIELD", "more than one crm-actor was sent; send one", field=HEADER)
                claim = value
        if credentials is None:
            require(
                self._tokens is None or on_socket(context),
                "TOKEN_MISSING",
                "this address takes calls with a token alone; send the metadata authorization: Bearer TOKEN",
            )
            return claimed(claim, believed=partial(on_socket, context))
        if self._tokens is None:
            raise Rejected(
                "TOKEN_NOT_TAKEN",
                "this server was told of nobody whose tokens it should believe (CRM_TOKEN_KEYS); send none",
            )
        require(
            credentials[: len(SCHEME)].lower() == SCHEME,
            "TOKEN_INVALID",
            "the metadata authorization must be Bearer and a token",
        )
        caller = self._tokens.caller(credentials[len(SCHEME) :])
        return caller if claim is None else on_behalf(caller, claim)


def on_socket(context: grpc.ServicerContext) -> bool:
    """Whether a call came over a Unix socket. To ask gRPC for that costs more than all else at the gate."""
    peer: str = context.peer()
    return peer.startswith(SOCKET)


def require_time(context: grpc.ServicerContext) -> None:
    """Refuse a call that waited for its turn until its caller would wait no longer.

    :raises Rejected: DEADLINE_PASSED.
    """
    left = context.time_remaining()
    require(left is None or left > 0, "DEADLINE_PASSED", "the deadline passed before it was this call's turn")


def while_good(messages: Iterable[Any], caller: Caller) -> Iterator[Any]:
    """What a caller sends, for as long as they may.

    :raises Rejected: TOKEN_EXPIRED.
    """
    for message in messages:
        caller.require_good()
        yield message


def told_while_good(answers: Iterator[Any], caller: Caller, context: grpc.ServicerContext) -> Iterator[Any]:
    """What a caller is told, for as long as they may listen."""
    for answer in answers:
        try:
            caller.require_good()
        except Rejected as refusal:
            end(refusal, None, context)
        yield answer


def require_complete(services: Iterable[ServiceDescriptor]) -> None:
    """Make sure that the table of permissions has a row for every rpc.

    :raises ValueError: where it has none.
    """
    for service in services:
        for method in service.methods:
            permission = PERMISSIONS.get(method.name)
            if permission is None or permission.service != service.name:
                raise ValueError(f"permissions.py has no row for {method.name} under {service.name}")


def is_open_to_all(method: str) -> bool:
    """Whether a method, ``/service/name``, is one that anybody may call."""
    return method.lstrip("/").partition("/")[0] in OPEN_TO_ALL

"""The one place where a refusal becomes a gRPC status, with the details that a program can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn
from uuid import uuid4

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, PreconditionFailure, ResourceInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from pydantic import ValidationError

from commands.rejected import Busy, Rejected
from infra.server.codes import status_of
from infra.server.contract import FIRST_SHARED
from infra.server.journal import journal

DOMAIN = "annals.crm"
LONGEST_TEXT = 1_000
"""Bytes of a sentence, which stands in a status several times; all of it has to fit into 16 KiB of metadata."""

RETRY_SECONDS = 1.0
"""When to try again, where the refusal does not say."""

RESOURCE_CODES = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS)


REFUSED_AS: ContextVar[str] = ContextVar("refused_as")
"""The code of the refusal that ended the call under way."""


class InvalidFields(Rejected):
    """One or more fields of a request hold what they may not. ``violations`` names each with what is wrong."""

    def __init__(self, violations: list[tuple[str, str]]) -> None:
        super().__init__(
            "INVALID_FIELD", "; ".join(f"{name}: {wrong}" for name, wrong in violations), field=violations[0][0]
        )
        self.violations = violations

    @classmethod
    def of(cls, error: ValidationError) -> InvalidFields:
        """What pydantic found; the values themselves are left out, for they may be personal."""
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return cls([(".".join(map(str, item["loc"])), _wrong(item["type"], item["msg"])) for item in found])


def _wrong(kind: str, message: str) -> str:
    return "is required" if kind == "missing" else message[0].lower() + message[1:]


def status(refusal: Rejected, request: Message | None = None) -> Status:
    """The refusal as a status: the sentence, ErrorInfo with the code, and what else fits the kind of refusal.

    :param request: what was refused, to name the resource from where there is one.
    """
    code = status_of(refusal.code)
    return Status(
        code=code.value[0],
        message=_short(refusal.sentence),
        details=[_packed(each) for each in _details(refusal, code, request)],
    )


def _details(refusal: Rejected, code: grpc.StatusCode, request: Message | None) -> Iterator[Message]:
    yield ErrorInfo(reason=refusal.code, domain=DOMAIN)
    if refusal.field is not None:
        violations = getattr(refusal, "violations", [(refusal.field, _short(refusal.sentence))])
        yield BadRequest(
            field_violations=[
                BadRequest.FieldViolation(field=name, description=wrong, reason=refusal.code)
                for name, wrong in violations
            ]
        )
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        violation = PreconditionFailure.Violation(
            type=refusal.code, subject=_subject(refusal, request), description=_short(refusal.sentence)
        )
        yield PreconditionFailure(violations=[violation])
    if code in RESOURCE_CODES:
        yield ResourceInfo(resource_name=_subject(refusal, request), description=_short(refusal.sentence))
    if isinstance(refusal, Busy) or code is grpc.StatusCode.UNAVAILABLE:
        wait = Duration()
        wait.FromNanoseconds(int(getattr(refusal, "retry_after", RETRY_SECONDS) * 1e9))
        yield RetryInfo(retry_delay=wait)


def _subject(refusal: Rejected, request: Message | None) -> str:
    """What the request is about: the value of the field at fault, the id, or the key."""
    if request is None:
        return ""
    for name in (refusal.field, "id"):
        if name in request.DESCRIPTOR.fields_by_name:
            return _short(str(getattr(request, str(name))))
    own = [(field, value) for field, value in request.ListFields() if field.number < FIRST_SHARED]
    plain = [value if field.is_repeated else [value] for field, value in own if field.message_type is None]
    return _short("/".join(",".join(map(str, values)) for values in plain))


def _short(text: str) -> str:
    """The text, cut where it is so long that the status would not get through."""
    content = text.encode()
    return text if len(content) <= LONGEST_TEXT else f"{content[:LONGEST_TEXT].decode(errors='ignore')} …"


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed


def guard(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The call as a gRPC behaviour that answers with one message: refusals become statuses, anything unforeseen
    INTERNAL with a reference to the server's own log.
    """

    def behaviour(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return call(request, context)
        except Exception as error:
            end(error, request, context)

    return behaviour


def guard_stream(call: Callable[[Any, Any], Iterator[Any]]) -> Callable[[Any, Any], Iterator[Any]]:
    """Like ``guard``, for a call that answers with a stream."""

    def behaviour(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from call(request, context)
        except Exception as error:
            end(error, request, context)

    return behaviour


def end(error: Exception, request: Any, context: grpc.ServicerContext) -> NoReturn:
    """End a call as refused, or as failed where the error was unforeseen."""
    REFUSED_AS.set(error.code if isinstance(error, Rejected) else "INTERNAL")
    if isinstance(error, Rejected):
        _refuse(error, request, context)
    _fail(error, context)


def _refuse(refusal: Rejected, request: Any, context: grpc.ServicerContext) -> NoReturn:
    message = request if isinstance(request, Message) else None
    context.abort_with_status(rpc_status.to_status(status(refusal, message)))
    raise AssertionError("unreachable")


def _fail(error: Exception, context: grpc.ServicerContext) -> NoReturn:
    if not context.is_active():
        # The caller hung up: what the broken stream raises here is nobody's business.
        raise error
    reference = uuid4().hex
    # Neither the request nor the error's text is logged: both may hold personal data.
    journal().error("call_failed", reference=reference, error=type(error).__qualname__, at=_place(error))
    refusal = Rejected("INTERNAL", f"something unforeseen went wrong; the server's log has it under {reference}")
    context.abort_with_status(rpc_status.to_status(status(refusal)))
    raise AssertionError("unreachable")


def _place(error: BaseException) -> str:
    """Where the error was raised: files and lines, innermost last."""
    steps, trace = [], error.__traceback__
    while trace is not None:
        steps.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(steps)

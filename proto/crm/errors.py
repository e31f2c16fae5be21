"""What a call raises: one class for each family of codes, all of them a CrmError."""

from __future__ import annotations

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from grpc_status import rpc_status


class CrmError(Exception):
    """A call that was refused or failed. ``code`` is stable and part of the contract (the name of the gRPC status where
    the server gave none), ``sentence`` says what is wrong, ``field`` names the field of the request that is at fault,
    where one is, and ``fields`` says of each what is wrong with it; ``status`` is gRPC's. ``retry_after`` is when to
    try again, in seconds, where the server says so; ``is_final`` says that it was the server who
    refused, or this process, not the way between.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        field: str | None,
        status: grpc.StatusCode,
        fields: dict[str, str] | None = None,
        retry_after: float | None = None,
        is_final: bool = False,
    ) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence
        self.field = field
        self.status = status
        self.fields = fields or {}
        self.retry_after = retry_after
        self._is_final = is_final

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"

    @property
    def is_passing(self) -> bool:
        """Whether the same call may succeed in a moment: the server or the way to it was away, or had no room."""
        if self.status in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED):
            # A connection that breaks in the middle is told so by gRPC, and a server that stops cancels what arrives
            # meanwhile; the server itself gives a code. Whoever hangs up themselves does not ask again anyway.
            return not self._is_final
        if self.status is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_after is not None
        return self.status is grpc.StatusCode.UNAVAILABLE


class InvalidArgument(CrmError):
    """The request says what it may not, whatever the state."""


class OutOfRange(CrmError):
    """The request is about what is not yet, or no longer."""


class NotFound(CrmError):
    """There is no such thing."""


class AlreadyExists(CrmError):
    """The id is taken, or the request id was used for something else."""


class Aborted(CrmError):
    """Somebody else was first (``etag``): read again and decide anew."""


class FailedPrecondition(CrmError):
    """The state does not allow it."""


class PermissionDenied(CrmError):
    """The caller may not do this."""


class Unauthenticated(CrmError):
    """The caller is not known."""


class ResourceExhausted(CrmError):
    """Too much, or too many: of the request, of the caller, or of the machine."""


class DeadlineExceeded(CrmError):
    """It took too long. A command may have happened; the same request id tells."""


class Unavailable(CrmError):
    """The server cannot be reached, or cannot work now. The same request id tells what became of a command."""


class DataLoss(CrmError):
    """Something stored is damaged, or is not the history that was read."""


class Unimplemented(CrmError):
    """The server that was asked does not do it."""


class Internal(CrmError):
    """Something unforeseen."""


class Cancelled(CrmError):
    """The caller hung up, or the server did without a word, as when it stops."""


KINDS: dict[grpc.StatusCode, type[CrmError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.ABORTED: Aborted,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DATA_LOSS: DataLoss,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
    grpc.StatusCode.INTERNAL: Internal,
    grpc.StatusCode.UNKNOWN: Internal,
    grpc.StatusCode.CANCELLED: Cancelled,
}


def crm_error(error: grpc.RpcError) -> CrmError:
    """What a failed call says, from the details that the server attached."""
    status = error.code()
    code, sentence = status.name, error.details() or "the server gave no reason"
    fields: dict[str, str] = {}
    retry_after, is_final = None, False
    described = rpc_status.from_call(error)
    for packed in described.details if described is not None else ():
        for detail in (ErrorInfo(), BadRequest(), RetryInfo()):
            if not packed.Is(detail.DESCRIPTOR):
                continue
            packed.Unpack(detail)
            if isinstance(detail, ErrorInfo):
                code, is_final = detail.reason, True
            elif isinstance(detail, BadRequest):
                fields = {each.field: each.description for each in detail.field_violations}
            else:
                retry_after = detail.retry_delay.ToTimedelta().total_seconds()
    kind = KINDS.get(status, CrmError)
    field = next(iter(fields), None)
    return kind(code, sentence, field=field, status=status, fields=fields, retry_after=retry_after, is_final=is_final)

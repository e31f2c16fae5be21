"""What a message must be before anybody looks at what it says."""

from __future__ import annotations

from collections.abc import Sequence

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from commands.rejected import Rejected
from infra.server.errors import InvalidFields


def require_readable(message: Message | Rejected) -> None:
    """Refuse bytes that are no message of the expected kind, or too many.

    :raises Rejected: INVALID_MESSAGE or MESSAGE_TOO_LARGE.
    """
    if isinstance(message, Rejected):
        raise message


def unreadable() -> Rejected:
    """The refusal of bytes that are no message of the expected kind."""
    return Rejected(
        "INVALID_MESSAGE", "the bytes sent are not a message of this call; make them from the contract in crm/v1"
    )


def too_large(size: int, largest: int) -> Rejected:
    """The refusal of a message of ``size`` bytes."""
    return Rejected(
        "MESSAGE_TOO_LARGE", f"the message has {size:,} bytes; {largest:,} are allowed; send less in one message"
    )


def require_known_fields(message: Message) -> None:
    """Refuse fields that the contract does not know, or knows with another type.

    :raises Rejected: UNKNOWN_FIELD.
    """
    unknown = UnknownFieldSet(message)
    if not len(unknown):
        return
    number = unknown[0].field_number
    known = message.DESCRIPTOR.fields_by_number.get(number)
    if known is not None:
        raise Rejected(
            "UNKNOWN_FIELD",
            f"{known.name} was sent with another type than it has in {message.DESCRIPTOR.file.name}",
            field=known.name,
        )
    raise Rejected(
        "UNKNOWN_FIELD",
        f"{message.DESCRIPTOR.name} has no field number {number}; allowed are those in {message.DESCRIPTOR.file.name}",
        field=str(number),
    )


def required_fields(request: Descriptor) -> list[str]:
    """The fields that the contract says are required."""
    behavior = field_behavior_pb2.field_behavior
    return [
        each.name for each in request.fields if field_behavior_pb2.REQUIRED in each.GetOptions().Extensions[behavior]
    ]


def require_fields(message: Message, names: Sequence[str]) -> None:
    """Refuse a message that lacks one of these fields, or has nothing in it.

    :raises Rejected: INVALID_FIELD.
    """
    if missing := [name for name in names if not getattr(message, name)]:
        raise InvalidFields([(name, "is required") for name in missing])

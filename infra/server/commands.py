"""From a message to a decision: the way of every command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import ValidationError
from uuid_utils import uuid7

from commands.command import Command
from commands.rejected import Rejected, require
from crm.v1 import commands_pb2, outcome_pb2
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request
from infra.server.actor import UNDER_WAY, Caller
from infra.server.admission import require_known_fields, require_readable
from infra.server.asking import until
from infra.server.contract import CIRCUMSTANCES, bulk_commands
from infra.server.errors import InvalidFields
from infra.server.permissions import PERMISSIONS
from infra.server.values import instant_in, instant_out

MOST_COMMANDS = 500
LONGEST_TAG = 200
SAY_WHEN = PERMISSIONS["occurred_at"]
TAGS = ("request_id", "correlation_id", "causation_id")


class Reader:
    """Reads requests for one kind of command."""

    def __init__(self, kind: type[Command], request: Descriptor, keys: Keys) -> None:
        self.permission = PERMISSIONS[kind.__name__]
        self._kind = kind
        self._keys = keys
        self._fields = {
            field: (field.name, field.name in CIRCUMSTANCES, _conversion(field)) for field in request.fields
        }

    def read(self, message: Message, actor: Actor, deadline: float | None = None) -> Request:
        """The command with its circumstances.

        :raises Rejected: INVALID_FIELD.
        """
        given: dict[str, Any] = {}
        circumstances: dict[str, Any] = {}
        for field, value in message.ListFields():
            name, is_circumstance, convert = self._fields[field]
            kept = circumstances if is_circumstance else given
            kept[name] = value if convert is None else convert(value)
        if "etag" in circumstances:
            circumstances["expected_version"] = circumstances.pop("etag")
        if self._kind.creates and "id" not in given:
            given["id"] = self._new_id(circumstances.get("request_id"))
        try:
            command = self._kind.model_validate(given)
        except ValidationError as error:
            raise InvalidFields.of(error) from None
        return Request(command, actor, deadline=deadline, **circumstances)

    def _new_id(self, request_id: str | None) -> str:
        """A new id; the same one for the same request id, so that the same request sent again means the same stream."""
        if request_id is None:
            return str(uuid7())
        digest = self._keys.fingerprint(f"{self._kind.__name__} {request_id}".encode())
        return str(UUID(int=_as_version_8(int.from_bytes(digest[:16]))))


class Commands:
    """Executes single commands and commands in bulk."""

    def __init__(self, log: Log, keys: Keys) -> None:
        self._log = log
        self._keys = keys
        self._bulk = {
            field.name: Reader(kind, field.message_type, keys)
            for field, kind in bulk_commands(commands_pb2.Command.DESCRIPTOR)
        }

    def single(self, kind: type[Command], request: Descriptor) -> Callable[[Any, grpc.ServicerContext], Message]:
        """The call that executes one kind of command."""
        reader = Reader(kind, request, self._keys)
        execute = self._log.execute

        def call(message: Message, context: grpc.ServicerContext) -> Message:
            caller = UNDER_WAY.get().caller
            require_may_say_when(message, caller)
            return outcome_message(execute(reader.read(message, caller.actor, until(context))))

        return call

    def execute_commands(
        self, messages: Iterator[commands_pb2.ExecuteCommandsRequest], context: grpc.ServicerContext
    ) -> Iterator[commands_pb2.ExecuteCommandsResponse]:
        """Executes every message's commands in order, with one answer for each.

        :raises Rejected: TOO_MANY_COMMANDS.
        """
        caller = UNDER_WAY.get().caller
        for message in messages:
            require_readable(message)
            require_known_fields(message)
            require(
                len(message.commands) <= MOST_COMMANDS,
                "TOO_MANY_COMMANDS",
                f"a message of {len(message.commands)} commands; at most {MOST_COMMANDS} are allowed",
                field="commands",
            )
            deadline = until(context)
            read = [self._read(command, caller, deadline) for command in message.commands]
            answers = iter(self._log.submit([each for each in read if isinstance(each, Request)]))
            yield response(next(answers) if isinstance(each, Request) else each for each in read)

    def _read(self, command: commands_pb2.Command, caller: Caller, deadline: float | None) -> Request | Rejected:
        try:
            require_known_fields(command)
            name = command.WhichOneof("command")
            if name is None:
                raise Rejected("INVALID_FIELD", "no command is given; set one of the arms", field="command")
            message = getattr(command, name)
            require_known_fields(message)
            reader = self._bulk[name]
            reader.permission.require(caller.roles)
            require_may_say_when(message, caller)
            return reader.read(message, caller.actor, deadline)
        except Rejected as refusal:
            return refusal


def require_may_say_when(message: Message, caller: Caller) -> None:
    """Refuse a caller who may not say when something happened, and does.

    :raises Rejected: NOT_ALLOWED.
    """
    if message.HasField("occurred_at"):
        SAY_WHEN.require(caller.roles, field=SAY_WHEN.name)


def outcome_message(outcome: Outcome) -> outcome_pb2.Outcome:
    """The answer to a command."""
    message = outcome_pb2.Outcome()
    _answer(message, outcome, instant_out(outcome.recorded_at))
    return message


def response(answers: Iterable[Outcome | Rejected]) -> commands_pb2.ExecuteCommandsResponse:
    """The answers to the commands of one message. Everything is written where it stays: nested messages that are
    handed over are copied, at several times the price.
    """
    message = commands_pb2.ExecuteCommandsResponse()
    instant, sent = None, Timestamp()
    for answer in answers:
        result = message.results.add()
        if isinstance(answer, Rejected):
            refusal = result.refusal
            refusal.code, refusal.sentence, refusal.field = answer.code, answer.sentence, answer.field or ""
            continue
        if answer.recorded_at is not instant:  # all of one transaction have the same
            instant, sent = answer.recorded_at, instant_out(answer.recorded_at)
        _answer(result.outcome, answer, sent)
    return message


def _answer(message: outcome_pb2.Outcome, outcome: Outcome, recorded_at: Timestamp) -> None:
    message.id = outcome.id
    message.stream = outcome.stream
    message.etag = str(outcome.version)
    message.position = outcome.position
    message.recorded_at.CopyFrom(recorded_at)
    if outcome.first_position:
        message.first_position = outcome.first_position
        message.last_position = outcome.last_position


def _conversion(field: FieldDescriptor) -> Callable[[Any], Any] | None:
    """What makes of a field's value what the command or its circumstances want; None where it is that already."""
    if field.is_repeated:
        return tuple
    if field.message_type is not None:
        return partial(instant_in, field.name)
    if field.name == "etag":
        return _version
    return partial(_tag, field.name) if field.name in TAGS else None


def _version(etag: str) -> int:
    require(
        etag.isascii() and etag.isdigit() and len(etag) < 10,
        "INVALID_FIELD",
        "the etag is not one that a command or a query answered with; send that one",
        field="etag",
    )
    return int(etag)


def _tag(name: str, value: str) -> str:
    # A database compares a text up to its first NUL, or takes none with one: such a request would not be known again.
    if 0 < len(value) <= LONGEST_TAG and "\0" not in value:
        return value
    raise Rejected("INVALID_FIELD", f"{name} must have 1 to {LONGEST_TAG} characters, none of which is NUL", field=name)


def _as_version_8(number: int) -> int:
    """The 128 bits with the version and variant of a UUID for values of one's own making (RFC 9562)."""
    number = number & ~(0xF << 76) | 0x8 << 76
    return number & ~(0x3 << 62) | 0x2 << 62

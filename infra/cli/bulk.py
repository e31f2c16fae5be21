"""The door of an import: commands in bulk over gRPC, several messages on their way at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from grpc import StatusCode

from commands.rejected import Rejected
from crm.client import Client
from crm.v1 import commands_pb2
from infra.intake import Answer, Door, Wish

LARGEST_MESSAGE = 1024 * 1024
"""Bytes of a message; far fewer than servers take, far more than a command needs."""

NOT_NOW = (StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED)
"""What these refuse is right, and is done when the server can."""


def door(crm: Client, *, correlation_id: str | None = None) -> Door:
    """A door that sends batches of commands to the server, one message for each, or several where texts are long. The
    correlation id stands in every event that comes of them. It raises what says that the server cannot go on now, such
    as LOG_FULL: no row is at fault then.
    """

    def through(batches: Iterator[list[Wish]]) -> Iterator[Sequence[Answer]]:
        sending = _Sending(batches, correlation_id)
        responses = crm.commands.ExecuteCommands(sending.messages())
        given: list[Answer] = []
        try:
            for response in responses:
                answers, is_last = sending.answers(response)
                given += answers
                if is_last:
                    yield given
                    given = []
        finally:
            responses.cancel()
        if sending.error is not None:
            raise sending.error

    return through


class _Sending:
    """The messages on their way. What cannot even be said in a message is refused here, in its place among the
    answers.
    """

    def __init__(self, batches: Iterator[list[Wish]], correlation_id: str | None) -> None:
        self._batches = batches
        self._correlation_id = correlation_id
        self._unsent: deque[tuple[dict[int, Rejected], bool]] = deque()
        self.error: BaseException | None = None

    def messages(self) -> Iterator[commands_pb2.ExecuteCommandsRequest]:
        """The messages of all batches. gRPC takes them in a thread of its own and would swallow an exception there."""
        try:
            for batch in self._batches:
                messages = messages_of(batch, self._correlation_id)
                for place, (message, unsent) in enumerate(messages, start=1):
                    self._unsent.append((unsent, place == len(messages)))
                    yield message
        except Exception as error:
            self.error = error

    def answers(self, response: commands_pb2.ExecuteCommandsResponse) -> tuple[list[Answer], bool]:
        """The answers to the oldest message, one for each of its commands, and whether it was the last of its batch."""
        answers = [_answer(result) for result in response.results]
        unsent, is_last = self._unsent.popleft()
        for place, refusal in unsent.items():
            answers.insert(place, refusal)
        return answers, is_last


def messages_of(
    batch: Sequence[Wish], correlation_id: str | None
) -> list[tuple[commands_pb2.ExecuteCommandsRequest, dict[int, Rejected]]]:
    """Commands as messages that are not too large for any server, each with those that cannot be in it. A command that
    is too large alone is refused, and the others go on.
    """
    message, unsent = message_of(batch, correlation_id)
    size = message.ByteSize()
    if size <= LARGEST_MESSAGE:
        return [(message, unsent)]
    if len(batch) > 1:
        middle = len(batch) // 2
        return messages_of(batch[:middle], correlation_id) + messages_of(batch[middle:], correlation_id)
    refusal = Rejected(
        "INVALID_FIELD", f"{batch[0].command} has {size:,} bytes; {LARGEST_MESSAGE:,} are allowed for a command"
    )
    return [(commands_pb2.ExecuteCommandsRequest(), {0: refusal})]


def message_of(
    batch: Iterable[Wish], correlation_id: str | None
) -> tuple[commands_pb2.ExecuteCommandsRequest, dict[int, Rejected]]:
    """Commands as one message, and those that cannot be in it by their place in the batch, each with the reason.

    Everything is written where it stays: nested messages that are handed over are copied, at twice the price.
    """
    message = commands_pb2.ExecuteCommandsRequest()
    unsent: dict[int, Rejected] = {}
    for place, wish in enumerate(batch):
        try:
            request = getattr(message.commands.add(), ARMS[wish.command])
            _say(wish, request)
            if correlation_id is not None:
                request.correlation_id = correlation_id
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            del message.commands[-1]
            unsent[place] = Rejected("INVALID_FIELD", f"{wish.command} cannot be sent: {error}")
    return message, unsent


def _say(wish: Wish, request: Any) -> None:
    for name, value in wish.fields.items():
        if isinstance(value, tuple):
            getattr(request, name).extend(value)
        else:
            setattr(request, name, value)
    since = wish.occurred_at - EPOCH
    occurred_at = request.occurred_at
    occurred_at.seconds = since.days * 86_400 + since.seconds
    occurred_at.nanos = since.microseconds * 1_000
    request.request_id = wish.request_id


def _answer(result: Any) -> Answer:
    if not result.HasField("refusal"):
        return result.outcome  # type: ignore[no-any-return]
    from infra.server.codes import status_of

    refusal = result.refusal
    if status_of(refusal.code) in NOT_NOW:
        sentence = f"the import stopped, and the same command goes on from there: {refusal.sentence}"
        raise Rejected(refusal.code, sentence)
    return Rejected(refusal.code, refusal.sentence, field=refusal.field or None)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ARMS = {
    arm.message_type.name.removesuffix("Request"): arm.name
    for arm in commands_pb2.Command.DESCRIPTOR.oneofs_by_name["command"].fields
}
"""For each command by name its arm of the bulk message."""

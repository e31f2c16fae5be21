"""The door of an import: commands in bulk over gRPC, several messages on their way at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message_factory import GetMessageClass

from commands.rejected import Rejected
from crm.client import Client
from crm.v1 import commands_pb2
from infra.intake import Answer, Door, Wish


def door(crm: Client) -> Door:
    """A door that sends batches of commands to the server, one message for each."""

    def through(batches: Iterator[list[Wish]]) -> Iterator[Sequence[Answer]]:
        sending = _Sending(batches)
        responses = crm.commands.ExecuteCommands(sending.messages())
        try:
            for response in responses:
                yield sending.answers(response)
        finally:
            responses.cancel()
        if sending.error is not None:
            raise sending.error

    return through


class _Sending:
    """The messages on their way. What cannot even be said in a message is refused here, in its place among the
    answers.
    """

    def __init__(self, batches: Iterator[list[Wish]]) -> None:
        self._batches = batches
        self._unsent: deque[dict[int, Rejected]] = deque()
        self.error: BaseException | None = None

    def messages(self) -> Iterator[commands_pb2.ExecuteCommandsRequest]:
        """One message for each batch. gRPC takes them in a thread of its own and would swallow an exception there."""
        try:
            for batch in self._batches:
                said = [message(wish) for wish in batch]
                self._unsent.append({place: each for place, each in enumerate(said) if isinstance(each, Rejected)})
                yield commands_pb2.ExecuteCommandsRequest(
                    commands=[each for each in said if not isinstance(each, Rejected)]
                )
        except Exception as error:
            self.error = error

    def answers(self, response: commands_pb2.ExecuteCommandsResponse) -> list[Answer]:
        """The answers to the oldest batch, one for each of its commands."""
        answers = [_answer(result) for result in response.results]
        for place, refusal in self._unsent.popleft().items():
            answers.insert(place, refusal)
        return answers


def message(wish: Wish) -> commands_pb2.Command | Rejected:
    """A command as a message, or why it cannot be one."""
    arm, request = KINDS[wish.command]
    try:
        said = request(**wish.fields, occurred_at=wish.occurred_at, request_id=wish.request_id)
        return commands_pb2.Command(**{arm: said})
    except (ValueError, TypeError, OverflowError) as error:
        return Rejected("INVALID_FIELD", f"{wish.command} cannot be sent: {error}")


def _answer(result: Any) -> Answer:
    if result.WhichOneof("result") == "outcome":
        return result.outcome  # type: ignore[no-any-return]
    refusal = result.refusal
    return Rejected(refusal.code, refusal.sentence, field=refusal.field or None)


def _kinds() -> dict[str, tuple[str, Any]]:
    """For each command by name its arm of the bulk message and the class of its request."""
    arms = commands_pb2.Command.DESCRIPTOR.oneofs_by_name["command"].fields
    return {
        arm.message_type.name.removesuffix("Request"): (arm.name, GetMessageClass(arm.message_type)) for arm in arms
    }


KINDS = _kinds()

"""A door for imports: straight into a log."""

from __future__ import annotations

from collections.abc import Iterator

from commands.rejected import Rejected
from infra.intake import Answer, Door, Wish
from infra.log import Actor, Log, Request
from tests.intake.doors import command_of


def log_door(log: Log, name: str) -> Door:
    """The door into a log."""
    actor = Actor("user", "importer")

    def door(batches: Iterator[list[Wish]]) -> Iterator[list[Answer]]:
        for batch in batches:
            asked = [_request(wish, actor, name) for wish in batch]
            answers = iter(log.submit([each for each in asked if isinstance(each, Request)]))
            yield [next(answers) if isinstance(each, Request) else each for each in asked]

    return door


def _request(wish: Wish, actor: Actor, name: str) -> Request | Rejected:
    try:
        command = command_of(wish)
    except Rejected as refusal:
        return refusal
    return Request(command, actor, request_id=wish.request_id, occurred_at=wish.occurred_at, correlation_id=name)

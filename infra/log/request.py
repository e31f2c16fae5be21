"""What is asked of the log, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from commands.command import Command

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. ``type`` is app_user, user, service_account, api_key, system, unauthenticated or unknown; ``id`` is
    opaque, never an e-mail address; ``claims`` is JSON text, for example on whose behalf a service acts.
    """

    type: str
    id: str
    claims: str | None = None


class Request(NamedTuple):
    """A command with its circumstances.

    ``request_id`` makes it safe to ask again; without ``occurred_at`` it happens when it is recorded;
    ``expected_version`` is of the home stream (0: it must not exist yet); ``validate_only`` asks what would happen;
    ``correlation_id`` is the request id where not given. Past the ``deadline``, an instant of ``time.monotonic``, it is
    not decided any more.
    """

    command: Command
    actor: Actor
    request_id: str | None = None
    occurred_at: datetime | None = None
    expected_version: int | None = None
    validate_only: bool = False
    correlation_id: str | None = None
    causation_id: str | None = None
    deadline: float | None = None


class Outcome(NamedTuple):
    """What came of a command. ``version`` is that of the home stream after it; the positions are 0 where nothing was
    recorded; reading at ``position`` sees the effect, also where there was nothing to change.
    """

    stream: str
    id: str
    version: int
    first_position: int
    last_position: int
    position: int
    recorded_at: datetime


class Head(NamedTuple):
    """How far the log has come: the position, hash and instant of its last event."""

    position: int
    hash: bytes
    recorded_at: datetime


class Row(NamedTuple):
    """One event as it is stored."""

    position: int
    stream: str
    version: int
    type: str
    recorded_at: datetime
    document: bytes
    hash: bytes


def utc_now() -> datetime:
    """The instant it is, by the system's clock."""
    return datetime.now(UTC)


def microseconds(instant: datetime) -> int:
    """An instant as microseconds since 1970."""
    return (instant - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The instant that many microseconds after the beginning of 1970."""
    return EPOCH + timedelta(microseconds=count)

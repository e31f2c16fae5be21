"""The types that the fields of commands are made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

ID_PATTERN = r"^[A-Za-z0-9._~-]{1,64}$"

Id = Annotated[str, Field(pattern=ID_PATTERN)]
"""Chosen by the caller: at most 64 characters of A-Z a-z 0-9 . _ ~ -"""

Word = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Position = Annotated[int, Field(ge=0)]
"""How far somebody has seen the log."""

Version = Annotated[int, Field(ge=1, le=2_147_483_647)]


def in_utc(instant: datetime) -> datetime:
    """The same instant, told in UTC."""
    return instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""A point in time, with its offset; kept in UTC."""

Seconds = Annotated[int, Field(ge=0, le=2_147_483_647)]
"""A duration."""

Channel = Literal[
    "email",
    "phone",
    "web",
    "live_chat",
    "im",
    "social",
    "letter",
    "fax",
    "sms",
    "ivr",
    "walk_in",
    "visit",
    "community",
    "other",
]
"""How two people met."""

Direction = Literal["inbound", "outbound"]
Priority = Literal["low", "moderate", "high", "critical"]

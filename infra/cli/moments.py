"""Says in a request at which instant, and with what knowledge, it is to be answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from infra.cli.instants import instant, position_or_instant


def set_instant(request: Any, field: str, text: str | None, time_zone: str) -> None:
    """Fill an instant of the request from what the command line says, if it says anything.

    :raises typer.BadParameter: where it is not an instant.
    """
    if text is not None:
        getattr(request, field).FromDatetime(instant(text, time_zone, datetime.now(UTC)))


def set_known_at(request: Any, text: str | None, time_zone: str) -> None:
    """Fill the position or the instant up to which things are known.

    :raises typer.BadParameter: where it is neither.
    """
    if text is None:
        return
    known = position_or_instant(text, time_zone, datetime.now(UTC))
    if isinstance(known, int):
        request.known_at_position = known
    else:
        request.known_at.FromDatetime(known)


def moment(message: Any, field: str) -> datetime | None:
    """The instant that a field of a message holds, if it is set."""
    return getattr(message, field).ToDatetime(UTC) if message.HasField(field) else None

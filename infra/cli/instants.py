"""Instants and positions, as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import typer

WRITTEN = "2017-03-01, 2017-03-01 12:00 (both in the office's time zone), 2017-03-01T12:00:00Z, now, today or yesterday"

LONGEST_POSITION = 18
"""As many digits fit into a position whatever they are."""


def instant(text: str, time_zone: str, now: datetime) -> datetime:
    """The instant that the text names, in UTC.

    An instant without an offset is in the office's time zone; a date without a time, ``today`` and ``yesterday`` are
    the start of that day.

    :raises typer.BadParameter: where the text names no instant.
    """
    zone = ZoneInfo(time_zone)
    today = datetime.combine(now.astimezone(zone).date(), time())
    named = {"now": now, "today": today, "yesterday": today - timedelta(days=1)}
    try:
        value = named.get(text.strip().lower()) or datetime.fromisoformat(text.strip())
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is not an instant; write {WRITTEN}") from error


def position_or_instant(text: str, time_zone: str, now: datetime) -> int | datetime:
    """A position of the log where the text is a number, otherwise the instant that it names.

    :raises typer.BadParameter: where the text is neither.
    """
    if not (text.isascii() and text.isdigit()):
        return instant(text, time_zone, now)
    if len(text) > LONGEST_POSITION:
        raise typer.BadParameter(f"there is no position {text}")
    return int(text)


def require_instants(*texts: str | None) -> None:
    """Refuse what no office's clock could show, before anybody is asked for the office's time zone.

    :raises typer.BadParameter: where a text is neither a position nor an instant.
    """
    for text in texts:
        if text is not None:
            position_or_instant(text, "UTC", datetime.now(UTC))


def rfc3339(value: datetime) -> str:
    """An instant as other programs read it: in UTC, with as many digits as it needs."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")

"""Business time: how much of the time between two instants a group was open, by the calendars in force at each moment.

A group works by the calendar in force that names it, or else by one that names no groups; where several do, by the one
that came into force last. Where no calendar is in force, it is always open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from domain.policy import CalendarPublished

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Interval = tuple[datetime, datetime]
"""From an instant until before another one, in UTC."""


@dataclass(frozen=True, kw_only=True)
class CalendarVersion:
    """A version of a calendar, in force from an instant on, until a later version of the same calendar is."""

    calendar_id: str
    version: int
    in_force_from: datetime
    says: CalendarPublished


def business_time(
    versions: Sequence[CalendarVersion], group_id: str | None, start: datetime, end: datetime
) -> timedelta:
    """How long a group was open between two instants."""
    return sum((closes - opens for opens, closes in open_intervals(versions, group_id, start, end)), timedelta())


def open_intervals(
    versions: Sequence[CalendarVersion], group_id: str | None, start: datetime, end: datetime
) -> Iterator[Interval]:
    """When a group is open between two instants, in order."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    changes = sorted({each.in_force_from for each in versions if start < each.in_force_from < end})
    for since, until in pairwise((start, *changes, end)) if start < end else ():
        calendar = in_force(versions, group_id, since)
        yield from [(since, until)] if calendar is None else hours_between(calendar, since, until)


def in_force(versions: Iterable[CalendarVersion], group_id: str | None, at: datetime) -> CalendarPublished | None:
    """What the calendar says that a group works by at an instant; None where there is none."""
    newest: dict[str, CalendarVersion] = {}
    for each in sorted(versions, key=lambda each: each.version):
        if each.in_force_from <= at:
            newest[each.calendar_id] = each
    applicable = [each for each in newest.values() if not each.says.group_ids or group_id in each.says.group_ids]
    best = max(
        applicable,
        key=lambda each: (bool(each.says.group_ids), each.in_force_from, each.calendar_id),
        default=None,
    )
    return best.says if best is not None else None


def hours_between(calendar: CalendarPublished, start: datetime, end: datetime) -> Iterator[Interval]:
    """The hours of a calendar between two instants, in order; what a clock skips is moved, perhaps past later ones."""
    zone = ZoneInfo(calendar.time_zone)
    day, last = start.astimezone(zone).date() - timedelta(days=1), end.astimezone(zone).date()
    days = (day + timedelta(days=number) for number in range((last - day).days + 1))
    reached = start
    for opens, closes in sorted(hours for day in days for hours in hours_of(calendar, day, zone)):
        opens, closes = max(opens, reached), min(closes, end)
        if opens < closes:
            yield opens, closes
            reached = closes


def hours_of(calendar: CalendarPublished, day: date, zone: ZoneInfo) -> Iterator[Interval]:
    """The hours of a calendar on a local day, as it lists them."""
    if day.isoformat() in calendar.holidays:
        return
    for each in calendar.hours:
        weekday, times = each.split(" ")
        if weekday == WEEK[day.weekday()]:
            opens, closes = (instant(day, clock, zone) for clock in times.split("-"))
            yield opens, closes


def instant(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """When a local clock shows a time, such as ``24:00``. Of a time that it shows twice, the later one; one that it
    skips is as much later.
    """
    hours, minutes = map(int, clock.split(":"))
    local = datetime.combine(day, time()) + timedelta(hours=hours, minutes=minutes)
    return max(
        (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1)), key=lambda each: each.timestamp()
    ).astimezone(UTC)

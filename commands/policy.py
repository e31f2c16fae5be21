"""What may be asked of a policy. Each publishing begins the policy or supersedes its newest version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date
from itertools import pairwise
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from commands.command import Command, Fact
from commands.fields import Id, Instant
from commands.rejected import require
from domain.event import Event, State
from domain.policy import (
    CALENDAR,
    PRIORITY,
    RETENTION,
    SLA,
    CalendarPublished,
    Policy,
    PriorityPublished,
    RetentionPublished,
    SlaPublished,
    terms,
)
from domain.ticket import LIVE

BESIDE_THE_ZONES = ("localtime", "posix", "right/")
"""How the names begin of what a system keeps beside its time zones: not everybody knows it, or the same by it."""


def time_zone(name: str) -> str:
    """The name, if there is such a time zone.

    :raises ValueError: where there is none.
    """
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        ZoneInfo(name)
        if not name.startswith(BESIDE_THE_ZONES):
            return name
    raise ValueError(f"there is no time zone {name}; write an IANA name such as Europe/Berlin")


def calendar_date(text: str) -> str:
    """The text, if it is a date.

    :raises ValueError: where it is none.
    """
    return date.fromisoformat(text).isoformat()


TimeZone = Annotated[str, AfterValidator(time_zone), Field(examples=["Europe/Berlin", "America/Chicago", "UTC"])]
"""An IANA name."""

CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"

Hours = Annotated[
    str,
    Field(
        pattern=rf"^(mon|tue|wed|thu|fri|sat|sun) {CLOCK}-({CLOCK}|24:00)$",
        examples=["mon 09:00-17:00", "tue 00:00-24:00", "mon 16:30-20:00", "sun 12:00-12:00"],
    ),
]
"""Hours of one day of the week, by the local clock; the end is not part of them."""

Holiday = Annotated[
    str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2024-12-25", "2024-01-01"]), AfterValidator(calendar_date)
]
"""A local date, as ISO 8601 writes it."""

Measure = Literal["first_response", "next_reply", "first_resolution", "full_resolution", "first_contact_resolution"]
"""What can be promised about a ticket. For first_contact_resolution it is how long the solution holds."""

Pause = Literal["new", "open", "pending", "on_hold"]
"""A status in which a clock may stand still."""

Target = Annotated[int, Field(ge=1, le=2_147_483_647)]
Percent = Annotated[int, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class PolicyCommand(Command):
    """A wish for a policy."""

    state: ClassVar[type[State]] = Policy
    begins: ClassVar[bool] = True

    valid_from: Instant | None = None


class PublishCalendar(PolicyCommand):
    """Say when groups are open, or all groups that no other calendar is for."""

    time_zone: TimeZone
    hours: Annotated[tuple[Hours, ...], Field(min_length=1)]
    holidays: tuple[Holiday, ...] = ()
    group_ids: tuple[Id, ...] = ()

    def decide(self, policy: Policy) -> Iterator[Fact]:
        require_kind(policy, CALENDAR)
        hours = sorted(set(self.hours), key=place)
        for each in hours:
            _, start, end = place(each)
            require(start < end, "CONTRADICTION", f"the hours {each} end before they begin", field="hours")
        for one, other in pairwise(hours):
            apart = place(one)[0] != place(other)[0] or place(one)[2] <= place(other)[1]
            require(apart, "CONTRADICTION", f"the hours {one} and {other} overlap; join them", field="hours")
        yield from superseding(
            policy,
            CalendarPublished(
                time_zone=self.time_zone,
                hours=tuple(hours),
                holidays=in_order(self.holidays),
                group_ids=in_order(self.group_ids),
                valid_from=self.valid_from,
            ),
        )


class PublishSla(PolicyCommand):
    """Promise a measure of tickets within a time: for every priority, or for some."""

    measure: Measure
    seconds: Target | None = None
    low_seconds: Target | None = None
    moderate_seconds: Target | None = None
    high_seconds: Target | None = None
    critical_seconds: Target | None = None
    is_business_time: bool | None = None
    pauses: tuple[Pause, ...] = ()

    def decide(self, policy: Policy) -> Iterator[Fact]:
        require_kind(policy, SLA)
        measure = dict(policy.terms).get("measure", self.measure)
        require(
            measure == self.measure,
            "CONTRADICTION",
            f"the SLA promises {measure} and stays with it; promise {self.measure} under another id",
            field="measure",
        )
        names = ("low_seconds", "moderate_seconds", "high_seconds", "critical_seconds")
        given = [(name, value) for name in names if (value := getattr(self, name)) is not None]
        require(
            given or self.seconds is not None,
            "NOTHING_GIVEN",
            f"no time is promised; give seconds for every priority, or one of {', '.join(names)}",
        )
        targets = [(name, value) for name in names if (value := getattr(self, name) or self.seconds) is not None]
        for (less, longer), (more, shorter) in pairwise(targets):
            require(
                longer >= shorter,
                "CONTRADICTION",
                f"{less} is {longer} and {more} is {shorter} (what is not given is as seconds say); "
                "what matters more cannot take longer",
                field=less if getattr(self, more) is None else more,
            )
        holds = self.measure == "first_contact_resolution"
        for name in ("is_business_time", "pauses"):
            require(
                not (holds and getattr(self, name)),
                "CONTRADICTION",
                f"how long a solution holds is counted on the calendar; leave out {name}",
                field=name,
            )
        counting = [status for status in LIVE if status not in self.pauses]
        require(counting, "CONTRADICTION", "no time would ever count; let it count in a live status", field="pauses")
        yield from superseding(
            policy,
            SlaPublished(
                measure=self.measure,
                seconds=self.seconds,
                **dict(given),
                is_business_time=not holds if self.is_business_time is None else self.is_business_time,
                pauses=in_order(self.pauses),
                valid_from=self.valid_from,
            ),
        )


class PublishPriority(PolicyCommand):
    """Say how many in a hundred visits of customers of each priority are expected to end in a purchase."""

    a_percent: Percent
    b_percent: Percent
    c_percent: Percent

    def decide(self, policy: Policy) -> Iterator[Fact]:
        require_kind(policy, PRIORITY)
        require(
            self.a_percent >= self.b_percent >= self.c_percent,
            "CONTRADICTION",
            f"for A it is {self.a_percent}, for B {self.b_percent}, for C {self.c_percent}; "
            "a higher priority cannot be expected to buy less often",
            field="a_percent",
        )
        percents = {"a_percent": self.a_percent, "b_percent": self.b_percent, "c_percent": self.c_percent}
        yield from superseding(policy, PriorityPublished(**percents, valid_from=self.valid_from))


class PublishRetention(PolicyCommand):
    """Say after how many days prospects and churned customers are to be forgotten: at least one of them."""

    prospect_days: Days | None = None
    churned_days: Days | None = None

    def decide(self, policy: Policy) -> Iterator[Fact]:
        require_kind(policy, RETENTION)
        days = {"prospect_days": self.prospect_days, "churned_days": self.churned_days}
        require(any(days.values()), "NOTHING_GIVEN", f"nothing is given; allowed are {', '.join(days)}")
        yield from superseding(policy, RetentionPublished(**days, valid_from=self.valid_from))


def require_kind(policy: Policy, kind: str) -> None:
    """Refuse a policy of another kind.

    :raises Rejected: OTHER_KIND.
    """
    require(
        policy.kind in (None, kind),
        "OTHER_KIND",
        f"the policy is a {policy.kind} and stays one; publish a {kind} under another id",
        field="id",
    )


def superseding(policy: Policy, version: Event[Policy]) -> Iterator[Fact]:
    """The version, unless the newest one says the same."""
    if policy.terms != terms(version):
        yield version


def place(hours: str) -> tuple[int, str, str]:
    """The day of the week, the start and the end of hours."""
    day, times = hours.split(" ")
    start, end = times.split("-")
    return ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(day), start, end


def in_order(values: Iterable[str]) -> tuple[str, ...]:
    """Each value once, sorted."""
    return tuple(sorted(set(values)))

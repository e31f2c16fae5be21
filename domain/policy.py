"""A policy: what we promise, when we are open, what a priority means, how long we keep data.

    published ──► published anew ──► …   (superseded, never edited: the stream's version is the policy's)

A version is in force from its publishing on, or from ``valid_from`` where that is later, until a later version is in
force. A policy is of one kind for ever.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from domain.event import Event, State, evolved

CALENDAR, SLA, PRIORITY, RETENTION = "calendar", "sla", "priority", "retention"

STATUS_TYPES: dict[str, str] = {}
"""A policy has no status: what is in force is derived."""


class Policy(State):
    """A policy as decisions see it: its kind, and what its newest version says."""

    kind: str | None = None
    terms: tuple[tuple[str, Any], ...] = ()

    @property
    def exists(self) -> bool:
        """Whether the policy was ever published."""
        return self.kind is not None


class CalendarPublished(Event[Policy]):
    """When groups are open: local hours of the week such as ``mon 09:00-17:00``, but for holidays such as
    ``2024-12-25``. Without ``group_ids`` it is for all groups that no other calendar is for.
    """

    time_zone: str
    hours: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    valid_from: datetime | None = None

    def evolve(self, policy: Policy) -> Policy:
        return evolved(policy, kind=CALENDAR, terms=terms(self))


class SlaPublished(Event[Policy]):
    """What we promise about a measure of tickets: within how many seconds, for all priorities or one of them, in
    business time or on the calendar, without the time in the statuses in ``pauses``.
    """

    measure: str
    seconds: int | None = None
    low_seconds: int | None = None
    moderate_seconds: int | None = None
    high_seconds: int | None = None
    critical_seconds: int | None = None
    is_business_time: bool
    pauses: tuple[str, ...] = ()
    valid_from: datetime | None = None

    def evolve(self, policy: Policy) -> Policy:
        return evolved(policy, kind=SLA, terms=terms(self))


class PriorityPublished(Event[Policy]):
    """How many in a hundred visits of customers of each priority we expect to end in a purchase."""

    a_percent: int
    b_percent: int
    c_percent: int
    valid_from: datetime | None = None

    def evolve(self, policy: Policy) -> Policy:
        return evolved(policy, kind=PRIORITY, terms=terms(self))


class RetentionPublished(Event[Policy]):
    """After how many days people are to be forgotten: prospects since their last interaction, churned customers since
    they left.
    """

    prospect_days: int | None = None
    churned_days: int | None = None
    valid_from: datetime | None = None

    def evolve(self, policy: Policy) -> Policy:
        return evolved(policy, kind=RETENTION, terms=terms(self))


def terms(event: Event[Policy]) -> tuple[tuple[str, Any], ...]:
    """What an event says, field by field, without what it leaves open."""
    named = ((field.name, getattr(event, field.name)) for field in fields(event))  # type: ignore[arg-type]
    return tuple((name, value) for name, value in named if value not in (None, ()))

"""A lead: somebody who may become a customer.

    new ──► assigned ──► working ──► qualified ──► converted        (each step may be skipped forward)
     │         │            │ ▲          │ ▲            │
     └─────────┴────────────┤ │          │ │            └──► qualified   (conversion reversed)
                            ▼ │          ▼ │
                          nurturing ─────────► working | qualified

    any open one ──► disqualified ──► new   (recycled, counted)
    any open one ──► merged ──► as before   (unmerged)

Open means: not converted, disqualified or merged. Independent of that: forgotten (for ever).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from domain.event import Event, Link, Personal, State, evolved, put_on

NEW, ASSIGNED, WORKING, QUALIFIED, NURTURING = "new", "assigned", "working", "qualified", "nurturing"
CONVERTED, DISQUALIFIED, MERGED = "converted", "disqualified", "merged"

STATUS_TYPES = {
    NEW: "open",
    ASSIGNED: "open",
    WORKING: "ongoing",
    QUALIFIED: "ongoing",
    NURTURING: "on_hold",
    CONVERTED: "won",
    DISQUALIFIED: "lost",
    MERGED: "closed",
}
"""Every status of a lead with its type, which outlives a renamed status."""

DETAILS = ("name", "email", "phone", "title", "company", "country", "postcode_area", "source", "landing_page")
"""The fields of a lead that can be captured and corrected."""


@dataclass(frozen=True, kw_only=True)
class LeadDetails:
    """What is known about a lead."""

    name: Personal[str | None] = None
    email: Personal[str | None] = None
    phone: Personal[str | None] = None
    title: Personal[str | None] = None
    company: str | None = None
    country: str | None = None
    postcode_area: str | None = None
    source: str | None = None
    landing_page: str | None = None


class Lead(LeadDetails, State):
    """A lead as decisions see it."""

    status: str | None = None
    status_before_merge: str | None = None
    forgotten: bool = False
    agent_id: str | None = None
    score: int | None = None
    customer_id: str | None = None
    contact_ids: frozenset[str] = frozenset()

    @property
    def exists(self) -> bool:
        """Whether the lead was ever captured."""
        return self.status is not None

    @property
    def is_open(self) -> bool:
        """Whether the lead can still be won or lost."""
        return self.status in (NEW, ASSIGNED, WORKING, QUALIFIED, NURTURING)


class LeadCaptured(LeadDetails, Event[Lead]):
    """Somebody showed interest for the first time."""

    def evolve(self, lead: Lead) -> Lead:
        return put_on(lead, self, DETAILS, status=NEW)


class LeadCorrected(LeadDetails, Event[Lead]):
    """What was known about the lead was wrong or incomplete. Given fields are the new values, ``<field>_was`` what
    stood there before; the fields in ``cleared`` are empty from now on.
    """

    cleared: tuple[str, ...] = ()
    name_was: Personal[str | None] = None
    email_was: Personal[str | None] = None
    phone_was: Personal[str | None] = None
    title_was: Personal[str | None] = None
    company_was: str | None = None
    country_was: str | None = None
    postcode_area_was: str | None = None
    source_was: str | None = None
    landing_page_was: str | None = None

    def evolve(self, lead: Lead) -> Lead:
        return put_on(lead, self, DETAILS, self.cleared)


class LeadAssigned(Event[Lead]):
    """An agent was made responsible for the lead; ``status`` is given where that moved it."""

    agent_id: str
    status: str | None = None

    def evolve(self, lead: Lead) -> Lead:
        return put_on(lead, self, ("agent_id", "status"))


class LeadContacted(Event[Lead]):
    """Somebody spoke or wrote with the lead; ``status`` is given where that moved it."""

    contact_id: str
    channel: str
    direction: str
    agent_id: str | None = None
    note: Personal[str | None] = None
    status: str | None = None

    def evolve(self, lead: Lead) -> Lead:
        return put_on(lead, self, ("status",), contact_ids=lead.contact_ids | {self.contact_id})


class LeadScored(Event[Lead]):
    """The lead was given a score from 0 to 100."""

    score: int
    policy_version: int | None = None

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, score=self.score)


class LeadQualified(Event[Lead]):
    """The lead was found worth pursuing."""

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=QUALIFIED)


class LeadNurtured(Event[Lead]):
    """The lead is not ready yet and is kept warm."""

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=NURTURING)


class LeadDisqualified(Event[Lead]):
    """The lead will not buy; the reason says why."""

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=DISQUALIFIED)


class LeadRecycled(Event[Lead]):
    """A disqualified lead starts again."""

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=NEW)


class LeadConverted(Event[Lead]):
    """The lead became a customer; ``sdr_id`` developed it, ``sr_id`` closed it."""

    customer_id: Annotated[str, Link("customer")]
    sdr_id: str | None = None
    sr_id: str | None = None

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=CONVERTED, customer_id=self.customer_id)


class LeadConversionReversed(Event[Lead]):
    """The conversion was a mistake; the lead is qualified again."""

    customer_id: Annotated[str, Link("customer", ends=True)]

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=QUALIFIED, customer_id=None)


class LeadMerged(Event[Lead]):
    """The lead was the same as another one, which lives on as ``into_id``."""

    into_id: Annotated[str, Link("lead")]
    status_before: str

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=MERGED, status_before_merge=self.status_before, merged_into=self.into_id)


class LeadAbsorbed(Event[Lead]):
    """Another lead was the same as this one, which lives on."""

    merged_id: str

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, absorbed=(*lead.absorbed, self.merged_id))


class LeadUnmerged(Event[Lead]):
    """The merge was a mistake; the lead stands on its own again, in the status it had."""

    survivor_id: Annotated[str, Link("lead", ends=True)]
    status: str

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, status=self.status, status_before_merge=None, merged_into=None)


class LeadReleased(Event[Lead]):
    """The survivor of a mistaken merge gave the other lead back."""

    merged_id: str

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, absorbed=tuple(id for id in lead.absorbed if id != self.merged_id))


class LeadForgotten(Event[Lead]):
    """The person, whom we knew as a lead only, was forgotten: what is personal in ``streams``, all that were this
    person's, is lost for ever.
    """

    streams: tuple[str, ...] = ()

    def evolve(self, lead: Lead) -> Lead:
        return evolved(lead, forgotten=True)

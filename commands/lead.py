"""What may be asked of a lead. The states are drawn in ``domain/lead.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import Field

from commands.command import Command, Elsewhere, Fact, Names, admit_existing, require_unchanged
from commands.correction import correction
from commands.fields import Channel, Direction, Id, Position, Text, Version, Word
from commands.merging import can_unmerge, require_other
from commands.rejected import Rejected, require
from domain import customer as customers
from domain import lead as leads
from domain.customer import Customer, CustomerCorrected, CustomerRegistered
from domain.event import State
from domain.lead import (
    Lead,
    LeadAbsorbed,
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConversionReversed,
    LeadConverted,
    LeadCorrected,
    LeadDisqualified,
    LeadForgotten,
    LeadMerged,
    LeadNurtured,
    LeadQualified,
    LeadRecycled,
    LeadReleased,
    LeadScored,
    LeadUnmerged,
)


class LeadCommand(Command):
    """A wish for a lead."""

    state: ClassVar[type[State]] = Lead


class LeadDetailsCommand(LeadCommand):
    """A wish that tells what is known about a lead."""

    name: Word | None = None
    email: Word | None = None
    phone: Word | None = None
    title: Word | None = None
    company: Word | None = None
    country: Word | None = None
    postcode_area: Word | None = None
    source: Word | None = None
    landing_page: Word | None = None

    @property
    def details(self) -> dict[str, Any]:
        """The details that are given."""
        return {name: value for name in leads.DETAILS if (value := getattr(self, name)) is not None}


class CaptureLead(LeadDetailsCommand):
    """Begin a lead."""

    creates: ClassVar[bool] = True

    def decide(self, lead: Lead) -> Iterator[Fact]:
        yield LeadCaptured(**self.details)


class CorrectLead(LeadDetailsCommand):
    """Correct or complete what is known about a lead; ``clear`` names the fields to empty."""

    reason: Text
    clear: tuple[Word, ...] = ()

    def decide(self, lead: Lead) -> Iterator[Fact]:
        if changes := correction(self, lead, leads.DETAILS, self.clear):
            yield LeadCorrected(**changes)


class AssignLead(LeadCommand):
    """Make an agent responsible for a lead."""

    agent_id: Id

    def decide(self, lead: Lead) -> Iterator[Fact]:
        require_open(lead, "assigned")
        if lead.agent_id != self.agent_id or lead.status == leads.NEW:
            yield LeadAssigned(agent_id=self.agent_id, status=leads.ASSIGNED if lead.status == leads.NEW else None)


class ContactLead(LeadCommand):
    """Record that somebody spoke or wrote with a lead."""

    contact_id: Id
    channel: Channel
    direction: Direction = "outbound"
    agent_id: Id | None = None
    note: Text | None = None

    def decide(self, lead: Lead) -> Iterator[Fact]:
        if self.contact_id in lead.contact_ids:
            return
        require_open(lead, "contacted")
        moves = lead.status in (leads.NEW, leads.ASSIGNED, leads.NURTURING)
        yield LeadContacted(
            contact_id=self.contact_id,
            channel=self.channel,
            direction=self.direction,
            agent_id=self.agent_id,
            note=self.note,
            status=leads.WORKING if moves else None,
        )


class ScoreLead(LeadCommand):
    """Give a lead a score from 0 to 100."""

    score: Annotated[int, Field(ge=0, le=100)]
    policy_version: Version | None = None

    def decide(self, lead: Lead) -> Iterator[Fact]:
        require_open(lead, "scored")
        if lead.score != self.score:
            yield LeadScored(score=self.score, policy_version=self.policy_version)


class QualifyLead(LeadCommand):
    """Find a lead worth pursuing."""

    def decide(self, lead: Lead) -> Iterator[Fact]:
        require_open(lead, "qualified")
        if lead.status != leads.QUALIFIED:
            yield LeadQualified()


class NurtureLead(LeadCommand):
    """Keep a lead warm that is not ready yet."""

    def decide(self, lead: Lead) -> Iterator[Fact]:
        require_open(lead, "nurtured")
        if lead.status != leads.NURTURING:
            yield LeadNurtured()


class DisqualifyLead(LeadCommand):
    """Give a lead up, for a reason."""

    reason: Text

    def decide(self, lead: Lead) -> Iterator[Fact]:
        if lead.status == leads.DISQUALIFIED:
            return
        require_open(lead, "disqualified")
        yield LeadDisqualified()


class RecycleLead(LeadCommand):
    """Start again with a disqualified lead."""

    def decide(self, lead: Lead) -> Iterator[Fact]:
        if lead.status == leads.NEW:
            return
        require(
            lead.status == leads.DISQUALIFIED,
            "NOT_DISQUALIFIED",
            f"the lead is {lead.status}; only a disqualified one can be recycled",
        )
        yield LeadRecycled()


class ConvertLead(LeadCommand):
    """Make a lead a customer, new or existing. An existing customer gets only what it lacks, and the fields named in
    ``overwrite`` even where it has a value; its source changes only when named.
    """

    customer_id: Annotated[Id, Names(Customer)]
    overwrite: tuple[Word, ...] = ()
    sdr_id: Id | None = None
    sr_id: Id | None = None

    def decide(self, lead: Lead, customer: Customer) -> Iterator[Fact]:
        if lead.status == leads.CONVERTED and lead.customer_id == self.customer_id:
            return
        require(
            lead.status in (leads.NEW, leads.ASSIGNED, leads.WORKING, leads.QUALIFIED),
            "NOT_CONVERTIBLE",
            f"the lead is {lead.status}; only a new, assigned, working or qualified one can be converted",
        )
        shared = [name for name in customers.DETAILS if name in leads.DETAILS]
        for name in self.overwrite:
            require(
                name in shared,
                "UNKNOWN_FIELD",
                f"{name} cannot be overwritten; allowed are {', '.join(shared)}",
                field="overwrite",
            )
        known = {name: value for name in shared if (value := getattr(lead, name)) is not None}
        yield LeadConverted(customer_id=self.customer_id, sdr_id=self.sdr_id, sr_id=self.sr_id)
        if not customer.exists:
            yield Elsewhere(self.customer_id, CustomerRegistered(**known), copied=frozenset(known))
            return
        admit_existing(f"customer-{self.customer_id}", customer, field="customer_id")
        changes = {
            name: value
            for name, value in known.items()
            if value != getattr(customer, name)
            and (name in self.overwrite or (name != "source" and getattr(customer, name) is None))
        }
        if changes:
            before = {f"{name}_was": getattr(customer, name) for name in changes}
            yield Elsewhere(self.customer_id, CustomerCorrected(**changes, **before), copied=frozenset(changes))


class ReverseConversion(LeadCommand):
    """Take a mistaken conversion back; the customer stays as it is."""

    reason: Text

    def decide(self, lead: Lead) -> Iterator[Fact]:
        if lead.status == leads.QUALIFIED:
            return
        require(
            lead.status == leads.CONVERTED and lead.customer_id is not None,
            "NOT_CONVERTED",
            f"the lead is {lead.status}; only the conversion of a converted one can be reversed",
        )
        yield LeadConversionReversed(customer_id=str(lead.customer_id))


class MergeLeads(LeadCommand):
    """Say that two leads are one; this one survives."""

    reason: Text
    merged_id: Annotated[Id, Names(Lead)]

    def decide(self, survivor: Lead, merged: Lead) -> Iterator[Fact]:
        if merged.merged_into == self.id:
            return
        require_other(self.id, self.merged_id)
        admit_existing(f"lead-{self.merged_id}", merged, field="merged_id")
        require_open(merged, "merged")
        yield LeadAbsorbed(merged_id=self.merged_id)
        yield Elsewhere(self.merged_id, LeadMerged(into_id=self.id, status_before=str(merged.status)))


class UnmergeLeads(LeadCommand):
    """Take a mistaken merge back, the latest one first."""

    reason: Text
    merged_id: Annotated[Id, Names(Lead)]

    def decide(self, survivor: Lead, merged: Lead) -> Iterator[Fact]:
        if not can_unmerge(self.id, survivor, self.merged_id, merged):
            return
        yield LeadReleased(merged_id=self.merged_id)
        yield Elsewhere(self.merged_id, LeadUnmerged(survivor_id=self.id, status=str(merged.status_before_merge)))


class ForgetLead(LeadCommand):
    """Forget a person whom we know as a lead only: nothing personal in the leads of this person can ever be read again.
    The lead goes on without.
    """

    of_person: ClassVar[bool] = True

    unchanged_since_position: Position | None = None

    def decide(self, lead: Lead, streams: tuple[str, ...] = (), newest: int = 0) -> Iterator[Fact]:
        known = [stream for stream in streams if stream.startswith(f"{Customer.aggregate}-")]
        if lead.customer_id is not None and not known:
            known = [f"{Customer.aggregate}-{lead.customer_id}"]
        require(
            not known,
            "IS_CUSTOMER",
            f"the person of lead-{self.id} is a customer: forget {', '.join(known)}, and the lead is forgotten with it",
        )
        if not lead.forgotten:
            require_unchanged(self.unchanged_since_position, newest)
            yield LeadForgotten(streams=streams)


def require_open(lead: Lead, done: str) -> None:
    """Refuse a lead that can no longer be won or lost.

    :raises Rejected: NOT_OPEN.
    """
    if not lead.is_open:
        way_out = "reverse the conversion first" if lead.status == leads.CONVERTED else "recycle it first"
        raise Rejected("NOT_OPEN", f"the lead is {lead.status}; only an open one can be {done}; {way_out}")

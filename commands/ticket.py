"""What may be asked of a ticket. The states are drawn in ``domain/ticket.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from commands.command import Command, Elsewhere, Fact, Names, admit_existing, differing
from commands.fields import Channel, Id, Priority, Text, Word
from commands.merging import can_unmerge, require_other
from commands.rejected import require
from domain import ticket as tickets
from domain.event import State
from domain.ticket import (
    Ticket,
    TicketAbsorbed,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketHeld,
    TicketMerged,
    TicketNoteAdded,
    TicketOpened,
    TicketPended,
    TicketRated,
    TicketReleased,
    TicketReopened,
    TicketReplied,
    TicketReplyReceived,
    TicketResumed,
    TicketSolved,
    TicketTriaged,
    TicketUnmerged,
)


class TicketCommand(Command):
    """A wish for a ticket."""

    state: ClassVar[type[State]] = Ticket


class OpenTicket(TicketCommand):
    """Begin a ticket, and assign it where a group or an agent is given."""

    creates: ClassVar[bool] = True

    opened_by: Literal["requester", "agent", "bot"] = "requester"
    channel: Channel | None = None
    customer_id: Id | None = None
    requester_id: Id | None = None
    priority: Priority | None = None
    category: Word | None = None
    subcategory: Word | None = None
    subject: Word | None = None
    body: Text | None = None
    group_id: Id | None = None
    agent_id: Id | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        yield TicketOpened(
            opened_by=self.opened_by,
            channel=self.channel,
            customer_id=self.customer_id,
            requester_id=self.requester_id,
            priority=self.priority,
            category=self.category,
            subcategory=self.subcategory,
            subject=self.subject,
            body=self.body,
        )
        if self.group_id is not None or self.agent_id is not None:
            yield TicketAssigned(group_id=self.group_id, agent_id=self.agent_id)


class TriageTicket(TicketCommand):
    """Classify a ticket by priority, category or subcategory: at least one."""

    priority: Priority | None = None
    category: Word | None = None
    subcategory: Word | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require_given(self, ("priority", "category", "subcategory"))
        require_not_closed(ticket, "triaged")
        if changes := differing(self, ticket, ("priority", "category", "subcategory")):
            yield TicketTriaged(**changes)


class AssignTicket(TicketCommand):
    """Give a ticket to a group, an agent or both: at least one. The status stays as it is."""

    group_id: Id | None = None
    agent_id: Id | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require_given(self, ("group_id", "agent_id"))
        require_not_closed(ticket, "assigned")
        if changes := differing(self, ticket, ("group_id", "agent_id")):
            yield TicketAssigned(**changes)


class ReplyToTicket(TicketCommand):
    """Record that an agent or a bot answered; a reply that is not public went to somebody else than the requester."""

    reply_id: Id
    agent_id: Id | None = None
    is_public: bool = True
    is_bot: bool = False
    channel: Channel | None = None
    body: Text | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        if self.reply_id in ticket.reply_ids:
            return
        require_not_closed(ticket, "replied to")
        yield TicketReplied(
            reply_id=self.reply_id,
            agent_id=self.agent_id,
            is_public=self.is_public,
            is_bot=self.is_bot,
            channel=self.channel,
            body=self.body,
        )


class ReceiveReply(TicketCommand):
    """Record that the requester wrote again; that resumes a pending ticket and reopens a solved one."""

    reply_id: Id
    channel: Channel | None = None
    body: Text | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        if self.reply_id in ticket.reply_ids:
            return
        require_not_closed(ticket, "replied to")
        yield TicketReplyReceived(reply_id=self.reply_id, channel=self.channel, body=self.body)
        if ticket.status == tickets.PENDING:
            yield TicketResumed()
        if ticket.status == tickets.SOLVED:
            yield TicketReopened(status=tickets.OPEN)


class AddNote(TicketCommand):
    """Write something down for colleagues, in any status."""

    note_id: Id
    agent_id: Id | None = None
    body: Text | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        if self.note_id not in ticket.note_ids:
            yield TicketNoteAdded(note_id=self.note_id, agent_id=self.agent_id, body=self.body)


class PendTicket(TicketCommand):
    """Let a live ticket wait for the requester."""

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require_live(ticket, "wait for the requester")
        if ticket.status != tickets.PENDING:
            yield TicketPended()


class HoldTicket(TicketCommand):
    """Let a live ticket wait for a third party."""

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require_live(ticket, "be put on hold")
        if ticket.status != tickets.ON_HOLD:
            yield TicketHeld()


class ResumeTicket(TicketCommand):
    """Work on a live ticket, new or waiting."""

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require_live(ticket, "be resumed")
        if ticket.status != tickets.OPEN:
            yield TicketResumed()


class EscalateTicket(TicketCommand):
    """Send a live ticket up to a higher level of support, from 1 to 9."""

    level: Annotated[int, Field(ge=1, le=9)]

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require_live(ticket, "be escalated")
        if ticket.escalation_level < self.level:
            yield TicketEscalated(level=self.level)


class SolveTicket(TicketCommand):
    """Say that the requester has what they wanted; nobody need be assigned."""

    agent_id: Id | None = None
    resolution: Word | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        if ticket.status == tickets.SOLVED:
            return
        require_not_closed(ticket, "solved")
        yield TicketSolved(agent_id=self.agent_id, resolution=self.resolution)


class ReopenTicket(TicketCommand):
    """Take up a solved ticket again, as open or pending, or a closed one, as open and for a reason."""

    status: Literal["open", "pending"] = "open"

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        if ticket.status == self.status:
            return
        require(
            not ticket.is_live,
            "NOT_SOLVED",
            f"the ticket is {ticket.status}; only a solved or closed one can be reopened",
        )
        if ticket.status == tickets.CLOSED:
            require(
                self.status == tickets.OPEN,
                "CLOSED",
                "the ticket is closed; it can be reopened to open, not to pending",
                field="status",
            )
            require(
                self.reason is not None,
                "REASON_REQUIRED",
                "the ticket is closed; it can be reopened only for a reason",
                field="reason",
            )
        yield TicketReopened(status=self.status)


class CloseTicket(TicketCommand):
    """Make the solution of a solved ticket final."""

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        if ticket.status == tickets.CLOSED:
            return
        require(
            ticket.status == tickets.SOLVED,
            "NOT_SOLVED",
            f"the ticket is {ticket.status}; only a solved one can be closed; solve it first",
        )
        yield TicketClosed()


class MergeTickets(TicketCommand):
    """Say that two tickets are about the same; this one survives."""

    reason: Text
    merged_id: Annotated[Id, Names(Ticket)]

    def decide(self, survivor: Ticket, merged: Ticket) -> Iterator[Fact]:
        if merged.merged_into == self.id:
            return
        require_other(self.id, self.merged_id)
        admit_existing(f"ticket-{self.merged_id}", merged, field="merged_id")
        require_not_closed(merged, "merged", field="merged_id")
        yield TicketAbsorbed(merged_id=self.merged_id)
        yield Elsewhere(self.merged_id, TicketMerged(into_id=self.id, status_before=str(merged.status)))


class UnmergeTickets(TicketCommand):
    """Take a mistaken merge back, the latest one first."""

    reason: Text
    merged_id: Annotated[Id, Names(Ticket)]

    def decide(self, survivor: Ticket, merged: Ticket) -> Iterator[Fact]:
        if not can_unmerge(self.id, survivor, self.merged_id, merged):
            return
        yield TicketReleased(merged_id=self.merged_id)
        yield Elsewhere(self.merged_id, TicketUnmerged(survivor_id=self.id, status=str(merged.status_before_merge)))


class RateTicket(TicketCommand):
    """Record how satisfied the requester of a solved or closed ticket is, from 1 to 5."""

    rating: Annotated[int, Field(ge=1, le=5)]
    comment: Text | None = None

    def decide(self, ticket: Ticket) -> Iterator[Fact]:
        require(
            ticket.status in (tickets.SOLVED, tickets.CLOSED),
            "NOT_SOLVED",
            f"the ticket is {ticket.status}; only a solved or closed one can be rated",
        )
        if ticket.rating != self.rating or self.comment not in (None, ticket.rating_comment):
            yield TicketRated(rating=self.rating, comment=self.comment)


def require_live(ticket: Ticket, done: str) -> None:
    """Refuse a ticket that is neither worked on nor waits.

    :raises Rejected: NOT_LIVE.
    """
    require(
        ticket.is_live,
        "NOT_LIVE",
        f"the ticket is {ticket.status}; only a new, open, pending or on_hold one can {done}; reopen it first",
    )


def require_not_closed(ticket: Ticket, done: str, *, field: str | None = None) -> None:
    """Refuse a ticket whose solution is final.

    :raises Rejected: CLOSED.
    """
    require(
        ticket.status != tickets.CLOSED,
        "CLOSED",
        f"the ticket is closed; only one that is not closed can be {done}; reopen it first",
        field=field,
    )


def require_given(command: TicketCommand, names: tuple[str, ...]) -> None:
    """Refuse a command that gives none of the named values.

    :raises Rejected: NOTHING_GIVEN.
    """
    require(
        any(getattr(command, name) is not None for name in names),
        "NOTHING_GIVEN",
        f"nothing is given; allowed are {', '.join(names)}",
    )

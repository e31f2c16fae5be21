"""A ticket: something somebody wants from us.

            ┌─────────── live: any may become any other, none goes back to new ───────────┐
    opened ─┼─► new ──► open ◄──► pending (waits for the requester)                        │
            │             ▲ └───► on_hold (waits for a third party)                        │
            └─────────────┼────────────────────────────────────────────────────────────────┘
                          │                     │ solve
       reopen (counted):  │ open, pending       ▼
                          ├──────────────────  solved ──► closed
                          └──────────────────────────────── │   reopen, with a reason (counted)

    any that is not closed ──► merged ──► as before   (unmerged)

Agent work is new + open, requester wait is new + open + on_hold; pending is neither.
"""

from __future__ import annotations

from typing import Annotated

from domain.event import Event, Link, Personal, State, evolved, put_on

NEW, OPEN, PENDING, ON_HOLD = "new", "open", "pending", "on_hold"
SOLVED, CLOSED, MERGED = "solved", "closed", "merged"

LIVE = (NEW, OPEN, PENDING, ON_HOLD)
"""The statuses in which a ticket is worked on or waits."""

STATUS_TYPES = {
    NEW: "open",
    OPEN: "ongoing",
    PENDING: "on_hold",
    ON_HOLD: "on_hold",
    SOLVED: "won",
    CLOSED: "closed",
    MERGED: "closed",
}
"""Every status of a ticket with its type, which outlives a renamed status."""


class Ticket(State):
    """A ticket as decisions see it."""

    status: str | None = None
    status_before_merge: str | None = None
    priority: str | None = None
    category: str | None = None
    subcategory: str | None = None
    group_id: str | None = None
    agent_id: str | None = None
    escalation_level: int = 0
    rating: int | None = None
    rating_comment: str | None = None
    reply_ids: frozenset[str] = frozenset()
    note_ids: frozenset[str] = frozenset()

    @property
    def exists(self) -> bool:
        """Whether the ticket was ever opened."""
        return self.status is not None

    @property
    def is_live(self) -> bool:
        """Whether the ticket is worked on or waits."""
        return self.status in LIVE


class TicketOpened(Event[Ticket]):
    """Somebody wants something. ``opened_by`` is requester, agent or bot."""

    opened_by: str
    channel: str | None = None
    customer_id: Annotated[str | None, Link("customer", belongs=True)] = None
    requester_id: str | None = None
    priority: str | None = None
    category: str | None = None
    subcategory: str | None = None
    subject: Personal[str | None] = None
    body: Personal[str | None] = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return put_on(ticket, self, ("priority", "category", "subcategory"), status=NEW)


class TicketTriaged(Event[Ticket]):
    """The ticket was classified; only what changed is given."""

    priority: str | None = None
    category: str | None = None
    subcategory: str | None = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return put_on(ticket, self, ("priority", "category", "subcategory"))


class TicketAssigned(Event[Ticket]):
    """A group or an agent took the ticket; only what changed is given."""

    group_id: str | None = None
    agent_id: str | None = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return put_on(ticket, self, ("group_id", "agent_id"))


class TicketReplied(Event[Ticket]):
    """An agent or a bot answered the requester; a reply that is not public went to somebody else."""

    reply_id: str
    agent_id: str | None = None
    is_public: bool = True
    is_bot: bool = False
    channel: str | None = None
    body: Personal[str | None] = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, reply_ids=ticket.reply_ids | {self.reply_id})


class TicketReplyReceived(Event[Ticket]):
    """The requester wrote again."""

    reply_id: str
    channel: str | None = None
    body: Personal[str | None] = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, reply_ids=ticket.reply_ids | {self.reply_id})


class TicketNoteAdded(Event[Ticket]):
    """Somebody wrote down something for colleagues."""

    note_id: str
    agent_id: str | None = None
    body: Personal[str | None] = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, note_ids=ticket.note_ids | {self.note_id})


class TicketPended(Event[Ticket]):
    """The ticket waits for the requester."""

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=PENDING)


class TicketHeld(Event[Ticket]):
    """The ticket waits for a third party."""

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=ON_HOLD)


class TicketResumed(Event[Ticket]):
    """An agent works on the ticket."""

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=OPEN)


class TicketEscalated(Event[Ticket]):
    """The ticket went up to a higher level of support."""

    level: int

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, escalation_level=self.level)


class TicketSolved(Event[Ticket]):
    """We think that the requester has what they wanted; ``agent_id`` solved it."""

    agent_id: str | None = None
    resolution: str | None = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=SOLVED)


class TicketReopened(Event[Ticket]):
    """It was not solved after all; ``status`` is open or pending."""

    status: str

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=self.status)


class TicketClosed(Event[Ticket]):
    """The solution is final."""

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=CLOSED)


class TicketMerged(Event[Ticket]):
    """The ticket was about the same as another one, which lives on as ``into_id``."""

    into_id: Annotated[str, Link("ticket")]
    status_before: str

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=MERGED, status_before_merge=self.status_before, merged_into=self.into_id)


class TicketAbsorbed(Event[Ticket]):
    """Another ticket was about the same as this one, which lives on."""

    merged_id: str

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, absorbed=(*ticket.absorbed, self.merged_id))


class TicketUnmerged(Event[Ticket]):
    """The merge was a mistake; the ticket stands on its own again, in the status it had."""

    survivor_id: Annotated[str, Link("ticket", ends=True)]
    status: str

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, status=self.status, status_before_merge=None, merged_into=None)


class TicketReleased(Event[Ticket]):
    """The survivor of a mistaken merge gave the other ticket back."""

    merged_id: str

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, absorbed=tuple(id for id in ticket.absorbed if id != self.merged_id))


class TicketRated(Event[Ticket]):
    """The requester said how satisfied they are, from 1 to 5."""

    rating: int
    comment: Personal[str | None] = None

    def evolve(self, ticket: Ticket) -> Ticket:
        return evolved(ticket, rating=self.rating, rating_comment=self.comment)

import pytest
from pydantic import ValidationError

from commands.command import Command, Elsewhere, Fact
from commands.ticket import (
    AddNote,
    AssignTicket,
    CloseTicket,
    EscalateTicket,
    HoldTicket,
    MergeTickets,
    OpenTicket,
    PendTicket,
    RateTicket,
    ReceiveReply,
    ReopenTicket,
    ReplyToTicket,
    ResumeTicket,
    SolveTicket,
    TriageTicket,
    UnmergeTickets,
)
from domain.event import Event
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
from tests.stories.story import given

opened = TicketOpened(opened_by="requester", priority="low")
resumed = TicketResumed()
pended = TicketPended()
held = TicketHeld()
solved = TicketSolved()
closed = TicketClosed()
merged = TicketMerged(into_id="9", status_before="new")

STATUSES: dict[str, tuple[Event[Ticket], ...]] = {
    "new": (opened,),
    "open": (opened, resumed),
    "pending": (opened, pended),
    "on_hold": (opened, held),
    "solved": (opened, solved),
    "closed": (opened, solved, closed),
}
LIVE = ("new", "open", "pending", "on_hold")

in_every_status = pytest.mark.parametrize("status", STATUSES)
in_every_live_status = pytest.mark.parametrize("status", LIVE)
in_every_status_but_closed = pytest.mark.parametrize("status", [*LIVE, "solved"])
when_done = pytest.mark.parametrize("status", ["solved", "closed"])


# Opening


def test_a_ticket_begins_with_what_is_wanted() -> None:
    given().when(
        OpenTicket(id="7", channel="email", customer_id="ada", priority="high", category="printing", subject="no paper")
    ).then(
        TicketOpened(
            opened_by="requester",
            channel="email",
            customer_id="ada",
            priority="high",
            category="printing",
            subject="no paper",
        )
    )


@pytest.mark.parametrize("opened_by", ["requester", "agent", "bot"])
def test_a_ticket_says_who_opened_it(opened_by: str) -> None:
    command = OpenTicket.model_validate({"id": "7", "opened_by": opened_by})
    given().when(command).then(TicketOpened(opened_by=opened_by))


def test_a_ticket_can_begin_assigned() -> None:
    given().when(OpenTicket(id="7", group_id="g")).then(
        TicketOpened(opened_by="requester"), TicketAssigned(group_id="g")
    )
    given().when(OpenTicket(id="7", group_id="g", agent_id="ann")).then(
        TicketOpened(opened_by="requester"), TicketAssigned(group_id="g", agent_id="ann")
    )


def test_a_ticket_begins_once() -> None:
    given(opened).when(OpenTicket(id="7")).rejected("ALREADY_EXISTS", field="id", says="ticket-7")


# Triage and assignment


@in_every_status_but_closed
def test_a_ticket_is_triaged_until_it_is_closed(status: str) -> None:
    triage = TriageTicket(id="7", priority="high", category="printing")
    story = given(*STATUSES[status])
    story.when(triage).then(TicketTriaged(priority="high", category="printing"))
    story.when(triage).then()


def test_triage_tells_only_what_changed() -> None:
    story = given(opened)
    story.when(TriageTicket(id="7", priority="low", category="printing")).then(TicketTriaged(category="printing"))
    story.when(TriageTicket(id="7", category="printing", subcategory="paper")).then(TicketTriaged(subcategory="paper"))


@in_every_status_but_closed
def test_a_ticket_is_assigned_until_it_is_closed_and_stays_where_it_is(status: str) -> None:
    assign = AssignTicket(id="7", agent_id="ann")
    after = given(*STATUSES[status]).when(assign).then(TicketAssigned(agent_id="ann")).when(assign).then()
    ticket = after.world.state("ticket-7")
    assert isinstance(ticket, Ticket)
    assert ticket.status == status


def test_an_assignment_tells_only_what_changed() -> None:
    story = given(opened, TicketAssigned(group_id="g", agent_id="ann"))
    story.when(AssignTicket(id="7", group_id="g", agent_id="bob")).then(TicketAssigned(agent_id="bob"))
    story.when(AssignTicket(id="7", group_id="h")).then(TicketAssigned(group_id="h"))


@pytest.mark.parametrize(
    ("command", "allowed"), [(TriageTicket(id="7"), "subcategory"), (AssignTicket(id="7"), "agent_id")]
)
def test_something_must_be_given(command: Command, allowed: str) -> None:
    given(opened).when(command).rejected("NOTHING_GIVEN", says=allowed)


def test_there_and_back_again_is_two_assignments() -> None:
    story = given(opened, TicketAssigned(agent_id="ann"))
    story.when(AssignTicket(id="7", agent_id="bob")).then(TicketAssigned(agent_id="bob"))
    story.when(AssignTicket(id="7", agent_id="ann")).then(TicketAssigned(agent_id="ann"))


# Talking


@in_every_status_but_closed
def test_an_answer_never_changes_the_status(status: str) -> None:
    reply = ReplyToTicket(id="7", reply_id="r", agent_id="ann", body="Which printer?")
    story = given(*STATUSES[status])
    story.when(reply).then(
        TicketReplied(reply_id="r", agent_id="ann", is_public=True, is_bot=False, body="Which printer?")
    )
    story.when(reply).then()


def test_an_answer_says_whether_it_was_public_and_whether_a_bot_gave_it() -> None:
    story = given(opened)
    story.when(ReplyToTicket(id="7", reply_id="r", is_public=False)).then(TicketReplied(reply_id="r", is_public=False))
    story.when(ReplyToTicket(id="7", reply_id="s", is_bot=True)).then(TicketReplied(reply_id="s", is_bot=True))


@pytest.mark.parametrize("status", ["new", "open", "on_hold"])
def test_a_reply_to_a_ticket_that_does_not_wait_for_it_changes_no_status(status: str) -> None:
    given(*STATUSES[status]).when(ReceiveReply(id="7", reply_id="r", channel="email")).then(
        TicketReplyReceived(reply_id="r", channel="email")
    )


def test_a_reply_wakes_a_pending_ticket() -> None:
    reply = ReceiveReply(id="7", reply_id="r")
    story = given(opened, pended)
    story.when(reply).then(TicketReplyReceived(reply_id="r"), resumed)
    story.when(reply).then()


def test_a_reply_reopens_a_solved_ticket() -> None:
    reply = ReceiveReply(id="7", reply_id="r")
    story = given(opened, solved)
    story.when(reply).then(TicketReplyReceived(reply_id="r"), TicketReopened(status="open"))
    story.when(reply).then()


def test_a_reply_counts_once_for_ever() -> None:
    received = TicketReplyReceived(reply_id="r")
    given(opened, received, pended).when(ReceiveReply(id="7", reply_id="r")).then()
    given(opened, received, solved).when(ReceiveReply(id="7", reply_id="r")).then()
    given(opened, received, solved, closed).when(ReceiveReply(id="7", reply_id="r")).then()
    given(opened, TicketReplied(reply_id="r"), solved, closed).when(ReplyToTicket(id="7", reply_id="r")).then()


@in_every_status
def test_a_note_can_be_added_in_every_status(status: str) -> None:
    note = AddNote(id="7", note_id="n", agent_id="ann", body="Out of paper again.")
    story = given(*STATUSES[status])
    story.when(note).then(TicketNoteAdded(note_id="n", agent_id="ann", body="Out of paper again."))
    story.when(note).then()


def test_a_merged_ticket_takes_no_note() -> None:
    given(opened, merged).when(AddNote(id="7", note_id="n")).rejected("MERGED", field="id", says="ticket-9")


@pytest.mark.parametrize(
    "command",
    [
        TriageTicket(id="7", priority="high"),
        AssignTicket(id="7", agent_id="ann"),
        ReplyToTicket(id="7", reply_id="r"),
        ReceiveReply(id="7", reply_id="r"),
        SolveTicket(id="7"),
    ],
)
def test_a_closed_ticket_is_left_alone(command: Command) -> None:
    given(*STATUSES["closed"]).when(command).rejected("CLOSED", says="reopen it first")


# Waiting and working


@pytest.mark.parametrize("status", ["new", "open", "on_hold"])
def test_any_live_ticket_may_wait_for_the_requester(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(PendTicket(id="7")).then(pended)
    story.when(PendTicket(id="7")).then()


@pytest.mark.parametrize("status", ["new", "open", "pending"])
def test_any_live_ticket_may_wait_for_a_third_party(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(HoldTicket(id="7")).then(held)
    story.when(HoldTicket(id="7")).then()


@pytest.mark.parametrize("status", ["new", "pending", "on_hold"])
def test_any_live_ticket_may_be_taken_up(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(ResumeTicket(id="7")).then(resumed)
    story.when(ResumeTicket(id="7")).then()


@when_done
@pytest.mark.parametrize(
    "command", [PendTicket(id="7"), HoldTicket(id="7"), ResumeTicket(id="7"), EscalateTicket(id="7", level=2)]
)
def test_a_ticket_that_is_done_waits_for_nobody(command: Command, status: str) -> None:
    given(*STATUSES[status]).when(command).rejected("NOT_LIVE", says=f"the ticket is {status}")


@in_every_live_status
def test_a_live_ticket_only_goes_up(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(EscalateTicket(id="7", level=2)).then(TicketEscalated(level=2))
    story.when(EscalateTicket(id="7", level=2)).then()
    story.when(EscalateTicket(id="7", level=1)).then()
    story.when(EscalateTicket(id="7", level=3)).then(TicketEscalated(level=3))


@pytest.mark.parametrize("level", [0, 10])
def test_there_are_nine_levels(level: int) -> None:
    with pytest.raises(ValidationError):
        EscalateTicket(id="7", level=level)


# Solving, closing and reopening


@in_every_live_status
def test_every_live_ticket_can_be_solved_by_anybody_or_nobody(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(SolveTicket(id="7")).then(solved)
    story.when(SolveTicket(id="7")).then()
    given(*STATUSES[status]).when(SolveTicket(id="7", agent_id="ann", resolution="refilled")).then(
        TicketSolved(agent_id="ann", resolution="refilled")
    )


def test_a_solved_ticket_can_be_closed() -> None:
    story = given(opened, solved)
    story.when(CloseTicket(id="7")).then(closed)
    story.when(CloseTicket(id="7")).then()


@in_every_live_status
def test_only_a_solved_ticket_can_be_closed(status: str) -> None:
    given(*STATUSES[status]).when(CloseTicket(id="7")).rejected("NOT_SOLVED", says=f"the ticket is {status}")


@pytest.mark.parametrize("status", ["open", "pending"])
def test_a_solved_ticket_can_be_reopened_to_open_or_pending(status: str) -> None:
    reopen = ReopenTicket.model_validate({"id": "7", "status": status})
    story = given(opened, solved)
    story.when(reopen).then(TicketReopened(status=status))
    story.when(reopen).then()


def test_a_reopened_ticket_is_open_unless_said_otherwise() -> None:
    given(opened, solved).when(ReopenTicket(id="7")).then(TicketReopened(status="open"))


def test_a_closed_ticket_is_reopened_to_open_for_a_reason() -> None:
    given(*STATUSES["closed"]).when(ReopenTicket(id="7")).rejected("REASON_REQUIRED", field="reason")
    given(*STATUSES["closed"]).when(ReopenTicket(id="7", status="pending", reason="it broke again")).rejected(
        "CLOSED", field="status", says="open"
    )
    reopen = ReopenTicket(id="7", reason="it broke again")
    story = given(*STATUSES["closed"])
    story.when(reopen).then(TicketReopened(status="open"))
    story.when(reopen).then()


@pytest.mark.parametrize("status", ["new", "pending", "on_hold"])
def test_a_live_ticket_cannot_be_reopened(status: str) -> None:
    given(*STATUSES[status]).when(ReopenTicket(id="7")).rejected("NOT_SOLVED", says=f"the ticket is {status}")


def test_a_ticket_can_be_solved_and_reopened_again_and_again() -> None:
    story = given(opened, solved, TicketReopened(status="open"))
    story.when(SolveTicket(id="7")).then(solved)
    story.when(ReopenTicket(id="7")).then(TicketReopened(status="open"))


# Rating


@when_done
def test_a_ticket_that_is_done_can_be_rated(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(RateTicket(id="7", rating=5, comment="quick")).then(TicketRated(rating=5, comment="quick"))
    story.when(RateTicket(id="7", rating=5)).then()
    story.when(RateTicket(id="7", rating=1)).then(TicketRated(rating=1))


@when_done
def test_a_comment_may_follow_its_rating(status: str) -> None:
    story = given(*STATUSES[status]).when(RateTicket(id="7", rating=5)).then(TicketRated(rating=5))
    for comment in ("quick", "quick and kind"):
        commented = RateTicket(id="7", rating=5, comment=comment)
        story = story.when(commented).then(TicketRated(rating=5, comment=comment)).when(commented).then()


@in_every_live_status
def test_a_live_ticket_cannot_be_rated(status: str) -> None:
    given(*STATUSES[status]).when(RateTicket(id="7", rating=5)).rejected("NOT_SOLVED", says=f"the ticket is {status}")


@pytest.mark.parametrize("rating", [0, 6])
def test_a_rating_is_between_1_and_5(rating: int) -> None:
    with pytest.raises(ValidationError):
        RateTicket(id="7", rating=rating)


# Merging

other = Elsewhere("8", TicketOpened(opened_by="agent"))
third = Elsewhere("9", TicketOpened(opened_by="bot"))


def merge(id: str, merged_id: str) -> MergeTickets:
    return MergeTickets(id=id, merged_id=merged_id, reason="same printer")


def unmerge(id: str, merged_id: str) -> UnmergeTickets:
    return UnmergeTickets(id=id, merged_id=merged_id, reason="two printers")


def merging(merged_id: str, *, into: str, status: str = "new") -> tuple[Fact, Fact]:
    return TicketAbsorbed(merged_id=merged_id), Elsewhere(merged_id, TicketMerged(into_id=into, status_before=status))


def unmerging(merged_id: str, *, survivor: str, status: str = "new") -> tuple[Fact, Fact]:
    released = TicketReleased(merged_id=merged_id)
    return released, Elsewhere(merged_id, TicketUnmerged(survivor_id=survivor, status=status))


@in_every_status_but_closed
def test_an_unmerged_ticket_is_what_it_was(status: str) -> None:
    story = given(opened, *(Elsewhere("8", event) for event in STATUSES[status]))
    story.when(merge("7", "8")).then(*merging("8", into="7", status=status))
    story.when(merge("7", "8")).then()
    story.when(SolveTicket(id="8")).rejected("MERGED", field="id", says="ticket-7")
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7", status=status))
    story.when(unmerge("7", "8")).then()


def test_a_closed_ticket_is_not_merged() -> None:
    facts = [Elsewhere("8", event) for event in STATUSES["closed"]]
    given(opened, *facts).when(merge("7", "8")).rejected("CLOSED", field="merged_id")


@in_every_status
def test_a_ticket_survives_in_any_status(status: str) -> None:
    given(*STATUSES[status], other).when(merge("7", "8")).then(*merging("8", into="7"))


def test_a_ticket_is_not_merged_with_itself_or_nobody_or_twice() -> None:
    given(opened).when(merge("7", "7")).rejected("SAME_STREAM", field="merged_id")
    given(opened).when(merge("7", "8")).rejected("NOT_FOUND", field="merged_id")
    given(opened, other, Elsewhere("8", merged)).when(merge("7", "8")).rejected(
        "MERGED", field="merged_id", says="ticket-9"
    )


def test_merges_are_undone_latest_first() -> None:
    story = given(opened, other, third)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("7", "9")).then(*merging("9", into="7"))
    story.when(unmerge("7", "8")).rejected("NOT_LATEST_MERGE", field="merged_id", says="ticket-9")
    story.when(unmerge("7", "9")).then(*unmerging("9", survivor="7"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))


def test_a_chain_of_merges_is_undone_from_its_end() -> None:
    story = given(opened, other, third)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("9", "7")).then(*merging("7", into="9"))
    story.when(unmerge("7", "8")).rejected("MERGED", field="id", says="ticket-9")
    story.when(unmerge("9", "7")).then(*unmerging("7", survivor="9"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))


@pytest.mark.parametrize("command", [MergeTickets, UnmergeTickets])
def test_taking_something_back_needs_a_reason(command: type[Command]) -> None:
    assert command.model_fields["reason"].is_required()

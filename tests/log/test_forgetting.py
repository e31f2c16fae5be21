"""Forgetting: the person's streams are found through the links in force, their keys are gone when the answer is there,
on every node, and what is not personal goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random
from threading import Thread

import pytest

from commands.command import Command
from commands.customer import (
    ActivateCustomer,
    AddContactPoint,
    CorrectCustomer,
    ForgetCustomer,
    MergeCustomers,
    RegisterCustomer,
    RemoveContactPoint,
    UnmergeCustomers,
)
from commands.lead import (
    AssignLead,
    CaptureLead,
    ContactLead,
    ConvertLead,
    CorrectLead,
    DisqualifyLead,
    ForgetLead,
    MergeLeads,
    ReverseConversion,
    UnmergeLeads,
)
from commands.rejected import Rejected
from commands.ticket import AddNote, MergeTickets, OpenTicket, ReplyToTicket, SolveTicket, UnmergeTickets
from domain.customer import CustomerForgotten
from domain.event import Event
from domain.lead import LeadForgotten
from infra.database import Unusable
from infra.keys import Keys
from infra.log import Actor, Log, Request, Row, decode, forgotten_in
from tests.laws.chance import any_command
from tests.log.conftest import Clock
from tests.places import Place

ANN = Actor("user", "ann")
FORGETTINGS = (CustomerForgotten.type_name, LeadForgotten.type_name)


@pytest.fixture
def tell(log: Log) -> Callable[..., None]:
    """Records commands."""

    def tell(*commands: Command) -> None:
        for command in commands:
            log.execute(Request(command, ANN))

    return tell


@pytest.fixture
def other(place: Place, clock: Clock) -> Iterator[Log]:
    """Another node on the same log."""
    keys = Keys.open(place.url("keys"), bytes(32))
    log = Log.open(place.url("log"), keys, clock=clock)
    yield log
    log.close()
    keys.close()


def forgotten_streams(log: Log) -> list[tuple[str, ...]]:
    events = [decode(row.document, None)[1] for row in log.rows() if row.type in FORGETTINGS]
    return [event.streams for event in events]  # type: ignore[attr-defined]


def with_keys(place: Place) -> set[str]:
    return {row.stream for row in place.run("keys", "SELECT stream FROM keys")}


def personal(log: Log, stream: str) -> list[str]:
    """Every personal value of a stream that can be read."""
    events = [decode(row.document, log._keys)[1] for row in log.rows(stream=stream)]
    return [value for event in events for name in sorted(event.personal) if (value := getattr(event, name)) is not None]


def test_the_streams_of_a_person_through_merges_conversions_and_tickets(
    log: Log, tell: Callable[..., None], place: Place
) -> None:
    tell(
        CaptureLead(id="first", name="Ada"),
        CaptureLead(id="same", name="Ada A."),
        MergeLeads(id="first", merged_id="same", reason="the same"),
        ConvertLead(id="first", customer_id="ada"),
        CaptureLead(id="second", name="Ada Abel"),
        RegisterCustomer(id="twin", name="Ada Abel"),
        ConvertLead(id="second", customer_id="twin"),
        MergeCustomers(id="ada", merged_id="twin", reason="the same"),
        OpenTicket(id="hers", customer_id="ada", subject="late"),
        OpenTicket(id="twins", customer_id="twin", subject="later"),
        OpenTicket(id="nobodys", subject="late too"),
        MergeTickets(id="hers", merged_id="nobodys", reason="the same"),
        # What is not hers: of another person, or no longer linked.
        RegisterCustomer(id="ben", name="Ben"),
        OpenTicket(id="bens", customer_id="ben", subject="mine"),
        MergeTickets(id="hers", merged_id="bens", reason="one cause"),
        CaptureLead(id="mistaken", name="Eve"),
        ConvertLead(id="mistaken", customer_id="ada"),
        ReverseConversion(id="mistaken", reason="a mistake"),
        RegisterCustomer(id="eve", name="Eve"),
        MergeCustomers(id="ada", merged_id="eve", reason="the same?"),
        UnmergeCustomers(id="ada", merged_id="eve", reason="no"),
        OpenTicket(id="eves", customer_id="eve", subject="not hers"),
        OpenTicket(id="unmerged", subject="not hers either"),
        MergeTickets(id="twins", merged_id="unmerged", reason="the same?"),
        UnmergeTickets(id="twins", merged_id="unmerged", reason="no"),
    )
    streams = {row.stream for row in log.rows()}
    hers = {"customer-ada", "customer-twin", "lead-first", "lead-same", "lead-second"}
    hers |= {"ticket-hers", "ticket-twins", "ticket-nobodys"}
    assert with_keys(place) == streams - {"customer-ada"}  # her values are sealed with the lead's key
    tell(ForgetCustomer(id="ada", reason="she asked"))
    assert forgotten_streams(log) == [tuple(sorted(hers))]
    assert with_keys(place) == streams - hers
    for stream in streams:
        assert bool(personal(log, stream)) == (stream not in hers), stream
    assert log.state("customer-ada")[1].name is None  # type: ignore[attr-defined]
    assert log.state("lead-first")[1].name is None  # type: ignore[attr-defined]
    assert log.state("lead-mistaken")[1].name == "Eve"  # type: ignore[attr-defined]
    assert log.verify() == []


def test_what_is_not_personal_goes_on_and_nothing_personal_comes_again(log: Log, tell: Callable[..., None]) -> None:
    tell(
        CaptureLead(id="1", name="Ada"),
        ConvertLead(id="1", customer_id="1"),
        OpenTicket(id="1", customer_id="1", subject="late"),
        OpenTicket(id="2", subject="late"),
        ForgetCustomer(id="1"),
        ReplyToTicket(id="1", reply_id="1", agent_id="kim"),
        AddNote(id="1", note_id="1"),
        SolveTicket(id="1", agent_id="kim"),
        ReverseConversion(id="1", reason="after all"),
        AssignLead(id="1", agent_id="kim"),
        ContactLead(id="1", contact_id="1", channel="email"),
        CorrectLead(id="1", source="fair", clear=("name",), reason="known now"),
        OpenTicket(id="3", subject="of nobody"),
    )
    refused: list[tuple[Command, str | None]] = [
        (ReplyToTicket(id="1", reply_id="2", body="Dear Ada"), "body"),
        (AddNote(id="1", note_id="2", body="Ada called"), "body"),
        (ContactLead(id="1", contact_id="2", channel="email", note="Ada"), "note"),
        (CorrectLead(id="1", name="Ada", reason="she is back"), "name"),
        (OpenTicket(id="4", customer_id="1"), "customer_id"),
        (ConvertLead(id="1", customer_id="2"), "customer_id"),
        (MergeTickets(id="1", merged_id="2", reason="the same"), None),
        (MergeTickets(id="2", merged_id="1", reason="the same"), None),
        (ForgetCustomer(id="1"), "id"),
        (ActivateCustomer(id="1"), "id"),
    ]
    position = log.head.position
    for command, field in refused:
        with pytest.raises(Rejected, match="forgotten") as refusal:
            log.execute(Request(command, ANN))
        assert (refusal.value.code, refusal.value.field) == ("FORGOTTEN", field), command
    assert log.head.position == position
    assert personal(log, "lead-1") == personal(log, "ticket-1") == personal(log, "customer-1") == []


MOVES: dict[str, Command] = {
    "a new ticket": OpenTicket(id="new", customer_id="ada", subject="late"),
    "her ticket": ReplyToTicket(id="hers", reply_id="1", body="Dear Ada"),
    "her lead": CorrectLead(id="hers", source="fair", reason="known now"),
    "a merge": MergeCustomers(id="ada", merged_id="stranger", reason="the same"),
    "an undone merge": UnmergeCustomers(id="ada", merged_id="twin", reason="no"),
    "a conversion": ConvertLead(id="other", customer_id="ada"),
    "a merged ticket": MergeTickets(id="hers", merged_id="nobodys", reason="the same"),
}


@pytest.mark.parametrize("move", MOVES)
def test_who_was_judged_is_forgotten_only_where_nothing_came_since(
    log: Log, tell: Callable[..., None], move: str
) -> None:
    tell(
        CaptureLead(id="hers", name="Ada"),
        ConvertLead(id="hers", customer_id="ada"),
        RegisterCustomer(id="twin", name="Ada A."),
        MergeCustomers(id="ada", merged_id="twin", reason="the same"),
        OpenTicket(id="hers", customer_id="ada", subject="late"),
        RegisterCustomer(id="stranger", name="Eve"),
        CaptureLead(id="other", name="Ada"),
        OpenTicket(id="nobodys", subject="late"),
    )
    judged = ForgetCustomer(id="ada", unchanged_since_position=log.head.position)
    tell(OpenTicket(id="strangers", customer_id="stranger"))
    assert log.execute(Request(judged, ANN, validate_only=True)).stream == "customer-ada"
    tell(MOVES[move])
    with pytest.raises(Rejected, match="look at it, and decide anew") as refused:
        log.execute(Request(judged, ANN))
    assert (refused.value.code, refused.value.field) == ("PERSON_CHANGED", "unchanged_since_position")
    assert personal(log, "lead-hers") == ["Ada"]
    tell(ForgetCustomer(id="ada", unchanged_since_position=log.head.position))
    assert personal(log, "ticket-hers") == []


def test_somebody_known_as_a_lead_only(log: Log, tell: Callable[..., None], other: Log, place: Place) -> None:
    tell(
        CaptureLead(id="1", name="Ada", email="ada@example.org"),
        CaptureLead(id="same", name="Ada A."),
        MergeLeads(id="1", merged_id="same", reason="the same"),
        CaptureLead(id="not", name="Ada B."),
        MergeLeads(id="1", merged_id="not", reason="the same?"),
        UnmergeLeads(id="1", merged_id="not", reason="no"),
        CaptureLead(id="ben", name="Ben"),
        ConvertLead(id="ben", customer_id="ben"),
        CaptureLead(id="eve", name="Eve"),
        ConvertLead(id="eve", customer_id="eve"),
        ReverseConversion(id="eve", reason="a mistake"),
    )
    assert other.state("lead-1")[1].name == "Ada"  # type: ignore[attr-defined]
    documents = [row.document for row in log.rows()]
    for id, code in (("ben", "IS_CUSTOMER"), ("same", "MERGED"), ("nobody", "NOT_FOUND")):
        with pytest.raises(Rejected, match="customer-ben" if id == "ben" else None) as refusal:
            log.execute(Request(ForgetLead(id=id), ANN))
        assert refusal.value.code == code
    with pytest.raises(Rejected, match="PERSON_CHANGED"):
        log.execute(Request(ForgetLead(id="1", unchanged_since_position=1), ANN))
    tell(ForgetLead(id="1", reason="she asked"))
    assert forgotten_streams(log) == [("lead-1", "lead-same")]
    assert with_keys(place) == {"lead-not", "lead-ben", "lead-eve"}
    for node in (log, other):
        assert node.execute(Request(ForgetLead(id="1"), ANN)).first_position == 0
        assert personal(node, "lead-1") == personal(node, "lead-same") == []
        assert node.state("lead-1")[1].name is None  # type: ignore[attr-defined]
        for command in (
            CorrectLead(id="1", name="Ada", reason="she is back"),
            ConvertLead(id="1", customer_id="1"),
            MergeLeads(id="not", merged_id="1", reason="the same"),
        ):
            with pytest.raises(Rejected) as refusal:
                node.execute(Request(command, ANN))
            assert refusal.value.code == "FORGOTTEN"
    tell(DisqualifyLead(id="1", reason="nobody there"), ForgetLead(id="eve"))
    assert forgotten_streams(log)[1:] == [("lead-eve",)]
    assert personal(log, "lead-not") == ["Ada B."]
    assert find(log, "name", "ada") == {"lead-not"}
    assert find(log, "name", "eve") == set()
    assert [row.document for row in log.rows()][: len(documents)] == documents
    assert log.verify() == []
    stored = place.run("keys", "SELECT key_id, 'lead-1' AS stream, wrapped, created_at FROM keys")[0]._mapping
    place.run(
        "keys",
        "INSERT INTO keys VALUES ('back', :stream, :wrapped, :created_at)",
        **{name: value for name, value in stored.items() if name != "key_id"},
    )
    assert "lead-1" in with_keys(place)
    assert forgotten_in(place.url("log")) == {"lead-1", "lead-same", "lead-eve"}
    Log.open(place.url("log"), log._keys).head  # noqa: B018
    assert "lead-1" not in with_keys(place)


def test_forgetting_among_other_commands_of_one_call(log: Log) -> None:
    commands = [
        CaptureLead(id="1", name="Ada"),
        ConvertLead(id="1", customer_id="1"),
        OpenTicket(id="1", customer_id="1", subject="late"),
        ForgetCustomer(id="1"),
        OpenTicket(id="2", customer_id="1"),
        RegisterCustomer(id="2", name="Ben"),
        ForgetCustomer(id="2"),
        ForgetCustomer(id="missing"),
    ]
    answers = log.submit([Request(command, ANN, f"r-{number}") for number, command in enumerate(commands)])
    assert [answer.code if isinstance(answer, Rejected) else "ok" for answer in answers] == [
        *["ok"] * 4,
        "FORGOTTEN",
        "ok",
        "ok",
        "NOT_FOUND",
    ]
    assert forgotten_streams(log) == [("customer-1", "lead-1", "ticket-1"), ("customer-2",)]
    assert log.execute(Request(commands[3], ANN, "r-3")) == answers[3]


def test_asking_whether_one_could_forgets_nobody(log: Log, tell: Callable[..., None]) -> None:
    tell(RegisterCustomer(id="1", name="Ada"))
    log.execute(Request(ForgetCustomer(id="1"), ANN, validate_only=True))
    assert personal(log, "customer-1") == ["Ada"]
    assert log.state("customer-1")[1].name == "Ada"  # type: ignore[attr-defined]


def test_another_node_neither_opens_nor_remembers_anything(
    log: Log, tell: Callable[..., None], other: Log, place: Place
) -> None:
    tell(CaptureLead(id="1", name="Ada"), ConvertLead(id="1", customer_id="1"), OpenTicket(id="1", customer_id="1"))
    # The other node remembers the states and has the keys at hand.
    other.execute(Request(AddNote(id="1", note_id="1", body="Ada called"), ANN))
    assert other.execute(Request(CorrectLead(id="1", name="Ada", reason="so"), ANN)).first_position == 0
    assert personal(other, "lead-1") == ["Ada"]
    document = next(log.rows(stream="lead-1")).document
    tell(ForgetCustomer(id="1"))
    _ = other.head  # as every question does
    assert decode(document, other._keys)[1].name is None  # type: ignore[attr-defined]
    assert other.state("lead-1")[1].name is None  # type: ignore[attr-defined]
    assert personal(other, "ticket-1") == []
    for command in (AddNote(id="1", note_id="2", body="Ada"), OpenTicket(id="2", customer_id="1")):
        with pytest.raises(Rejected) as refusal:
            other.execute(Request(command, ANN))
        assert refusal.value.code == "FORGOTTEN"
    assert other.execute(Request(CorrectLead(id="1", company="Abel", reason="so"), ANN)).first_position
    assert personal(other, "lead-1") == []
    assert with_keys(place) == set()


def test_another_node_finishes_what_was_begun(
    log: Log, tell: Callable[..., None], other: Log, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first node stops between the event and the destruction; whoever learns of the event destroys the keys."""
    tell(CaptureLead(id="1", name="Ada"), ConvertLead(id="1", customer_id="1"))
    other.state("customer-1")

    def fail(streams: list[str]) -> None:
        raise Unusable("KEYS_UNAVAILABLE", "the keys cannot be used now")

    with monkeypatch.context() as patch:
        patch.setattr(log._keys, "destroy", fail)
        with pytest.raises(Rejected, match="the forgetting is recorded") as refusal:
            log.execute(Request(ForgetCustomer(id="1"), ANN, "r-1"))
        assert refusal.value.code == "KEYS_UNAVAILABLE"
        with pytest.raises(Rejected, match="keys"):  # nothing else is done before it is finished
            log.execute(Request(RegisterCustomer(id="2"), ANN))
        assert with_keys(place) == {"lead-1"}
    other.execute(Request(RegisterCustomer(id="3"), ANN))
    assert with_keys(place) == set()
    assert other.state("customer-1")[1].name is None  # type: ignore[attr-defined]
    assert log.execute(Request(ForgetCustomer(id="1"), ANN, "r-1")).version == 2


def test_keys_that_came_back_from_a_backup_are_destroyed_at_start(
    log: Log, tell: Callable[..., None], keys: Keys, place: Place
) -> None:
    tell(CaptureLead(id="1", name="Ada"), ConvertLead(id="1", customer_id="1"), RegisterCustomer(id="2", name="Ben"))
    stored = place.run("keys", "SELECT key_id, stream, wrapped, created_at FROM keys WHERE stream = 'lead-1'")
    tell(ForgetCustomer(id="1"))
    insert = "INSERT INTO keys VALUES (:key_id, :stream, :wrapped, :created_at)"
    place.run("keys", insert, **stored[0]._mapping)
    assert with_keys(place) == {"lead-1", "customer-2"}
    again = Log.open(place.url("log"), keys)
    assert with_keys(place) == {"customer-2"}
    assert personal(again, "lead-1") == []
    again.close()


# The directory


def find(log: Log, kind: str, text: str) -> set[str]:
    assert log.people is not None
    log.people.follow(log.head.position)
    return set(log._keys.directory.find(log._keys.directory.terms(kind, text)))


def test_people_are_found_by_what_stands_now(log: Log, tell: Callable[..., None], place: Place) -> None:
    tell(
        CaptureLead(id="1", name="Ada  Abél", email=" Ada@Example.org", phone="+49 (0)30 123-45"),
        ConvertLead(id="1", customer_id="1"),
        RegisterCustomer(id="2", name="Abél, Ben"),
        AddContactPoint(id="2", contact_point_id="home", kind="phone", value="0049 30 12345"),
        AddContactPoint(id="2", contact_point_id="web", kind="social", value="ben"),
    )
    assert find(log, "email", "ada@example.ORG ") == {"lead-1", "customer-1"}
    assert find(log, "phone", "0049-30-12345") == {"lead-1", "customer-1", "customer-2"}
    assert find(log, "name", "abél ada") == {"lead-1", "customer-1"}
    assert find(log, "name", "ABÉL") == {"lead-1", "customer-1", "customer-2"}
    assert find(log, "name", "ab") == find(log, "name", "ben carl") == find(log, "email", "ben") == set()
    tell(
        CorrectCustomer(id="2", name="Ben Brandt", reason="so"),
        CorrectCustomer(id="1", clear=("phone",), reason="so"),
        RemoveContactPoint(id="2", contact_point_id="home"),
    )
    assert find(log, "name", "abél") == {"lead-1", "customer-1"}
    assert find(log, "name", "brandt") == {"customer-2"}
    assert find(log, "phone", "+493012345") == {"lead-1"}
    stored = place.run("keys", "SELECT stream, slot, term FROM people")
    assert all(re.fullmatch("[0-9a-f]{32}", row.term) for row in stored)


def test_nobody_finds_who_was_forgotten_also_when_the_directory_is_made_anew(
    log: Log, tell: Callable[..., None], place: Place, keys: Keys
) -> None:
    tell(
        CaptureLead(id="1", name="Ada", email="ada@example.org"),
        ConvertLead(id="1", customer_id="1"),
        CaptureLead(id="2", name="Ada", email="ada@example.org"),
        ConvertLead(id="2", customer_id="2"),
        ReverseConversion(id="2", reason="a mistake"),
    )
    assert find(log, "name", "ada") == {"lead-1", "customer-1", "lead-2", "customer-2"}
    tell(ForgetCustomer(id="1"))
    assert {row.stream for row in place.run("keys", "SELECT stream FROM people")} == {"lead-2", "customer-2"}
    tell(ForgetCustomer(id="2"))  # what it was told is the lead's
    assert {row.stream for row in place.run("keys", "SELECT stream FROM people")} == {"lead-2"}
    keys.directory.clear()
    assert find(log, "name", "ada") == {"lead-2"}
    assert keys.directory.person("lead-1") == ("customer-1", "lead-1")


def test_a_directory_of_another_log_is_made_anew(log: Log, tell: Callable[..., None], place: Place, keys: Keys) -> None:
    tell(RegisterCustomer(id="1", name="Ada"), RegisterCustomer(id="2", name="Ben"))
    assert find(log, "name", "ada") == {"customer-1"}
    place.run("keys", "UPDATE directory_head SET hash = :hash", hash=b"another")
    place.run("keys", "DELETE FROM people")
    assert find(log, "name", "ada") == {"customer-1"}
    place.run("keys", "UPDATE directory_head SET position = 100")
    assert find(log, "name", "ben") == {"customer-2"}
    assert keys.directory.head() == (2, log.head.hash)


def test_a_directory_that_several_follow_at_once_is_the_same(
    log: Log, tell: Callable[..., None], other: Log, place: Place
) -> None:
    for number in range(60):
        tell(CaptureLead(id=str(number), name=f"Ada {number}"), ConvertLead(id=str(number), customer_id=str(number)))
    people = [each.people for each in (log, other, log, other) if each.people is not None]
    threads = [Thread(target=each.follow, args=(log.head.position,)) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(find(log, "name", "ada")) == 120
    assert log._keys.directory.head() == (log.head.position, log.head.hash)
    stored = sorted(place.run("keys", "SELECT * FROM people"), key=str)
    log._keys.directory.clear()
    find(log, "name", "ada")
    assert sorted(place.run("keys", "SELECT * FROM people"), key=str) == stored


def test_the_newest_forgetting_is_found_without_a_scan(log: Log, place: Place) -> None:
    """However many events there are: both databases ask the index of the few."""
    log.submit([Request(CaptureLead(id=str(number)), ANN) for number in range(3_000)])
    sql = log._sql.head
    explain = f"EXPLAIN QUERY PLAN {sql}" if place.kind == "sqlite" else f"EXPLAIN {sql}"
    plan = " ".join(str(row) for row in place.run("log", explain))
    assert "events_forgotten" in plan, plan


# The law


STORIES = 20
TELLING = (
    *(CaptureLead, CorrectLead, ConvertLead, ConvertLead, ReverseConversion, MergeLeads, UnmergeLeads, ContactLead),
    *(RegisterCustomer, CorrectCustomer, CorrectCustomer, MergeCustomers, UnmergeCustomers, AddContactPoint),
    *(OpenTicket, ReplyToTicket, AddNote, MergeTickets, UnmergeTickets),
)
SEALED = frozenset[str]().union(*(kind.personal for kind in Event.by_name.values()))


def happen(log: Log, chance: Random, kinds: Sequence[type[Command]], times: int, told: Iterator[int]) -> None:
    """Ask for commands by chance, each with personal values that nobody ever told before."""
    asked = []
    for _ in range(times):
        command = any_command(chance, chance.choice(kinds))
        personal = [name for name in SEALED & type(command).model_fields.keys() if getattr(command, name) is not None]
        asked.append(Request(command.model_copy(update={name: f"{name} {next(told)}" for name in personal}), ANN))
    log.submit(asked)


def who_told(log: Log) -> dict[str, str]:
    """The stream that first told a personal value, by the value."""
    first: dict[str, str] = {}
    for row in log.rows():
        for value in clear(log, row):
            first.setdefault(value, row.stream)
    return first


def clear(log: Log, row: Row) -> list[str]:
    """Every personal value of an event that can be read."""
    _, event = decode(row.document, log._keys)
    return [value for name in event.personal if (value := getattr(event, name)) is not None]


def test_what_a_copy_was_is_forgotten_with_its_source(log: Log, tell: Callable[..., None], other: Log) -> None:
    tell(
        CaptureLead(id="1", name="Ada", email="ada@example.org"),
        RegisterCustomer(id="1", name="Eve"),
        ConvertLead(id="1", customer_id="1", overwrite=("name",)),
        CorrectCustomer(id="1", name="Eve Evans", reason="her name"),
        ReverseConversion(id="1", reason="a mistake"),
    )
    other.execute(Request(CorrectCustomer(id="1", clear=("email",), reason="not hers"), ANN))
    assert set(personal(log, "customer-1")) == {"Eve", "Ada", "ada@example.org", "Eve Evans"}
    tell(ForgetLead(id="1"))
    assert set(personal(log, "customer-1")) == {"Eve", "Eve Evans"}


def test_a_state_forgets_what_was_copied(log: Log, tell: Callable[..., None], other: Log) -> None:
    tell(
        CaptureLead(id="1", name="Ada"),
        ConvertLead(id="1", customer_id="1"),
        ReverseConversion(id="1", reason="a mistake"),
    )
    assert other.state("customer-1")[1].name == "Ada"  # type: ignore[attr-defined]
    tell(ForgetLead(id="1"))
    for node in (log, other):
        assert node.state("customer-1")[1].name is None  # type: ignore[attr-defined]
    other.execute(Request(CorrectCustomer(id="1", name="Eve", reason="hers"), ANN))
    assert personal(other, "customer-1") == ["Eve"]


@pytest.mark.parametrize("seed", range(STORIES))
def test_nothing_that_a_person_told_can_be_read_anywhere_when_they_are_forgotten(log: Log, seed: int) -> None:
    chance, told = Random(seed), count()
    origin: dict[str, str] = {}
    for _ in range(3):
        happen(log, chance, TELLING, 100, told)
        origin |= {value: stream for value, stream in who_told(log).items() if value not in origin}
        happen(log, chance, (ForgetLead, ForgetCustomer), 2, told)
        happen(log, chance, TELLING, 50, told)
        gone = set[str]().union(*forgotten_streams(log))
        theirs = {value for value, stream in origin.items() if stream in gone}
        for row in log.rows():
            assert theirs.isdisjoint(clear(log, row)), (row.position, row.stream)
        for stream in {row.stream for row in log.rows()}:
            assert theirs.isdisjoint(map(str, vars(log.state(stream)[1]).values())), stream

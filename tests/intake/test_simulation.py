from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from commands.command import Command
from infra.intake import Simulation, Totals, Wish, run
from tests.intake.doors import Memory

pytestmark = pytest.mark.slow

UNTIL = datetime(2026, 3, 30, 15, 30, tzinfo=UTC)


@cache
def year(seed: int = 1, until: datetime = UNTIL) -> list[Wish]:
    simulation = Simulation(seed, until, time_zone="Europe/Berlin")
    wishes = [wish for batch in simulation.batches(500) for wish in batch]
    assert len(wishes) == simulation.count
    return wishes


def lived_through(folder: Path) -> tuple[Memory, Totals]:
    memory = Memory()
    simulation = Simulation(1, UNTIL, time_zone="Europe/Berlin")
    return memory, run(simulation, [], memory.door, head=0, refused=folder / "refused.csv")


def test_every_command_is_admitted_and_nearly_all_change_something(tmp_path: Path) -> None:
    memory, totals = lived_through(tmp_path)
    assert not totals.refused
    assert totals.unchanged < totals.total / 100
    assert not totals.is_interrupted
    assert memory.position > 18_000


def test_the_year_ends_when_it_is_told_to() -> None:
    assert max(wish.occurred_at for wish in year()) <= UNTIL
    assert UNTIL - max(wish.occurred_at for wish in year()) < timedelta(hours=12)
    assert timedelta(days=364) < UNTIL - min(wish.occurred_at for wish in year()) < timedelta(days=367)


def test_the_same_seed_and_end_give_the_same_year_and_others_another() -> None:
    again = Simulation(1, UNTIL, time_zone="Europe/Berlin")
    assert [wish for batch in again.batches(7) for wish in batch] == year()
    for other in (year(2), year(1, UNTIL + timedelta(days=1))):
        assert {wish.request_id for wish in other}.isdisjoint(wish.request_id for wish in year())
        assert [wish.fields for wish in other] != [wish.fields for wish in year()]


def test_no_fact_comes_before_the_beginning_of_its_stream_and_some_come_late() -> None:
    begun: dict[str, datetime] = {}
    newest: dict[str, datetime] = {}
    late = 0
    for wish in year():
        command = Command.by_name[wish.command].model_validate(wish.fields)
        for stream in (command.stream, *command.named_streams):
            assert wish.occurred_at >= begun.setdefault(stream, wish.occurred_at)
            late += wish.occurred_at < newest.setdefault(stream, wish.occurred_at)
            newest[stream] = max(newest[stream], wish.occurred_at)
    assert late > 100


def test_people_work_in_the_daytime_on_working_days() -> None:
    assigned = Counter(wish.occurred_at.weekday() for wish in year() if wish.command == "AssignTicket")
    assert set(assigned) == {0, 1, 2, 3, 4}


def test_the_rates_are_lifelike() -> None:
    commands = Counter(wish.command for wish in year())
    assert 0.08 < commands["ConvertLead"] / commands["CaptureLead"] < 0.2
    assert 0.02 < commands["MergeLeads"] / commands["CaptureLead"] < 0.05
    assert commands["CloseTicket"] > 0.9 * commands["OpenTicket"]
    for rare in (
        "UnmergeLeads",
        "ReverseConversion",
        "RecycleLead",
        "MergeCustomers",
        "WithdrawConsent",
        "AnswerSurvey",
        "DeclareChurn",
        "ReactivateCustomer",
        "MergeTickets",
        "ReopenTicket",
        "EscalateTicket",
        "WithdrawOverlay",
    ):
        assert commands[rare], rare


def test_everything_says_that_it_is_simulated() -> None:
    assert all(wish.fields["id"].startswith("sim-") for wish in year())
    assert all(wish.fields.get("email", "@example.org").endswith("@example.org") for wish in year())

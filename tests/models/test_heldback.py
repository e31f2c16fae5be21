"""What cannot be taken in is held back with all that comes later in its stream, everything else goes on, and after
mending it is as if nothing had happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest

from commands.rejected import Rejected
from domain.ticket import TicketAssigned, TicketOpened, TicketPended, TicketReplied, TicketSolved
from infra.models import HeldBack, Models, archive, records
from infra.models.archive import Archive
from infra.models.fold import Fold
from infra.models.heldback import Unreadable

pytestmark = pytest.mark.slow

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)

TICKETS = """-- Tickets. One row per ticket.
-- key: ticket_id
-- sum: assignments
-- column: ticket_id: the ticket's id
-- column: status: how it stands
-- column: agent_id: who has it
-- column: assignments: how often it was given to somebody
select id as ticket_id, position, occurred_at, 'new' as status from ticket_opened
union all by name
select id as ticket_id, position, occurred_at, agent_id, 1 as assignments from ticket_assigned
union all by name
select id as ticket_id, position, occurred_at, 'solved' as status from ticket_solved
union all by name
select id as ticket_id, position, occurred_at, 'pending' as status from ticket_pended
"""
AGENTS = """-- Agents, whose rows many tickets share.
-- key: agent_id
-- sum: assignments
-- column: agent_id: the agent
-- column: number: the agent's number
-- column: assignments: how many tickets the agent was given
select agent_id, position, occurred_at, replace(agent_id, 'agent-', '')::int as number, 1 as assignments
from ticket_assigned
"""
REPLIES = """-- Replies, which nobody holds back.
-- key: ticket_id
-- sum: replies
-- column: ticket_id: the ticket's id
-- column: replies: how many there are
select id as ticket_id, position, occurred_at, 1 as replies from ticket_replied
"""


@pytest.fixture(autouse=True)
def files(models_dir: Path) -> None:
    for name, sql in (("tickets", TICKETS), ("agents", AGENTS), ("replies", REPLIES)):
        models_dir.joinpath(f"{name}.sql").write_text(sql)


def rows(models: Models, sql: str) -> list[tuple[Any, ...]]:
    with models.transaction() as cursor:
        return cursor.execute(sql).fetchall()


def everything(models: Models) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, but for positions of tables that nobody asked for yet."""
    models.bring(["events", *models.names], models.newest().position)
    tables = rows(models, "select table_name from duckdb_tables() where not starts_with(table_name, 'annals_')")
    kept = [*(name for (name,) in tables), "annals_held", "annals_held_events"]
    return {name: rows(models, f'from "{name}" order by all') for name in sorted(kept)}


def held(models: Models) -> list[tuple[str, str, int]]:
    return [(each.part, each.stream, each.position) for each in models.held_back]


def unknown(monkeypatch: pytest.MonkeyPatch, *types: str) -> None:
    """An older version of the code, which does not know some types."""
    known = {type: relation for type, relation in archive._relation_of_type().items() if type not in types}
    monkeypatch.setattr(archive, "_relation_of_type", lambda: known)


def test_a_type_that_is_not_known_yet(lines: Any, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[HeldBack] = []
    with monkeypatch.context() as older:
        unknown(older, TicketPended.type_name)
        models = opened(lines, notice=notices.append)
        lines.add("ticket-1", TicketOpened(opened_by="agent"), NOON)
        lines.add("ticket-2", TicketOpened(opened_by="agent"), NOON)
        models.bring(["tickets"], 2)
        lines.add("ticket-1", TicketPended(), NOON)
        for ticket in "12":
            lines.add(f"ticket-{ticket}", TicketAssigned(agent_id="agent-7"), NOON)
        lines.add("ticket-1", TicketReplied(reply_id="r"), NOON)
        for names in (["tickets"], ["events", *models.names]):
            models.bring(names, 6)
            assert held(models) == [("archive", "ticket-1", 3)]
        assert rows(models, "from tickets order by 1") == [("1", "new", None, 0), ("2", "new", "agent-7", 1)]
        assert rows(models, "from agents") == [("agent-7", 7, 1)]
        assert rows(models, "select count(*) from events") == [(3,)]
        assert models.held_events() == {("archive", "ticket-1"): 3}
        assert (models.status().held_back, models.status().last_error) == (1, None)
        assert models.check_rebuild() == []
        assert models.check_archive() == []
        # What stands on it says so, what was known before is as it was.
        assert records.get(models, "tickets", {"ticket_id": "2"}).held_back == 1
        assert records.list_(models, "tickets").held_back == 1
        assert records.get(models, "tickets", {"ticket_id": "1"}, known_at=2).row["status"] == "new"
        for asked in ({}, {"known_at": 3}, {"as_of": NOON}):
            with pytest.raises(Rejected, match=r"ticket-1 is held back, .*does not know crm\.TicketPended") as refused:
                records.get(models, "tickets", {"ticket_id": "1"}, **asked)
            assert refused.value.code == "STREAM_HELD_BACK"
        models.close()
        models = opened(lines, notice=notices.append)
        assert held(models) == [("archive", "ticket-1", 3)]
        assert models.replay() == models.held_back
        models.close()
    # It is told again at every start.
    assert [(each.stream, each.type) for each in notices] == 2 * [("ticket-1", "crm.TicketPended.v1")]
    models = opened(lines)
    assert held(models) == []
    assert rows(models, "from tickets order by 1") == [("1", "pending", "agent-7", 1), ("2", "new", "agent-7", 1)]
    assert everything(models) == everything(opened(lines, "whole"))
    assert models.check_rebuild() == []
    assert models.check_archive() == []


def spoilt(lines: Any, position: int, **changes: Any) -> None:
    """Alter what an event says, as a writer with a mistake would have written it."""
    row = lines.rows[position - 1]
    document = orjson.loads(row["document"])
    for path, value in changes.items():
        where = document["data"] if path.startswith("data_") else document
        where[path.removeprefix("data_")] = value
    row["document"] = orjson.dumps(document)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time": "yesterday"}, "yesterday"),
        ({"time": None}, "occurred_at"),
        ({"data": ["of", "another", "kind"]}, "no object"),
        ({"data_streams": "no list"}, "ARRAY"),
    ],
)
@pytest.mark.parametrize("size", [pytest.param(1, marks=pytest.mark.slow), 100])
def test_an_event_that_cannot_be_read(lines: Any, opened: Any, changes: dict[str, Any], said: str, size: int) -> None:
    relation = "crm.CustomerForgotten.v1" if "data_streams" in changes else TicketAssigned.type_name
    for n in range(40):
        lines.add(f"ticket-{n % 10}", TicketOpened(opened_by="agent"), NOON)
    lines.add("ticket-3", relation, NOON, agent_id="agent-7", streams=["customer-1"])
    spoilt(lines, 41, **changes)
    for n in range(20):
        lines.add(f"ticket-{n % 10}", TicketAssigned(agent_id="agent-7"), NOON)
    rechained(lines)
    models = opened(lines)
    for position in range(size, 61 + size, size):
        models.bring(["tickets", "agents"], min(position, 61))
    models.bring(["events"], 61)
    models.replay()
    ((part, stream, position),) = held(models)
    assert (part, stream, position) == ("archive", "ticket-3", 41)
    assert said in models.held_back[0].sentence
    assert rows(models, "from agents") == [("agent-7", 7, 18)]
    assert models.held_events() == {("archive", "ticket-3"): 3}
    assert models.check_rebuild() == []
    assert models.check_archive() == []


def rechained(lines: Any) -> None:
    """The hashes of what the log says now."""
    import hashlib

    before = b""
    for row in lines.rows:
        row["hash"] = before = hashlib.sha256(before + row["document"]).digest()


def test_an_event_that_a_model_fails_on(lines: Any, opened: Any, models_dir: Path) -> None:
    for n in range(30):
        lines.add(f"ticket-{n % 10}", TicketAssigned(agent_id="agent-x" if n == 13 else "agent-1"), NOON)
    models = opened(lines)
    models.bring(["tickets", "agents"], 30)
    # Only there; the record of another model is what it is.
    assert held(models) == [("agents", "ticket-3", 14)]
    assert models.held_events() == {("agents", "ticket-3"): 2}
    assert rows(models, "from agents") == [("agent-1", 1, 28)]
    assert records.get(models, "tickets", {"ticket_id": "3"}).row["assignments"] == 3
    assert records.list_(models, "agents").held_back == 1
    assert [each.held_back for each in models.status().models] == [1, 0, 0]
    assert models.check_rebuild() == []
    assert models.check_archive() == []
    lines.add("ticket-3", TicketAssigned(agent_id="agent-1"), NOON)
    lines.add("ticket-4", TicketAssigned(agent_id="agent-1"), NOON)
    assert records.get(models, "agents", {"agent_id": "agent-1"}).row["assignments"] == 29
    models.rebuild()
    assert held(models) == [("agents", "ticket-3", 14)]
    models.close()
    models = opened(lines)
    assert held(models) == [("agents", "ticket-3", 14)]
    models.close()
    # Its file is mended.
    models_dir.joinpath("agents.sql").write_text(AGENTS.replace("::int as", "::varchar as"))
    models = opened(lines)
    assert everything(models) == everything(opened(lines, "whole"))
    assert held(models) == []
    assert rows(models, "from agents order by 1") == [("agent-1", "1", 31), ("agent-x", "x", 1)]


def test_a_model_that_fails_on_everything_is_broken(lines: Any, opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.models.folding.MOST_STREAMS", 5)
    for n in range(20):
        lines.add(f"ticket-{n}", TicketAssigned(agent_id="nobody"), NOON)
    models = opened(lines)
    with pytest.raises(Rejected, match="agents failed: it failed on 5 streams and more") as refused:
        models.bring(["agents"], 20)
    assert refused.value.code == "MODEL_BROKEN"
    models.bring(["tickets"], 20)


class Faults:
    """Mistakes in a version of the code: it cannot archive some events, and models fail on others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, unread: set[int], failing: set[int]) -> None:
        insert, values, advance = Archive.insert, archive._values, Fold.advance

        def insert_sound(
            self: Archive, cursor: Any, table: pa.Table, pause: Callable[[], None] = lambda: None
        ) -> dict[str, int]:
            if not unread.isdisjoint(table["position"].to_pylist()):
                raise Unreadable("a mistake")
            return insert(self, cursor, table, pause)

        def values_sound(row: dict[str, Any]) -> dict[str, Any]:
            if row["position"] in unread:
                raise KeyError("a mistake")
            return values(row)

        def advance_sound(self: Fold, cursor: Any, sources: Mapping[str, Any], *, few: bool = False) -> None:
            if self.model.name == "agents":
                for source in [source for found in sources.values() for source in found]:
                    seen = cursor.execute(f"select position from ({source})").fetchall()
                    if not failing.isdisjoint(position for (position,) in seen):
                        raise duckdb.ConversionException("a mistake")
            advance(self, cursor, sources, few=few)

        monkeypatch.setattr(Archive, "insert", insert_sound)
        monkeypatch.setattr(archive, "_values", values_sound)
        monkeypatch.setattr(Fold, "advance", advance_sound)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_after_mending_it_is_as_if_nothing_had_happened(
    lines: Any, opened: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = Random(seed)
    kinds = (
        lambda: TicketOpened(opened_by="agent"),
        lambda: TicketAssigned(agent_id=f"agent-{chance.randint(1, 4)}"),
        lambda: TicketReplied(reply_id="r"),
        lambda: TicketPended(),
        lambda: TicketSolved(),
    )
    count = 250
    for _ in range(count):
        late = timedelta(hours=chance.choice((0, 0, 0, chance.randint(1, 50))))
        lines.add(f"ticket-{chance.randint(0, 30)}", chance.choice(kinds)(), NOON - late)
    with monkeypatch.context() as mistaken:
        unknown(mistaken, TicketPended.type_name)
        Faults(mistaken, set(chance.sample(range(count), 4)), set(chance.sample(range(count), 6)))
        reached = 0
        while reached < count:
            models = opened(lines, few=chance.choice((0, 500)))
            for _ in range(chance.randint(1, 8)):
                reached = min(count, reached + chance.choice((2, 17, 90)))
                models.bring(chance.choice((["tickets"], ["agents"], ["events"], models.names)), reached)
                if chance.random() < 0.3:
                    models.replay()
            assert models.check_rebuild() == []
            assert models.check_archive() == []
            models.close()
        models = opened(lines)
        models.bring(["events", *models.names], count)
        assert {part for part, _, _ in held(models)} >= {"archive"}
        models.close()
    with monkeypatch.context() as half_mended:
        Faults(half_mended, set(), set(chance.sample(range(count), 3)))
        models = opened(lines)
        models.bring(["events", *models.names], count)
        assert {part for part, _, _ in held(models)} <= {"agents"}
        assert models.check_rebuild() == []
        assert models.check_archive() == []
        lines.add("ticket-1", TicketAssigned(agent_id="agent-1"), NOON)
        models.bring(models.names, count + 1)
    # Mended while it runs.
    assert models.replay() == []
    assert everything(models) == everything(opened(lines, "whole"))
    assert models.check_rebuild() == []
    assert models.check_archive() == []

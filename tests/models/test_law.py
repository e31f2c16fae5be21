"""The law of both clocks: the rows at (T, K) are the fold, in position order, of the changes with occurred_at <= T and
position <= K. Held by every kind of model against a naive fold in Python, at every (T, K), however the log is cut.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.event import Event
from domain.ticket import (
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketMerged,
    TicketOpened,
    TicketPended,
    TicketRated,
    TicketReopened,
    TicketReplied,
    TicketSolved,
    TicketUnmerged,
)
from infra.models import EVENTS, Model, Models

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)
NEVER = 9223372036854775807

MODELS = {
    # One row per stream: every way to fold, every way to clear, rows that vanish and come back.
    "things": """-- Things.
-- key: thing_id
-- sum: replies, levels
-- min: least
-- max: most
-- first: first_agent
-- column: thing_id: which
-- column: status: how it is
-- column: agent: who has it
-- column: solved_at: when it was solved
-- column: replies: how many
-- column: levels: how high in all
-- column: least: the least rating
-- column: most: the greatest rating
-- column: first_agent: who had it first
select id as thing_id, position, occurred_at, 'new' as status, 0 as replies from ticket_opened
union all by name
select id as thing_id, position, occurred_at, agent_id as agent, agent_id as first_agent from ticket_assigned
union all by name
select id as thing_id, position, occurred_at, 1 as replies, agent_id is null as clear_agent from ticket_replied
union all by name
select id as thing_id, position, occurred_at, level as replies, (level * 0.25)::decimal(18, 2) as levels
from ticket_escalated
union all by name
select id as thing_id, position, occurred_at, rating as least, rating as most from ticket_rated
union all by name
select id as thing_id, position, occurred_at, 'solved' as status, occurred_at as solved_at from ticket_solved
union all by name
select id as thing_id, position, occurred_at, status, true as clear_solved_at, true as clear_replies,
       1 as replies, true as clear_least, true as clear_most, true as clear_first_agent
from ticket_reopened
union all by name
select id as thing_id, position, occurred_at, true as clear_status, true as clear_levels from ticket_closed
union all by name
select id as thing_id, position, occurred_at, true as removed from ticket_merged
union all by name
select id as thing_id, position, occurred_at, true as clear_removed, status from ticket_unmerged
""",
    # One row per agent: a key over many streams; changes without a key are none.
    "owners": """-- Owners.
-- key: owner
-- sum: assigned, solved
-- min: first_at
-- max: last_at
-- column: owner: who
-- column: assigned: how many were given
-- column: solved: how many were solved
-- column: first_at: when first
-- column: last_at: when last
-- column: last_id: the newest one
select agent_id as owner, position, occurred_at, 1 as assigned, occurred_at as first_at, id as last_id
from ticket_assigned
union all by name
select agent_id as owner, position, occurred_at, 1 as solved, occurred_at as last_at from ticket_solved
""",
    # Two columns are the key.
    "pairs": """-- Pairs.
-- key: id, agent_id
-- sum: times
-- column: id: which
-- column: agent_id: who
-- column: times: how often
-- column: reply_id: the newest reply
select id, agent_id, position, occurred_at, 1 as times, reply_id from ticket_replied
union all by name
select id, agent_id, position, occurred_at, true as clear_reply_id from ticket_assigned
""",
    # One event changes one row twice.
    "doubles": """-- Doubles.
-- key: id
-- sum: count
-- first: lowest
-- column: id: which
-- column: count: how many
-- column: value: the value
-- column: lowest: the first
select id, position, occurred_at, 1 as count, 'b' || rating as value, 'q' as lowest from ticket_rated
union all by name
select id, position, occurred_at, 2 as count, 'a' || rating as value, 'p' as lowest, rating = 1 as clear_value
from ticket_rated
union all by name
select id, position, occurred_at, 3 as count, true as clear_count, status as value from ticket_reopened
""",
}

MAKE: list[Callable[[str, str, int], Event[Any]]] = [
    lambda agent, other, n: TicketOpened(opened_by="requester"),
    lambda agent, other, n: TicketAssigned(agent_id=agent),
    lambda agent, other, n: TicketAssigned(group_id="g"),
    lambda agent, other, n: TicketReplied(reply_id=f"r{n}", agent_id=agent),
    lambda agent, other, n: TicketReplied(reply_id=f"r{n}"),
    lambda agent, other, n: TicketEscalated(level=n % 4),
    lambda agent, other, n: TicketRated(rating=1 + n % 5),
    lambda agent, other, n: TicketSolved(agent_id=agent),
    lambda agent, other, n: TicketReopened(status="open" if n % 2 else "pending"),
    lambda agent, other, n: TicketClosed(),
    lambda agent, other, n: TicketPended(),
    lambda agent, other, n: TicketMerged(into_id=other, status_before="new"),
    lambda agent, other, n: TicketUnmerged(survivor_id=other, status="open"),
]

Fact = tuple[int, int, int, int]
"""Which ticket, which kind of event, which agent, at which hour."""

FACTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, len(MAKE) - 1), st.integers(0, 1), st.integers(0, 7)),
    min_size=8,
    max_size=30,
)


@dataclass
class Pair:
    """One log and two engines over it: one follows in the cuts that a test makes, now from its archive, now from the
    log beyond it, the other from its archive in one go.
    """

    lines: Any
    cut: Models
    whole: Models
    tales: int = 0

    def add(self, n: int, fact: Fact) -> int:
        """Append a fact to the tale that was begun last; its position."""
        ticket, kind, agent, hour = fact
        event = MAKE[kind](f"{self.tales}.{agent}", f"{self.tales}.x", n)
        position: int = self.lines.add(f"ticket-{self.tales}.{ticket}", event, NOON + timedelta(hours=hour))
        return position

    def tell(self, facts: list[Fact], cuts: set[int]) -> range:
        """Append the facts, on tickets of their own; bring both engines there. The positions that the facts got."""
        self.tales += 1
        begin = self.lines.head.position + 1
        for n, fact in enumerate(facts):
            position = self.add(n, fact)
            if n in cuts:
                self.cut.bring(MODELS if n % 3 else [*MODELS, EVENTS], position)
        self.cut.bring(MODELS, self.lines.head.position)
        self.whole.bring([*MODELS, EVENTS], self.lines.head.position)
        return range(begin, self.lines.head.position + 1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, make_lines: Callable[[], Any]) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("law")
    write(folder / "projections" / "models")
    lines = make_lines()
    engines = [
        Models(
            folder / part / "models.duckdb",
            lines,
            projections=folder / "projections",
            time_zone="UTC",
            memory="500MB",
            threads=2,
            snapshots=folder / part / "snapshots",
            few=few,
        )
        for part, few in (("cut", 500), ("whole", 0))
    ]
    yield Pair(lines, engines[0], engines[1])
    for engine in engines:
        engine.close()


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in MODELS.items():
        folder.joinpath(f"{name}.sql").write_text(sql)


# --- the naive fold ---------------------------------------------------------------------------------------------------


def asked(models: Models, sql: str) -> list[dict[str, Any]]:
    """Rows as dictionaries; instants in UTC, infinity as None."""
    with models.transaction() as cursor:
        result = cursor.execute(sql)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, map(plain, row), strict=True)) for row in result.fetchall()]


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return None if value.year == 9999 else value.astimezone(UTC)
    return value


def changes(models: Models, model: Model, positions: range) -> list[dict[str, Any]]:
    """The changes of these positions, by the model's own SELECT, in position order; two of one event made one."""
    rows = asked(models, f"select * from ({model.sql}) where position between {positions[0]} and {positions[-1]}")
    ordered: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: int(row["position"])):
        key = tuple(row[name] for name in model.key)
        if None in key:
            continue
        known = ordered.get((row["position"], *key))
        ordered[(row["position"], *key)] = row if known is None else both(model, known, row)
    return list(ordered.values())


def both(model: Model, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    combined = dict(one)
    for column in model.values:
        values = [value for value in (one[column.name], two[column.name]) if value is not None]
        how: Any = {"sum": sum, "min": min, "first": min}.get(column.how, max)
        combined[column.name] = how(values) if values else None
        if column.clearable:
            clear = f"clear_{column.name}"
            combined[clear] = one[clear] or two[clear]
    return combined


def naive(model: Model, known: list[dict[str, Any]], instant: datetime, position: int) -> set[tuple[Any, ...]]:
    """The rows at (T, K), as the law says it."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for change in known:
        if change["occurred_at"] <= instant and change["position"] <= position:
            key = tuple(change[name] for name in model.key)
            row = rows.setdefault(key, {column.name: 0 if column.how == "sum" else None for column in model.values})
            for column in model.values:
                row[column.name] = folded(
                    column.how, row[column.name], change[column.name], cleared(change, column.name)
                )
    shown = [name for name in model.columns if name not in model.key]
    return {(*key, *(row[name] for name in shown)) for key, row in rows.items() if not row.get("removed")}


def cleared(change: dict[str, Any], column: str) -> bool:
    return bool(change.get(f"clear_{column}"))


def folded(how: str, old: Any, new: Any, clear: bool) -> Any:
    if clear:
        old = 0 if how == "sum" else None
    if new is None or old is None:
        return old if new is None else new
    if how in ("min", "max"):
        return min(old, new) if how == "min" else max(old, new)
    return {"sum": lambda: old + new, "first": lambda: old, "last": lambda: new}[how]()


# --- what holds -------------------------------------------------------------------------------------------------------


def shown_at(model: Model, history: list[dict[str, Any]], instant: datetime, position: int) -> set[tuple[Any, ...]]:
    """The rows at (T, K), by what the rows of the history mean."""
    found = [
        row
        for row in history
        if row["valid_from"] <= instant
        and row["known_from"] <= position < row["superseded_at"]
        and (row["valid_to"] is None or row["valid_to"] > instant or row["known_to"] > position)
        and not row.get("removed")
    ]
    rows = {tuple(row[name] for name in model.columns) for row in found}
    assert len(rows) == len(found)
    return rows


def history_of(models: Models, model: Model, positions: range) -> list[dict[str, Any]]:
    return asked(
        models, f"select * from {model.name}_history where known_from between {positions[0]} and {positions[-1]}"
    )


def hold_law(models: Models, positions: range) -> None:
    hours = [NOON + timedelta(hours=hour, seconds=second) for hour in range(-1, 9) for second in (-1, 0)]
    for model in models.definitions.values():
        known, history = changes(models, model, positions), history_of(models, model, positions)
        for position in positions:
            for instant in hours:
                assert shown_at(model, history, instant, position) == naive(model, known, instant, position)
        for row in history:
            assert answers_something(row), row


def answers_something(row: dict[str, Any]) -> bool:
    as_newest = row["known_from"] < min(row["known_to"], row["superseded_at"])
    as_past = max(row["known_from"], row["known_to"]) < row["superseded_at"]
    return as_newest or (as_past and (row["valid_to"] is None or row["valid_from"] < row["valid_to"]))


def hold_macros(models: Models, positions: range, points: list[tuple[int, int]]) -> None:
    """`x_at` and `x_intervals` at some points (minutes after noon, K)."""
    for model in models.definitions.values():
        known = changes(models, model, positions)
        mine = f"where {model.key[0]} like '{tale_of(known, model)}.%'" if known else "where false"
        for minutes, position in points:
            instant = NOON + timedelta(minutes=minutes)
            point = f"timestamptz '{instant.isoformat()}', {position}"
            names = ", ".join(model.columns)
            rows = asked(models, f"select {names} from {model.name}_at({point}) {mine}")
            assert {tuple(row.values()) for row in rows} == naive(model, known, instant, position)
            hold_intervals(
                model, known, instant, position, asked(models, f"from {model.name}_intervals({point}) {mine}")
            )


def tale_of(known: list[dict[str, Any]], model: Model) -> str:
    return str(known[0][model.key[0]]).partition(".")[0]


def hold_intervals(
    model: Model, known: list[dict[str, Any]], instant: datetime, position: int, intervals: list[dict[str, Any]]
) -> None:
    """At every instant before T the intervals show what was so then; none is empty or reaches beyond T."""
    assert all(row["valid_from"] < row["valid_to"] <= instant for row in intervals)
    bounds = sorted({row[end] for row in intervals for end in ("valid_from", "valid_to")} | {NOON})
    for moment in (bound for bound in bounds if bound < instant):
        found = [row for row in intervals if row["valid_from"] <= moment < row["valid_to"]]
        rows = {tuple(row[name] for name in model.columns) for row in found}
        assert len(rows) == len(found)
        assert rows == naive(model, known, moment, position)


def hold_same(one: Models, two: Models, positions: range) -> None:
    for model in one.definitions.values():
        assert in_order(history_of(one, model, positions)) == in_order(history_of(two, model, positions))


def in_order(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, rows))


@pytest.mark.slow
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(facts=FACTS, cuts=st.sets(st.integers(0, 29), max_size=3), data=st.data())
def test_law_holds_for_any_log_however_it_is_cut(pair: Pair, facts: list[Fact], cuts: set[int], data: Any) -> None:
    positions = pair.tell(facts, cuts)
    hold_law(pair.whole, positions)
    hold_same(pair.cut, pair.whole, positions)
    points = data.draw(st.lists(st.tuples(st.integers(-10, 500), st.sampled_from(positions)), min_size=1, max_size=2))
    hold_macros(pair.whole, positions, points)


@pytest.mark.slow
def test_law_holds_for_a_long_log_with_many_late_facts(pair: Pair) -> None:
    chance = random.Random(7)
    facts = [
        (
            chance.randrange(3),
            chance.randrange(len(MAKE)),
            chance.randrange(2),
            min(7, max(0, n // 10 - chance.choice([0, 0, 3]))),
        )
        for n in range(80)
    ]
    positions = pair.tell(facts, {9, 10, 33, 60})
    hold_law(pair.whole, positions)
    hold_same(pair.cut, pair.whole, positions)
    pair.cut.bring([EVENTS], positions[-1])
    hold_macros(pair.cut, positions, [(chance.randrange(500), chance.choice(positions)) for _ in range(5)])


@pytest.mark.slow
def test_a_row_folded_alone_is_the_row_that_stands_once_its_model_is_brought(pair: Pair) -> None:
    chance = random.Random(11)
    for round in range(4):
        facts = [(chance.randrange(2), chance.randrange(len(MAKE)), 0, chance.randrange(8)) for _ in range(24)]
        pair.tell(facts[:12], set())
        for n, fact in enumerate(facts[12:], 12):
            position = pair.add(n, fact)
            if n == 18 and round % 2:
                pair.cut.bring([EVENTS], position)
        pair.whole.bring(MODELS, position)
        alone, brought = {}, {}
        for name, model in pair.whole.definitions.items():
            keys = asked(
                pair.whole, f"select {', '.join(model.key)} from {name}_now where known_from > {position - 24}"
            )
            for key in [tuple(row.values()) for row in keys] + [("nobody",) * len(model.key)]:
                row, at, _ = pair.cut.row(name, key, position)
                assert at == position
                alone[name, key] = [
                    {column: plain(value) for column, value in each.items()} for each in row.to_pylist()
                ]
                brought[name, key] = asked(
                    pair.whole,
                    f"from {name} where "
                    + " and ".join(f"{column} = '{value}'" for column, value in zip(model.key, key, strict=True)),
                )
        assert alone == brought
        assert any(status.position < position for status in pair.cut.status().models)
        pair.cut.bring(MODELS, position)


def test_a_late_fact_wins_from_its_instant_on_once_it_is_known(pair: Pair) -> None:
    pended, solved = (1, NOON + timedelta(hours=2)), (2, NOON + timedelta(hours=1))
    pair.tell([(0, 0, 0, 0)], set())
    first = pair.lines.head.position
    stream = f"ticket-{pair.tales}.0"
    pair.lines.add(stream, TicketReopened(status="pending"), pended[1])
    pair.lines.add(stream, TicketSolved(), solved[1])
    pair.whole.bring(["things"], first + 2)
    half_past_two = (NOON + timedelta(hours=2, minutes=30)).isoformat()
    for known, status in ((pended[0], "pending"), (solved[0], "solved")):
        rows = asked(
            pair.whole,
            f"select status from things_at(timestamptz '{half_past_two}', {first + known}) "
            f"where thing_id = '{pair.tales}.0'",
        )
        assert rows == [{"status": status}]
    pair.cut.bring(MODELS, first + 2)
    pair.whole.bring([*MODELS, EVENTS], first + 2)


@pytest.mark.slow
def test_a_rebuild_is_the_same_row_for_row(pair: Pair) -> None:
    pair.tell([(n % 3, n % len(MAKE), n % 2, 7 - n % 8) for n in range(40)], {5, 21})
    before = {name: in_order(asked(pair.cut, f"from {name}_history")) for name in MODELS}
    assert pair.cut.check_rebuild() == []
    assert pair.cut.check_archive() == []
    pair.cut.rebuild()
    assert {name: in_order(asked(pair.cut, f"from {name}_history")) for name in MODELS} == before
    assert in_order(asked(pair.cut, "from things")) == in_order(asked(pair.whole, "from things"))

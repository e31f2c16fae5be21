"""A filter gives the rows that Python finds by the same tree, whatever it is made of."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.rejected import Rejected
from infra.models import records
from infra.models.filter import And, Comparison, Filter, Not, Or, Pattern, condition, parse
from tests.models.company import Company, company_in
from tests.models.test_records import tell_of_tickets

COLUMNS = {
    "word": "VARCHAR",
    "number": "BIGINT",
    "money": "DECIMAL(12,2)",
    "truth": "BOOLEAN",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "day": "DATE",
    "words": "VARCHAR[]",
    "numbers": "INTEGER[]",
}
DAY = datetime(2024, 3, 1, tzinfo=UTC)
WORDS = [
    "",
    "a",
    "ab",
    "b%",
    "a_b",
    "a*b",
    "AND",
    "null",
    "it's",
    'so "called"',
    "back\\slash",
    "grüße",
    "(x)",
    "two words",
]
VALUES: dict[str, list[Any]] = {
    "word": [*WORDS, None],
    "number": [-3, 0, 1, 2, 2**62, None],
    "money": [Decimal("-1.50"), Decimal("0.00"), Decimal("2.25"), Decimal("1000000000.00"), None],
    "truth": [True, False, None],
    "instant": [DAY, DAY + timedelta(hours=5), DAY + timedelta(days=40, microseconds=1), None],
    "day": [date(2024, 3, 1), date(2024, 3, 2), None],
    "words": [["a", "ab"], [], ["a*b"], None],
    "numbers": [[1, 2], [2], [], None],
}
ROWS = [
    {name: values[number * (place + 1) % len(values)] for place, (name, values) in enumerate(VALUES.items())}
    for number in range(60)
]
ORDERED = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def holds(filter: Filter, row: dict[str, Any]) -> bool:
    """Whether a filter holds of a row, by Python alone."""
    match filter:
        case And(parts):
            return all(holds(part, row) for part in parts)
        case Or(parts):
            return any(holds(part, row) for part in parts)
        case Not(of):
            return not holds(of, row)
        case Comparison(column, ":", value):
            return bool(row[column]) if value is None else value in (row[column] or ())
        case Comparison(column, "=" | "!=" as sign, value):
            return is_equal(row[column], value) == (sign == "=")
        case Comparison(column, sign, value):
            return row[column] is not None and ORDERED[sign](sortable(row[column]), sortable(value))


def is_equal(found: Any, value: Any) -> bool:
    if isinstance(value, Pattern):
        special = str.maketrans({"[": "[[]", "?": "[?]", "*": "[*]"})
        return found is not None and fnmatchcase(found, "*".join(part.translate(special) for part in value.parts))
    return bool(found == value)


def sortable(value: Any) -> Any:
    """Texts are in the order of their bytes."""
    return value.encode() if isinstance(value, str) else value


@st.composite
def comparisons(draw: st.DrawFn, values: dict[str, list[Any]]) -> Comparison:
    column = draw(st.sampled_from(list(values)))
    known = [value for value in values[column] if value is not None]
    if isinstance(known[0], list):
        return Comparison(column, ":", draw(st.sampled_from([each for value in known for each in value] + [None])))
    sign = draw(st.sampled_from(["=", "!=", *ORDERED]))
    value = draw(st.sampled_from(known))
    if sign in ("=", "!="):
        if draw(st.integers(0, 5)) == 0:
            return Comparison(column, sign, None)
        if isinstance(value, str) and draw(st.booleans()):
            cut = draw(st.integers(0, len(value)))
            parts = draw(
                st.sampled_from([(value[:cut], ""), ("", value[cut:]), (value[:cut], value[cut:]), ("", "", "")])
            )
            return Comparison(column, sign, Pattern(parts))
    return Comparison(column, sign, value)


def filters(values: dict[str, list[Any]]) -> st.SearchStrategy[Filter]:
    def several(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[tuple[Filter, ...]]:
        return st.lists(parts, min_size=2, max_size=4).map(tuple)

    return st.recursive(
        comparisons(values),
        lambda parts: st.one_of(parts.map(Not), several(parts).map(And), several(parts).map(Or)),
        max_leaves=12,
    )


def written(filter: Filter, draw: Callable[[Any], Any]) -> str:
    """A filter as text, in one of the ways to write it."""
    match filter:
        case And(parts):
            return str(draw([" AND ", " ", "  AND\t"])).join(inside(part, draw, And | Not) for part in parts)
        case Or(parts):
            return " OR ".join(inside(part, draw, And | Or | Not) for part in parts)
        case Not(of):
            return f"{draw(['NOT ', '-'])}{inside(of, draw, And | Or | Not)}"
        case Comparison():
            return written_comparison(filter, draw)


def inside(part: Filter, draw: Callable[[Any], Any], kinds: Any) -> str:
    """A part in parentheses where it needs them, or sometimes has them all the same."""
    text = written(part, draw)
    return f"( {text})" if isinstance(part, kinds) or draw([True, False, False]) else text


def written_comparison(comparison: Comparison, draw: Callable[[Any], Any]) -> str:
    column, sign, value = comparison.column, comparison.operator, comparison.value
    gap = draw(["", " "])
    if value is None and sign == "!=" and draw([True, False]):
        return f"{column}{gap}:*"
    if value is None:
        return f"{column}{gap}:*" if sign == ":" else f"{column} {sign} null"
    sign = draw(["=", ":"]) if sign == "=" else sign
    wild = sign in ("=", "!=", ":") and not COLUMNS.get(column, "").endswith("[]")
    return f"{column}{gap}{sign}{gap}{written_value(value, draw, wild=wild)}"


def written_value(value: Any, draw: Callable[[Any], Any], *, wild: bool) -> str:
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, datetime):
        value = value.astimezone(draw([UTC, timezone(timedelta(hours=5, minutes=30))])).isoformat()
    if isinstance(value, Pattern | str):
        quote = draw(['"', "'"])
        parts = value.parts if isinstance(value, Pattern) else (value,)
        escaped = [
            "".join(f"\\{each}" if each in f"\\{quote}" + "*" * wild else each for each in part) for part in parts
        ]
        return f"{quote}{'*'.join(escaped)}{quote}"
    return str(draw(["{}", '"{}"'])).format(value)


@pytest.fixture(scope="module")
def table() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        described = ", ".join(f"{name} {type}" for name, type in COLUMNS.items())
        connection.execute(f"create table rows (place integer, {described})")
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        rows = [[place, *row.values()] for place, row in enumerate(ROWS)]
        connection.executemany(f"insert into rows values ({marks})", rows)
        yield connection


@given(filters(VALUES), st.data())
def test_a_filter_finds_what_python_finds(
    table: duckdb.DuckDBPyConnection, filter: Filter, data: st.DataObject
) -> None:
    text = written(filter, lambda choices: data.draw(st.sampled_from(choices)))
    assert parse(text, COLUMNS, (), "UTC") == filter
    sql, values = condition(text, COLUMNS, (), "UTC")
    found = table.execute(f"select place from rows where {sql} order by place", values).fetchall()
    assert [place for (place,) in found] == [place for place, row in enumerate(ROWS) if holds(filter, row)]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        tell_of_tickets(company)
        yield company


NAMES = ("ticket_id", "priority", "status", "agent_id", "opened_at", "solved_at", "agent_assignments", "reopens")


@pytest.mark.slow
@given(st.data())
def test_a_list_has_the_rows_that_python_finds(company: Company, data: st.DataObject) -> None:
    everything = records.list_(company.models, "tickets", page_size=1000).rows
    values = {name: [row[name] for row in everything] for name in NAMES}
    filter = data.draw(filters({name: found for name, found in values.items() if any(found)}))
    text = written(filter, lambda choices: data.draw(st.sampled_from(choices)))
    found = records.list_(company.models, "tickets", filter=text, page_size=1000).rows
    assert found == [row for row in everything if holds(filter, row)]


@given(st.text("()\"'\\ANDORT-:=!<>*,. abnull1", max_size=40))
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    with suppress(Rejected):
        sql, values = condition(text, {"a": "VARCHAR", "b": "BIGINT"}, ("n",), "UTC")
        assert sql.count("?") == len(values)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_day_at_the_edge_of_time(day: str, zone: str) -> None:
    with suppress(Rejected):
        condition(f"t > {day}", {"t": "TIMESTAMP WITH TIME ZONE"}, (), zone)

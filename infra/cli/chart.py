"""Charts of a report: bars in the terminal, a Vega-Lite file; and the trend of a series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from infra.cli.output import NOTHING, SHOWN_ROWS, Rows, local, shown, whole

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.table import Table

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
"""Which Vega-Lite the files are."""

BAR_WIDTH = 40
LABEL = "label"
PART = ("period_from", "period_to")
PLACES = Decimal("0.000001")


def charted(table: pa.Table, key: list[str], column: str | None) -> str:
    """The column to draw: the one asked for, or the first one of numbers.

    :raises Rejected: UNKNOWN_COLUMN where there is no such column of numbers.
    """
    import pyarrow as pa

    from commands.rejected import Rejected

    numbers = [
        field.name
        for field in table.schema
        if field.name not in key and (pa.types.is_integer(field.type) or pa.types.is_decimal(field.type))
    ]
    if column in numbers or (column is None and numbers):
        return column or numbers[0]
    wanted = "no column of numbers" if column is None else f"no column {column} of numbers"
    raise Rejected("UNKNOWN_COLUMN", f"there is {wanted}; there are {', '.join(numbers) or 'none'}", field="column")


def bars(rows: Rows, column: str) -> Table:
    """A bar for each row, beside what tells it apart and its value. Bars begin at 0, and are left of it below."""
    from rich import box
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    table = whole(rows)
    key = rows.about["key"]
    values = [row[column] for row in table.to_pylist()]
    known = [value for value in values if value is not None]
    least, most = min(0, *known, 0), max(0, *known, 0)
    size = float(most - least) or 1.0
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in key:
        grid.add_column(Text(name))
    grid.add_column(Text(column), justify="right")
    grid.add_column("", no_wrap=True)
    for row, value in list(zip(table.to_pylist(), values, strict=True))[:SHOWN_ROWS]:
        begin, end = sorted((0, value or 0))
        bar = Bar(size, float(begin - least), float(end - least), width=BAR_WIDTH) if value else Text("")
        grid.add_row(*(Text(told(row[name], rows.time_zone)) for name in key), Text(shown(value)), bar)
    return grid


def told(value: Any, time_zone: str) -> str:
    """A value of a key as people read it; the start of a day is that day."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return shown(value)
    there = local(value, time_zone)
    return shown(there.date() if there and there.time() == time() else there)


def vega_lite(rows: Rows, column: str) -> dict[str, Any]:
    """A Vega-Lite chart of a column with the data inside: lines of a series, otherwise bars. ``usermeta`` says where
    the report stands. The parts of a series are on the office's clock, without an offset, so that charts show them so
    wherever they are looked at.
    """
    table = whole(rows)
    key = rows.about["key"]
    is_series = key[:1] == [PART[0]]
    names = [name for name in key if name not in PART]
    values = []
    for row in table.to_pylist():
        label = " · ".join(told(row[name], rows.time_zone) for name in names)
        if is_series:
            row |= {part: local(row[part], rows.time_zone).replace(tzinfo=None) for part in PART}  # type: ignore[union-attr]
        values.append({**row, LABEL: label})
    of = {"field": column, "type": "quantitative", "title": column.replace("_", " ")}
    by = {"field": LABEL, "type": "nominal", "title": ", ".join(names) or None}
    return {
        "$schema": SCHEMA,
        "title": f"{rows.about['report']}: {column.replace('_', ' ')}",
        "description": rows.about["meaning"],
        "usermeta": rows.about,
        "data": {"values": values},
        "mark": {"type": "line", "point": True, "tooltip": True} if is_series else {"type": "bar", "tooltip": True},
        "encoding": {"x": {"field": PART[0], "type": "temporal", "title": None}, "y": of, "color": by}
        if is_series
        else {"x": of, "y": {**by, "sort": None}},
    }


def slope(points: Iterable[tuple[int, int | Decimal]]) -> Fraction | None:
    """The slope of the straight line that fits the points best, by ordinary least squares (NIST/SEMATECH e-Handbook of
    Statistical Methods, 4.1.4.1), exactly: (n Σxy - Σx Σy) / (n Σx² - (Σx)²). None where fewer than two x differ.
    """
    exact = [(Fraction(x), Fraction(y)) for x, y in points]
    count, xs, ys = len(exact), sum(x for x, _ in exact), sum(y for _, y in exact)
    below = count * sum(x * x for x, _ in exact) - xs * xs
    return Fraction(count * sum(x * y for x, y in exact) - xs * ys) / below if below else None


def trends(rows: Rows, column: str, every: str) -> Iterator[dict[str, Any]]:
    """The trend of a series' column for each of its breakdowns: by how much it changes from one part to the next. Only
    whole days, weeks or months count; a part that has no value counts neither, yet keeps its place.
    """
    table = whole(rows)
    names = [name for name in rows.about["key"] if name not in PART]
    points: dict[tuple[Any, ...], list[tuple[int, int | Decimal]]] = {}
    for row in table.to_pylist():
        its = points.setdefault(tuple(row[name] for name in names), [])
        begin, end = (part_at(row[part], every, rows.time_zone) for part in PART)
        if row[column] is not None and begin is not None and end is not None:
            its.append((begin, row[column]))
    for at, its in points.items():
        found = slope(its)
        rounded = None if found is None else (Decimal(found.numerator) / found.denominator).quantize(PLACES)
        yield {
            **dict(zip(names, at, strict=True)),
            "column": column,
            "every": every,
            "parts": len(its),
            "slope": rounded,
        }


def part_at(instant: datetime, every: str, time_zone: str) -> int | None:
    """The number of the day, week or month of the time zone that begins at the instant; none where none does."""
    there = local(instant, time_zone)
    assert there is not None
    first = there.time() == time() and {"day": True, "week": there.weekday() == 0, "month": there.day == 1}[every]
    days = there.toordinal()
    return {"day": days, "week": days // 7, "month": 12 * there.year + there.month}[every] if first else None


def said(trend: dict[str, Any]) -> str:
    """A trend in words."""
    at = ", ".join(shown(value) for name, value in trend.items() if name not in ("column", "every", "parts", "slope"))
    change = NOTHING if trend["slope"] is None else f"{trend['slope']:+f}"
    return f"trend of {trend['column']} ({at}): {change} a {trend['every']}, over {trend['parts']} whole ones"

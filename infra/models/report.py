"""Reports: every SQL file in ``projections/reports`` is one, and can be asked as of any instant, known at any position.

A report is a SELECT that names read models and, for a part of it, other reports. When it runs, ``tickets`` is bound to
the rows as of T known at K, ``tickets_intervals`` to every state as known at K, clipped to T. So it sees nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from commands.rejected import Rejected, require
from infra.models.archive import relations
from infra.models.engine import Models
from infra.models.model import Header, read_header
from infra.models.point import Point, at_point, in_utc

CLOCKS = ("cohort", "flow", "state")
"""What a report's period means: begun in it and followed until T; happened in it; or no more than a narrower choice of
what stands at T.
"""

PARAMETERS = ("as_of", "period_from", "period_to")
"""What a report may ask for by ``$name``."""

CHANGING = frozenset(
    {
        *("now", "today", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"),
        *("get_current_time", "get_current_timestamp", "random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7"),
        *("nextval", "main"),
    }
)
"""What a report may not name, for it gives another answer every time, or leads past T and K."""

_ORDER = re.compile(r"\border\s+by\b[^()]*$", re.IGNORECASE)
"""How a report ends."""

_ORDER_BY = re.compile(r"^order\s+by\b", re.IGNORECASE)

EVERY = ("day", "week", "month")
"""The periods of a series: local days, weeks that begin on Monday, months."""

LONGEST_SERIES = 1_000
"""How many periods a series may have."""

EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""The period where none is given."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report: its name, its SQL type, what it means."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says about itself.

    ``clock`` is cohort, flow or state and is shown wherever the report is. ``breakdowns`` are the columns by which it
    can be broken down. ``sql_version`` is the hash of its SQL and of all SQL that it builds on: for one version, the
    same T and K give the same answer for ever. ``key`` are the columns that tell its rows apart, ``event_types`` the
    classes of the events that it is made of. ``broken`` says why it cannot be asked, where it cannot.
    """

    name: str
    meaning: str
    clock: str
    formula: str
    edges: str
    source: str
    parameters: tuple[str, ...]
    breakdowns: tuple[str, ...]
    columns: tuple[Column, ...]
    sql_version: str
    key: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A report's rows, with the T and the K that they are for. ``held_back`` is how many streams are held back in the
    models that it is made of.
    """

    report: Report
    table: pa.Table
    as_of: datetime
    position: int
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class _Source:
    """A report's file, taken apart."""

    name: str
    text: str

    @property
    def header(self) -> Header:
        return read_header(self.text)

    @property
    def select(self) -> str:
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("--"))

    @property
    def unordered(self) -> str:
        """The SELECT as a part of another report, which orders its rows anew."""
        return _ORDER.sub("", self.select) if "limit" not in self.words else self.select

    @property
    def ordered_by(self) -> tuple[str, ...]:
        """The columns that it is ordered by."""
        found = _ORDER.search(self.select.strip().removesuffix(";"))
        terms = _ORDER_BY.sub("", found[0]).split(",") if found else []
        return tuple(term.split()[0].strip('"').lower() for term in terms if term.split())

    @property
    def words(self) -> frozenset[str]:
        return frozenset(re.findall(r"[a-z_][a-z0-9_]*", re.sub(r"'[^']*'", "", self.select.lower())))

    @property
    def broken_down(self) -> tuple[str | None, tuple[str, ...]]:
        """The model that the report is broken down by, and the columns that may be chosen."""
        found = re.fullmatch(r"(\w+)\s*\(([\w\s,]+)\)", self.header.options.get("by", ""))
        if not found:
            return None, ()
        return found[1], tuple(column.strip() for column in found[2].split(","))


def reports(models: Models) -> list[Report]:
    """Every report, by name. A broken one says why it is broken; the others do not mind."""
    sources = _sources(models)
    return [_looked_at(models, sources, source) for source in sources.values()]


def look_at(models: Models, name: str) -> Report:
    """One report.

    :raises Rejected: UNKNOWN_REPORT.
    """
    sources = _sources(models)
    return _looked_at(models, sources, _named(sources, name))


def run(
    models: Models,
    name: str,
    *,
    as_of: datetime | None = None,
    known_at: int | datetime | None = None,
    period_from: datetime | None = None,
    period_to: datetime | None = None,
    by: str | None = None,
    every: str | None = None,
    min_position: int | None = None,
) -> Answer:
    """A report as of an instant, known at a position.

    A series is one run for each part of the period: of a cohort or a flow, what began or happened in that part, as of
    the instant; of a state, how it stood just before that part ended.

    :param period_from, period_to: the period [from, to); an end that is not given is open.
    :param by: the column to break down by.
    :param every: day, week or month, of the office's time zone: answer with a series. It needs ``period_from``, and
        ends at the instant where ``period_to`` is not given or lies beyond.
    :raises Rejected: UNKNOWN_REPORT, REPORT_BROKEN, UNKNOWN_COLUMN, FIELD_IS_PERSONAL, INVALID_PERIOD, INVALID_INSTANT,
        INVALID_SERIES or IN_THE_FUTURE.
    """
    sources = _sources(models)
    source = _named(sources, name)
    start, end = _period(period_from, period_to)
    _require_breakdown(models, source, by)
    with at_point(
        models, _models_of(models, sources, source), as_of=as_of, known_at=known_at, min_position=min_position
    ) as at:
        periods = [(start, end)]
        if every is not None:
            periods = _periods(every, period_from, min(end, at.as_of), ZoneInfo(models.time_zone))
        as_states = every is not None and source.header.options.get("clock") == "state"
        tables = []
        for period in periods:
            point, (since, until) = (_end_of(period, at), EVER) if as_states else (at, period)
            until = end if until == at.as_of else until  # what happened at T itself is in the last part
            sql, needed = _bound(models, sources, source, point, by)
            given = {"as_of": point.as_of, "period_from": since, "period_to": until}
            with _broken_where_duckdb_refuses(name):
                rows = point.relation(sql, {parameter: given[parameter] for parameter in needed})
                shape = [(column, str(type)) for column, type in zip(rows.columns, rows.types, strict=True)]
                tables.append(in_utc(rows.to_arrow_table()))
    described = _described(models, sources, source, needed, shape)
    if every is not None:
        key = (PERIOD_COLUMNS[0].name, *described.key)
        described = replace(described, columns=(*PERIOD_COLUMNS, *described.columns), key=key)
        tables = [_with_period(table, period) for table, period in zip(tables, periods, strict=True)]
    return Answer(described, pa.concat_tables(tables), at.as_of, at.position, at.held)


PERIOD_COLUMNS = (
    Column("period_from", "TIMESTAMP WITH TIME ZONE", "the part of the series begins here"),
    Column("period_to", "TIMESTAMP WITH TIME ZONE", "the part of the series ends before this"),
)


def _end_of(period: tuple[datetime, datetime], at: Point) -> Point:
    """The point just before a period ends; T where it ends there."""
    return at if period[1] >= at.as_of else replace(at, as_of=period[1] - timedelta.resolution)


def _with_period(table: pa.Table, period: tuple[datetime, datetime]) -> pa.Table:
    """The rows of one part of a series, with the part's ends before them."""
    for place, (column, instant) in enumerate(zip(PERIOD_COLUMNS, period, strict=True)):
        ends = pa.repeat(pa.scalar(instant, pa.timestamp("us", "UTC")), table.num_rows)
        table = table.add_column(place, column.name, ends)
    return table


def _periods(every: str, start: datetime | None, end: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The parts of a period: whole days, weeks or months of the time zone but for the first and the last one.

    :raises Rejected: INVALID_SERIES.
    """
    require(every in EVERY, "INVALID_SERIES", f"{every} is no period; there are {', '.join(EVERY)}", field="every")
    if start is None or start >= end:
        sentence = "a series needs a period_from that lies before its end, which is at the latest as_of"
        raise Rejected("INVALID_SERIES", sentence, field="period_from")
    day, bounds = start.astimezone(zone).date(), [start]
    while bounds[-1] < end:
        require(
            len(bounds) <= LONGEST_SERIES,
            "INVALID_SERIES",
            f"a series has at most {LONGEST_SERIES} parts; narrow it down, or take longer ones",
            field="every",
        )
        if every == "month":
            day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
        else:
            day += timedelta(days=1 if every == "day" else 7 - day.weekday())
        bounds.append(min(datetime.combine(day, time(), zone).astimezone(UTC), end))
    return list(pairwise(bounds))


def nearest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """What may have been meant, or all that there is."""
    close = get_close_matches(name, list(known), n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known) or 'none'}"


def _sources(models: Models) -> dict[str, _Source]:
    folder = models.projections / "reports"
    return {path.stem: _Source(path.stem, path.read_text("utf-8")) for path in sorted(folder.glob("*.sql"))}


def _named(sources: Mapping[str, _Source], name: str) -> _Source:
    if name not in sources:
        raise Rejected("UNKNOWN_REPORT", f"there is no report {name}; {nearest(name, sources)}", field="name")
    return sources[name]


def _looked_at(models: Models, sources: Mapping[str, _Source], source: _Source) -> Report:
    """A report as DuckDB binds it, without asking it."""
    try:
        with at_point(models, (), known_at=0) as at, _broken_where_duckdb_refuses(source.name):
            sql, needed = _bound(models, sources, source, at, None)
            shape = at.cursor.execute(f"describe {sql}", dict.fromkeys(needed, at.as_of)).fetchall()
    except Rejected as error:
        return replace(_described(models, sources, source, set(), []), broken=error.sentence)
    return _described(models, sources, source, needed, [row[:2] for row in shape])


@contextmanager
def _broken_where_duckdb_refuses(name: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise _broken(name, str(error).splitlines()[0]) from error


def _broken(name: str, why: str) -> Rejected:
    return Rejected("REPORT_BROKEN", f"the report {name} is broken: {why}", field="name")


def _described(
    models: Models, sources: Mapping[str, _Source], source: _Source, needed: set[str], shape: Iterable[tuple[str, str]]
) -> Report:
    header = source.header
    shape = list(shape)
    breakdowns = source.broken_down[1]
    return Report(
        name=source.name,
        meaning=header.meaning,
        clock=header.options.get("clock", ""),
        formula=header.options.get("formula", ""),
        edges=header.options.get("edges", ""),
        source=header.options.get("source", ""),
        parameters=("as_of", "known_at", *sorted(needed - {"as_of"}), *(("by",) if breakdowns else ()), "every"),
        breakdowns=breakdowns,
        columns=tuple(Column(name, type, header.columns.get(name, "")) for name, type in shape),
        sql_version=_version(models, sources, source),
        key=tuple(column for column in source.ordered_by if column in {name for name, _ in shape}),
        event_types=_event_types(models, sources, source),
    )


def _bound(
    models: Models, sources: Mapping[str, _Source], source: _Source, at: Point, by: str | None
) -> tuple[str, set[str]]:
    """The statement with everything that it names bound as of T known at K, and the parameters that it needs."""
    built_on = list(_built_on(sources, source))
    for part in built_on:
        _require_timeless(models, part)
    words = frozenset().union(*(part.words for part in built_on))
    broken_down, _ = source.broken_down
    parts: list[tuple[str, str]] = []
    for model in models.definitions:
        if model in words:
            chosen = f", {_breakdown(by)} as breakdown" if model == broken_down else ""
            parts.append((model, f"select *{chosen} from {at.rows_of(model)}"))
        if f"{model}_intervals" in words:
            parts.append((f"{model}_intervals", f"from {at.intervals_of(model)}"))
    parts += [(part.name, part.unordered) for part in built_on[:-1]]
    bound = ",\n".join(f"{name} as (\n{sql}\n)" for name, sql in parts)
    select = source.select.strip().removesuffix(";")
    own = re.sub(r"^with\b", ",", select, flags=re.IGNORECASE)
    sql = f"with {bound}\n{own}" if parts else select
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise _broken(source.name, "a report is one SELECT")
    needed = statements[0].named_parameters
    if foreign := sorted(needed - set(PARAMETERS)):
        raise _broken(source.name, f"it needs ${', $'.join(foreign)}; there are ${', $'.join(PARAMETERS)}")
    return sql, needed


def _require_timeless(models: Models, source: _Source) -> None:
    """Refuse a report that would not give the same answer for the same T and K for ever.

    :raises Rejected: REPORT_BROKEN.
    """
    if source.header.options.get("clock") not in CLOCKS:
        raise _broken(source.name, f"its header needs a line `-- clock:` with one of {', '.join(CLOCKS)}")
    if not _ORDER.search(source.select):
        raise _broken(source.name, "it does not end in ORDER BY; order it by a unique key")
    beyond = CHANGING | models.unbound | {f"{model}_at" for model in models.definitions}
    if named := sorted(source.words & beyond):
        raise _broken(source.name, f"it names {', '.join(named)}; a report sees models alone, as of T, known at K")


def _breakdown(by: str | None) -> str:
    return "'all'" if by is None else f'cast("{by}" as varchar)'


def _built_on(sources: Mapping[str, _Source], source: _Source, above: tuple[str, ...] = ()) -> Iterator[_Source]:
    """The reports that a report names, and those that they name, each once, the report itself last. One that names
    itself over others finds itself missing when DuckDB binds it.
    """
    seen: set[str] = set()
    for name in sorted((source.words & sources.keys()) - {source.name, *above}):
        for part in _built_on(sources, sources[name], (*above, source.name)):
            if part.name not in seen:
                seen.add(part.name)
                yield part
    yield source


def _models_of(models: Models, sources: Mapping[str, _Source], source: _Source) -> list[str]:
    words = frozenset().union(*(part.words for part in _built_on(sources, source)))
    return [model for model in models.definitions if words & {model, f"{model}_intervals"}]


def _event_types(models: Models, sources: Mapping[str, _Source], source: _Source) -> tuple[str, ...]:
    read = {
        relation for model in _models_of(models, sources, source) for relation in models.definitions[model].relations
    }
    return tuple(sorted(relations()[relation].event.__name__ for relation in read))


def _version(models: Models, sources: Mapping[str, _Source], source: _Source) -> str:
    built_on = [part.text for part in _built_on(sources, source)]
    built_on += [models.definitions[model].fingerprint for model in sorted(_models_of(models, sources, source))]
    return hashlib.sha256("\0".join(built_on).encode()).hexdigest()


def _require_breakdown(models: Models, source: _Source, by: str | None) -> None:
    if by is None:
        return
    model, allowed = source.broken_down
    if model in models.definitions and by in models.definitions[model].personal:
        raise Rejected("FIELD_IS_PERSONAL", f"{by} is personal; nothing can be broken down by it", field="by")
    if by not in allowed:
        sentence = f"{source.name} cannot be broken down by {by}; {nearest(by, allowed)}; allowed: {', '.join(allowed)}"
        raise Rejected("UNKNOWN_COLUMN", sentence, field="by")


def _period(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    for field, instant in (("period_from", start), ("period_to", end)):
        require(
            instant is None or instant.tzinfo is not None,
            "INVALID_INSTANT",
            "an instant needs a time zone",
            field=field,
        )
    start, end = start or EVER[0], end or EVER[1]
    require(start <= end, "INVALID_PERIOD", f"the period ends ({end}) before it begins ({start})", field="period_to")
    return start, end

"""Reports: every SQL file in ``projections/reports`` is one, and can be asked as of any instant, known at any position.

A report is a SELECT that names read models and, for a part of it, other reports. When it runs, ``tickets`` is bound to
the rows as of T known at K, ``tickets_intervals`` to every state as known at K, clipped to T. So it sees nothing else.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property, lru_cache, partial
from itertools import chain, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from commands.rejected import Rejected, require
from domain.event import State
from infra.asker import PATIENT, Asker
from infra.models.archive import name as quoted
from infra.models.archive import relations, text
from infra.models.engine import Models
from infra.models.kept import Kept
from infra.models.model import INTEGERS, Header, nearest, read_header
from infra.models.point import Point, at_point, in_utc
from infra.models.query import TOO_MUCH
from infra.models.status import Finding

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

_PLACE = re.compile(r"--@ (.+) (\d+)$")
"""A comment in SQL that is put together: from the next line on it is a file's, from this line of the file on."""

_NO_WORDS = re.compile(r"""("[^"]*")|'[^']*'|--.*""")

_MISTAKE = re.compile(r"^LINE (\d+): (.*)$", re.MULTILINE)
"""Where DuckDB finds a mistake, and what stands there; dots where it leaves something out."""

_WITH = re.compile(r"\A((?:\s|--.*\n)*)with\b", re.IGNORECASE)

EVERY = ("day", "week", "month")
"""The periods of a series: local days, weeks that begin on Monday, months."""

LONGEST_SERIES = 1_000
"""How many periods a series may have."""

LARGEST_SERIES = 1_000_000
"""How many rows a series may have where those that count nothing are among them."""

KEPT_BEHIND = 10_000
"""Nothing is kept for its own sake while the models are further behind the log: there is more urgent work."""

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
    can be broken down, first the id of what it counts. ``sql_version`` is the hash of its SQL and of all SQL that it
    builds on: for one version, the same T and K give the same answer for ever. ``key`` are the columns that tell its
    rows apart, ``event_types`` the classes of the events that it is made of. ``broken`` says why it cannot be asked,
    where it cannot.
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
class _Macro:
    """A macro's file, taken apart: a SELECT in which ``{x}`` stands for what it takes as x."""

    name: str
    text: str

    def written_out(self, sql: str) -> str:
        """Some SQL with this macro's SELECT in place of its calls. A call that gives more or less than it takes stays,
        and DuckDB says that there is no such function.
        """
        takes, body = read_header(self.text).names("takes"), _without_comments(f"{self.name}.sql", self.text)

        def select(call: re.Match[str]) -> str:
            given = [" ".join(each.split()) for each in call[1].split(",")]
            if len(given) != len(takes):
                return call[0]
            written = body
            for name, value in zip(takes, given, strict=True):
                written = written.replace(f"{{{name}}}", value)
            back = _place(sql, sql.count("\n", 0, call.end()) + 1)
            return f"({written}\n{_from(*back)}\n)"

        return re.sub(rf"\b{self.name}\(([^()]*)\)", select, sql)


@dataclass(frozen=True)
class _Source:
    """A report's file, taken apart."""

    name: str
    text: str
    macros: Mapping[str, _Macro] = field(default_factory=dict)

    @cached_property
    def header(self) -> Header:
        return read_header(self.text)

    @cached_property
    def select(self) -> str:
        """The SELECT, with the macros that it calls written out."""
        select = _without_comments(f"{self.name}.sql", self.text)
        for macro in self.macros.values():
            select = macro.written_out(select)
        return select

    @cached_property
    def unordered(self) -> str:
        """The SELECT as a part of another report, which orders its rows anew."""
        return _ORDER.sub("", self.select) if "limit" not in self.words else self.select

    @cached_property
    def ordered_by(self) -> tuple[str, ...]:
        """The columns that it is ordered by."""
        found = _ORDER.search(self.select.strip().removesuffix(";"))
        terms = _ORDER_BY.sub("", found[0]).split(",") if found else []
        return tuple(term.split()[0].strip('"').lower() for term in terms if term.split())

    @cached_property
    def lines(self) -> dict[str, int]:
        """The words of the SELECT, without its texts and comments, and the line where each first stands."""
        plain = _NO_WORDS.sub(lambda cut: cut[1] or "\n" * cut[0].count("\n"), self.select.lower())
        found: dict[str, int] = {}
        for number, line in enumerate(plain.split("\n"), start=1):
            for word in re.findall(r"[a-z_][a-z0-9_]*", line):
                found.setdefault(word, number)
        return found

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(self.lines)

    @property
    def broken_down(self) -> tuple[str | None, tuple[str, ...]]:
        """The model that the report is broken down by, and the columns that the header says may be chosen."""
        found = re.fullmatch(r"(\w+)\s*\(([\w\s,]+)\)", self.header.options.get("by", ""))
        if not found:
            return None, ()
        return found[1], tuple(column.strip() for column in found[2].split(","))


@dataclass(frozen=True, slots=True)
class _Choice:
    """What of a report is wanted: broken down ``by`` which column, ``within`` which value of it, and by model the
    condition ``only`` on the rows that count.
    """

    by: str | None = None
    within: str | None = None
    only: Mapping[str, str] = field(default_factory=dict)

    def breakdown(self, key: str) -> tuple[str, str]:
        """The expression that a model with this key is broken down by, and the condition on its rows."""
        if self.by is None:
            return "'all'", "true"
        column = f"cast({quoted(self.by)} as varchar)"
        if self.within is None:
            return column, "true"
        return f"cast({quoted(key)} as varchar)", f"{column} is not distinct from nullif({text(self.within)}, '')"


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
    within: str | None = None,
    every: str | None = None,
    stream: str | None = None,
    min_position: int | None = None,
) -> Answer:
    """A report as of an instant, known at a position.

    A series is one run for each part of the period: of a cohort or a flow, what began or happened in that part, as of
    the instant; of a state, how it stood just before that part ended.

    :param period_from, period_to: the period [from, to); an end that is not given is open.
    :param by: the column to break down by.
    :param within: count only what has this value in that column (as text; empty: none), one row for each record.
    :param every: day, week or month, of the office's time zone: answer with a series. It needs ``period_from``, and
        ends at the instant where ``period_to`` is not given or lies beyond.
    :param stream: of the records that streams like this one are, only this one counts, for example ``ticket-7``.
    :raises Rejected: UNKNOWN_REPORT, REPORT_BROKEN, UNKNOWN_COLUMN, UNKNOWN_STREAM, FIELD_IS_PERSONAL, INVALID_PERIOD,
        INVALID_INSTANT, INVALID_SERIES, SQL_OUT_OF_MEMORY or IN_THE_FUTURE.
    """
    sources = _sources(models)
    source = _named(sources, name)
    start, end = _period(period_from, period_to)
    _require_breakdown(models, source, by)
    require(
        by is not None or within is None, "UNKNOWN_COLUMN", "within is a value of the column by; name it", field="by"
    )
    only = {} if stream is None else _only(models, sources, source, stream)
    choice = _Choice(by, within, only)
    kept = [] if stream is not None or within is not None else _kept(models, sources, source)
    if known_at is None:
        _keep(models, sources, name, kept, min_position=min_position)
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
            usable = [(each, found) for each in kept if (found := each.position(point.cursor, point)) is not None]
            sql, needed = _bound(models, sources, source, point, choice, usable)
            given = {"as_of": point.as_of, "period_from": since, "period_to": until}
            given = {parameter: given[parameter] for parameter in needed}
            with _broken_where_duckdb_refuses(name, sql):
                try:
                    rows = point.relation(sql, given)
                except duckdb.ProgrammingError:
                    point.cursor.execute(f"describe {sql}", given)  # says the line, which a relation does not
                    raise
                shape = [(column, str(type)) for column, type in zip(rows.columns, rows.types, strict=True)]
                _require_counts(source, shape)
                tables.append(in_utc(rows.to_arrow_table()))
    described = _described(models, sources, source, needed, shape)
    if every is not None:
        counts, of_records = source.header.names("zero"), within is not None or by in described.breakdowns[:1]
        if counts and not of_records:
            tables = _filled(tables, described.key, counts)
        key = (PERIOD_COLUMNS[0].name, *described.key)
        described = replace(described, columns=(*PERIOD_COLUMNS, *described.columns), key=key)
        tables = [_with_period(table, period) for table, period in zip(tables, periods, strict=True)]
    return Answer(described, pa.concat_tables(tables), at.as_of, at.position, at.held)


PERIOD_COLUMNS = (
    Column("period_from", "TIMESTAMP WITH TIME ZONE", "the part of the series begins here"),
    Column("period_to", "TIMESTAMP WITH TIME ZONE", "the part of the series ends before this"),
)


def keep(models: Models, asker: Asker) -> None:
    """Keep what is settled now of all reports' parts, as far as the models stand, where that is worth it.

    :param asker: for whom; once they have left, it ends.
    :raises Rejected: DEADLINE_PASSED.
    """
    sources = _sources(models)
    for source in sources.values():
        with suppress(Rejected):  # it is broken, and says so to whoever asks
            kept = _kept(models, sources, source) if "settled" in source.header.options else []
            reached = models.brought_to(_models_of(models, sources, source))
            if kept and reached >= models.newest().position - KEPT_BEHIND:
                _keep(models, sources, source.name, kept, known_at=reached, asker=asker)
        asker.require_waiting()


def _keep(
    models: Models,
    sources: Mapping[str, _Source],
    name: str,
    kept: Iterable[Kept],
    *,
    known_at: int | None = None,
    min_position: int | None = None,
    asker: Asker = PATIENT,
) -> None:
    """Keep what is settled now of a report's parts, where that is worth it."""
    for each in kept:
        needed = [*each.own, *each.shared]
        with (
            at_point(models, needed, known_at=known_at, min_position=min_position) as now,
            _broken_where_duckdb_refuses(name, _computed(models, sources, each, "true", now)),
        ):
            computed = partial(_computed, models, sources, each)
            each.refresh(models, now, computed, asker)


def check_kept(models: Models) -> list[Finding]:
    """Compute what reports keep anew and compare: for each part that differs, the first row that does. A part that
    cannot be asked keeps nothing.
    """
    sources, findings = _sources(models), []
    for source in sources.values():
        with suppress(Rejected):
            for each in _kept(models, sources, source) if "settled" in source.header.options else ():
                with at_point(models, [*each.own, *each.shared]) as now:
                    row = each.difference(now, partial(_computed, models, sources, each))
                if row is not None:
                    where = "is missing among what is kept" if row.pop("missing") else "is kept, but is not so"
                    said = ", ".join(f"{column}={value}" for column, value in row.items() if value is not None)
                    findings.append(Finding(each.part, "KEPT_DIFFERS", f"the row {said} {where}"))
    return findings


def _end_of(period: tuple[datetime, datetime], at: Point) -> Point:
    """The point just before a period ends; T where it ends there."""
    return at if period[1] >= at.as_of else replace(at, as_of=period[1] - timedelta.resolution)


def _filled(tables: Sequence[pa.Table], key: Sequence[str], counts: Iterable[str]) -> list[pa.Table]:
    """The parts of a series, each with a row for whatever any of them has, in the order of the key: where a part has
    none of it, its counts are 0 and the rest is null.

    :raises Rejected: INVALID_SERIES.
    """
    own = [set(zip(*(table[name].to_pylist() for name in key), strict=True)) for table in tables]
    seen = set(chain.from_iterable(own))
    require(
        len(seen) * len(tables) <= LARGEST_SERIES,
        "INVALID_SERIES",
        f"a series has at most {LARGEST_SERIES:,} rows, not {len(tables):,} parts of {len(seen):,}; narrow it down",
        field="every",
    )
    filled = []
    for table, has in zip(tables, own, strict=True):
        rows = [dict(zip(key, each, strict=True)) | dict.fromkeys(counts, 0) for each in seen - has]
        table = pa.concat_tables([table, pa.Table.from_pylist(rows, table.schema)])
        filled.append(table.sort_by([(name, "ascending") for name in key]))
    return filled


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
    try:
        day, bounds = start.astimezone(zone).date(), [start]
    except OverflowError as error:
        sentence = f"in {zone} a series can begin in the year 1, not before; {start} is before it there"
        raise Rejected("INVALID_SERIES", sentence, field="period_from") from error
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
        bound = min(datetime.combine(day, time(), zone).astimezone(UTC), end)
        if bound > bounds[-1]:  # some zones have skipped a whole day: it has no part
            bounds.append(bound)
    return list(pairwise(bounds))


def _sources(models: Models) -> dict[str, _Source]:
    """The files of reports, by name. What is read and taken apart holds for as long as no file is another one."""
    folders = tuple(str(models.projections / folder) for folder in ("macros", "reports"))
    return _read(tuple(chain.from_iterable(map(_files, folders))))


def _files(folder: str) -> list[tuple[str, int, int, int, int]]:
    """The SQL files of a folder, in order, and what differs where a file is another one."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        found = [(each.path, each.stat()) for each in entries if each.name.endswith(".sql")]
        return sorted((path, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size) for path, s in found)
    return []


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[str, int, int, int, int], ...]) -> dict[str, _Source]:
    paths = [Path(path) for path, *_ in files]
    texts = {
        folder: {path.stem: path.read_text("utf-8") for path in paths if path.parent.name == folder}
        for folder in ("macros", "reports")
    }
    macros = {name: _Macro(name, text) for name, text in texts["macros"].items()}
    return {name: _Source(name, text, macros) for name, text in texts["reports"].items()}


def _without_comments(file: str, text: str) -> str:
    """A file's SELECT, its lines where they are in the file, after a comment that says which file it is."""
    lines = ("" if line.startswith("--") else line for line in text.split("\n"))
    return "\n".join((_from(file, 1), *lines))


def _from(file: str, line: int) -> str:
    return f"--@ {file} {line}"


def _place(sql: str, line: int) -> tuple[str, int]:
    """The file and the line in it that a line of SQL is from, as the comments before it say; no file if none do."""
    for back, before in enumerate(reversed(sql.split("\n")[:line])):
        if found := _PLACE.search(before):
            return found[1], int(found[2]) + back - 1
    return "", 0


def _mistake(sql: str, error: duckdb.Error) -> str:
    """What DuckDB says of a mistake in some SQL, with the file and the line where they are known."""
    said = str(error).splitlines()[0]
    found = _MISTAKE.search(str(error))
    if not found or found[2].strip(". ") not in "".join(sql.split("\n")[int(found[1]) - 1 : int(found[1])]):
        return said  # it is in another statement
    file, line = _place(sql, int(found[1]))
    return f"{file}, line {line}: {said}" if file else said


def _named(sources: Mapping[str, _Source], name: str) -> _Source:
    if name not in sources:
        raise Rejected("UNKNOWN_REPORT", f"there is no report {name}; {nearest(name, sources)}", field="name")
    return sources[name]


def _looked_at(models: Models, sources: Mapping[str, _Source], source: _Source) -> Report:
    """A report as DuckDB binds it, without asking it."""
    try:
        with at_point(models, (), known_at=0) as at:
            for each in _kept(models, sources, source):
                with _broken_where_duckdb_refuses(source.name):
                    at.cursor.execute(f"describe select {each.settled} from {quoted(each.model)}")
            sql, needed = _bound(models, sources, source, at, _Choice())
            with _broken_where_duckdb_refuses(source.name, sql):
                rows = at.cursor.execute(f"describe {sql}", dict.fromkeys(needed, at.as_of)).fetchall()
            shape = [row[:2] for row in rows]
            _require_counts(source, shape)
    except Rejected as error:
        return replace(_described(models, sources, source, set(), []), broken=error.sentence)
    return _described(models, sources, source, needed, shape)


@contextmanager
def _broken_where_duckdb_refuses(name: str, sql: str = "") -> Iterator[None]:
    """Say that a report is broken, and where in its files, if DuckDB refuses its SQL."""
    try:
        yield
    except duckdb.InterruptException:
        raise
    except duckdb.OutOfMemoryException as error:
        raise Rejected("SQL_OUT_OF_MEMORY", f"{TOO_MUCH}; ask for a shorter period or for one stream") from error
    except duckdb.Error as error:
        raise _broken(name, _mistake(sql, error)) from error


def _broken(name: str, why: str) -> Rejected:
    return Rejected("REPORT_BROKEN", f"the report {name} is broken: {why}", field="name")


def _described(
    models: Models, sources: Mapping[str, _Source], source: _Source, needed: set[str], shape: Iterable[tuple[str, str]]
) -> Report:
    header = source.header
    shape = list(shape)
    breakdowns = _breakdowns(models, source)
    return Report(
        name=source.name,
        meaning=header.meaning,
        clock=header.options.get("clock", ""),
        formula=header.options.get("formula", ""),
        edges=header.options.get("edges", ""),
        source=header.options.get("source", ""),
        parameters=(
            "as_of",
            "known_at",
            *sorted(needed - {"as_of"}),
            *(("by", "within") if breakdowns else ()),
            "every",
            "stream",
        ),
        breakdowns=breakdowns,
        columns=tuple(Column(name, type, header.columns.get(name, "")) for name, type in shape),
        sql_version=_version(models, sources, source),
        key=tuple(column for column in source.ordered_by if column in {name for name, _ in shape}),
        event_types=_event_types(models, sources, source),
    )


def _bound(
    models: Models,
    sources: Mapping[str, _Source],
    source: _Source,
    at: Point,
    choice: _Choice,
    kept: Iterable[tuple[Kept, int]] = (),
) -> tuple[str, set[str]]:
    """The statement with everything that it names bound as of T known at K, and the parameters that it needs.

    :param kept: the parts of which rows are kept, and at which position they were.
    """
    built_on = list(_built_on(sources, source))
    for part in built_on:
        _require_timeless(models, part)
    parts = _relations(models, built_on, at, choice, source.broken_down[0])
    selects = {part.name: part.unordered for part in built_on[:-1]} | {source.name: source.select}
    for each, position in kept:
        parts.append((f"annals_unsettled_{each.part}", each.unsettled(position, at)))
        only = f"{each.key} in (from annals_unsettled_{each.part})"
        rows = _computed(models, sources, each, only, at)
        settled = f"from main.{each.table} anti join annals_unsettled_{each.part} using ({each.key})"
        order = _ORDER.search(source.select)
        selects[each.part] = f"from ({settled} union all by name ({rows}))" + (
            f" {order[0]}" if each.part == source.name and order else ""
        )
    parts += [(part.name, selects[part.name]) for part in built_on[:-1]]
    sql = _with(parts, selects[source.name])
    with _broken_where_duckdb_refuses(source.name, sql):
        statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise _broken(source.name, "a report is one SELECT")
    needed = statements[0].named_parameters
    if foreign := sorted(needed - set(PARAMETERS)):
        raise _broken(source.name, f"it needs ${', $'.join(foreign)}; there are ${', $'.join(PARAMETERS)}")
    return sql, needed


def _relations(
    models: Models, built_on: Iterable[_Source], at: Point, choice: _Choice, broken_down: str | None = None
) -> list[tuple[str, str]]:
    """The models that some reports name, and the SELECTs that they stand for."""
    words = frozenset().union(*(part.words for part in built_on))
    parts: list[tuple[str, str]] = []
    for model in models.definitions:
        only = choice.only.get(model, "true")
        if model == broken_down:
            breakdown, within = choice.breakdown(models.definitions[model].key[0])
            parts.append(
                (model, f"select *, {breakdown} as breakdown from {at.rows_of(model)} where {only} and {within}")
            )
        elif model in words:
            parts.append((model, f"from {at.rows_of(model)} where {only}"))
        if f"{model}_intervals" in words:
            parts.append((f"{model}_intervals", f"from {at.intervals_of(model)} where {only}"))
    return parts


def _with(parts: list[tuple[str, str]], select: str) -> str:
    """A SELECT over named parts."""
    select = select.strip().removesuffix(";")
    if not parts:
        return select
    bound = ",\n".join(f"{name} as (\n{sql}\n)" for name, sql in parts)
    return f"with {bound}\n" + _WITH.sub(r"\1,", select)


def _computed(models: Models, sources: Mapping[str, _Source], kept: Kept, only: str, at: Point) -> str:
    """The SELECT of a kept part's rows, computed for the streams that a condition on the key names."""
    built_on = list(_built_on(sources, sources[kept.part]))
    parts = _relations(models, built_on, at, _Choice(only=dict.fromkeys(kept.own, only)))
    parts += [(part.name, part.unordered) for part in built_on[:-1]]
    return _with(parts, built_on[-1].unordered)


def _kept(models: Models, sources: Mapping[str, _Source], source: _Source, above: tuple[str, ...] = ()) -> list[Kept]:
    """The parts of a report, or the report itself, of which rows are kept; not those that such a part builds on.

    :raises Rejected: REPORT_BROKEN where a header says wrongly when streams are settled.
    """
    said = source.header.options.get("settled")
    if said is None:
        named = sorted((source.words & sources.keys()) - {source.name, *above})
        found = [kept for part in named for kept in _kept(models, sources, sources[part], (*above, source.name))]
        return list({kept.part: kept for kept in found}.values())
    matched = re.fullmatch(r"(\w+)\s*\((.+)\)", said)
    read = _models_of(models, sources, source)
    if not matched or matched[1] not in read:
        raise _broken(source.name, "its line `-- settled:` is not MODEL(CONDITION) with a model that it names")
    if source.words & {"period_from", "period_to"}:
        raise _broken(source.name, "it takes notice of the period, so nothing of it is settled")
    key = models.definitions[matched[1]].key[0]
    own = tuple(model for model in read if models.definitions[model].key[0] == key)
    return [
        Kept(
            part=source.name,
            key=key,
            model=matched[1],
            settled=matched[2],
            own=own,
            shared=tuple(model for model in read if model not in own),
            fingerprint=f"{_version(models, sources, source)} {duckdb.__version__}",
        )
    ]


def _require_counts(source: _Source, shape: Iterable[tuple[str, str]]) -> None:
    """Refuse a header that says of anything but counts that they are 0 where a series has no row.

    :raises Rejected: REPORT_BROKEN.
    """
    counts = {column for column, type in shape if type in INTEGERS} - {*source.ordered_by}
    if wrong := sorted({*source.header.names("zero")} - counts):
        raise _broken(
            source.name, f"its line `-- zero:` names {', '.join(wrong)}; its counts are {', '.join(sorted(counts))}"
        )


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
        file, line = _place(source.select, source.lines[named[0]])
        why = f"{file}, line {line}: it names {', '.join(named)}; a report sees models alone, as of T, known at K"
        raise _broken(source.name, why)


def _only(models: Models, sources: Mapping[str, _Source], source: _Source, stream: str) -> dict[str, str]:
    """By model, the condition that keeps one stream's rows; models of other streams are left as they are.

    :raises Rejected: UNKNOWN_STREAM where nothing in the report is of such streams.
    """
    aggregate, dash, id = stream.partition("-")
    key = f"{aggregate}_id"
    keys = {model: models.definitions[model].key[0] for model in _models_of(models, sources, source)}
    kept = {model: f"{key} = {text(id)}" for model, first in keys.items() if first == key}
    if not (dash and id and kept):
        counted = sorted({first.removesuffix("_id") for first in keys.values()} & State.by_aggregate.keys())
        streams = " and ".join(f"{aggregate}-…" for aggregate in counted) or "no streams"
        sentence = f"{source.name} has nothing of {stream}; it counts {streams}"
        raise Rejected("UNKNOWN_STREAM", sentence, field="stream")
    return kept


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
    built_on = [part.text + part.select for part in _built_on(sources, source)]
    built_on += [models.definitions[model].fingerprint for model in sorted(_models_of(models, sources, source))]
    return hashlib.sha256("\0".join(built_on).encode()).hexdigest()


def _breakdowns(models: Models, source: _Source) -> tuple[str, ...]:
    """The columns that the report can be broken down by: first the id of what it counts, one row for each."""
    model, columns = source.broken_down
    return (models.definitions[model].key[0], *columns) if model in models.definitions else ()


def _require_breakdown(models: Models, source: _Source, by: str | None) -> None:
    if by is None:
        return
    model, allowed = source.broken_down[0], _breakdowns(models, source)
    if model in models.definitions and by in models.definitions[model].personal:
        raise Rejected("FIELD_IS_PERSONAL", f"{by} is personal; nothing can be broken down by it", field="by")
    if by not in allowed:
        sentence = f"{source.name} cannot be broken down by {by}; {nearest(by, allowed)}; allowed: {', '.join(allowed)}"
        raise Rejected("UNKNOWN_COLUMN", sentence, field="by")


def _period(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    for name, instant in (("period_from", start), ("period_to", end)):
        require(
            instant is None or instant.tzinfo is not None,
            "INVALID_INSTANT",
            "an instant needs a time zone",
            field=name,
        )
    start, end = start or EVER[0], end or EVER[1]
    require(start <= end, "INVALID_PERIOD", f"the period ends ({end}) before it begins ({start})", field="period_to")
    return start, end

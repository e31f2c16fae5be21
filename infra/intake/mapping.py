"""A mapping: one SELECT over files that says which commands their rows mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType, TracebackType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import duckdb

from commands.command import Command
from commands.fields import Instant
from commands.rejected import Rejected, require
from infra.intake.source import load

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEFORE_1970 = 62_135_596_800_000_000
"""Microseconds from the year 1 to 1970."""
REQUIRED = ("command", "id", "occurred_at", "row")
CIRCUMSTANCES = ("command", "occurred_at", "file", "row", "step")


class Wish(NamedTuple):
    """A command as a row means it: by name, with the fields that are given (id and reason among them), and where it
    stands. ``file`` counts from 1; ``refusal`` is set where a value cannot be what its field needs.
    """

    command: str
    fields: dict[str, Any]
    occurred_at: datetime
    request_id: str
    file: int
    row: int
    step: int
    refusal: Rejected | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A type that fields of commands have: in words, as SQL over a column of another type, and the way from the value
    that SQL gives to Python.
    """

    words: str
    sql: str
    value: Callable[[Any], Any] | None = None


def instant(microseconds: int) -> datetime:
    """Microseconds since 1970 as an instant in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


INSTANT = Kind(
    "an instant",
    # Python knows the years 1 to 9999 alone, in whatever time zone.
    "if(year(try_cast({0} as timestamptz)) between 2 and 9998, epoch_us(try_cast({0} as timestamptz)), null)",
    instant,
)
TEXT = Kind("a text", "cast({} as varchar)")
TEXTS = Kind("a list of texts, or a text with commas between them", "try_cast({} as varchar[])", tuple)
KINDS: dict[Any, Kind] = {
    str: TEXT,
    int: Kind("a whole number", "if(try_cast({0} as double) = try_cast({0} as bigint), try_cast({0} as bigint), null)"),
    bool: Kind("true or false", "try_cast({} as boolean)"),
    datetime: INSTANT,
    get_args(Instant)[0]: INSTANT,
    tuple: TEXTS,
}


class Mapping:
    """A mapping, applied to its files.

    ``name`` is the import's name, ``count`` the number of commands that the files mean.
    """

    def __init__(self, name: str, connection: duckdb.DuckDBPyConnection, directory: TemporaryDirectory[str]) -> None:
        self.name = name
        self.count = 0
        self._connection = connection
        self._directory = directory
        self._kinds: list[tuple[str, Kind]] = []
        self._fields: dict[str, list[tuple[str, int]]] = {}

    @classmethod
    def open(
        cls,
        path: Path,
        files: Sequence[Path],
        *,
        time_zone: str,
        name: str | None = None,
        memory: str = "1GB",
        threads: int = 2,
    ) -> Mapping:
        """Read the files and say what they mean. ``time_zone`` is the office's: dates and instants without a zone are
        in it. The import's ``name`` is the mapping's, where none is given; under another name, the same files are
        another import.

        :raises Rejected: MAPPING_UNREADABLE, MAPPING_INVALID, MAPPING_FAILED, SOURCE_MISSING, SOURCE_UNUSED,
            SOURCE_UNREADABLE, SOURCE_FORMAT_UNKNOWN, UNKNOWN_TIME_ZONE or OUT_OF_SPACE.
        """
        try:
            query = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Rejected("MAPPING_UNREADABLE", f"{path} cannot be read: {error}") from error
        directory = TemporaryDirectory(prefix="annals-import-")
        connection = duckdb.connect(
            config={
                "memory_limit": memory,
                "threads": threads,
                "temp_directory": directory.name,
                "python_enable_replacements": False,
            }
        )
        mapping = cls(name or path.stem, connection, directory)
        try:
            with _explained(path, "", "UNKNOWN_TIME_ZONE"):
                connection.execute("set timezone = ?", [time_zone])
            statement, named = mapping._statement(path, query)
            needed = max(named, default=0)
            require(needed <= len(files), "SOURCE_MISSING", f"{path} reads source{needed}; {len(files)} given")
            for number, file in enumerate(files, start=1):
                load(connection, file, f"source{number}")
            connection.execute("create view source as from source1")
            # What a mapping reads is its files, whoever wrote it.
            connection.execute("set enable_external_access = false")
            mapping._apply(path, statement)
            unused = [file for number, file in enumerate(files, start=1) if number not in named]
            require(not unused, "SOURCE_UNUSED", f"{path} does not read {', '.join(map(str, unused))}; leave it out")
        except BaseException:
            mapping.close()
            raise
        return mapping

    def batches(self, size: int) -> Iterator[list[Wish]]:
        """The commands in order of (occurred_at, file, row, step), at most ``size`` at once."""
        for batch in self._connection.sql("from wishes").to_arrow_reader(size):
            _, *columns = [column.to_pylist() for column in batch.columns]
            heads, values = columns[:8], columns[8:]
            for index, (_, kind) in enumerate(self._kinds):
                if kind.value is not None:
                    values[index] = [None if value is None else kind.value(value) for value in values[index]]
            rows = zip(*values, strict=True) if values else iter([()] * len(batch))
            yield [self._wish(head, cells) for head, cells in zip(zip(*heads, strict=True), rows, strict=True)]

    def close(self) -> None:
        """Give memory and disk back."""
        self._connection.close()
        self._directory.cleanup()

    def __enter__(self) -> Mapping:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _wish(self, head: tuple[Any, ...], cells: tuple[Any, ...]) -> Wish:
        command, id, occurred_at, request_id, file, row, step, fault = head
        fields = {name: value for name, index in self._fields[command] if (value := cells[index]) is not None}
        fields["id"] = id
        if fault is not None:
            return Wish(command, fields, EPOCH, request_id, file, row, step, self._refusal(command, fault))
        return Wish(command, fields, instant(occurred_at), request_id, file, row, step)

    def _refusal(self, command: str, field: str) -> Rejected:
        if field in ("id", "row"):
            return Rejected("INVALID_FIELD", f"{field} is required", field=field)
        kind = INSTANT if field == "occurred_at" else kind_of(command, field)
        return Rejected("INVALID_FIELD", f"{field} must be {kind.words}", field=field)

    def _statement(self, path: Path, query: str) -> tuple[str, set[int]]:
        """The mapping's one SELECT, without a semicolon, and the numbers of the files that it names."""
        with _explained(path, query, "MAPPING_INVALID"):
            statements = self._connection.extract_statements("\n" + query)
            require(
                len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT,
                "MAPPING_INVALID",
                f"{path} must hold exactly one SELECT",
            )
            statement = query.rstrip().rstrip(";")
            tree = self._connection.execute("select json_serialize_sql($1)", [statement]).fetchall()[0][0]
        # DuckDB has no tree of a PIVOT and the like: then the text must do.
        named = re.findall(r'"table_name":"source(\d*)"', tree, re.IGNORECASE) or re.findall(r"\bsource(\d*)\b", query)
        return statement, {int(number or 1) for number in named}

    def _apply(self, path: Path, statement: str) -> None:
        with _explained(path, statement, "MAPPING_INVALID"):
            described = self._connection.execute(f"describe\n{statement}").fetchall()
        types = {name: type for name, type, *_ in described}
        for column in REQUIRED:
            require(column in types, "MAPPING_INVALID", f"{path} gives no column {column}")
        with _explained(path, statement, "MAPPING_FAILED"):
            self._connection.execute(f"create table meant as\n{statement}")
        self._bind(path, [column for column in types if column not in CIRCUMSTANCES and column != "id"])
        with _explained(path, statement, "MAPPING_FAILED"):
            self._connection.execute(self._typed(types), {"name": self.name})
            self._connection.execute("drop table meant")
        self.count = int(self._connection.execute("select count(*) from wishes").fetchall()[0][0])

    def _bind(self, path: Path, columns: list[str]) -> None:
        """Decide which column is which field of which command."""
        every = {field for command in Command.by_name.values() for field in command.model_fields}
        unknown = [column for column in columns if column not in every]
        require(not unknown, "MAPPING_INVALID", f"{path}: no command has a field {', '.join(unknown)}")
        given = "".join(f', count("{column}")' for column in columns)
        meant = self._connection.execute(f"select command{given} from meant group by command").fetchall()
        for command, *counts in meant:
            require(
                command in Command.by_name,
                "MAPPING_INVALID",
                f"{path} names a command {command!r}, which does not exist"
                if command is not None
                else f"{path} gives rows without a command; leave them out with a WHERE",
            )
            fields = Command.by_name[command].model_fields
            bound = []
            for column, count in zip(columns, counts, strict=True):
                if count:
                    require(column in fields, "MAPPING_INVALID", f"{path}: {command} has no field {column}")
                    bound.append((column, self._place((column, kind_of(command, column)))))
            self._fields[command] = bound

    def _place(self, column: tuple[str, Kind]) -> int:
        if column not in self._kinds:
            self._kinds.append(column)
        return self._kinds.index(column)

    def _typed(self, types: dict[str, str]) -> str:
        """The statement that gives every column the type of its field and every command its request id."""
        cells = [(name, kind, _sql(name, kind, types[name])) for name, kind in self._kinds]
        occurred_at = INSTANT.sql.format("occurred_at")
        faults = [f"when {sql} is null then '{name}'" for name, sql in (("id", "id"), ("row", "row"))]
        faults.append(f"when {occurred_at} is null then 'occurred_at'")
        faults += [
            f'when "{name}" is not null and ({sql}) is null'
            f" and command in ({self._commands(name, kind)}) then '{name}'"
            for name, kind, sql in cells
            if kind is not TEXT
        ]
        names = "".join(f", value_{index}" for index in range(len(cells)))
        values = "".join(f", {sql} as value_{index}" for index, (_, _, sql) in enumerate(cells))
        file = 'cast("file" as bigint)' if "file" in types else "null"
        step = "cast(step as bigint)" if "step" in types else "null"
        # The content orders what is equal in all else, so that the ordinals are the same in every run.
        return f"""
            create temp table wishes as
            with typed as (
                select
                    command, cast(id as varchar) as id, {occurred_at} as occurred_at, coalesce({file}, 1) as file,
                    cast(row as bigint) as row, coalesce({step}, 0) as step,
                    case {" ".join(faults)} end as fault{values}
                from meant
            ),
            placed as (select hash(command, id{names}) as content, * from typed)
            select
                content, command, id, occurred_at,
                -- The instant comes first, so that the log keeps them about in the order in which they come.
                concat_ws('-', lpad(cast(occurred_at + {BEFORE_1970} as varchar), 18, '0'), left(sha256(
                    concat_ws(chr(31), $name, command, id, occurred_at, row_number() over (
                        partition by command, id, occurred_at order by file, row, step, content
                    ))
                ), 32)) as request_id,
                file, row, step, fault{names}
            from placed
            order by occurred_at, file, row, step, content
        """

    def _commands(self, name: str, kind: Kind) -> str:
        place = self._kinds.index((name, kind))
        return ", ".join(f"'{command}'" for command, fields in self._fields.items() if (name, place) in fields)


def _sql(name: str, kind: Kind, type: str) -> str:
    """A column as the kind that its field has."""
    if kind is TEXTS and type == "VARCHAR":
        return f"""list_transform(string_split("{name}", ','), lambda word: trim(word))"""
    return kind.sql.format(f'"{name}"')


@cache
def kind_of(command: str, field: str) -> Kind:
    """The kind of a command's field, by its annotation."""
    return KINDS[_plain(Command.by_name[command].model_fields[field].annotation)]


def _plain(hint: Any) -> Any:
    """The bare type of an annotation: without None, constraints and choices."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _plain(get_args(hint)[0])
    if origin in (Union, UnionType):
        return _plain(next(part for part in get_args(hint) if part is not NoneType))
    if origin is Literal:
        return type(get_args(hint)[0])
    return origin or hint


@contextmanager
def _explained(path: Path, query: str, code: str) -> Iterator[None]:
    """Turn DuckDB's errors into a sentence with the line and the column. One line stands before the query in all that
    DuckDB gets to see.
    """
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise Rejected("OUT_OF_SPACE", f"{path} needs more memory or disk than there is: {error}") from error
    except duckdb.Error as error:
        text, _, excerpt = str(error).partition("\n\nLINE ")
        sentence = " ".join(text.split())
        raise Rejected(code, f"{path}{_where(query, excerpt)}: {sentence}") from error


def _where(query: str, excerpt: str) -> str:
    """`` line 3, column 5`` of DuckDB's excerpt with a caret under the place; nothing where it shows none."""
    match = re.match(r"(\d+): (.*)\n( *)\^", excerpt)
    if match is None:
        return ""
    number, shown = int(match[1]), match[2]
    caret = len(match[3]) - len(f"LINE {number}: ")
    ellipsis = len("...") if shown.startswith("...") else 0
    line = query.splitlines()[number - 2]
    start = max(line.find(shown.strip(".")[:20]), 0) if ellipsis else 0
    return f" line {number - 1}, column {start + caret - ellipsis + 1}"

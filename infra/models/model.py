"""A model file: a header and one SELECT of changes. See `projections/README.md` for what may stand in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from commands.rejected import Rejected
from infra.models.archive import name, relations

AGGREGATIONS = ("sum", "min", "max", "first")
"""How a column may be folded, besides taking the last value."""

RESERVED = frozenset({"valid_from", "valid_to", "known_from", "known_to", "superseded_at"})
"""Columns that the engine adds."""

_HEADER = re.compile(r"--\s*(?P<label>[a-z]+):\s*(?P<value>.*)")
_LINE = re.compile(r"LINE (\d+):")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
_REMOVED = "whether the row is hidden"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a model: how it is folded (`last`, `sum`, `min`, `max`, `first`), whether a change may clear it."""

    name: str
    type: str
    how: str
    meaning: str
    clearable: bool = False


@dataclass(frozen=True, slots=True)
class Arm:
    """One SELECT of the UNION that a model is: the changes that the events of one relation bring, and its columns."""

    sql: str
    relation: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Header:
    """What the comments at the top of an SQL file say: the meaning, {label: names}, {column: meaning}."""

    meaning: str
    options: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)

    def names(self, label: str) -> tuple[str, ...]:
        """The names that stand behind a label."""
        return tuple(part.strip() for part in self.options.get(label, "").split(",") if part.strip())


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its file says it.

    ``keys`` and ``values`` are all of its columns, `removed` among them where the file has it; ``arms`` are what its
    SELECT is made of; ``personal`` are the columns that hold sealed text; ``fingerprint`` changes with the file, whose
    content is ``text``.
    """

    name: str
    meaning: str
    sql: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    arms: tuple[Arm, ...]
    personal: frozenset[str]
    header: Header
    fingerprint: str
    text: str

    @property
    def relations(self) -> tuple[str, ...]:
        """The relations of events that it reads."""
        return tuple(sorted({arm.relation for arm in self.arms}))

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that readers see."""
        return (*self.keys, *(column for column in self.values if column.name != "removed"))

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the columns that tell rows apart."""
        return tuple(column.name for column in self.keys)

    @property
    def columns(self) -> dict[str, str]:
        """The columns that readers see, with their types."""
        return {column.name: column.type for column in self.shown}

    @property
    def removable(self) -> bool:
        """Whether rows of it can be hidden."""
        return any(column.name == "removed" for column in self.values)


def read_header(sql: str) -> Header:
    """The header of a model's or report's file: its first comment lines say what it means, up to the first
    `-- label: value`.
    """
    meaning: list[str] = []
    options: dict[str, str] = {}
    columns: dict[str, str] = {}
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        label = _HEADER.fullmatch(line.rstrip())
        if label is None:
            if not options and not columns:
                meaning.append(line.lstrip("-").strip())
        elif label["label"] == "column":
            column, _, said = label["value"].partition(":")
            columns[column.strip()] = said.strip()
        else:
            options[label["label"]] = label["value"].strip()
    return Header(" ".join(meaning).strip(), options, columns)


def read_model(path: Path, cursor: duckdb.DuckDBPyConnection) -> Model:
    """The model in a file, checked by DuckDB itself.

    :raises Rejected: MODEL_INVALID, naming the file, and line and column where it is known.
    """
    return model_of(path, path.read_text(encoding="utf-8"), cursor)


def model_of(path: Path, sql: str, cursor: duckdb.DuckDBPyConnection) -> Model:
    """The model that a file holds, or held.

    :raises Rejected: as `read_model`.
    """
    try:
        return _checked(path, sql, cursor)
    except duckdb.Error as error:
        line = _LINE.search(str(error))
        place = f"{path.name}, line {line[1]}" if line else path.name
        raise Rejected("MODEL_INVALID", f"{place}: {str(error).splitlines()[0]}") from error


def _checked(path: Path, sql: str, cursor: duckdb.DuckDBPyConnection) -> Model:
    header = read_header(sql)
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise _invalid(path, "a model is one SELECT of changes")
    if not _NAME.fullmatch(path.stem) or path.stem in relations() or path.stem in ("events", "columns", "statuses"):
        raise _invalid(path, f"{path.stem} cannot be a model's name")
    for table in sorted(_tables(sql, cursor) - set(relations()) - {"statuses"}):
        lines = (number for number, line in enumerate(sql.splitlines(), start=1) if re.search(rf"\b{table}\b", line))
        raise _invalid(path, f"{table} is no relation of events; a model reads events only", next(lines, None))
    select = sql.rstrip().rstrip(";")
    described = _described(select, cursor)
    keys, values = _columns(path, header, described)
    return Model(
        name=path.stem,
        meaning=header.meaning,
        sql=select,
        keys=keys,
        values=values,
        arms=tuple(_arm(path, arm, cursor, [key.name for key in keys]) for arm in _arms(select, cursor)),
        personal=frozenset(header.names("personal")),
        header=header,
        fingerprint=hashlib.sha256(sql.encode()).hexdigest(),
        text=sql,
    )


def _tables(sql: str, cursor: duckdb.DuckDBPyConnection) -> set[str]:
    return {table.strip('"').removeprefix("main.") for table in cursor.get_table_names(sql)}


def _described(sql: str, cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {row[0]: row[1] for row in cursor.execute(f"describe {sql}").fetchall()}


def _arms(sql: str, cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The SELECTs of a UNION ALL BY NAME, as DuckDB's parser sees them; anything else is one arm."""
    tree = json.loads(cursor.execute("select json_serialize_sql(?::varchar)", [sql]).fetchall()[0][0])
    node: dict[str, Any] = tree["statements"][0]["node"]
    plain = not node.get("modifiers") and not node["cte_map"]["map"] and node.get("setop_all")
    if plain and node.get("setop_type") == "UNION_BY_NAME":
        return list(node["children"])
    return [node]


def _arm(path: Path, node: dict[str, Any], cursor: duckdb.DuckDBPyConnection, keys: list[str]) -> Arm:
    found = list(parts(node))
    if any(part.get("class") == "WINDOW" or part.get("modifiers") or part.get("group_expressions") for part in found):
        raise _invalid(path, "every change comes from one event alone: no windows, groups, ORDER BY, LIMIT or DISTINCT")
    tables = [part["table_name"] for part in found if part.get("type") == "BASE_TABLE"]
    read = [table for table in tables if table in relations()]
    if len(read) != 1:
        raise _invalid(path, "every SELECT of the UNION ALL BY NAME reads one relation of events, once")
    statement = json.dumps({"error": False, "statements": [{"node": node, "named_param_map": []}]})
    sql = cursor.execute("select json_deserialize_sql(?::json)", [statement]).fetchall()[0][0]
    columns = frozenset(_described(sql, cursor))
    for column in (*keys, "position", "occurred_at"):
        if column not in columns:
            raise _invalid(path, f"the changes from {read[0]} have no {column}")
    return Arm(sql, read[0], columns)


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every node of a syntax tree."""
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from parts(child)
    elif isinstance(node, list):
        for child in node:
            yield from parts(child)


def _columns(path: Path, header: Header, described: dict[str, str]) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    keys = header.names("key") or tuple(described)[:1]
    plain = [column for column in described if column not in ("position", "occurred_at") and not _clears(column)]
    _check_names(path, header, described, keys, plain)
    how = {column: aggregation for aggregation in AGGREGATIONS for column in header.names(aggregation)}
    made = {
        column: Column(
            name=column,
            type=_type(path, column, described[column], how.get(column, "last")),
            how=how.get(column, "last"),
            meaning=_REMOVED if column == "removed" else header.columns[column],
            clearable=f"clear_{column}" in described,
        )
        for column in plain
    }
    return tuple(made[key] for key in keys), tuple(column for column in made.values() if column.name not in keys)


def _check_names(
    path: Path, header: Header, described: dict[str, str], keys: tuple[str, ...], plain: list[str]
) -> None:
    if not header.meaning:
        raise _invalid(path, "its first lines must be comments that say what it is")
    if described.get("position") != "BIGINT" or described.get("occurred_at") != "TIMESTAMP WITH TIME ZONE":
        raise _invalid(path, "every change needs the event's position and occurred_at")
    _check_columns(path, header, plain)
    for column in (*keys, *header.columns):
        if column not in plain:
            raise _invalid(path, f"the header names a column {column} that the SELECT does not have")
    values = set(plain) - set(keys)
    for column in described:
        if _clears(column) and column.removeprefix("clear_") not in values:
            raise _invalid(path, f"{column} has no column to clear")
    for label in (*AGGREGATIONS, "personal"):
        for column in header.names(label):
            if column not in values:
                raise _invalid(path, f"the header line `{label}` names {column}, which is no column beside the key")


def _check_columns(path: Path, header: Header, columns: list[str]) -> None:
    for column in columns:
        if column in RESERVED or not _NAME.fullmatch(column) or column.startswith("annals_"):
            raise _invalid(path, f"{column} cannot be a column's name")
        if column != "removed" and not header.columns.get(column):
            raise _invalid(path, f"column {column} has no line `-- column: {column}: what it means`")


def _clears(column: str) -> bool:
    return column.startswith("clear_")


def _type(path: Path, column: str, type: str, how: str) -> str:
    if type in ("FLOAT", "DOUBLE"):
        raise _invalid(path, f"column {column} is {type}; money and durations are DECIMAL or integers")
    if type == '"NULL"':
        raise _invalid(path, f"column {column} has no type; give it one: null::varchar")
    if column == "removed" and type != "BOOLEAN":
        raise _invalid(path, f"column removed is {type}; it must be BOOLEAN")
    if how != "sum":
        return type
    if type in INTEGERS:
        return "BIGINT"
    if type.startswith("DECIMAL("):
        return f"DECIMAL(18,{type.rstrip(')').partition(',')[2]})"
    raise _invalid(path, f"column {column} is {type}; only integers and DECIMAL can be summed")


def _invalid(path: Path, sentence: str, line: int | None = None) -> Rejected:
    place = path.name if line is None else f"{path.name}, line {line}"
    return Rejected("MODEL_INVALID", f"{place}: {sentence}")


def nearest(name: str, known: Iterable[str]) -> str:
    """What may have been meant, or all that there is."""
    known = list(known)
    close = get_close_matches(name, known, n=3)
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known) or 'none'}"


def quoted(columns: tuple[Column, ...]) -> list[str]:
    """The names of the columns, quoted for SQL."""
    return [name(column.name) for column in columns]

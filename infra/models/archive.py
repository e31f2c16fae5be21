"""The archive: every event, as typed rows.

Each event class has one table of its own (`ticket_assigned`): the envelope's columns and one column per field. The
view `events` is all of them together. Events of another library lie in `annals_unknown`; those of ours that this
version of the code does not know, or cannot read, are held back (see `heldback`).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import duckdb
import orjson
import pyarrow as pa
import pyarrow.compute as pc

import domain
from commands.rejected import Rejected
from domain.event import Event, State
from infra.models.cursors import given
from infra.models.heldback import Unreadable, apart

SQL_TYPES: dict[Any, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    bool: "BOOLEAN",
    datetime: "TIMESTAMP WITH TIME ZONE",
    date: "DATE",
    Decimal: "DECIMAL(18,2)",
    tuple[str, ...]: "VARCHAR[]",
}
"""Which type of SQL a field's annotation becomes."""

ENVELOPE = {
    "position": ("BIGINT", "place in the log: 1, 2, 3, … without a gap, in commit order"),
    "stream": ("VARCHAR", "the stream, for example ticket-7"),
    "id": ("VARCHAR", "the stream without its aggregate, for example 7"),
    "version": ("BIGINT", "place in the stream: 1, 2, 3, …"),
    "type": ("VARCHAR", "the event's stored type, for example crm.TicketAssigned.v1"),
    "event_id": ("VARCHAR", "the event's own id"),
    "occurred_at": ("TIMESTAMP WITH TIME ZONE", "when it was so"),
    "recorded_at": ("TIMESTAMP WITH TIME ZONE", "when we learned it"),
    "actor_type": ("VARCHAR", "what kind of actor it was: app_user, user, service_account, api_key, system, …"),
    "actor_id": ("VARCHAR", "who it was: an opaque id"),
    "actor_claims": ("VARCHAR", "what the actor claimed besides, as JSON text; null where nothing"),
    "reason": ("VARCHAR", "why, in the actor's words; null where none was given"),
    "correlation_id": ("VARCHAR", "the request or import that it belongs to; null where none"),
    "causation_id": ("VARCHAR", "the event that caused this one; null where none"),
    "hash": ("BLOB", "SHA-256 of the previous event's hash and this event's document"),
}
"""The columns that every event has, with type and meaning."""

_ALWAYS = frozenset({"position", "stream", "version", "type", "event_id", "occurred_at", "recorded_at", "hash"})
_DOCUMENT = {
    "id": "VARCHAR",
    "time": "VARCHAR",
    "authtype": "VARCHAR",
    "authid": "VARCHAR",
    "authclaims": "VARCHAR",
    "correlationid": "VARCHAR",
    "causationid": "VARCHAR",
    "data": "JSON",
}
_ATTRIBUTES = {
    "event_id": "id",
    "occurred_at": "time",
    "actor_type": "authtype",
    "actor_id": "authid",
    "actor_claims": "authclaims",
    "correlation_id": "correlationid",
    "causation_id": "causationid",
}
_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC"),
    "DATE": pa.date32(),
    "DECIMAL(18,2)": pa.decimal128(18, 2),
    "VARCHAR[]": pa.list_(pa.string()),
    "BLOB": pa.binary(),
}
_WRITTEN = frozenset({"TIMESTAMP WITH TIME ZONE", "DATE", "DECIMAL(18,2)"})
"""What is text in JSON."""
_FROM_INCOMING = {**{name: name for name in ENVELOPE}, "reason": "data ->> '$.reason'"}
_UNKNOWN = "annals_unknown"
OURS = "crm."
"""What the types of our own events begin with."""
OFFSETS = b"offsets"
"""The metadata of a batch of events that says from where to read on after it."""
_FEW_TYPES = 3
_MANY_PIECES = 16
_ENVELOPES = f"""select position, stream, substr(stream, instr(stream, '-') + 1) as id, version, type, e.id as event_id,
       e."time"::timestamptz as occurred_at, recorded_at, e.authtype as actor_type, e.authid as actor_id,
       e.authclaims as actor_claims, e.correlationid as correlation_id, e.causationid as causation_id, hash,
       case when starts_with(e.data::varchar, '{{') then e.data else error('its data is no object') end as data
from (select *, json_transform(decode(document)::json, '{json.dumps(_DOCUMENT)}') as e from annals_batch)"""


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """The typed relation of one event class: its name, the class, and {field: type of SQL}."""

    name: str
    event: type[Event[Any]]
    fields: dict[str, str]

    @property
    def types(self) -> tuple[str, ...]:
        """The stored types whose events this relation holds: today's version and all before it."""
        return tuple(f"crm.{self.event.__name__}.v{version}" for version in range(1, self.event.schema_version + 1))

    @property
    def shape(self) -> str:
        """What the table looks like; another shape means that the archive has to be built anew."""
        return json.dumps([self.event.schema_version, self.fields])


def sql_type(hint: Any) -> str:
    """The type of SQL for a field's annotation, without `None` and marks.

    :raises TypeError: where the annotation has no counterpart.
    """
    if get_origin(hint) is Annotated:
        return sql_type(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return sql_type(next(part for part in get_args(hint) if part is not type(None)))
    if hint not in SQL_TYPES:
        raise TypeError(f"{hint} has no type of SQL; fields may be {', '.join(map(str, SQL_TYPES))}")
    return SQL_TYPES[hint]


@cache
def relations() -> dict[str, Relation]:
    """Every event class's relation, by name."""
    for module in pkgutil.iter_modules(domain.__path__):
        importlib.import_module(f"domain.{module.name}")
    return {
        event.relation: Relation(
            event.relation, event, {name: sql_type(hint) for name, hint in event.annotations.items()}
        )
        for event in sorted(Event.by_name.values(), key=lambda event: event.relation)
    }


@cache
def _relation_of_type() -> dict[str, Relation]:
    return {type: relation for relation in relations().values() for type in relation.types}


def statuses() -> list[tuple[str, str, str]]:
    """Every status that has a name: (aggregate, status, type)."""
    relations()
    return [
        (aggregate, status, type)
        for aggregate in sorted(State.by_aggregate)
        for status, type in getattr(importlib.import_module(f"domain.{aggregate}"), "STATUS_TYPES", {}).items()
    ]


def text(value: str) -> str:
    """The value as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """The value as a quoted name of SQL."""
    return '"' + value.replace('"', '""') + '"'


class Archive:
    """The events in one DuckDB file. The caller owns the transactions.

    ``position`` and ``hash`` are those of the last event in it, ``last`` is the greatest position by relation.
    """

    def __init__(self) -> None:
        self.position = 0
        self.hash = b""
        self.last: dict[str, int] = {}

    def create(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Make the tables and views that are not there yet."""
        cursor.execute(
            "create table if not exists annals_archive (position bigint, hash blob);"
            "create table if not exists annals_offsets (offsets varchar);"
            "create table if not exists annals_relations (relation varchar, shape varchar);"
        )
        if not cursor.execute("select 1 from annals_archive").fetchall():
            cursor.execute("insert into annals_archive values (0, ''::blob)")
        there = {row[0] for row in cursor.execute("select relation from annals_relations").fetchall()}
        missing = [relation for relation in relations().values() if relation.name not in there]
        for relation in missing:
            self._create_table(cursor, relation)
        if _UNKNOWN not in there:
            columns = ", ".join(f"{name(column)} {type}" for column, (type, _) in ENVELOPE.items())
            cursor.execute(f"create table {_UNKNOWN} ({columns}, data json)")
            cursor.execute("insert into annals_relations values (?, '')", [_UNKNOWN])
        if missing:
            self._create_events(cursor)
        self._create_statuses(cursor)
        self.load(cursor)

    def load(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Read where the archive stands."""
        self.position, self.hash = cursor.execute("select position, hash from annals_archive").fetchall()[0]
        arms = " union all ".join(
            f"select {text(relation)} as relation, max(position) as position from main.{name(relation)}"
            for relation in relations()
        )
        self.last = {relation: position or 0 for relation, position in cursor.execute(arms).fetchall()}

    def sources(self, after: int, until: int, held: Mapping[str, int]) -> dict[str, list[str]]:
        """By relation that may have any, the SELECTs that give the events after the one position up to the other.

        :param held: by stream, from which position on its events are left out.
        """
        among = f"where position > {after} and position <= {until}"
        if held:
            listed = ", ".join(f"({text(stream)}, {position})" for stream, position in held.items())
            among += (
                f" and not exists (select 1 from (values {listed}) as held(name, since)"
                " where held.name = stream and held.since <= position)"
            )
        return {
            relation: [f"select * from main.{name(relation)} {among}"]
            for relation, last in self.last.items()
            if last > after
        }

    def fits(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        """Whether the events in the file lie there as this version of the code would put them."""
        shapes = dict(cursor.execute("select relation, shape from annals_relations").fetchall())
        shapes.pop(_UNKNOWN, None)
        known = relations()
        if any(relation not in known or known[relation].shape != shape for relation, shape in shapes.items()):
            return False
        unknown = {row[0] for row in cursor.execute(f"select distinct type from {_UNKNOWN}").fetchall()}
        return unknown.isdisjoint(_relation_of_type())

    def append(
        self,
        cursor: duckdb.DuckDBPyConnection,
        table: pa.Table,
        pause: Callable[[], None],
        held: Mapping[str, int],
        offsets: str | None = None,
    ) -> None:
        """Add events of the log that follow on those already there. Advances this object only by `load` or `moved`, so
        that a transaction that fails leaves it as it was.

        :param held: by stream, from which position on its events are put aside.
        :param offsets: from where to read on, where that is not said by the position alone.
        :param pause: called between statements.
        :raises Exception: one of ``FAULTS`` where an event cannot be read.
        """
        taken, aside = apart(table, held)
        moved = self.insert(cursor, taken, pause)
        if aside.num_rows:
            with given(cursor, "annals_aside", aside):
                columns = ", ".join(aside.column_names)
                cursor.execute(f"insert into annals_held_events ({columns}) select {columns} from annals_aside")
        position, hash = table["position"][-1].as_py(), table["hash"][-1].as_py()
        cursor.execute("update annals_archive set position = ?, hash = ?", [position, hash])
        if offsets is not None:
            cursor.execute("delete from annals_offsets")
            cursor.execute("insert into annals_offsets values (?)", [offsets])
        self._moving = (int(position), hash, moved)

    def insert(
        self, cursor: duckdb.DuckDBPyConnection, table: pa.Table, pause: Callable[[], None] = lambda: None
    ) -> dict[str, int]:
        """Put events into their tables, whatever is there already; the last position of each relation.

        :raises Exception: one of ``FAULTS`` where an event cannot be read.
        """
        if not table.num_rows:
            return {}
        last = _last_by_type(table)
        with given(cursor, "annals_batch", _upcast(table, last)):
            return self._insert_all(cursor, last, pause)

    def differing(self, cursor: duckdb.DuckDBPyConnection, rows: pa.Table, after: int, until: int) -> int | None:
        """The position of the first event after the one position and up to the other that lies here otherwise than the
        log has it in ``rows``, or only here or there; None where none does. What a single event has besides its hash is
        not compared where ``fresh_events`` cannot read it.
        """
        among = f"where position > {after} and position <= {until}"
        with given(cursor, "annals_logged", rows.select(["position", "hash"])):
            found = [_first_differing(cursor, f"select position, hash from events {among}", "from annals_logged")]
        try:
            with fresh_events(cursor, rows, relations()) as sources:
                for relation, source in sources.items():
                    archived = f"select * from main.{name(relation)} {among}"
                    found.append(_first_differing(cursor, archived, source))
        except Unreadable:
            if rows.num_rows > 1:
                half = rows.num_rows // 2
                middle = rows["position"][half - 1].as_py()
                found.append(self.differing(cursor, rows[:half], after, middle))
                found.append(self.differing(cursor, rows[half:], middle, until))
        return min((position for position in found if position is not None), default=None)

    def moved(self) -> None:
        """What was appended last is committed."""
        self.position, self.hash, last = self._moving
        self.last.update(last)

    def _insert_all(
        self, cursor: duckdb.DuckDBPyConnection, last: dict[str, int], pause: Callable[[], None]
    ) -> dict[str, int]:
        source = _ENVELOPES
        if len(last) > _FEW_TYPES:
            cursor.execute(f"create or replace temp table annals_incoming as {_ENVELOPES}")
            source = "from annals_incoming"
        moved: dict[str, int] = {}
        for type, position in last.items():
            pause()
            relation = _relation_of_type().get(type)
            self._insert(cursor, relation, f"from ({source}) where type = {text(type)}")
            if relation is not None:
                moved[relation.name] = max(position, moved.get(relation.name, 0))
        return moved

    def _insert(self, cursor: duckdb.DuckDBPyConnection, relation: Relation | None, rows: str) -> None:
        if relation is None:
            envelope = ", ".join(f"{source} as {name(column)}" for column, source in _FROM_INCOMING.items())
            cursor.execute(f"insert into main.{_UNKNOWN} select {envelope}, data {rows}")
        else:
            cursor.execute(f"insert into main.{name(relation.name)} {_typed_rows(relation, rows)}")

    def _create_table(self, cursor: duckdb.DuckDBPyConnection, relation: Relation) -> None:
        columns = {column: type for column, (type, _) in ENVELOPE.items()} | relation.fields
        if len(columns) != len(ENVELOPE) + len(relation.fields):
            raise TypeError(f"{relation.event.__name__} has a field of a name that every event has already")
        listed = ", ".join(
            f"{name(column)} {type}{' not null' if column in _ALWAYS else ''}" for column, type in columns.items()
        )
        cursor.execute(f"create table {name(relation.name)} ({listed})")
        meaning = (relation.event.__doc__ or relation.event.__name__).strip()
        cursor.execute(f"comment on table {name(relation.name)} is {text(' '.join(meaning.split()))}")
        for column in columns:
            said = ENVELOPE[column][1] if column in ENVELOPE else _field_meaning(relation, column)
            cursor.execute(f"comment on column {name(relation.name)}.{name(column)} is {text(said)}")
        cursor.execute("insert into annals_relations values (?, ?)", [relation.name, relation.shape])

    def _create_events(self, cursor: duckdb.DuckDBPyConnection) -> None:
        shared = ", ".join(name(column) for column in ENVELOPE)
        arms = [
            f"select {shared}, {_data(relation)} as data from {name(relation.name)}"
            for relation in relations().values()
        ]
        arms.append(f"select {shared}, data::json from {_UNKNOWN}")
        cursor.execute(
            "create or replace view events as select *, split_part(stream, '-', 1) as aggregate from (\n"
            + "\nunion all\n".join(arms)
            + ")"
        )
        cursor.execute("comment on view events is 'Every event there ever was. One row per event.'")
        meanings = {column: meaning for column, (_, meaning) in ENVELOPE.items()} | {
            "data": "the facts, as JSON; personal fields are sealed",
            "aggregate": "what kind of stream it is: customer, lead, ticket, …",
        }
        for column, meaning in meanings.items():
            cursor.execute(f"comment on column events.{name(column)} is {text(meaning)}")

    def _create_statuses(self, cursor: duckdb.DuckDBPyConnection) -> None:
        rows = ", ".join(f"({', '.join(map(text, row))})" for row in statuses())
        cursor.execute(
            f"create or replace view statuses as select * from (values {rows}) as s(aggregate, status, type);"
            "comment on view statuses is 'Every status that has a name, with its type, which outlives a new name.';"
            "comment on column statuses.aggregate is 'what kind of stream has it: customer, lead, ticket, …';"
            "comment on column statuses.status is 'the status';"
            "comment on column statuses.type is 'open, ongoing, on_hold, won, lost or closed'"
        )


def _first_differing(cursor: duckdb.DuckDBPyConnection, one: str, other: str) -> int | None:
    """The lowest position of a row that only one of two SELECTs has."""
    ((position,),) = cursor.execute(
        f"select min(position) from ((({one}) except all ({other})) union all (({other}) except all ({one})))"
    ).fetchall()
    return None if position is None else int(position)


def _data(relation: Relation) -> str:
    if not relation.fields:
        return "'{}'::json"
    pairs = ", ".join(f"{text(field)}, {name(field)}" for field in relation.fields)
    return f"json_merge_patch('{{}}'::json, json_object({pairs}))"


class Tail:
    """The events that follow on the archive, in memory, as far as the log was read. Not thread-safe.

    ``position`` and ``hash`` are those of the last event read, ``last`` is the greatest position by relation;
    ``doubtful`` is the last position of an event that the archive has to see first, for it may not take it.
    """

    def __init__(self, archive: Archive, held: Mapping[str, object]) -> None:
        self.position = archive.position
        self.doubtful = 0
        self._held = held
        self.hash = archive.hash
        self.last = dict(archive.last)
        self._rows: pa.Table | None = None
        self._offsets: list[tuple[int, str]] = []

    def extend(self, batches: Sequence[pa.RecordBatch]) -> None:
        """Add events that follow on those already read.

        :raises Rejected: HISTORY_FORKED where they do not.
        """
        rows = pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches])
        self._check(rows)
        for batch in batches:
            if OFFSETS in (said := batch.schema.metadata or {}):
                self._offsets.append((batch["position"][-1].as_py(), said[OFFSETS].decode()))
        for type, position in _last_by_type(rows).items():
            if type in _relation_of_type():
                relation = _relation_of_type()[type].name
                self.last[relation] = max(position, self.last[relation])
            elif is_unknown(type):
                self.doubtful = position
        if self._held and pc.any(pc.is_in(rows["stream"], value_set=pa.array(list(self._held), pa.string()))).as_py():
            self.doubtful = rows["position"][-1].as_py()
        self._rows = rows if self._rows is None else pa.concat_tables([self._rows, rows])
        if self._rows["position"].num_chunks > _MANY_PIECES:
            # Read a few at a time, they would be slow to go through.
            self._rows = self._rows.combine_chunks()
        self.hash = rows["hash"][-1].as_py()
        self.position = rows["position"][-1].as_py()

    def between(self, after: int, until: int) -> pa.Table:
        """The events after the one position and up to the other, which must be here."""
        if self._rows is None:
            raise LookupError("nothing was read")
        begin = after - (self.position - self._rows.num_rows)
        return self._rows.slice(begin, until - after)

    def offsets_at(self, position: int) -> str | None:
        """The last offsets that came with events up to the position: whoever reads on from there misses none."""
        return max((said for said in self._offsets if said[0] <= position), default=(0, None))[1]

    def forget(self, position: int) -> None:
        """Let go of the events up to the position."""
        self._offsets = [said for said in self._offsets if said[0] > position]
        self._rows = self.between(position, self.position) if position < self.position else None

    def _check(self, rows: pa.Table) -> None:
        first, end, count = rows["position"][0].as_py(), rows["position"][-1].as_py(), rows.num_rows
        if first != self.position + 1 or end != self.position + count:
            sentence = f"the log gave {count} events at {first} to {end} after position {self.position}"
            raise Rejected("HISTORY_FORKED", sentence)
        link = hashlib.sha256(self.hash + rows["document"][0].as_py()).digest()
        if self.position and link != rows["hash"][0].as_py():
            raise Rejected("HISTORY_FORKED", f"event {first} of the log does not continue what was read before it")


def is_unknown(type: str) -> bool:
    """Whether it is the type of an event of ours that this version does not know. Another library's events are nobody's
    to know.
    """
    return type not in _relation_of_type() and type.startswith(OURS)


def unknown_in(rows: pa.Table) -> dict[str, tuple[int, str]]:
    """By stream that has one, the position and the type of its first event of ours that this version does not know."""
    types = [type for type in rows["type"].unique().to_pylist() if is_unknown(type)]
    if not types:
        return {}
    unknown = rows.filter(pc.is_in(rows["type"], value_set=pa.array(types, pa.string())))
    found: dict[str, tuple[int, str]] = {}
    for stream, position, type in zip(
        *(unknown[name].to_pylist() for name in ("stream", "position", "type")), strict=True
    ):
        found.setdefault(stream, (position, type))
    return found


def concerning(rows: pa.Table, of: Iterable[str]) -> pa.ChunkedArray:
    """Which events of the log belong to the relations."""
    types = [type for relation in of for type in relations()[relation].types]
    return pc.is_in(rows["type"], value_set=pa.array(types, pa.string()))


@contextmanager
def fresh_events(cursor: duckdb.DuckDBPyConnection, rows: pa.Table, of: Iterable[str]) -> Iterator[dict[str, str]]:
    """The SELECTs that give events of the log which the archive need not have, by relation, where there are any: the
    same rows that it would have. For few events this is much faster than DuckDB's own reading of JSON.

    :param rows: the events.
    :param of: which relations are wanted.
    :raises Unreadable: where one cannot be read here; the archive says whether it can be read at all.
    """
    rows = rows.filter(concerning(rows, of))
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for row in _upcast(rows, rows["type"].unique().to_pylist()).to_pylist():
            found.setdefault(_relation_of_type()[row["type"]].name, []).append(_values(row))
        tables = {relation: _typed_table(relations()[relation], values) for relation, values in found.items()}
    except Exception as error:
        # Whatever an event may hold instead of what its class says.
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    try:
        for relation, table in tables.items():
            cursor.register(f"annals_fresh_{relation}", table)
        yield {relation: f"select * from {name('annals_fresh_' + relation)}" for relation in found}
    finally:
        for relation in found:
            cursor.unregister(f"annals_fresh_{relation}")


def _values(row: dict[str, Any]) -> dict[str, Any]:
    """What an event of the log has in the columns of its relation, as in JSON."""
    document = orjson.loads(row["document"])
    envelope = {column: document.get(attribute) for column, attribute in _ATTRIBUTES.items()}
    own = {column: row[column] for column in ("position", "stream", "version", "type", "hash")}
    id = row["stream"].partition("-")[2]
    return {**document["data"], **envelope, **own, "id": id, "recorded_at": document["recordedtime"]}


def _typed_table(relation: Relation, rows: list[dict[str, Any]]) -> pa.Table:
    types = {column: type for column, (type, _) in ENVELOPE.items()} | relation.fields
    written = pa.struct(
        [(column, pa.string() if type in _WRITTEN else _ARROW_TYPES[type]) for column, type in types.items()]
    )
    columns = pa.array(rows, written).flatten()
    if any(values.null_count for column, values in zip(types, columns, strict=True) if column in _ALWAYS):
        raise ValueError(f"one of {', '.join(sorted(_ALWAYS))} is missing")
    return pa.table(
        {
            column: values.cast(_ARROW_TYPES[type]) if type in _WRITTEN else values
            for (column, type), values in zip(types.items(), columns, strict=True)
        }
    )


def _typed_rows(relation: Relation, rows: str) -> str:
    """A SELECT of the relation's columns from decoded envelopes."""
    envelope = ", ".join(f"{source} as {name(column)}" for column, source in _FROM_INCOMING.items())
    if not relation.fields:
        return f"select {envelope} {rows}"
    # Read as text first, for JSON that is of another type would silently become null.
    fields = ", ".join(f"d.{name(field)}::{type} as {name(field)}" for field, type in relation.fields.items())
    shape = text(
        json.dumps({field: "JSON" if type.endswith("[]") else "VARCHAR" for field, type in relation.fields.items()})
    )
    return f"select {envelope}, {fields} from (select *, json_transform(data, {shape}) as d {rows})"


def _last_by_type(rows: pa.Table) -> dict[str, int]:
    # Positions grow, so the last one of a type stays.
    return dict(zip(rows["type"].to_pylist(), rows["position"].to_pylist(), strict=True))


def _field_meaning(relation: Relation, field: str) -> str:
    sealed = "; personal, sealed" if field in relation.event.personal else ""
    return f"the event's {field.replace('_', ' ')}{sealed}; null where it was not given"


def _upcast(table: pa.Table, types: Iterable[str]) -> pa.Table:
    """The table with the data of older schema versions in today's shape."""
    known = _relation_of_type()
    old = [type for type in types if type in known and type != known[type].event.type_name]
    if not old:
        return table
    marks = pc.is_in(table["type"], value_set=pa.array(old)).to_pylist()
    rows = zip(table["document"].to_pylist(), table["type"].to_pylist(), marks, strict=True)
    try:
        documents = [_upcast_document(document, type) if mark else document for document, type, mark in rows]
    except Exception as error:
        # Whatever an old event may hold instead of what its class said.
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return table.set_column(table.schema.get_field_index("document"), "document", pa.array(documents, pa.binary()))


def _upcast_document(document: bytes, type: str) -> bytes:
    content = orjson.loads(document)
    version = int(type.rpartition(".v")[2])
    reason = content["data"].get("reason")
    content["data"] = _relation_of_type()[type].event.upcast(version, content["data"])
    if reason is not None:
        content["data"]["reason"] = reason
    return orjson.dumps(content)

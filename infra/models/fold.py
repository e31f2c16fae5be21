"""The fold: from a model's changes to its rows on both clocks.

For a model `x` there are two tables. `x_now` holds the newest state of every key, since `valid_from` and known since
the position `known_from`. `x_past` holds every other state there ever was, with `valid_to`, `known_to` and
`superseded_at` besides. A row means: from `known_from` on it is the newest state of its key, shown for every
T >= valid_from; from `known_to` on it is past, shown for valid_from <= T < valid_to; from `superseded_at` on a late
fact has taken its place. An end that has not come is 'infinity' for an instant and ``FOREVER`` for a position.

DuckDB reads the changes and writes the states; what states they bring is computed in `states`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from infra.models import states
from infra.models.archive import name, text
from infra.models.cursors import given
from infra.models.model import Arm, Column, Model, quoted
from infra.models.states import FOREVER, Rows

INFINITY = "'infinity'::timestamptz"

_LISTED = 100
"""Up to so many rows to be deleted are named in the statement."""

_NOW_COLUMNS = {
    "valid_from": ("TIMESTAMP WITH TIME ZONE", "since when it was so"),
    "known_from": ("BIGINT", "the position from which on it was known"),
}
_PAST_COLUMNS = {
    **_NOW_COLUMNS,
    "valid_to": ("TIMESTAMP WITH TIME ZONE", "until when it was so; infinity while it is"),
    "known_to": ("BIGINT", "the position from which on its end was known; 9223372036854775807 while it has none"),
    "superseded_at": (
        "BIGINT",
        "the position from which on a late fact has taken its place; 9223372036854775807 where none has",
    ),
}


class Fold:
    """The SQL of one model's tables, which are named ``<prefix><model>_now`` and ``…_past``.

    The caller owns the transactions.
    """

    def __init__(self, model: Model, prefix: str = "", *, temporary: bool = False) -> None:
        self.model = model
        self._temporary = temporary
        schema = "temp.main." if temporary else "main."
        self._tables = {part: f"{prefix}{model.name}_{part}" for part in ("now", "past")}
        self._now = schema + name(self._tables["now"])
        self._past = schema + name(self._tables["past"])
        self._keys = ", ".join(quoted(model.keys))
        self._columns = quoted((*model.keys, *model.values))
        self._all = ", ".join(self._columns)
        self._standing: pa.Schema | None = None

    # --- tables ---------------------------------------------------------------------------------------------------

    def create(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Make both tables, empty."""
        columns = ", ".join(f"{name(column.name)} {column.type}" for column in (*self.model.keys, *self.model.values))
        for part, meaning, added in (
            ("now", "the newest state of every key", _NOW_COLUMNS),
            ("past", "every state that is past or was superseded by a late fact", _PAST_COLUMNS),
        ):
            engine = ", ".join(f"{column} {type}" for column, (type, _) in added.items())
            kind = "temp table" if self._temporary else "table"
            cursor.execute(f"create {kind} {name(self._tables[part])} ({columns}, {engine})")
            if not self._temporary:
                meaning = (
                    "as it stands" if part == "now" else "every state that is past or was superseded by a late fact"
                )
                self._comment(cursor, "table", self._tables[part], f"{self.model.meaning} Here: {meaning}.", added)

    def drop(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Remove both tables, where they are there."""
        cursor.execute(f"drop table if exists {self._now}; drop table if exists {self._past}")

    def create_views(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Make the view `x`, the view `x_history` and the macros `x_at` and `x_intervals`, or replace them."""
        model = self.model.name
        shown = ", ".join(quoted(self.model.shown))
        visible = " and removed is not true" if self.model.removable else ""
        cursor.execute(f"create or replace view {name(model)} as select {shown} from {self._now} where true{visible}")
        cursor.execute(
            f"""create or replace view {name(model + "_history")} as
            select {self._all}, valid_from, known_from, {INFINITY} as valid_to, {FOREVER} as known_to,
                   {FOREVER} as superseded_at from {self._now}
            union all
            select {self._all}, {", ".join(_PAST_COLUMNS)} from {self._past}"""
        )
        cursor.execute(
            f"""create or replace macro {name(model + "_at")}(annals_t, annals_k) as table
            select {shown} from {self._now}
            where valid_from <= annals_t::timestamptz and known_from <= annals_k::bigint{visible}
            union all
            select {shown} from {self._past}
            where valid_from <= annals_t::timestamptz and known_from <= annals_k::bigint
              and superseded_at > annals_k::bigint
              and (valid_to > annals_t::timestamptz or known_to > annals_k::bigint){visible}"""
        )
        end = "least(annals_t::timestamptz, case when known_to <= annals_k::bigint then valid_to end)"
        cursor.execute(
            f"""create or replace macro {name(model + "_intervals")}(annals_t, annals_k) as table
            select {shown}, valid_from, annals_t::timestamptz as valid_to from {self._now}
            where valid_from < annals_t::timestamptz and known_from <= annals_k::bigint{visible}
            union all
            select {shown}, valid_from, {end} as valid_to from {self._past}
            where valid_from < annals_t::timestamptz and known_from <= annals_k::bigint
              and superseded_at > annals_k::bigint
              and (known_to > annals_k::bigint or valid_from < valid_to){visible}"""
        )
        self._comment(cursor, "view", model, self.model.meaning, {}, self.model.shown)
        self._comment(cursor, "view", f"{model}_history", f"{self.model.meaning} Here: every state.", _PAST_COLUMNS)
        at = f"{self.model.meaning} Here: as of the instant T, known at the position K."
        intervals = f"{self.model.meaning} Here: every state up to the instant T, known at the position K."
        cursor.execute(f"comment on macro table {name(model + '_at')} is {text(at)}")
        cursor.execute(f"comment on macro table {name(model + '_intervals')} is {text(intervals)}")

    def take_over(self, cursor: duckdb.DuckDBPyConnection, other: Fold) -> None:
        """Replace these tables by the other fold's."""
        self.drop(cursor)
        for part, table in self._tables.items():
            cursor.execute(f"alter table main.{name(other._tables[part])} rename to {name(table)}")

    def count(self, cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """How many rows stand in `x_now` and in `x_past`."""
        now, past = cursor.execute(
            f"select (select count(*) from {self._now}), (select count(*) from {self._past})"
        ).fetchall()[0]
        return now, past

    def differing(self, cursor: duckdb.DuckDBPyConnection, other: Fold) -> tuple[int, int]:
        """How many newest states are in these tables and not in the other fold's, and the other way round, by the
        columns that both have with the same type.
        """
        mine, theirs = (
            {(each.name, each.type) for each in (*fold.model.keys, *fold.model.values)} for fold in (self, other)
        )
        shared = ", ".join(sorted(name(column) for column, _ in mine & theirs)) or "1"
        sides = ((self._now, other._now), (other._now, self._now))
        counts = [
            cursor.execute(
                f"select count(*) from (select {shared} from {left} except all select {shared} from {right})"
            ).fetchall()[0][0]
            for left, right in sides
        ]
        return counts[0], counts[1]

    def difference(self, cursor: duckdb.DuckDBPyConnection, other: Fold) -> dict[str, object] | None:
        """The first row, by key and time, that is in these tables or the other fold's but not in both: its columns,
        and whether it is `standing` (in these only) or not.
        """
        parts = []
        for mine, theirs, added in ((self._now, other._now, _NOW_COLUMNS), (self._past, other._past, _PAST_COLUMNS)):
            listed = f"{self._all}, {', '.join(added)}"
            gone = {column: "null" for column in _PAST_COLUMNS if column not in added}
            for standing, left, right in ((True, mine, theirs), (False, theirs, mine)):
                filled = "".join(f", {null} as {column}" for column, null in gone.items())
                parts.append(
                    f"select {str(standing).lower()} as standing, {listed}{filled} "
                    f"from (select {listed} from {left} except all select {listed} from {right})"
                )
        result = cursor.execute(
            f"{' union all by name '.join(parts)} order by {self._keys}, known_from, valid_from limit 1"
        )
        rows, columns = result.fetchall(), [column[0] for column in result.description or ()]
        return dict(zip(columns, rows[0], strict=True)) if rows else None

    def _comment(
        self,
        cursor: duckdb.DuckDBPyConnection,
        kind: str,
        table: str,
        meaning: str,
        added: dict[str, tuple[str, str]],
        columns: tuple[Column, ...] | None = None,
    ) -> None:
        listed = columns if columns is not None else (*self.model.keys, *self.model.values)
        said = {column.name: column.meaning for column in listed} | {
            column: said for column, (_, said) in added.items()
        }
        comments = [f"comment on {kind} {name(table)} is {text(meaning)}"]
        comments += [f"comment on column {name(table)}.{name(column)} is {text(what)}" for column, what in said.items()]
        cursor.execute(";".join(comments))

    # --- the fold -------------------------------------------------------------------------------------------------

    def advance(
        self, cursor: duckdb.DuckDBPyConnection, sources: Mapping[str, Sequence[str]], *, few: bool = False
    ) -> None:
        """Fold the changes that some events bring; they must follow on all events that were folded before.

        :param sources: by relation, the SELECTs that give its events.
        :param few: that there are so few that planning statements is dearer than running them.
        """
        selects, columns = self._selects(sources)
        rows = (self._few if few else self._many)(cursor, selects, columns) if selects else None
        if rows is not None:
            self._write(cursor, self._folded(cursor, rows, columns))

    def row(
        self, cursor: duckdb.DuckDBPyConnection, key: Sequence[Any], sources: Mapping[str, Sequence[str]], after: int
    ) -> pa.Table:
        """The row of a key that readers see, or none, once some more events are folded. Nothing is written.

        :param key: the values of the key's columns.
        :param sources: by relation, the SELECTs that give these events.
        :param after: the position up to which events are folded already.
        """
        matches = " and ".join(f"{column} = ?" for column in quoted(self.model.keys))
        selects, columns = self._selects(sources)
        standing = f"select {self._all}, valid_from, known_from, rowid as annals_row from {self._now} where {matches}"
        changes = f"select * from ({_union(selects)}) where known_from > {after} and {matches}" if selects else None
        rows = _read(cursor, _union([changes, standing]) if changes else standing, [*key, *key] if changes else key)
        if changes and rows.num_rows:
            folded = self._folded(cursor, self._ordered(cursor, rows, columns), columns)
            # Where no change moved the newest state, it stands as it stood.
            rows = next((part for part in folded.now if part.num_rows), rows.filter(_stands(rows)))
        if self.model.removable:
            rows = rows.filter(pc.invert(rows.column("removed").fill_null(False)))
        return pa.Table.from_batches([rows.select([column.name for column in self.model.shown])])

    def _selects(self, sources: Mapping[str, Sequence[str]]) -> tuple[list[str], tuple[Column, ...]]:
        """What reads the changes that some events bring, and the columns: those are `clearable` that these changes may
        clear.
        """
        arms = [(arm, source) for arm in self.model.arms for source in sources.get(arm.relation, ())]
        given = frozenset[str]().union(*(arm.columns for arm, _ in arms))
        columns = tuple(
            replace(column, clearable=f"clear_{column.name}" in given)
            for column in (*self.model.keys, *self.model.values)
        )
        return [self._select(arm, source) for arm, source in arms], columns

    def _few(
        self, cursor: duckdb.DuckDBPyConnection, selects: Sequence[str], columns: tuple[Column, ...]
    ) -> Rows | None:
        """Changes in order upon the states that stand, if there are any changes, in one statement."""
        rows = _read(
            cursor,
            f"""with annals_changes as materialized ({_union(selects)}) from annals_changes union all by name
            select {self._all}, valid_from, known_from, rowid as annals_row from {self._now}
            where ({self._keys}) in (select ({self._keys}) from annals_changes)""",
        )
        return self._ordered(cursor, rows, columns) if rows.num_rows else None

    def _many(
        self, cursor: duckdb.DuckDBPyConnection, selects: Sequence[str], columns: tuple[Column, ...]
    ) -> Rows | None:
        """The same in a statement for each SELECT, so that columns which it does not give cost nothing."""
        schema = self._schema(cursor, columns)
        parts = [part for select in selects if (part := self._changes(cursor, select, schema)).num_rows]
        if not parts:
            return None
        changes = states.joined(parts)
        with _given(cursor, "annals_keys", changes.select(self.model.key)):
            standing = _read(
                cursor,
                f"""select {self._all}, valid_from, known_from, rowid as annals_row from {self._now}
                where ({self._keys}) in (select ({self._keys}) from annals_keys)""",
            )
        unclear = pa.repeat(False, standing.num_rows)
        clears = {f"clear_{column.name}": unclear for column in columns if column.clearable}
        return self._ordered(
            cursor,
            states.joined(
                [
                    states.put(changes, annals_row=pa.nulls(changes.num_rows, pa.int64())),
                    states.put(standing, **clears),
                ]
            ),
            columns,
        )

    def _ordered(self, cursor: duckdb.DuckDBPyConnection, rows: Rows, columns: tuple[Column, ...]) -> Rows:
        """Changes and the states that stand, in order, one change of a row by one event. What says nothing of a clear
        clears nothing.
        """
        clears = [f"clear_{column.name}" for column in columns if column.clearable]
        rows = states.put(rows, **{clear: rows.column(clear).fill_null(False) for clear in clears})
        ordered = states.in_order(states.put(rows, annals_code=states.encoded(rows, self.model.key)))
        if not states.has_doubles(ordered):
            return ordered
        stands = _stands(rows)
        once = self._once(cursor, rows.filter(pc.invert(stands)), columns)
        once = states.put(once, annals_row=pa.nulls(once.num_rows, pa.int64()))
        rows = states.joined([once, rows.filter(stands)])
        return states.in_order(states.put(rows, annals_code=states.encoded(rows, self.model.key)))

    def _folded(self, cursor: duckdb.DuckDBPyConnection, rows: Rows, columns: tuple[Column, ...]) -> states.States:
        def reach(keys: Rows, instant: int) -> Rows:
            return self._reaching(cursor, keys.select([*self.model.key, "annals_code"]), instant)

        return states.fold(columns[len(self.model.keys) :], rows, reach)

    def _schema(self, cursor: duckdb.DuckDBPyConnection, columns: tuple[Column, ...]) -> pa.Schema:
        """What changes look like: keys, values, the clears of what may be cleared, `valid_from`, `known_from`."""
        if self._standing is None:
            self._standing = _read(
                cursor, f"select {self._all}, valid_from, known_from from {self._now} limit 0"
            ).schema
        clears = [pa.field(f"clear_{column.name}", pa.bool_()) for column in columns if column.clearable]
        return pa.schema([*self._standing, *clears])

    def _select(self, arm: Arm, source: str) -> str:
        """What reads the changes that an arm makes of events."""
        given = " and ".join(f"{key} is not null" for key in quoted(self.model.keys))
        typed = ", ".join(_typed(arm, (*self.model.keys, *self.model.values)))
        return (
            f"select {typed}, occurred_at as valid_from, position as known_from "
            f"from (with {name(arm.relation)} as ({source}) from (\n{arm.sql}\n)) as annals_arm where {given}"
        )

    def _changes(self, cursor: duckdb.DuckDBPyConnection, select: str, schema: pa.Schema) -> Rows:
        """Changes of all columns: what is not given is null."""
        found = _read(cursor, select)
        given = dict(zip(found.schema.names, found.columns, strict=True))
        arrays = [given.get(field.name, pa.nulls(found.num_rows, field.type)) for field in schema]
        return pa.record_batch(arrays, schema=schema)

    def _once(self, cursor: duckdb.DuckDBPyConnection, changes: Rows, columns: tuple[Column, ...]) -> Rows:
        """The changes, those that one event brings to one row made one."""
        combined = ", ".join(_combined(column) for column in columns if column.name not in self.model.key)
        with _given(cursor, "annals_changes", changes):
            return _read(
                cursor,
                f"""select {self._keys}, {combined}, min(valid_from) as valid_from, known_from
                from annals_changes group by {self._keys}, known_from""",
            )

    def _reaching(self, cursor: duckdb.DuckDBPyConnection, keys: Rows, instant: int) -> Rows:
        """The past states in force of some keys that reach beyond an instant."""
        with _given(cursor, "annals_keys", keys):
            return _read(
                cursor,
                f"""select {self._all}, {", ".join(_PAST_COLUMNS)}, past.rowid as annals_row, annals_code
                from {self._past} as past join annals_keys using ({self._keys})
                where superseded_at = {FOREVER} and valid_to > make_timestamptz({instant}) and valid_from < valid_to""",
            )

    def _write(self, cursor: duckdb.DuckDBPyConnection, found: states.States) -> None:
        for table, gone in ((self._past, found.past_gone), (self._now, found.now_gone)):
            rows = pa.table([pa.chunked_array(gone, pa.int64())], names=["annals_row"])
            if rows.num_rows > _LISTED:
                with _given(cursor, "annals_gone", rows):
                    cursor.execute(f"delete from {table} where rowid in (select annals_row from annals_gone)")
            elif rows.num_rows:
                listed = ", ".join(map(str, rows["annals_row"].to_pylist()))
                cursor.execute(f"delete from {table} where rowid in ({listed})")
        for table, added, columns in (
            (self._past, found.past, _PAST_COLUMNS),
            (self._now, found.now, _NOW_COLUMNS),
        ):
            listed = f"{self._all}, {', '.join(columns)}"
            names = [*(column.name for column in (*self.model.keys, *self.model.values)), *columns]
            rows = pa.Table.from_batches([part.select(names) for part in added])
            if rows.num_rows:
                with _given(cursor, "annals_added", rows):
                    cursor.execute(f"insert into {table} ({listed}) select {listed} from annals_added")


warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)


@contextmanager
def _given(cursor: duckdb.DuckDBPyConnection, name: str, rows: Rows | pa.Table) -> Iterator[None]:
    """Rows that SQL finds under a name."""
    with given(cursor, name, rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])):
        yield


def _read(cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> Rows:
    # The copy that a relation would save is cheaper than planning the statement twice, as a relation does.
    table: Any = cursor.execute(sql, list(parameters) or None).to_arrow_table()
    if not table.num_rows:
        return pa.RecordBatch.from_pylist([], schema=table.schema)
    return pa.concat_batches(table.to_batches())


def _union(selects: Sequence[str]) -> str:
    return "\nunion all by name\n".join(selects)


def _stands(rows: Rows) -> pa.Array:
    """Which rows are states that stand, not changes."""
    return pc.is_valid(rows.column("annals_row"))


def _typed(arm: Arm, columns: tuple[Column, ...]) -> Iterator[str]:
    """What an arm gives for the columns and their clears."""
    for column in columns:
        value, clear = name(column.name), name(f"clear_{column.name}")
        if column.name in arm.columns:
            yield f"{value}::{column.type} as {value}"
        if f"clear_{column.name}" in arm.columns:
            yield clear


def _combined(column: Column) -> str:
    """What two changes by one event come to."""
    value, clear = name(column.name), name(f"clear_{column.name}")
    how = {"last": "max", "first": "min"}.get(column.how, column.how)
    combined = f"{how}({value})::{column.type} as {value}"
    return f"{combined}, bool_or({clear}) as {clear}" if column.clearable else combined

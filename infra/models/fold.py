"""The fold: from a model's changes to its rows on both clocks.

For a model `x` there are two tables. `x_now` holds the newest state of every key, since `valid_from` and known since
the position `known_from`. `x_past` holds every other state there ever was, with `valid_to`, `known_to` and
`superseded_at` besides. A row means: from `known_from` on it is the newest state of its key, shown for every
T >= valid_from; from `known_to` on it is past, shown for valid_from <= T < valid_to; from `superseded_at` on a late
fact has taken its place. An end that has not come is 'infinity' for an instant and ``FOREVER`` for a position.

A change that occurred no earlier than all changes of its key before it extends its key's history (a *run* of such
changes goes through one window). A *late* change is the newest in position order, so it is laid over every state that
reaches beyond its instant.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace

import duckdb

from infra.models.archive import name, text
from infra.models.model import Arm, Column, Model, quoted

FOREVER = 9223372036854775807
"""The position that is never reached."""

INFINITY = "'infinity'::timestamptz"

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

    def drop_views(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Remove what `create_views` made."""
        model = self.model.name
        for macro in ("_at", "_intervals"):
            cursor.execute(f"drop macro table if exists {name(model + macro)}")
        cursor.execute(f"drop view if exists {name(model + '_history')}; drop view if exists {name(model)}")

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

    def advance(self, cursor: duckdb.DuckDBPyConnection, after: int, until: int, live: Container[str]) -> None:
        """Fold the changes that the events after the one position and up to the other bring.

        :param live: the relations that may have such events; the others are not looked at.
        """
        arms = [arm for arm in self.model.arms if arm.relation in live]
        if not arms:
            return
        given = frozenset[str]().union(*(arm.columns for arm in arms))
        changing = tuple(
            replace(column, clearable=f"clear_{column.name}" in given)
            for column in self.model.values
            if column.name in given or f"clear_{column.name}" in given
        )
        cursor.execute(f"create or replace temp table annals_changes as {self._changes(arms, changing, after, until)}")
        self._states(cursor, changing)
        irregular = cursor.execute("select 1 from annals_states where annals_late or annals_twice limit 1").fetchall()
        if irregular:
            self._set_irregular_aside(cursor, changing)
        self._write_states(cursor)
        if irregular:
            self._fold_pieces(cursor, changing)

    def _changes(self, arms: list[Arm], changing: tuple[Column, ...], after: int, until: int) -> str:
        """A SELECT of the changes: keys, the columns that may change and their clears, `annals_instant`,
        `annals_position`.
        """
        given = " and ".join(f"{key} is not null" for key in quoted(self.model.keys))
        return "\nunion all\n".join(
            f"select {', '.join(_typed(arm, (*self.model.keys, *changing)))}, "
            f"occurred_at as annals_instant, position as annals_position "
            f"from (with {name(arm.relation)} as (select * from main.{name(arm.relation)} "
            f"where position > {after} and position <= {until}) from (\n{arm.sql}\n)) as annals_arm where {given}"
            for arm in arms
        )

    def _states(self, cursor: duckdb.DuckDBPyConnection, changing: tuple[Column, ...]) -> None:
        """Every state that `annals_changes` bring, were none of them late, after the state that stands now."""
        order = f"(partition by {self._keys} order by annals_position"
        run = f"over {order} rows between unbounded preceding and current row)"
        before = f"over {order} rows between unbounded preceding and 1 preceding)"
        states = "".join(f", {self._state(column, run)} as {name(column.name)}" for column in changing)
        staying = "".join(f", {_on_nothing(c, f'b.{name(c.name)}')} as {name(c.name)}" for c in self._staying(changing))
        joined = f"left join annals_base as b using ({self._keys})" if staying else ""
        numbered = "".join(
            f", count(*) filter (where {_clear(column)}) {run} as {name('annals_since_' + column.name)}"
            for column in changing
            if column.clearable and column.how != "last"
        )
        listed = ", ".join((self._keys, *quoted(changing)))
        clears = "".join(f", {_clear(column)}" for column in changing if column.clearable)
        no_clears = "".join(f", false as {_clear(column)}" for column in changing if column.clearable)
        cursor.execute(
            f"""create or replace temp table annals_states as
            with annals_base as materialized (
                select *, rowid as annals_row from {self._now}
                where ({self._keys}) in (select ({self._keys}) from annals_changes))
            select s.*{staying} from (
                select {self._keys}{states}, annals_instant as valid_from, annals_position as known_from,
                       lead(annals_instant) over {order}) as valid_to, lead(annals_position) over {order}) as known_to,
                       annals_row,
                       coalesce(annals_instant < max(annals_instant) {before}, false) as annals_late,
                       coalesce(annals_position = lag(annals_position) over {order}), false) as annals_twice
                from (select *{numbered} from (
                    select {listed}{clears}, annals_instant, annals_position, null::bigint as annals_row
                    from annals_changes
                    union all
                    select {listed}{no_clears}, valid_from, known_from, annals_row from annals_base))) as s
            {joined}"""
        )

    def _staying(self, changing: tuple[Column, ...]) -> list[Column]:
        names = {column.name for column in changing}
        return [column for column in self.model.values if column.name not in names]

    def _state(self, column: Column, run: str) -> str:
        value, clear = name(column.name), _clear(column)
        if column.how == "last" and column.clearable:
            # Wrapped in a struct, a cleared value is a value like any other, and not an absent one.
            change = (
                f"case when {value} is not null then struct_pack(v := {value}) "
                f"when {clear} then struct_pack(v := null::{column.type}) end"
            )
            return f"struct_extract(last_value({change} ignore nulls) {run}, 'v')"
        if column.clearable:
            since = f"partition by {self._keys}, {name('annals_since_' + column.name)}"
            run = f"over ({since} order by annals_position rows between unbounded preceding and current row)"
        if column.how == "sum":
            return f"coalesce(sum({value}) {run}, 0)::{column.type}"
        if column.how in ("min", "max"):
            return f"{column.how}({value}) {run}"
        return f"{column.how}_value({value} ignore nulls) {run}"

    def _write_states(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(
            f"""insert into {self._past} ({self._all}, {", ".join(_PAST_COLUMNS)})
            select {self._all}, valid_from, known_from, valid_to, known_to, {FOREVER} from annals_states
            where known_to is not null"""
        )
        gone = "select annals_row from annals_states where annals_row is not null"
        cursor.execute(f"delete from {self._now} where rowid in ({gone})")
        cursor.execute(
            f"""insert into {self._now} ({self._all}, valid_from, known_from)
            select {self._all}, valid_from, known_from from annals_states where known_to is null"""
        )

    def _set_irregular_aside(self, cursor: duckdb.DuckDBPyConnection, changing: tuple[Column, ...]) -> None:
        """Take the keys with a late change, or with two changes by one event, out of `annals_states`; their changes go
        into `annals_pieces`, numbered in runs and single late ones, those of one event made one.
        """
        order = f"over (partition by {self._keys} order by annals_position"
        irregular = f"({self._keys}) in (select ({self._keys}) from annals_irregular)"
        cursor.execute(
            f"""create or replace temp table annals_irregular as
            select distinct {self._keys} from annals_states where annals_late or annals_twice"""
        )
        cursor.execute(f"delete from annals_states where {irregular}")
        cursor.execute(
            f"""create or replace temp table annals_once as
            select {self._keys}{"".join(f", {_combined(column)}" for column in changing)},
                   min(annals_instant) as annals_instant, annals_position
            from annals_changes where {irregular} group by {self._keys}, annals_position"""
        )
        cursor.execute(
            f"""create or replace temp table annals_pieces as
            select * exclude (annals_since, annals_follows), count(*) filter (where annals_late or annals_follows)
                {order} rows between unbounded preceding and current row) as annals_piece
            from (select *, coalesce(lag(annals_late) {order}), true) as annals_follows
            from (select *, coalesce(annals_instant < greatest(annals_since, max(annals_instant)
                      {order} rows between unbounded preceding and 1 preceding)), false) as annals_late
            from annals_once left join (
                select {self._keys}, valid_from as annals_since from {self._now} where {irregular})
            using ({self._keys})))"""
        )

    def _fold_pieces(self, cursor: duckdb.DuckDBPyConnection, changing: tuple[Column, ...]) -> None:
        """Fold `annals_pieces`: the first of every key, then the second of every key, and so on."""
        pieces = cursor.execute("select distinct annals_piece, annals_late from annals_pieces order by all").fetchall()
        for piece, late in pieces:
            cursor.execute(
                f"""create or replace temp table annals_changes as select * exclude (annals_late, annals_piece)
                from annals_pieces where annals_piece = {piece} and annals_late = {late}"""
            )
            if late:
                self._lay_over(cursor, changing)
            else:
                self._states(cursor, changing)
                self._write_states(cursor)

    def _lay_over(self, cursor: duckdb.DuckDBPyConnection, changing: tuple[Column, ...]) -> None:
        """Lay the late changes, one a key, over every state that reaches beyond their instants."""
        earliest = cursor.execute("select epoch_us(min(annals_instant)) from annals_changes").fetchall()[0][0]
        changed = {column.name: column for column in changing}
        values = [name(column.name) for column in self.model.values]
        new = [name(f"annals_new_{column.name}") for column in self.model.values]
        laid = ", ".join(
            f"{_laid_over(changed[c.name], f's.{name(c.name)}') if c.name in changed else f's.{name(c.name)}'} "
            f"as {name(f'annals_new_{c.name}')}"
            for c in self.model.values
        )
        fresh = [
            _laid_over(changed[c.name], _on_nothing(c, f"null::{c.type}"))
            if c.name in changed
            else _on_nothing(c, f"null::{c.type}")
            for c in self.model.values
        ]
        reaching = f"""where s.superseded_at = {FOREVER} and s.valid_to > make_timestamptz({earliest})
            and s.valid_to > c.annals_instant and s.valid_from < s.valid_to"""
        for hit, source, where in (("annals_now_hit", self._now, ""), ("annals_past_hit", self._past, reaching)):
            cursor.execute(
                f"""create or replace temp table {hit} as
                select s.*, s.rowid as annals_row, c.annals_instant, c.annals_position, {laid or "0 as annals_none"}
                from {source} as s join annals_changes as c using ({self._keys}) {where}"""
            )
        cursor.execute(f"delete from {self._past} where rowid in (select annals_row from annals_past_hit)")
        cursor.execute(f"delete from {self._now} where rowid in (select annals_row from annals_now_hit)")
        old, overlaid = ", ".join((self._keys, *values)), ", ".join((self._keys, *new))
        known = f"annals_position, annals_position, {FOREVER}"
        cursor.execute(
            f"""insert into {self._past} ({old}, valid_from, valid_to, known_from, known_to, superseded_at)
            select {old}, valid_from, valid_to, known_from, known_to, annals_position from annals_past_hit
            union all
            select {old}, valid_from, {INFINITY}, known_from, {FOREVER}, annals_position from annals_now_hit
            union all
            select {overlaid}, greatest(valid_from, annals_instant), valid_to, {known} from annals_past_hit
            union all
            select {old}, valid_from, annals_instant, {known} from annals_past_hit where valid_from < annals_instant
            union all
            select {", ".join((self._keys, *fresh))}, annals_instant, annals_begin, {known}
            from annals_changes as c join (
                select {self._keys}, min(valid_from) as annals_begin from (
                    select {self._keys}, valid_from from annals_past_hit
                    union all
                    select {self._keys}, valid_from from annals_now_hit)
                group by {self._keys}) using ({self._keys})
            where annals_instant < annals_begin"""
        )
        cursor.execute(
            f"""insert into {self._now} ({old}, valid_from, known_from)
            select {overlaid}, valid_from, annals_position from annals_now_hit"""
        )


def _clear(column: Column) -> str:
    return name(f"clear_{column.name}")


def _typed(arm: Arm, columns: tuple[Column, ...]) -> Iterator[str]:
    """What an arm gives for the columns and their clears."""
    for column in columns:
        value = name(column.name)
        yield f"{value if column.name in arm.columns else 'null'}::{column.type} as {value}"
        if column.clearable:
            clear = _clear(column)
            yield f"{f'coalesce({clear}, false)' if f'clear_{column.name}' in arm.columns else 'false'} as {clear}"


def _combined(column: Column) -> str:
    """What two changes by one event come to."""
    value = name(column.name)
    how = {"last": "max", "first": "min"}.get(column.how, column.how)
    combined = f"{how}({value})::{column.type} as {value}"
    return f"{combined}, bool_or({_clear(column)}) as {_clear(column)}" if column.clearable else combined


def _on_nothing(column: Column, value: str) -> str:
    """The value, or what the column begins with: a sum with 0, all else with null."""
    return f"coalesce({value}, 0)::{column.type}" if column.how == "sum" else value


def _laid_over(column: Column, old: str) -> str:
    """The column of a state after a change `c`."""
    new = f"c.{name(column.name)}"
    if column.clearable:
        old = f"case when not c.{_clear(column)} then {old} end"
    if column.how == "sum":
        return f"(coalesce({old}, 0) + coalesce({new}, 0))::{column.type}"
    if column.how in ("min", "max"):
        return f"{'least' if column.how == 'min' else 'greatest'}({old}, {new})"
    return f"coalesce({old}, {new})" if column.how == "first" else f"coalesce({new}, {old})"

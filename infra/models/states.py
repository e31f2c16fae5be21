"""The states that changes bring: rows on both clocks, computed over Arrow arrays.

Changes are folded in position order, key by key, in pieces. A *run* of changes, none of which occurred before one that
came earlier, extends its key's history. A *late* change is the newest in position order, so it is laid over every
state that reaches beyond its instant. Nearly all keys have one piece, a run; those that have more are folded in waves:
the first piece of each, then the second of each, and so on.

Rows are record batches: the model's columns, `clear_x` (changes only), `annals_code` (a number for the key),
`annals_row` (the rowid in the table where the row stands; null where it stands in none) and the ends that they have. A
change has the instant at which it occurred as `valid_from` and its position as `known_from`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from infra.models.model import Column

FOREVER = 9223372036854775807
"""The position that is never reached; as an instant in microseconds it is infinity."""

_FOREVER = pa.scalar(FOREVER, pa.int64())
_NO_ROW = pa.scalar(None, pa.int64())
_ZERO = pa.scalar(0, pa.int64())
_ONE = pa.scalar(1, pa.int64())
_TRUE = pa.array([True])

Rows: TypeAlias = pa.RecordBatch

Reach: TypeAlias = Callable[[Rows, int], Rows]
"""Given keys and an instant (microseconds): the past states in force that reach beyond it, with all ends."""


@dataclass(frozen=True, slots=True)
class States:
    """What to write: states newly past and newest ones, and the rowids of the rows whose place they take."""

    past: list[Rows] = field(default_factory=list)
    now: list[Rows] = field(default_factory=list)
    past_gone: list[pa.Array] = field(default_factory=list)
    now_gone: list[pa.Array] = field(default_factory=list)


def put(rows: Rows, **columns: pa.Array) -> Rows:
    """The rows with these columns, in place of those of the same names or beside the others."""
    arrays = dict(zip(rows.schema.names, rows.columns, strict=True)) | columns
    return pa.record_batch(list(arrays.values()), names=list(arrays))


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows of the parts; the first part says which columns."""
    names = parts[0].schema.names
    return pa.concat_batches([part.select(names) for part in parts])


def encoded(rows: Rows, keys: Sequence[str]) -> pa.Array:
    """A number for every row: the same where all keys are the same."""
    code = rows.column(keys[0]).dictionary_encode().indices.cast(pa.int64())
    for key in keys[1:]:
        values = rows.column(key).dictionary_encode()
        wide = pc.add(pc.multiply(code, _integer(len(values.dictionary))), values.indices.cast(pa.int64()))
        code = wide.dictionary_encode().indices.cast(pa.int64())
    return code


def in_order(rows: Rows) -> Rows:
    """The rows by key, in position order."""
    positions = rows.column("known_from")
    span = _integer(1 + (pc.max(positions).as_py() or 0))
    return rows.take(pc.array_sort_indices(pc.add(pc.multiply(rows.column("annals_code"), span), positions)))


def has_doubles(rows: Rows) -> bool:
    """Whether one event changes one row twice, among rows in order."""
    positions = rows.column("known_from")
    again = pc.and_(_Runs(rows).follows, pc.equal(positions, _before(positions)))
    return bool(pc.any(again).as_py())


def fold(columns: Sequence[Column], rows: Rows, reach: Reach) -> States:
    """The states that changes bring.

    :param columns: all values of the model; those are `clearable` that these changes may clear.
    :param rows: the changes in order, and before those of each key the state of it that stands, where there is one.
    :param reach: asked about the keys of late changes.
    """
    states = States()
    runs = _Runs(rows)
    instants = _micros(rows, "valid_from")
    early = pc.and_(runs.follows, pc.less(instants, _before(instants)))
    if pc.any(early).as_py():
        codes = rows.column("annals_code")
        irregular = pc.is_in(codes, value_set=codes.filter(early).unique())
        _Waves(columns, rows.filter(irregular), states).fold(reach)
        rows = rows.filter(pc.invert(irregular))
        runs = _Runs(rows)
    if rows.num_rows:
        states.now_gone.append(rows.column("annals_row").drop_null())
        _hand_over(states, _run(columns, rows, runs))
    return states


def _hand_over(states: States, rows: Rows) -> None:
    newest = _newest(rows)
    states.past.append(rows.filter(pc.invert(newest)))
    states.now.append(rows.filter(newest))


def _run(columns: Sequence[Column], rows: Rows, runs: _Runs) -> Rows:
    """The states that changes in order bring, were none of them late, with all ends."""
    folded = {column.name: runs.folded(column, rows) for column in columns}
    instants, positions = rows.column("valid_from"), rows.column("known_from")
    infinity = _FOREVER.cast(instants.type)
    ends = {
        "valid_to": pc.if_else(runs.ends, infinity, _after(instants)),
        "known_to": pc.if_else(runs.ends, _FOREVER, _after(positions)),
        "superseded_at": _forever(rows),
    }
    plain = [name for name in rows.schema.names if not name.startswith("clear_")]
    return put(rows.select(plain), **folded, **ends)


class _Waves:
    """The fold of keys that have late changes, piece by piece, into states in force: past ones and the newest."""

    def __init__(self, columns: Sequence[Column], rows: Rows, states: States) -> None:
        self._columns = columns
        self._rows, self._late, self._pieces = _in_pieces(rows)
        self._states = states

    def fold(self, reach: Reach) -> None:
        rows, late, pieces = self._rows, self._late, self._pieces
        first = pc.equal(pieces, _ONE)
        begun = self._extended(rows.filter(first))
        earliest = pc.min(_micros(rows, "valid_from").filter(late)).as_py()
        self._live = joined([begun, reach(rows.filter(pc.and_(first, _Runs(rows).starts)), earliest)])
        for piece in range(2, pc.max(pieces).as_py() + 1):
            left = pc.greater_equal(pieces, _integer(piece))
            rows, late, pieces = rows.filter(left), late.filter(left), pieces.filter(left)
            self._settle(rows.column("annals_code"))
            current = pc.equal(pieces, _integer(piece))
            self._lay_over(rows.filter(pc.and_(current, late)))
            self._extend(rows.filter(pc.and_(current, pc.invert(late))))
        self._settle(rows.column("annals_code").slice(0, 0))

    def _settle(self, codes: pa.Array) -> None:
        """Hand over the states of all keys but these."""
        staying = pc.is_in(self._live.column("annals_code"), value_set=codes)
        settled = self._live.filter(pc.invert(staying))
        self._live = self._live.filter(staying)
        _hand_over(self._states, settled.filter(pc.is_null(settled.column("annals_row"))))

    def _extend(self, changes: Rows) -> None:
        """A run for some keys, upon their newest states."""
        if not changes.num_rows:
            return
        upon = pc.and_(
            _newest(self._live), pc.is_in(self._live.column("annals_code"), value_set=changes.column("annals_code"))
        )
        newest = self._live.filter(upon)
        unclear = pa.repeat(False, newest.num_rows)
        clears = {name: unclear for name in changes.schema.names if name.startswith("clear_")}
        extended = self._extended(in_order(joined([changes, put(newest, **clears)])))
        self._live = joined([self._live.filter(pc.invert(upon)), extended])

    def _extended(self, rows: Rows) -> Rows:
        """The states of a run. One that stood as the newest and no longer is has no row any more."""
        states = _run(self._columns, rows, _Runs(rows))
        row = states.column("annals_row")
        moved = pc.and_(pc.is_valid(row), pc.invert(_newest(states)))
        self._states.now_gone.append(row.filter(moved))
        return put(states, annals_row=pc.if_else(moved, _NO_ROW, row))

    def _lay_over(self, changes: Rows) -> None:
        """Lay late changes, one a key, over every state that reaches beyond their instants."""
        if not changes.num_rows:
            return
        live = self._live
        of_change = pc.index_in(live.column("annals_code"), value_set=changes.column("annals_code"))
        reaching = pc.and_(
            pc.greater(live.column("valid_to"), changes.column("valid_from").take(of_change)),
            pc.less(live.column("valid_from"), live.column("valid_to")),
        ).fill_null(False)
        old, over = live.filter(reaching), changes.take(of_change.filter(reaching))
        self._supersede(old, over.column("known_from"))
        self._live = joined(
            [
                live.filter(pc.invert(reaching)),
                self._overlaid(old, over),
                _cut_off(old, over),
                self._begun(old, changes),
            ]
        )

    def _supersede(self, old: Rows, positions: pa.Array) -> None:
        row, newest = old.column("annals_row"), _newest(old)
        self._states.past.append(put(old, superseded_at=positions))
        self._states.now_gone.append(row.filter(newest).drop_null())
        self._states.past_gone.append(row.filter(pc.invert(newest)).drop_null())

    def _overlaid(self, old: Rows, over: Rows) -> Rows:
        """The states with the changes put on, from the changes' instants on."""
        values = {column.name: _laid_over(column, old.column(column.name), over) for column in self._columns}
        since, at = old.column("valid_from"), over.column("valid_from")
        begin = pc.if_else(pc.less(since, at), at, since)
        known_to = pc.if_else(_newest(old), _FOREVER, over.column("known_from"))
        return put(_anew(old, over), **values, valid_from=begin, known_to=known_to)

    def _begun(self, old: Rows, changes: Rows) -> Rows:
        """What the changes are upon nothing, until the first state of their keys begins."""
        begins = pa.table([old.column("annals_code"), old.column("valid_from")], names=["code", "begin"])
        first = begins.group_by("code").aggregate([("begin", "min")]).combine_chunks()
        codes, begin = (first.column(name).combine_chunks() for name in ("code", "begin_min"))
        end = begin.take(pc.index_in(changes.column("annals_code"), value_set=codes))
        sooner = pc.less(changes.column("valid_from"), end)
        changes, end = changes.filter(sooner), end.filter(sooner)
        nothing = {
            column.name: _laid_over(column, pa.nulls(changes.num_rows, changes.column(column.name).type), changes)
            for column in self._columns
        }
        return put(_anew(changes, changes), **nothing, valid_to=end, superseded_at=_forever(changes))


def _cut_off(old: Rows, over: Rows) -> Rows:
    """The states that began before the changes' instants, until these."""
    sooner = pc.less(old.column("valid_from"), over.column("valid_from"))
    return put(_anew(old, over), valid_to=over.column("valid_from")).filter(sooner)


def _anew(rows: Rows, over: Rows) -> Rows:
    """The rows as past ones that the changes bring about."""
    positions = over.column("known_from")
    return put(rows, known_from=positions, known_to=positions, annals_row=pa.nulls(rows.num_rows, pa.int64()))


def _in_pieces(rows: Rows) -> tuple[Rows, pa.Array, pa.Array]:
    """The rows in order, which of them are late, and of which piece of its key each is: 1, 2, 3, …"""
    runs = _Runs(rows)
    rank = pc.rank(_micros(rows, "valid_from"), tiebreaker="dense").cast(pa.int64())
    number = pc.multiply(pc.cumulative_sum(runs.starts.cast(pa.int64())), _integer(rows.num_rows + 1))
    peak = pc.subtract(pc.cumulative_max(pc.add(number, rank)), number)
    late = pc.and_(runs.follows, pc.less(rank, _before(peak)))
    begins = pc.or_(runs.starts, pc.or_(late, _before(late)))
    return rows, late, runs.total(begins.cast(pa.int64()), runs.starts)


def _newest(rows: Rows) -> pa.Array:
    """Which states are the newest of their keys, among those in force."""
    return pc.equal(rows.column("known_to"), _FOREVER)


def _laid_over(column: Column, old: pa.Array, changes: Rows) -> pa.Array:
    """A column of states after a change each."""
    new = changes.column(column.name)
    if column.clearable:
        old = pc.if_else(changes.column(f"clear_{column.name}"), pa.scalar(None, old.type), old)
    if column.how == "sum":
        return _decimal(pc.add(_integers(old), _integers(new)), old.type)
    if column.how == "last" or column.how == "first":
        first, second = (new, old) if column.how == "last" else (old, new)
        return pc.if_else(pc.is_valid(first), first, second)
    better = pc.less(new, old) if column.how == "min" else pc.greater(new, old)
    return pc.if_else(pc.or_kleene(pc.is_null(old), better).fill_null(False), new, old)


def _integer(value: int) -> pa.Scalar:
    """For Arrow to compute with: a type that it need not guess, which takes longer than many a computation."""
    return pa.scalar(value, pa.int64())


def _integers(values: pa.Array) -> pa.Array:
    """What is summed as integers, DECIMAL in units of its last place; null is 0."""
    if pa.types.is_decimal(values.type):
        whole = pa.decimal128(values.type.precision, 0)
        values = pa.Array.from_buffers(whole, len(values), values.buffers(), offset=values.offset).cast(pa.int64())
    return values.fill_null(0) if values.null_count else values


def _decimal(values: pa.Array, type: pa.DataType) -> pa.Array:
    """The other way round, where it was a DECIMAL."""
    if not pa.types.is_decimal(type):
        return values
    whole = values.cast(pa.decimal128(19, 0)).cast(pa.decimal128(type.precision, 0))
    return pa.Array.from_buffers(type, len(whole), whole.buffers(), offset=whole.offset)


def _forever(rows: Rows) -> pa.Array:
    return pa.repeat(_FOREVER, rows.num_rows)


def _micros(rows: Rows, column: str) -> pa.Array:
    return rows.column(column).cast(pa.int64())


def _before(values: pa.Array) -> pa.Array:
    """Of each row, the value of the row before; of the first row, its own."""
    return pa.concat_arrays([values.slice(0, 1), values.slice(0, max(0, len(values) - 1))])


def _after(values: pa.Array) -> pa.Array:
    """Of each row, the value of the row after; of the last row, its own."""
    return pa.concat_arrays([values.slice(1), values.slice(max(0, len(values) - 1))])


class _Runs:
    """Rows in order, as one run a key: which begin and end one, and what columns come to along it."""

    def __init__(self, rows: Rows) -> None:
        codes = rows.column("annals_code")
        self._size = len(codes)
        self._numbers = pa.arange(0, self._size)
        borders = pc.not_equal(codes.slice(1), codes.slice(0, max(0, self._size - 1)))
        self.starts = pa.concat_arrays([_TRUE, borders]).slice(0, self._size)
        self.ends = pa.concat_arrays([borders, _TRUE]).slice(0, self._size)
        self.follows = pc.invert(self.starts)

    def folded(self, column: Column, rows: Rows) -> pa.Array:
        """What a column comes to, row by row."""
        values = rows.column(column.name)
        if column.how == "sum":
            return _decimal(self.total(_integers(values), self._since(column, rows)), values.type)
        if values.null_count in (0, self._size) and column.how == "last":
            return values
        since = self._since(column, rows)
        if column.how == "last":
            return values.take(self._latest(pc.or_(values.is_valid(), since)))
        return self._first(values, since) if column.how == "first" else self._best(values, since, column.how)

    def total(self, values: pa.Array, since: pa.Array) -> pa.Array:
        """Running sums of integers, which begin anew at each marked row."""
        # Sums that overflow wrap around, and their differences wrap back.
        sums, begin = pc.cumulative_sum(values), self._latest(since)
        return pc.add(pc.subtract(sums, sums.take(begin)), values.take(begin))

    def _since(self, column: Column, rows: Rows) -> pa.Array:
        """At which rows a column begins anew."""
        return pc.or_(self.starts, rows.column(f"clear_{column.name}")) if column.clearable else self.starts

    def _latest(self, marked: pa.Array) -> pa.Array:
        """Of each row, the number of the last marked row up to it. The first row of each run must be marked."""
        return pc.cumulative_max(pc.if_else(marked, self._numbers, _ZERO))

    def _first(self, values: pa.Array, since: pa.Array) -> pa.Array:
        given = values.is_valid()
        is_first = pc.and_(given, pc.equal(self.total(given.cast(pa.int64()), since), _ONE))
        return values.take(self._latest(pc.or_(since, is_first)))

    def _best(self, values: pa.Array, since: pa.Array, how: str) -> pa.Array:
        order = "ascending" if how == "max" else "descending"
        by_rank = pc.array_sort_indices(values, order=order, null_placement="at_start")
        rank = pc.inverse_permutation(by_rank.cast(pa.int64()))
        number = pc.multiply(pc.cumulative_sum(since.cast(pa.int64())), _integer(self._size))
        best = pc.subtract(pc.cumulative_max(pc.add(number, rank)), number)
        return values.take(by_rank.take(best))

"""Reading the models at one point of the two clocks: as of an instant T, known at a position K."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from commands.rejected import Rejected, require
from infra.log import instant_text
from infra.models.engine import Models


@dataclass(frozen=True, slots=True)
class Point:
    """A read transaction in which every model is asked as of ``as_of`` and known at ``position``. ``present`` says that
    these are how the models stand; ``held`` is how many streams are held back in them.
    """

    cursor: duckdb.DuckDBPyConnection
    as_of: datetime
    position: int
    present: bool = False
    held: int = 0

    def rows_of(self, model: str) -> str:
        """What gives a model's rows as of T, known at K."""
        return f'"{model}"' if self.present else f"{model}_at({self._values})"

    def intervals_of(self, model: str) -> str:
        """The call that gives every state of a model as known at K, clipped to T."""
        return f"{model}_intervals({self._values})"

    def relation(
        self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> duckdb.DuckDBPyRelation:
        """The statement, ready to be fetched."""
        return self.cursor.sql(sql, params=parameters or None)

    def table(self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None) -> pa.Table:
        """What the statement answers; instants are in UTC."""
        return in_utc(self.relation(sql, parameters).to_arrow_table())

    @property
    def instant(self) -> str:
        """T as a literal."""
        return f"timestamptz '{instant_text(self.as_of)}'"

    @property
    def _values(self) -> str:
        """T and K as literals, so that DuckDB can skip what lies beyond."""
        return f"{self.instant}, {self.position}::bigint"


@contextmanager
def at_point(
    models: Models,
    names: Iterable[str],
    *,
    as_of: datetime | None = None,
    known_at: int | datetime | None = None,
    min_position: int | None = None,
) -> Iterator[Point]:
    """A read transaction over the named models, brought to the position that the question needs.

    :param as_of: T; now where none is given, which is the later of the clock and the recording of the newest event.
    :param known_at: K, or the instant that says it: the last position recorded at or before it. Where none is given,
        the newest position.
    :param min_position: the least position to have been read (to see one's own writes).
    :raises Rejected: IN_THE_FUTURE, INVALID_INSTANT, UNKNOWN_MODEL or MODEL_BROKEN.
    """
    head = models.newest()
    now = max(models.clock(), head.recorded_at)
    require_past(as_of, now, field="as_of")
    if isinstance(known_at, datetime):
        require_past(known_at, now, field="known_at")
        known_at = models.position_at(known_at)
    require_recorded(known_at, head.position, field="known_at")
    require_recorded(min_position, head.position, field="min_position")
    position = head.position if known_at is None else max(known_at, 0)
    names = list(names)
    models.bring(names, position)
    with models.transaction() as cursor:
        held = models.held_in(cursor, names, position)
        yield Point(cursor, (as_of or now).astimezone(UTC), position, held=held)


@contextmanager
def at_present(models: Models, model: str, *, min_position: int | None = None) -> Iterator[Point]:
    """A read transaction over one model as it stands, which needs to look at none of its past.

    :param min_position: the least position to have been read (to see one's own writes).
    :raises Rejected: IN_THE_FUTURE, UNKNOWN_MODEL or MODEL_BROKEN.
    """
    asked = models.newest().position
    require_recorded(min_position, asked, field="min_position")
    models.bring([model], asked)
    with models.transaction() as cursor:
        # The model may stand further by now; where it stands less far, nothing in between concerns it.
        stands = cursor.execute("select position from annals_models where name = ?", [model]).fetchall()[0][0]
        now = max(models.clock(), models.newest().recorded_at)
        position = max(stands, asked)
        held = models.held_in(cursor, [model], position)
        yield Point(cursor, now.astimezone(UTC), position, present=True, held=held)


def row_at_present(
    models: Models, model: str, key: Sequence[Any], *, min_position: int | None = None
) -> tuple[datetime, int, pa.Table, int]:
    """The row of a model with the values of its key, or none, as it stands; the T and K that it is for; and how many
    streams are held back.

    :param min_position: the least position to have been read (to see one's own writes).
    :raises Rejected: IN_THE_FUTURE, UNKNOWN_MODEL, MODEL_BROKEN or STREAM_HELD_BACK.
    """
    asked = models.newest().position
    require_recorded(min_position, asked, field="min_position")
    row, position, held = models.row(model, key, asked)
    now = max(models.clock(), models.newest().recorded_at)
    return now.astimezone(UTC), position, in_utc(row), held


def require_past(instant: datetime | None, now: datetime, *, field: str) -> None:
    """Refuse an instant that is yet to come.

    :raises Rejected: IN_THE_FUTURE or INVALID_INSTANT.
    """
    if instant is None:
        return
    require(instant.tzinfo is not None, "INVALID_INSTANT", f"{instant} has no time zone", field=field)
    if instant > now:
        sentence = f"{instant_text(instant.astimezone(UTC))} is yet to come; now is {instant_text(now)}"
        raise Rejected("IN_THE_FUTURE", sentence, field=field)


def require_recorded(position: int | None, newest: int, *, field: str) -> None:
    """Refuse a position that is yet to come.

    :raises Rejected: IN_THE_FUTURE.
    """
    if position is not None and position > newest:
        raise Rejected("IN_THE_FUTURE", f"position {position} is yet to come; the newest one is {newest}", field=field)


def in_utc(table: pa.Table) -> pa.Table:
    """The table with all instants in UTC, whatever zone they are labelled with."""
    return table.cast(schema_in_utc(table.schema))


def schema_in_utc(schema: pa.Schema) -> pa.Schema:
    """The schema of the same columns with all instants in UTC."""
    return pa.schema(
        [
            field.with_type(pa.timestamp(field.type.unit, "UTC"))
            if pa.types.is_timestamp(field.type) and field.type.tz is not None
            else field
            for field in schema
        ]
    )

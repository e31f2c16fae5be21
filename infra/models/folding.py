"""Bringing the folds of models along the events, and holding back what they fail on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import duckdb

from commands.rejected import Rejected
from infra.models.cursors import committed
from infra.models.fold import Fold
from infra.models.heldback import FAULTS, MOST_STREAMS, HeldBack, held_back
from infra.models.inflow import Inflow
from infra.models.model import Model


class Folding:
    """Brings folds along the events of an inflow, batch by batch.

    :param few: up to so many events, a model reads all that concern it in one statement.
    :param notice: is told every stream that a standing model begins to hold back.
    """

    def __init__(self, inflow: Inflow, few: int, notice: Callable[[HeldBack], None]) -> None:
        self._inflow = inflow
        self._few = few
        self._notice = notice

    def along(
        self,
        fold: Fold,
        cursor: duckdb.DuckDBPyConnection,
        way: tuple[int, int],
        largest: int,
        held: dict[str, HeldBack],
        *,
        stands: bool = False,
    ) -> Iterator[int]:
        """Fold the events after a position and up to another, batch by batch, and give every position that was reached.
        A batch that fails is halved; the event that is left of it in the end is held back, and ``held`` says so.
        """
        (after, until), size = way, largest
        while after < until:
            reach = min(until, after + size)
            try:
                self._fold(fold, cursor, after, reach, held, stands=stands)
            except FAULTS as error:
                if reach - after > 1:
                    size = (reach - after) // 2
                    continue
                self._hold_back(fold.model, cursor, reach, error, held, stands=stands)
            after = reach
            size = min(2 * size, largest)
            yield after

    def _hold_back(
        self,
        model: Model,
        cursor: duckdb.DuckDBPyConnection,
        position: int,
        error: Exception,
        held: dict[str, HeldBack],
        *,
        stands: bool,
    ) -> None:
        """Let a model go beyond an event that it fails on, and no more count what comes after it in its stream.

        :raises Rejected: MODEL_BROKEN where it is not about events any more.
        """
        of_event = cursor.execute("select stream, type from events where position = ?", [position]).fetchall()
        if not of_event or len(held) >= MOST_STREAMS:
            sentence = f"it failed on {len(held)} streams and more, the last time: {str(error).splitlines()[0]}"
            raise Rejected("MODEL_BROKEN", f"the model {model.name} failed: {sentence}") from error
        ((stream, type),) = of_event
        found = held_back(model.name, stream, position, type, error)
        if stands:
            with committed(cursor):
                self._inflow.held.write(cursor, [found])
                say(cursor, model, position, None)
        held[found.stream] = found
        if stands:
            self._notice(found)

    def _fold(
        self,
        fold: Fold,
        cursor: duckdb.DuckDBPyConnection,
        after: int,
        until: int,
        held: Mapping[str, HeldBack],
        *,
        stands: bool = False,
    ) -> None:
        """Fold the events after the one position and up to the other, and, where it is a model that stands, say so: all
        in one transaction. Where that fails, they are in the archive.
        """
        try:
            with self._inflow.events(cursor, fold.model, after, until, held) as (sources, hash), committed(cursor):
                fold.advance(cursor, sources, few=until - after <= self._few)
                if stands:
                    say(cursor, fold.model, until, hash)
        except FAULTS:
            if self._inflow.archive.position >= until:
                raise
            # Fresh from the log it failed; the archive says whether an event can be read, and knows where it is.
            with self._inflow.archiving:
                self._inflow.append(until)
            self._fold(fold, cursor, after, until, held, stands=stands)


def say(cursor: duckdb.DuckDBPyConnection, model: Model, position: int, hash: bytes | None) -> None:
    """Write down how far a model is, and the hash of the event there where it is not archived yet."""
    sql = "update annals_models set position = ?, hash = ? where name = ?"
    cursor.execute(sql, [position, hash, model.name])

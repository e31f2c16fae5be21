"""What reports keep: the rows of a part that no longer change, for the streams that have come to rest.

Where a stream is settled (the header of the part says when), its rows in the part are the same as of every later T.
They are kept in the file, with the position at which they were computed. An answer takes the kept rows of every stream
of which nothing happened after T and nothing was learnt since that position, or K where that is earlier, and computes
the others. So what is kept costs no exactness, only room; without it the same answer takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import duckdb

from infra.asker import PATIENT, Asker
from infra.models.archive import name, text
from infra.models.cursors import running
from infra.models.engine import Models
from infra.models.point import Point

WORTH = 500
"""So many settled streams that are not kept yet are computed with each answer, or one in a hundred of all."""

AT_ONCE = 50_000
"""So many streams are computed in one statement to be kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A part of reports of which rows are kept.

    ``key`` is the column of the stream's id, ``model`` and ``settled`` say by a condition on whose rows a stream is
    settled, ``own`` are the models of which rows belong to one stream, ``shared`` the others, ``fingerprint`` changes
    with the SQL.
    """

    part: str
    key: str
    model: str
    settled: str
    own: tuple[str, ...]
    shared: tuple[str, ...]
    fingerprint: str

    @property
    def table(self) -> str:
        """Where the rows lie."""
        return name(f"annals_kept_{self.part}")

    def position(self, cursor: duckdb.DuckDBPyConnection, at: Point) -> int | None:
        """Since when nothing may have been learnt of a stream whose kept rows are used as of T known at K: their
        position, or K where that is earlier. None where they cannot be used, for something of the models that all
        streams share happened after T or was learnt since.
        """
        sql = "select position from annals_kept where part = ? and fingerprint = ?"
        found = cursor.execute(sql, [self.part, self.fingerprint]).fetchall()
        if not found:
            return None
        position: int = min(found[0][0], at.position)
        changed = " union all ".join(
            f"select 1 from main.{name(model + '_now')} where known_from > {position} or valid_from > {at.instant}"
            for model in self.shared
        )
        return None if changed and cursor.execute(f"{changed} limit 1").fetchall() else position

    def unsettled(self, position: int, at: Point) -> str:
        """The SELECT of the streams whose rows must be computed."""
        moved = f"known_from > {position} or valid_from > {at.instant}"
        return " union all ".join(
            f"select {self.key} from main.{name(model + '_now')} where {moved}"
            + (f" or not coalesce({self.settled}, false)" if model == self.model else "")
            for model in self.own
        )

    def difference(self, at: Point, computed: Callable[[str, Point], str]) -> dict[str, Any] | None:
        """The first row that is kept and would be used, but is not what is computed now, or the other way round: its
        columns, and whether it is `missing` among what is kept.

        :param computed: as for `refresh`.
        """
        position = self.position(at.cursor, at)
        if position is None:
            return None
        found = at.cursor.execute(
            f"""with annals_unsettled as materialized ({self.unsettled(position, at)}),
            annals_old as (from main.{self.table} anti join annals_unsettled using ({self.key})),
            annals_computed as materialized (
                {computed(f"{self.key} not in (from annals_unsettled)", at)}
            ),
            annals_new as (from (from annals_old limit 0) union all by name (from annals_computed))
            select false as missing, * from (from annals_old except all from annals_new)
            union all
            select true, * from (from annals_new except all from annals_old)
            order by all limit 1""",
            {"as_of": at.as_of},
        )
        columns = [column[0] for column in found.description or ()]
        rows = found.fetchall()
        return dict(zip(columns, rows[0], strict=True)) if rows else None

    def refresh(self, models: Models, at: Point, computed: Callable[[str, Point], str], asker: Asker = PATIENT) -> None:
        """Keep what is settled at a point, where that is worth it.

        :param at: now, and the position up to which the models were brought.
        :param computed: the SELECT of the part's rows for the streams that a condition on the key names.
        :param asker: for whom; once they have left, nothing is kept.
        :raises Rejected: DEADLINE_PASSED.
        """
        position = self.position(at.cursor, at)
        since = -1 if position is None else position
        fresh, settled = at.cursor.execute(
            f"""select count(*) filter (known_from > {since}), count(*) from main.{name(self.model + "_now")}
            where {self.settled}"""
        ).fetchall()[0]
        if fresh <= max(WORTH, 0 if position is None else settled // 100):
            return
        # Without room, or where a rebuild makes it void meanwhile, nothing is kept, and answers are computed.
        with (
            suppress(duckdb.OutOfMemoryException, duckdb.TransactionException),
            models.keeping() as cursor,
            running(cursor, asker),
        ):
            now = Point(cursor, at.as_of, at.position)
            sql = "select 1 from annals_kept where part = ? and fingerprint = ? and position >= ?"
            if cursor.execute(sql, [self.part, self.fingerprint, at.position]).fetchall():
                return  # somebody else was first
            self._keep(cursor, self.position(cursor, now), now, computed)

    def _keep(
        self,
        cursor: duckdb.DuckDBPyConnection,
        position: int | None,
        now: Point,
        computed: Callable[[str, Point], str],
    ) -> None:
        """Replace what moved since a position; none: everything. Some streams at a time, or it would take more memory
        than there may be.
        """
        since = -1 if position is None else position
        moved = " union ".join(
            f"select {self.key} as id from main.{name(model + '_now')} where known_from > {since}" for model in self.own
        )
        learnt = " union ".join(
            f"select {self.key} from main.{name(model + '_now')} where known_from > {now.position}"
            for model in self.own
        )
        cursor.execute(
            f"""create temp table annals_resting as
            select {self.key} as id, row_number() over () // {AT_ONCE} as part from main.{name(self.model + "_now")}
            where {self.settled} and {self.key} in ({moved}) and {self.key} not in ({learnt})"""
        )
        if position is None:
            none = computed("false", now)
            cursor.execute(f"create or replace table {self.table} as {none}", {"as_of": now.as_of})
        else:
            cursor.execute(f"delete from {self.table} where {self.key} in ({moved})")
        for (part,) in cursor.execute("select distinct part from temp.annals_resting order by part").fetchall():
            rows = computed(f"{self.key} in (select id from temp.annals_resting where part = {part})", now)
            cursor.execute(f"insert into {self.table} {rows}", {"as_of": now.as_of})
        cursor.execute("drop table temp.annals_resting")
        cursor.execute(f"delete from annals_kept where part = {text(self.part)}")
        cursor.execute("insert into annals_kept values (?, ?, ?)", [self.part, self.fingerprint, now.position])

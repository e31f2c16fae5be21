"""SQL for analysts: one statement that reads, over the read models and the archive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Timer

import duckdb
import pyarrow as pa

from commands.rejected import Rejected, require
from infra.asker import left
from infra.models.archive import relations
from infra.models.engine import EVENTS, Models
from infra.models.point import require_recorded, schema_in_utc

BATCH_ROWS = 10_000

TOO_MUCH = "it needs more memory than DuckDB may use (CRM_MEMORY)"

EXPLAIN = re.compile(r"\s*explain\b(\s+analyze\b|\s*\([^)]*\))?", re.IGNORECASE)


class Rows(Iterator[pa.RecordBatch]):
    """What a statement answers, in batches that are read as they are asked for. Personal values are sealed.

    It holds a transaction open until it is exhausted or closed.

    :ivar schema: the columns; instants are in UTC.
    :ivar position: the place in the log up to which everything was read.
    :ivar held_back: how many streams are held back in what the statement names.
    :raises Rejected: while reading: SQL_INVALID, SQL_TIMEOUT, SQL_OUT_OF_MEMORY or SQL_TOO_MANY_ROWS.
    """

    def __init__(
        self, sql: str, cursor: duckdb.DuckDBPyConnection, position: int, held_back: int, seconds: float, rows: int
    ) -> None:
        self.position = position
        self.held_back = held_back
        self._seconds = seconds
        self._rows = rows
        self._left = rows
        self._owned = ExitStack()
        self._late = Event()
        timer = Timer(seconds, self._interrupt, [cursor])
        timer.daemon = True
        self._owned.callback(timer.cancel)
        timer.start()
        with self._sentences():
            self._reader = cursor.sql(sql).to_arrow_reader(BATCH_ROWS)
            self.schema = schema_in_utc(self._reader.schema)

    def __next__(self) -> pa.RecordBatch:
        with self._sentences():
            batch = self._reader.read_next_batch()
            self._left -= batch.num_rows
            require(
                self._left >= 0,
                "SQL_TOO_MANY_ROWS",
                f"there are more than {self._rows} rows; narrow it down, or add a LIMIT",
            )
            return batch.cast(self.schema)

    def owns(self, owned: ExitStack) -> Rows:
        """Let these go when it is closed, too."""
        self._owned.push(owned)
        return self

    def close(self) -> None:
        """Give the transaction back."""
        self._owned.close()

    def _interrupt(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._late.set()
        with suppress(duckdb.Error):  # closed just now
            cursor.interrupt()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            self.close()
            if self._late.is_set():
                sentence = f"it took longer than {self._seconds:g} seconds; narrow it down, or use a snapshot"
                raise Rejected("SQL_TIMEOUT", sentence, field="sql") from error
            if isinstance(error, duckdb.InterruptException):
                raise left() from error
            if isinstance(error, duckdb.OutOfMemoryException):
                raise Rejected(
                    "SQL_OUT_OF_MEMORY", f"{TOO_MUCH}; narrow it down, or use a snapshot", field="sql"
                ) from error
            raise Rejected("SQL_INVALID", _said(error), field="sql") from error
        except BaseException:
            self.close()
            raise


def query(
    models: Models, sql: str, *, seconds: float = 30.0, rows: int = 1_000_000, min_position: int | None = None
) -> Rows:
    """Run one SELECT or EXPLAIN in a transaction that can only read.

    :param seconds: how long it may take in all.
    :param rows: how many rows it may answer.
    :raises Rejected: SQL_REFUSED where it is no single statement that reads; SQL_INVALID where DuckDB does not
        understand it, with DuckDB's own words; SQL_TIMEOUT; SQL_OUT_OF_MEMORY; IN_THE_FUTURE.
    """
    _require_readable(sql)
    newest = models.newest()
    require_recorded(min_position, newest.position, field="min_position")
    named = _named(models, sql)
    models.bring(named, newest.position)
    with ExitStack() as owned:
        cursor = owned.enter_context(models.transaction())
        held = models.held_in(cursor, named, newest.position)
        return Rows(sql, cursor, newest.position, held, seconds, rows).owns(owned.pop_all())
    raise AssertionError("unreachable")


def _named(models: Models, sql: str) -> list[str]:
    """The models that a statement names, and `events` where it names what lies in the archive."""
    named = [name for name in models.names if re.search(rf"\b{name}(_|\b)", sql, re.IGNORECASE)]
    words = set(re.findall(r"\w+", sql.lower()))
    return named if words.isdisjoint({EVENTS, *relations()}) else [*named, EVENTS]


def _require_readable(sql: str) -> None:
    """Refuse all but one SELECT or EXPLAIN of one."""
    explained = EXPLAIN.sub("", sql, count=1) if EXPLAIN.match(sql) else sql
    try:
        statements = duckdb.extract_statements(explained)
    except duckdb.Error as error:
        raise Rejected("SQL_INVALID", _said(error), field="sql") from error
    require(
        len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT,
        "SQL_REFUSED",
        "only one statement that reads is allowed: a SELECT, or an EXPLAIN of one",
        field="sql",
    )


def _said(error: Exception) -> str:
    """What DuckDB said: the first line, and what it thinks was meant."""
    first, *others = str(error).splitlines() or [""]
    hints = [line for line in others if line.startswith(("Did you mean", "Candidate"))]
    return " ".join((first, *hints))

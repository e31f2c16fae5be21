"""What is done with a DuckDB cursor for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import duckdb
import pyarrow as pa

from infra.asker import ASKER, Asker


def running(cursor: duckdb.DuckDBPyConnection, asker: Asker | None = None) -> AbstractContextManager[None]:
    """What the cursor runs inside is for whoever asks, unless somebody else is named, and ends when they leave."""
    return (asker or ASKER.get()).runs(cursor.interrupt, duckdb.InterruptException)


@contextmanager
def committed(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """A transaction, which an exception undoes."""
    cursor.execute("begin")
    try:
        yield
    except BaseException:
        cursor.execute("rollback")
        raise
    cursor.execute("commit")


@contextmanager
def given(cursor: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> Iterator[None]:
    """Rows that SQL finds under a name."""
    cursor.register(name, rows)
    try:
        yield
    finally:
        # A transaction that failed forgets the name when it is rolled back.
        with suppress(duckdb.TransactionException):
            cursor.unregister(name)

"""Everything that is text in files that DuckDB reads, whatever its columns are packed with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from infra.models.archive import name, text

ROWS_AT_ONCE = 10_000
HOLD_TEXT = ("VARCHAR", "BLOB", "JSON", "VARIANT", "UUID")

Texts = Iterator[tuple[str, list[tuple[str | bytes | None, int]]]]
"""The name of a column and some of its values, each with the first row where it stands, counted from 1; and so on."""


def texts_in_file(file: Path) -> Texts:
    """The texts in the tables of a DuckDB file, which nobody else has open.

    :raises duckdb.Error: where it cannot be read.
    """
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        for schema, table in tables:
            yield from texts_in(connection, f"{name(schema)}.{name(table)}", "rowid", f"{table}.")


def texts_in_parquet(file: Path) -> Texts:
    """The texts in a Parquet file.

    :raises duckdb.Error: where it cannot be read.
    """
    with duckdb.connect() as connection:
        relation = f"read_parquet({text(str(file))}, file_row_number = true)"
        yield from texts_in(connection, relation, "file_row_number", "")


def texts_in(connection: duckdb.DuckDBPyConnection, relation: str, row: str, prefix: str) -> Texts:
    """The texts in a relation, of which a column counts the rows from 0."""
    for column, type, *_ in connection.execute(f"describe select * from {relation}").fetchall():
        if any(part in type for part in HOLD_TEXT):
            value = name(column) if type == "BLOB" else f"{name(column)}::varchar"
            cursor = connection.execute(f"select {value}, min({row}) + 1 from {relation} group by 1")
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield f"{prefix}{column}", rows

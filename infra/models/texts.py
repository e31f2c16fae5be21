"""Everything that is text in files that DuckDB reads, whatever its columns are packed with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from infra.models.archive import name, text

ROWS_AT_ONCE = 10_000
HOLD_TEXT = ("VARCHAR", "BLOB", "JSON", "VARIANT", "UUID")

Texts = Iterator[tuple[str, list[str | bytes | None]]]
"""The name of a column and some of its values, again and again."""


def texts_in_file(file: Path) -> Texts:
    """The texts in the tables of a DuckDB file, which nobody else has open.

    :raises duckdb.Error: where it cannot be read.
    """
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        for schema, table in tables:
            yield from texts_in(connection, f"{name(schema)}.{name(table)}", f"{table}.")


def texts_in_parquet(file: Path) -> Texts:
    """The texts in a Parquet file.

    :raises duckdb.Error: where it cannot be read.
    """
    with duckdb.connect() as connection:
        yield from texts_in(connection, f"read_parquet({text(str(file))})", "")


def texts_in(connection: duckdb.DuckDBPyConnection, relation: str, prefix: str) -> Texts:
    """The texts in a relation."""
    for column, type, *_ in connection.execute(f"describe select * from {relation}").fetchall():
        if any(part in type for part in HOLD_TEXT):
            value = name(column) if type == "BLOB" else f"{name(column)}::varchar"
            cursor = connection.execute(f"select distinct {value} from {relation}")
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield f"{prefix}{column}", [row[0] for row in rows]

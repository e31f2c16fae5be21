"""The archive as Parquet: a folder for each month in which its events were recorded."""

from __future__ import annotations

from pathlib import Path

import duckdb

from infra.models.archive import text


def write_months(snapshot: Path, folder: Path, until: int) -> tuple[int, int]:
    """Write the events of a snapshot up to a position into a folder, by month of UTC; answers with how many events and
    how many months there are.

    :raises OSError: where the folder cannot be written.
    """
    known = f"from events where position <= {until:d}"
    try:
        with duckdb.connect(str(snapshot), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(
                f"copy (select *, strftime(recorded_at, '%Y-%m') as month {known} order by position) "
                f"to {text(str(folder))} (format parquet, partition_by (month), overwrite_or_ignore)"
            )
            events = connection.execute(f"select count(*) {known}").fetchall()[0][0]
    except duckdb.IOException as error:
        raise OSError(str(error).splitlines()[0]) from error
    return events, len(list(folder.glob("month=*")))

"""``crm export``: the history for other tools."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from infra.cli.options import DataOption, settings_of
from infra.cli.output import note


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(export)


def export(
    what: Annotated[Literal["parquet"], typer.Argument(metavar="FORMAT", help="parquet.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is not there yet.")],
    data: DataOption = None,
) -> None:
    """Write the history for other tools: every event as Parquet, a folder for each month in which it was recorded.

    The months (month=2026-05) are those of UTC. One that is over never changes again. Personal values stay sealed. What
    is written is the snapshot that is published for it; the folder takes its place when it is complete.

    For example:

        crm export parquet events

        duckdb -c "select month, count(*) from 'events/*/*.parquet' group by all order by all"
    """
    settings = settings_of(data)

    from commands.rejected import Rejected, require
    from crm.v1 import system_pb2
    from infra.cli.connection import connected

    require(
        not folder.exists(),
        "OUTPUT_NOT_WRITABLE",
        f"{folder} is there already; name a folder that is not, so that nothing is mixed",
    )
    with connected(settings) as crm:
        snapshot = crm.system.CreateSnapshot(system_pb2.CreateSnapshotRequest())
    making = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(making, ignore_errors=True)
        months = write_months(Path(snapshot.file), making)
        making.rename(folder)
    except OSError as error:
        raise Rejected("OUTPUT_NOT_WRITABLE", f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    note(f"position {snapshot.position}, {months} months")


def write_months(snapshot: Path, folder: Path) -> int:
    """Write the events of a snapshot into a folder, by month; answers with how many months there are.

    :raises OSError: where the folder cannot be written.
    """
    import duckdb

    from infra.models.archive import text

    folder.mkdir(parents=True)
    try:
        with duckdb.connect(str(snapshot), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(
                "copy (select *, strftime(recorded_at, '%Y-%m') as month from events order by position) "
                f"to {text(str(folder))} (format parquet, partition_by (month), overwrite_or_ignore)"
            )
    except duckdb.IOException as error:
        raise OSError(str(error).splitlines()[0]) from error
    return len(list(folder.glob("month=*")))

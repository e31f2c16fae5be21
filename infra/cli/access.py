"""``crm access``: who opened personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import DataOption, FormatOption, OutputOption, settings_of
from infra.cli.output import Rows, chosen, note, write

if TYPE_CHECKING:
    from infra.settings import Settings

COLUMNS = ("time", "caller", "on_behalf_of", "rpc", "streams")


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(access)


def access(
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="STREAM", help="Only who opened this, for example customer-7.")
    ] = None,
    caller: Annotated[
        str | None, typer.Option("--caller", metavar="CALLER", help="Only what this one opened, for example user:kim.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Tell who opened personal data: when, through which call, of which streams. It is read from the access log in the
    data directory, in the order in which it was written; each server writes one of its own.

    For example:

        crm access --stream customer-7

        crm access --caller user:kim --format csv
    """
    format = chosen(format, output)
    settings = settings_of(data)
    rows = [
        row
        for row in accesses(settings)
        if stream in (None, *row["streams"]) and caller in (None, row["caller"], row["on_behalf_of"])
    ]
    write(Rows.of(rows, COLUMNS), format, output)


def accesses(settings: Settings) -> Iterator[dict[str, Any]]:
    """The lines of the access log. One that was cut off by a kill is told and left out."""
    for file in sorted(settings.access.glob("*.jsonl")):
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield dict.fromkeys(COLUMNS) | json.loads(line)
                except ValueError:
                    note(f"{file}, line {number}, was cut off")

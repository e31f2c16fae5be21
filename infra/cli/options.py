"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.instants import WRITTEN
from infra.cli.output import Format

if TYPE_CHECKING:
    from infra.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="The data directory. Default: CRM_DATA, or annals-data here.", show_default=False
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option("--format", "-f", help="How rows are written. Default: what --output ends in, or a table."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of stdout.")
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="INSTANT", help=f"What was so then: {WRITTEN}. Default: now.")
]
KnownAtOption = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        metavar="POSITION|INSTANT",
        help="Use only what had been recorded by then. Default: everything.",
    ),
]


def settings_of(data: Path | None, **named: Any) -> Settings:
    """The settings, with the data directory that the command line names, where it names one, and others as named.

    :raises Rejected: INVALID_SETTING.
    """
    from infra.settings import Settings

    return Settings.read(**named) if data is None else Settings.read(data=data, **named)

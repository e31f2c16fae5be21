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


def settings_of(data: Path | None) -> Settings:
    """The settings, with the data directory that the command line names, where it names one.

    :raises Rejected: INVALID_SETTING.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from pydantic import ValidationError

    from commands.rejected import Rejected
    from infra.settings import Settings

    named: dict[str, Any] = {} if data is None else {"data": data}
    try:
        settings = Settings(**named)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = "CRM_" + "_".join(map(str, fault["loc"])).upper()
        raise Rejected("INVALID_SETTING", f"{name}: {fault['msg']}", field=name) from error
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Rejected(
            "INVALID_SETTING",
            f"CRM_TIME_ZONE: {settings.time_zone!r} is no time zone; give an IANA name such as Europe/Berlin",
            field="CRM_TIME_ZONE",
        ) from error
    return settings

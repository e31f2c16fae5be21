"""``crm dlq``: what is held back, and how it is tried again."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.cli.options import DataOption, FormatOption, OutputOption, settings_of
from infra.cli.output import Rows, chosen, note, write
from infra.cli.upkeep import CHECK_FAILED

HELD = ("part", "stream", "position", "type", "events", "found_at", "sentence")


class Act(StrEnum):
    """What can be done about what is held back."""

    LIST = "list"
    REPLAY = "replay"


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(dlq)


def dlq(
    what: Annotated[Act, typer.Argument(help="What to do.")],
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """List the streams that are held back, or try them again. An event that cannot be read, that this version does not
    know or that a read model fails on is held back with all that comes later in its stream; everything else goes on.

    It is tried again at every start as well, for example with a newer version. Where it goes well, all is as if nothing
    had happened. replay lists what is left, and ends with status 4 where anything is.

    For example:

        crm dlq list

        crm dlq replay
    """
    format = chosen(format, output)
    settings = settings_of(data)

    from crm.v1 import system_pb2
    from infra.cli.connection import connected

    with connected(settings) as crm:
        if what is Act.LIST:
            streams = crm.system.ListHeldBackStreams(system_pb2.ListHeldBackStreamsRequest()).streams
        else:
            came = crm.system.ReplayHeldBackStreams(system_pb2.ReplayHeldBackStreamsRequest())
            streams = came.streams
            note(f"{came.tried} tried, {len(streams)} left")
    write(Rows.of([row_of(each) for each in streams], HELD), format, output)
    if what is Act.REPLAY and streams:
        raise typer.Exit(CHECK_FAILED)


def row_of(held: Any) -> dict[str, Any]:
    """A stream that a part holds back."""
    from infra.cli.moments import moment

    return {name: getattr(held, name) for name in HELD} | {"found_at": moment(held, "found_at")}

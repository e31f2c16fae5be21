"""``crm import``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import DataOption, settings_of
from infra.cli.output import note

if TYPE_CHECKING:
    from crm.client import Client
    from infra.intake import Mapping, Totals

MAPPINGS = Path(__file__).parent.parent / "intake" / "mappings"


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command("import")(import_)


def import_(
    mapping: Annotated[
        str,
        typer.Argument(
            metavar="MAPPING", help="A file MAPPING.sql, or the name of a mapping that we ship.", show_default=False
        ),
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="csv, csv.gz, jsonl, jsonl.gz or parquet.", show_default=False)
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="The import's name: the same one never does anything twice. Default: the mapping's."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the files mean.")] = False,
    refused: Annotated[
        Path | None,
        typer.Option("--refused", metavar="FILE", help="Where refused rows go. Default: beside the first file."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Import files: the mapping is one SELECT that says which commands their rows mean.

    Running it twice changes nothing; after Ctrl-C it goes on where it stopped. Refused rows go, with line, code and
    sentence, to a file beside the source.

    For example:

        crm import incidents incident_event_log.csv.gz

        crm import marketplace_leads olist_marketing_qualified_leads_dataset.csv.gz olist_closed_deals_dataset.csv.gz

        crm import retailer online_retail_2010_2011.parquet

        crm import my_mapping.sql export.csv --dry-run
    """
    settings = settings_of(data)

    from infra.cli.connection import connected
    from infra.intake import Mapping, beside

    path = mapping_file(mapping)
    note("reading the files")
    with Mapping.open(
        path, files, time_zone=settings.time_zone, name=name, memory=settings.memory, threads=settings.threads
    ) as meant:
        if dry_run:
            preview(meant)
            return
        with connected(settings, creating=True) as crm:
            totals = send(crm, meant, files, refused)
    note(summary(totals))
    if totals.refused:
        note(f"the refused rows are in {refused or beside(files[0])}")
    if totals.is_interrupted:
        note("the same command goes on from here")
        raise typer.Exit(130)


def mapping_file(mapping: str) -> Path:
    """The file of a mapping that is named by its path or, where we ship it, by its name.

    :raises Rejected: UNKNOWN_MAPPING.
    """
    from commands.rejected import Rejected

    shipped = MAPPINGS / f"{mapping}.sql"
    for path in (Path(mapping), shipped):
        if path.is_file():
            return path
    names = ", ".join(sorted(path.stem for path in MAPPINGS.glob("*.sql")))
    raise Rejected("UNKNOWN_MAPPING", f"there is no file {mapping} and no mapping of that name; we ship {names}")


def preview(meant: Mapping) -> None:
    """Print how many commands of each kind the files mean."""
    from collections import Counter

    counts = Counter(wish.command for batch in meant.batches(10_000) for wish in batch)
    for command, count in sorted(counts.items()):
        print(f"{count:>10,}  {command}")
    note(f"{meant.count:,} commands; nothing was sent")


def send(crm: Client, meant: Mapping, files: list[Path], refused: Path | None) -> Totals:
    """Send all commands of the mapping, with a progress bar."""
    from crm.v1 import system_pb2
    from infra.cli.bulk import door
    from infra.intake import run

    head = crm.system.GetStatus(system_pb2.GetStatusRequest()).position
    with import_bar(meant.name, meant.count) as progress:
        through = door(crm, correlation_id=meant.name)
        return run(meant, files, through, head=head, refused=refused, progress=lambda totals: progress(totals.done))


def summary(totals: Totals) -> str:
    """What became of the commands, in lines."""
    lines = [
        f"{totals.done:,} of {totals.total:,} commands: {totals.changed:,} changed something,"
        f" {totals.unchanged:,} found everything so already, {totals.already:,} were done by an earlier run,"
        f" {totals.refused.total():,} were refused"
    ]
    lines += [f"{count:>10,}  {code}" for code, count in totals.refused.most_common()]
    return "\n".join(lines)


@contextmanager
def import_bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with rate and time left, on stderr, where that is a terminal; takes how many are done."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task(name, total=total)
        yield lambda done: bars.update(task, completed=done)

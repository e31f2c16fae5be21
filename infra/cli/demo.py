"""``crm demo``: a simulated company, and a tour of what can be known about it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from infra.cli.options import settings_of
from infra.cli.output import Format, note, write

if TYPE_CHECKING:
    from crm.client import Client
    from infra.intake import Totals
    from infra.settings import Settings

HOME = Path("annals-demo")
SIMULATION = "system:simulation"
"""Who acts in the simulated year: no person did any of it."""

LABEL = "demo.json"
OPTIONS = {"as_of": "--as-of", "known_at": "--known-at", "period_from": "--from", "period_to": "--to", "by": "--by"}


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(demo)


def demo(
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed is another company.")] = 1,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="A directory of its own; kept, so that you can go on with it.")
    ] = HOME,
) -> None:
    """Simulate a company's year (leads, customers, tickets) and take a tour of its reports. Nothing in it is real.

    The directory is kept. Where the company is there already, only the tour is given.

    For example:

        crm demo

        crm demo --seed 7 --data /tmp/another-company
    """
    from infra.cli.connection import connected

    settings = settings_of(data, server=None)
    year = year_of(settings, seed)
    note(f"SIMULATED: a year of an invented company, seed {year.seed}, until {year.until:%Y-%m-%d}, in {settings.data}")
    with connected(settings, creating=True, caller=SIMULATION) as crm:
        if not year.is_told:
            totals = simulate(crm, settings, year)
            note(f"{totals.done:,} simulated commands, {totals.refused.total():,} of them refused")
            if totals.is_interrupted:
                raise typer.Exit(130)
            replace(year, is_told=True).keep(settings.data / LABEL)
        tour(crm, settings, year)


@dataclass(frozen=True, slots=True)
class Year:
    """Which simulated year: the same seed and end give the same one. It is kept in the directory, so that an
    interrupted simulation goes on with the same year, and one that was told to its end is not told again.
    """

    seed: int
    until: datetime
    is_told: bool = False

    @classmethod
    def read(cls, label: Path) -> Year:
        """The year that the file keeps."""
        said = json.loads(label.read_text())
        return cls(said["seed"], datetime.fromisoformat(said["until"]), said["told"])

    def keep(self, label: Path) -> None:
        """Write it to the file."""
        said = {"simulated": True, "seed": self.seed, "until": self.until.isoformat(), "told": self.is_told}
        label.write_text(json.dumps(said) + "\n")


def year_of(settings: Settings, seed: int) -> Year:
    """The year that the directory already holds or, in a new directory, the one that ends now.

    :raises Rejected: NOT_A_DEMO where the directory holds something else; DATA_NOT_WRITABLE.
    """
    from commands.rejected import Rejected, require

    label = settings.data / LABEL
    try:
        if label.exists():
            return Year.read(label)
        require(
            not settings.has_log,
            "NOT_A_DEMO",
            f"{settings.data} holds data that are not simulated; name another directory with --data",
        )
        year = Year(seed, datetime.now(UTC).replace(microsecond=0))
        settings.data.mkdir(parents=True, exist_ok=True)
        year.keep(label)
    except OSError as error:
        raise Rejected("DATA_NOT_WRITABLE", f"{settings.data} cannot be written: {error.strerror}") from error
    return year


def simulate(crm: Client, settings: Settings, year: Year) -> Totals:
    """Send the year's commands; those that are there already change nothing."""
    from infra.cli.bulk import door
    from infra.cli.connection import server_status
    from infra.cli.intake import import_bar
    from infra.intake import run
    from infra.intake.simulation import Simulation

    server = server_status(crm)
    simulation = Simulation(year.seed, year.until, time_zone=server.time_zone)
    with import_bar("simulating", simulation.count) as progress:
        return run(
            simulation,
            [],
            door(crm, correlation_id="simulation"),
            head=server.position,
            refused=settings.data / "simulation.refused.csv",
            progress=lambda totals: progress(totals.done),
        )


def tour(crm: Client, settings: Settings, year: Year) -> None:
    """Show what can be asked, each time with the command that asks it."""
    from crm.v1 import log_pb2
    from infra.cli.connection import server_status

    server = server_status(crm)
    today = year.until.astimezone(ZoneInfo(server.time_zone)).date()
    long_ago, quarter_end, lately, now = (str(today - timedelta(days=back)) for back in (270, 180, 90, 0))
    reopened = next(crm.log.ReadEvents(log_pb2.ReadEventsRequest(types=["TicketReopened"], limit=1))).events[0]
    show = Guide(crm, settings, server.time_zone)

    heading("Every number at any instant: how many tickets waited, on three days")
    for day in (long_ago, lately, now):
        show.report("backlog", as_of=day)

    heading("A cohort, followed until T: what became of one quarter's leads, by where they came from")
    for day in (lately, now):
        show.report("lead_conversion", as_of=day, period_from=long_ago, period_to=quarter_end, by="source")

    heading("Two clocks: the same day, with all that is known now and with what half of the log knew")
    show.report("leads_by_status", as_of=lately)
    show.report("leads_by_status", as_of=lately, known_at=str(server.position // 2))

    heading("How long tickets took")
    show.report("ticket_times", as_of=now)

    heading("Go on yourself (and remember: all of this is simulated)")
    own = f"--data {shlex.quote(str(settings.data))}"
    for command in (
        f"crm replay {reopened.stream} {own}",
        f'crm sql "select source, count(*) from leads group by all order by all" {own}',
        f"crm report {own}",
        f"crm verify --rebuild {own}",
        f"crm serve {own}",
    ):
        note(f"  {command}")


class Guide:
    """Shows reports, each under the command that asks for it."""

    def __init__(self, crm: Client, settings: Settings, time_zone: str) -> None:
        self._crm = crm
        self._settings = settings
        self._time_zone = time_zone

    def report(self, name: str, **circumstances: str) -> None:
        """Show a report, with the circumstances as the options of ``crm report`` are called."""
        from infra.cli.report import answer, caption, request_of

        said = " ".join(f"{OPTIONS[option]} {text}" for option, text in circumstances.items())
        rows = answer(self._crm, request_of(self._time_zone, name, **circumstances), self._time_zone)
        note(f"\n$ crm report {name} {said} --data {shlex.quote(str(self._settings.data))}")
        note("\n".join(caption(rows)))
        write(rows, Format.TABLE, None)


def heading(text: str) -> None:
    """Begin a part of the tour."""
    note(f"\n== {text} ==")

"""How dear reports are: beside a hand-written query over the same intervals, as of the past beside now, and what a
snapshot costs beside a bare copy.

``python -m tests.bench --only reports`` prints the figures.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.models import Models
from infra.models.report import run as report
from tests.bench.bench_models import START, Recorded, opened, row, seconds

REPORTS = (
    *("lead_conversion", "leads_by_status", "tickets_by_status", "backlog", "reassignment_rate", "ticket_times"),
    "sla_attainment",
)
TIMES = 9

WEEK = [f"{weekday} 09:00-17:00" for weekday in ("mon", "tue", "wed", "thu", "fri")]
LONG = [f"{weekday} 07:00-21:00" for weekday in ("mon", "tue", "wed", "thu", "fri", "sat")]
POLICIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("office", "CalendarPublished", {"time_zone": "Europe/Berlin", "hours": WEEK, "holidays": ["2024-04-01"]}),
    (
        "abroad",
        "CalendarPublished",
        {"time_zone": "America/Chicago", "hours": LONG, "group_ids": ["g1", "g2", "g3", "g4"]},
    ),
    ("respond", "SlaPublished", {"measure": "first_response", "seconds": 14_400, "is_business_time": True}),
    (
        "solve",
        "SlaPublished",
        {
            "measure": "full_resolution",
            "seconds": 86_400,
            "high_seconds": 28_800,
            "is_business_time": True,
            "pauses": ["pending"],
        },
    ),
)

BY_HAND = {
    "backlog": """select count(*), count(*) - count(agent_id), min(opened_at) from tickets_at({point})
        where status not in ('solved', 'closed', 'merged')""",
    "tickets_by_status": "select status, count(*) from tickets_at({point}) group by all order by all",
    "lead_conversion": "select count(*), count(converted_at) from leads_at({point})",
    "reassignment_rate": """select count(*), count(*) filter (group_assignments >= 2),
        sum(greatest(group_assignments - 1, 0)), count(*) filter (agent_assignments >= 2),
        sum(greatest(agent_assignments - 1, 0)) from tickets_at({point})""",
}
"""Headline reports as an analyst would write them."""


class Desk(Recorded):
    """A log of a service desk with calendars and SLAs, whose tickets are closed in the end."""

    def __init__(self, size: int) -> None:
        self.policies = list(POLICIES)
        super().__init__(size)

    def next(self) -> tuple[list[Any], str, dict[str, Any]]:
        """What happens next."""
        if self.policies:
            id, type, data = self.policies.pop(0)
            return ["policy", f"policy-{id}", 0], type, data
        before = len(self.open)
        stream, type, data = super().next()
        if len(self.open) < before and stream[0] == "ticket":
            return stream, "TicketClosed", {}
        return stream, type, data


def run(scale: float) -> list[dict[str, Any]]:
    """Milliseconds of reports, each beside a baseline of the same run."""
    log = Desk(max(20_000, int(1_000_000 * scale)))
    with TemporaryDirectory() as folder:
        models = opened(Path(folder), log)
        try:
            models.follow()
            return [
                *clocks(models),
                *(figure for name in REPORTS for figure in compared(models, name, log)),
                *(by_hand(models, name, sql) for name, sql in BY_HAND.items()),
                copied(models, Path(folder)),
            ]
        finally:
            models.close()


def clocks(models: Models) -> list[dict[str, Any]]:
    """Every SLA clock and every business time of all tickets: the first time, and from then on."""
    figures = []
    for name in ("sla_attainment", "ticket_times"):
        first = seconds(partial(report, models, name))
        figures.append(row(f"{name} of all tickets, the first time", 1000 * first, "ms"))
        figures.append(row(f"{name} of all tickets", 1000 * seconds(partial(report, models, name), TIMES), "ms"))
    return figures


def compared(models: Models, name: str, log: Recorded) -> list[dict[str, Any]]:
    """One report: as of a past instant, and known at a past position, each beside the same report now."""
    middle = START + (log.head.recorded_at - START) / 2
    questions: dict[str, dict[str, Any]] = {
        "now": {},
        "as of a past instant": {"as_of": middle},
        "known at a past position": {"known_at": log.head.position // 2},
    }
    taken = {
        question: 1000 * seconds(partial(report, models, name, **given), TIMES) for question, given in questions.items()
    }
    return [
        row(f"{name}, {question}", taken[question], "ms", taken["now"], target)
        for question, target in (("as of a past instant", "<= 3"), ("known at a past position", "<= 5"))
    ]


def by_hand(models: Models, name: str, sql: str) -> dict[str, Any]:
    """A report beside the query that an analyst would write over the same intervals."""
    now = report(models, name)
    point = f"timestamptz '{now.as_of.isoformat()}', {now.position}"
    with models.transaction() as cursor:
        baseline = 1000 * seconds(lambda: cursor.execute(sql.format(point=point)).fetchall(), TIMES)
    taken = 1000 * seconds(partial(report, models, name, as_of=now.as_of), TIMES)
    return row(f"{name}, beside a query written by hand", taken, "ms", baseline, "<= 2")


def copied(models: Models, folder: Path) -> dict[str, Any]:
    """A published snapshot beside a bare copy of the same database, in MB/s."""

    def bare() -> None:
        with models.transaction() as cursor:
            source = cursor.execute("select current_database()").fetchall()[0][0]
            file = folder / "snapshots" / "bare.duckdb"
            file.unlink(missing_ok=True)
            cursor.execute("rollback")
            cursor.execute(f"attach '{file.resolve()}' as bare (storage_version 'v1.5.0')")
            cursor.execute(f"copy from database {source} to bare")
            cursor.execute("detach bare")

    copy = seconds(bare)
    taken = seconds(models.snapshot)
    size = models.snapshot().stat().st_size / 1e6
    return row("a snapshot beside a bare copy", size / taken, "MB/s", size / copy, ">= 0.5")

"""How much dearer a report of the past is than the same report now.

``python -m tests.bench --only reports`` prints the figures.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.models import Models
from infra.models.report import run as report
from tests.bench.bench_models import START, Recorded, opened, seconds

REPORTS = ("lead_conversion", "leads_by_status", "tickets_by_status", "backlog", "reassignment_rate", "ticket_times")
TIMES = 15


def run(scale: float) -> list[dict[str, Any]]:
    """Milliseconds of every report as of the middle of the history, and known at the middle, each beside now."""
    log = Recorded(max(20_000, int(1_000_000 * scale)))
    with TemporaryDirectory() as folder:
        models = opened(Path(folder), log)
        try:
            models.follow()
            return [row for name in REPORTS for row in compared(models, name, log)]
        finally:
            models.close()


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
    targets = {"as of a past instant": "<= 3", "known at a past position": "<= 5"}
    return [
        {
            "name": f"{name}, {question}",
            "value": round(taken[question], 1),
            "unit": "ms",
            "baseline": round(taken["now"], 1),
            "ratio": round(taken[question] / taken["now"], 2),
            "target": target,
        }
        for question, target in targets.items()
    ]

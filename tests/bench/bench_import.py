"""How fast an import of the service desk's incidents is, from the file to the answers, against a bare batched insert of
the rows that it leaves in the log, in the same run. Without the real input it is a simulated year.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from infra.cli.bulk import door as grpc_door
from infra.cli.connection import connected
from infra.cli.options import settings_of
from infra.intake import Door, Mapping, Simulation, Totals, Wishes
from infra.intake import run as run_import
from infra.intake.importing import BATCH
from infra.keys import Keys
from infra.log import Log, utc_now
from infra.main import tune_python
from tests.bench.bench_log import bare_database, bare_insert, stored
from tests.intake.log_door import log_door

ROOT = Path(__file__).parents[2]
MAPPING = ROOT / "infra/intake/mappings/incidents.sql"
ROWS = 141_712
TARGET = 0.15
ROUNDS = 3
"""Ours and the baseline take turns, because the disk and the neighbours vary more than the difference."""
Result = dict[str, Any]


def run(scale: float) -> list[Result]:
    """The figures; scale 1 is the whole file, in about two minutes. Python is tuned as in a running node."""
    tune_python()
    log: list[float] = []
    grpc: list[float] = []
    bare: list[float] = []
    with TemporaryDirectory() as name:
        opened = source(Path(name), scale)
        for turn in range(ROUNDS):
            directory = Path(name) / str(turn)
            directory.mkdir()
            into_log, rows = straight_into_the_log(directory / "log", opened)
            log.append(into_log)
            grpc.append(through_grpc(directory / "grpc", opened))
            bare.append(len(rows) / bare_insert(bare_database(directory / "bare"), rows, BATCH))
    return [
        result("import: straight into the log / bare inserts", log, bare, None),
        result("import: end to end, through gRPC / bare inserts", grpc, bare, TARGET),
    ]


def result(name: str, ours: list[float], theirs: list[float], target: float | None) -> Result:
    """The medians of the rounds, and the median of their ratios."""
    return {
        "name": name,
        "value": round(median(ours)),
        "unit": "commands/s",
        "baseline": round(median(theirs)),
        "ratio": round(median(mine / other for mine, other in zip(ours, theirs, strict=True)), 3),
        "target": target,
    }


def source(directory: Path, scale: float) -> Callable[[], Wishes]:
    """What opens the first part of the real file with its mapping, or a simulated year."""
    real = Path(os.environ.get("ANNALS_REAL_DATA", ROOT.parent / "shared/data"))
    file = real / "uci_incidents/incident_event_log.csv.gz"
    if not file.exists():
        return lambda: Simulation(1, utc_now(), time_zone="UTC")
    part = directory / "incidents.csv.gz"
    with gzip.open(file, "rb") as whole, gzip.open(part, "wb", compresslevel=1) as cut:
        cut.writelines(islice(whole, 1 + int(ROWS * scale)))
    return lambda: Mapping.open(MAPPING, [part], time_zone="UTC")


def straight_into_the_log(directory: Path, opened: Callable[[], Wishes]) -> tuple[float, list[tuple[Any, ...]]]:
    """Commands a second, and the rows that they left."""
    directory.mkdir()
    log = Log.open(f"sqlite:///{directory}/log.db", Keys.open(f"sqlite:///{directory}/keys.db", bytes(32)))
    begin = perf_counter()
    totals = imported(opened, log_door(log, "incidents"), directory)
    seconds = perf_counter() - begin
    rows = stored(log, 0)
    log.close()
    return totals.done / seconds, rows


def through_grpc(directory: Path, opened: Callable[[], Wishes]) -> float:
    """Commands a second through a server in this process, on its Unix socket, with the read models following."""
    with server(directory) as door:
        begin = perf_counter()
        totals = imported(opened, door, directory)
        return totals.done / (perf_counter() - begin)


@contextmanager
def server(directory: Path) -> Iterator[Door]:
    """The door into a new company."""
    with connected(settings_of(directory), creating=True) as crm:
        yield grpc_door(crm)


def imported(opened: Callable[[], Wishes], door: Door, directory: Path) -> Totals:
    """Open the files and send all that they mean."""
    return run_import(opened(), [], door, head=0, refused=directory / "refused.csv")

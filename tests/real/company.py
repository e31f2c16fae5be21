"""A company made of real input: imported into a log, followed by the read models, asked through a real port."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from crm.client import Client
from infra.cli.report import answer, request_of
from infra.cli.sql import asked
from infra.intake import Mapping, Totals, run
from infra.keys import Keys
from infra.log import Log
from infra.models import Models
from infra.server import Server
from infra.settings import Settings
from tests.intake.log_door import log_door
from tests.real.conftest import MAPPINGS, ROOT, ZONE


@dataclass(frozen=True)
class Company:
    """A log with imports, the read models over it, and a caller of the server on both. Refused rows are in the
    folder, in ``<mapping>.refused.csv``.
    """

    folder: Path
    master: bytes
    log: Log
    models: Models
    crm: Client
    totals: dict[str, Totals]

    def report(self, name: str, as_of: datetime | None = None, **given: Any) -> list[dict[str, Any]]:
        """A report's rows, as of a local time or now."""
        request = request_of(ZONE, name, as_of=as_of.isoformat() if as_of else None, **given)
        return [row for table in answer(self.crm, request, ZONE).tables for row in table.to_pylist()]

    def sql(self, statement: str, open_personal: bool = False) -> list[tuple[Any, ...]]:
        """A statement's rows."""
        tables = asked(self.crm, statement, open_personal).tables
        return [tuple(row.values()) for table in tables for row in table.to_pylist()]


@contextmanager
def company_of(folder: Path, imports: dict[str, list[Path]]) -> Iterator[Company]:
    """Import files with the shipped mappings, in this order, and serve what came of it."""
    master = os.urandom(32)
    keys = Keys.open(f"sqlite:///{folder}/keys.db", master)
    log = Log.open(f"sqlite:///{folder}/log.db", keys)
    totals = {}
    for name, files in imports.items():
        with Mapping.open(MAPPINGS / f"{name}.sql", files, time_zone=ZONE) as mapping:
            refused = folder / f"{name}.refused.csv"
            totals[name] = run(mapping, files, log_door(log, name), head=log.head.position, refused=refused)
    models = models_of(folder, log)
    models.start()
    given: dict[str, Any] = {"data": folder, "time_zone": ZONE}
    server = Server(log=log, models=models, keys=keys, settings=Settings(**given))
    with Client(server.start("127.0.0.1:0")) as crm:
        yield Company(folder, master, log, models, crm, totals)
    server.stop(5)
    models.close()
    log.close()
    keys.close()


@contextmanager
def copied(company: Company, folder: Path) -> Iterator[tuple[Log, Models]]:
    """A copy of its log in another folder, to which more may happen, and read models over it."""
    for name in ("log.db", "keys.db"):
        with closing(sqlite3.connect(company.folder / name)) as there, closing(sqlite3.connect(folder / name)) as here:
            there.backup(here)
    keys = Keys.open(f"sqlite:///{folder}/keys.db", company.master)
    log = Log.open(f"sqlite:///{folder}/log.db", keys)
    models = models_of(folder, log)
    yield log, models
    models.close()
    log.close()
    keys.close()


def models_of(folder: Path, log: Log, threads: int = 2) -> Models:
    """The read models of a log, in a folder."""
    return Models(
        folder / "models.duckdb",
        log,
        projections=ROOT / "projections",
        time_zone=ZONE,
        memory="1GB",
        threads=threads,
        snapshots=folder / "snapshots",
    )

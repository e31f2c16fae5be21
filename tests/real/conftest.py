"""Real input, which lies outside the project: ``ANNALS_REAL_DATA`` names its directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from infra.intake import Mapping, Totals, run
from tests.intake.doors import Memory

ROOT = Path(__file__).parents[2]
MAPPINGS = ROOT / "infra/intake/mappings"
ZONE = "Europe/Berlin"
"""An office whose clocks change, so that a mistake with time zones shows."""

INCIDENTS = ("uci_incidents/incident_event_log.csv.gz",)
LEADS = (
    "olist/olist_marketing_qualified_leads_dataset.csv.gz",
    "olist/olist_closed_deals_dataset.csv.gz",
)
REVIEWS = (
    "olist/olist_orders_dataset.csv.gz",
    "olist/olist_customers_dataset.csv.gz",
    "olist/olist_order_reviews_dataset.csv.gz",
)
INVOICES = ("online_retail/online_retail_2010_2011.parquet",)


@dataclass(frozen=True)
class Imported:
    """What became of an import in memory."""

    memory: Memory
    totals: Totals
    refused: str


@pytest.fixture(scope="session")
def data() -> Path:
    """The directory of the real input."""
    path = Path(os.environ.get("ANNALS_REAL_DATA", ROOT.parent / "shared/data"))
    if not path.is_dir():
        absent = f"the real input is not at {path}; set ANNALS_REAL_DATA to its directory"
        if os.environ.get("CI") == "true":
            pytest.fail(absent)
        pytest.skip(absent)
    return path


@pytest.fixture(scope="session")
def incident_files(data: Path) -> list[Path]:
    return [data / name for name in INCIDENTS]


@pytest.fixture(scope="session")
def lead_files(data: Path) -> list[Path]:
    return [data / name for name in LEADS]


@pytest.fixture(scope="session")
def review_files(data: Path) -> list[Path]:
    return [data / name for name in REVIEWS]


@pytest.fixture(scope="session")
def invoice_files(data: Path) -> list[Path]:
    return [data / name for name in INVOICES]


@pytest.fixture(scope="session")
def plain(incident_files: list[Path], lead_files: list[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The source files as they are, for counts with plain SQL: ``incidents``, ``leads`` and ``deals``. An incident's
    rows have their place in the file and ``at_instant``, the running maximum of their instants.
    """
    with duckdb.connect() as connection:
        for table, file in zip(("raw", "leads", "deals"), (*incident_files, *lead_files), strict=True):
            connection.execute(
                f"create table {table} as select row_number() over () as place, * "
                "from read_csv(?, all_varchar = true, header = true, parallel = false)",
                [str(file)],
            )
        connection.execute("""
            create table incidents as
            select *, strptime(opened_at, '%d/%m/%Y %H:%M') as opened, greatest(
                strptime(opened_at, '%d/%m/%Y %H:%M'),
                max(strptime(sys_updated_at, '%d/%m/%Y %H:%M')) over (partition by number order by place)
            ) as at_instant
            from raw
        """)
        yield connection


@pytest.fixture(scope="session")
def incidents(incident_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """All incidents, decided in memory."""
    return imported("incidents", incident_files, tmp_path_factory.mktemp("incidents"))


@pytest.fixture(scope="session")
def leads(lead_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Imported:
    """All leads and deals, decided in memory."""
    return imported("marketplace_leads", lead_files, tmp_path_factory.mktemp("leads"))


def imported(name: str, files: list[Path], folder: Path) -> Imported:
    """Import in memory with a shipped mapping."""
    memory = Memory()
    refused = folder / "refused.csv"
    with Mapping.open(MAPPINGS / f"{name}.sql", files, time_zone=ZONE) as mapping:
        totals = run(mapping, files, memory.door, head=0, refused=refused)
    return Imported(memory, totals, refused.read_text() if refused.exists() else "")

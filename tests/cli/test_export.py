"""The history for other tools."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from infra.models.months import write_months
from tests.cli.conftest import Crm


@pytest.mark.slow
def test_every_event_is_in_the_month_in_which_it_was_recorded(crm: Crm, served: Path, tmp_path: Path) -> None:
    done = crm("export", "parquet", tmp_path / "events", "--data", served)
    assert (done.status, done.out) == (0, "")
    log = [json.loads(line) for line in crm("log", "--format", "json", "--data", served).out.splitlines()]
    files = sorted((tmp_path / "events").glob("month=*/*.parquet"))
    rows = [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]
    rows.sort(key=lambda row: row["position"])
    assert [(row["position"], row["event_id"], row["stream"]) for row in rows] == [
        (int(each["sequence"]), each["id"], each["subject"]) for each in log
    ]
    assert {file.parent.name for file in files} == {f"month={each['recordedtime'][:7]}" for each in log}
    assert not any("Ada Abel" in str(row) for row in rows)

    again = crm("export", "parquet", tmp_path / "events", "--data", served)
    assert again.status == 1
    assert "OUTPUT_NOT_WRITABLE" in again.err
    nowhere = crm("export", "parquet", "/proc/nowhere/events", "--data", served)
    assert (nowhere.status, "OUTPUT_NOT_WRITABLE" in nowhere.err) == (1, True)
    assert not list(tmp_path.glob("*.part"))


def test_months_are_utcs_whatever_the_clock_here(tmp_path: Path) -> None:
    instants = [datetime(2024, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)]
    with duckdb.connect(str(tmp_path / "it's.duckdb")) as connection:
        connection.execute("create table events (position bigint, recorded_at timestamptz)")
        connection.executemany("insert into events values (?, ?)", list(enumerate(instants, 1)))
    assert write_months(tmp_path / "it's.duckdb", tmp_path / "it's", 2) == (2, 2)
    for month, instant in zip(("2024-01", "2024-02"), instants, strict=True):
        (file,) = (tmp_path / "it's" / f"month={month}").glob("*.parquet")
        assert [row["recorded_at"] for row in pq.ParquetFile(file).read().to_pylist()] == [instant]

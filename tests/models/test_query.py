"""SQL for analysts: reading alone, within limits, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pyarrow as pa
import pytest

from commands.lead import CaptureLead, ConvertLead
from commands.rejected import Rejected
from infra.models.query import query
from infra.models.report import run
from tests.models.company import PROJECTIONS, Company, company_in, day


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company"), time_zone="Europe/Berlin") as company:
        for number in range(5):
            company.tell(f"01-0{number + 1} 23:30", CaptureLead(id=str(number), source="web", name="Ada"))
        company.tell("02-01 09:00", ConvertLead(id="3", customer_id="3"))
        yield company


def rows(company: Company, sql: str, **limits: Any) -> list[dict[str, Any]]:
    answer = query(company.models, sql, **limits)
    found: list[dict[str, Any]] = pa.Table.from_batches(answer, answer.schema).to_pylist()
    return found


def refused(company: Company, sql: str, **limits: Any) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        rows(company, sql, **limits)
    return refusal.value


def test_a_statement_reads_what_was_recorded_last(company: Company) -> None:
    answer = query(company.models, "select status, count(*) as leads from leads group by all order by all")
    assert answer.position == company.log.head.position
    assert pa.Table.from_batches(answer, answer.schema).to_pylist() == [
        {"status": "converted", "leads": 1},
        {"status": "new", "leads": 4},
    ]


def test_as_of_history_archive_and_events(company: Company) -> None:
    at = f"leads_at('{day('01-03 12:00').isoformat()}', 4)"
    assert rows(company, f"select count(*) as leads from {at}") == [{"leads": 2}]
    assert rows(company, "select count(*) as states from leads_history where lead_id = '3'") == [{"states": 2}]
    assert rows(company, "select customer_id from lead_converted") == [{"customer_id": "3"}]
    assert rows(company, "select max(position) as position from events") == [{"position": company.log.head.position}]


def test_personal_values_stay_sealed(company: Company) -> None:
    names = rows(company, "select distinct name from leads")
    assert all(row["name"].startswith("sealed:1:") for row in names)


def test_days_are_those_of_the_office_and_instants_are_in_utc(company: Company) -> None:
    found = rows(company, "select captured_at, captured_at::date::varchar as day from leads where lead_id = '0'")
    assert found == [{"captured_at": day("01-01 23:30"), "day": "2024-01-02"}]
    answer = query(company.models, "select captured_at from leads")
    assert answer.schema.field("captured_at").type == pa.timestamp("us", "UTC")
    answer.close()


def test_explain_and_describe(company: Company) -> None:
    assert "leads" in rows(company, "explain select * from leads")[0]["explain_value"]
    assert rows(company, "EXPLAIN ANALYZE select 1")
    assert {"column_name": "lead_id"}.items() <= rows(company, "describe leads")[0].items()


@pytest.mark.parametrize(
    "sql",
    [
        "delete from leads_now",
        "insert into leads_now select * from leads_now",
        "create table mine as select 1",
        "select 1; select 2",
        "",
        "-- nothing",
        "set threads = 1",
        "pragma version",
        "copy leads to '/tmp/leads.csv'",
        "explain analyze copy leads to '/tmp/leads.csv'",
        "explain (analyze) delete from leads_now",
        "explain explain analyze delete from leads_now",
        "attach ':memory:' as other",
        "install httpfs",
        "begin",
        "checkpoint",
        "call pragma_version()",
    ],
)
def test_what_does_not_read_is_refused(company: Company, sql: str) -> None:
    assert refused(company, sql).code in ("SQL_REFUSED", "SQL_INVALID")
    assert rows(company, "select count(*) as leads from leads") == [{"leads": 5}]


@pytest.mark.parametrize(
    "sql",
    [
        "with gone as (delete from leads_now returning lead_id) select * from gone",
        "with more as (insert into annals_models values ('x', 'y', 1) returning name) select * from more",
    ],
)
def test_a_select_cannot_write(company: Company, sql: str) -> None:
    assert refused(company, sql).code == "SQL_INVALID"
    assert rows(company, "select count(*) as leads from leads") == [{"leads": 5}]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/hostname')",
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        # What lies in the folder of snapshots DuckDB would let be read, for it writes there.
        "from '{snapshots}/latest.json'",
        'from "{snapshots}/latest.json"',
        "from READ_TEXT('{snapshots}/latest.json')",
        "explain analyze select (select content from read_text('{snapshots}/latest.json'))",
        "with a as (select 1 in (select size from read_blob('{snapshots}/*'))) from a",
        "from glob('{snapshots}/*')",
        "from query('from read_text(''{snapshots}/latest.json'')')",
        "from query_table('{snapshots}/latest.json')",
        "from parquet_scan('{snapshots}/x')",
        "from (from 'latest.json')",
        "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
        "from force_checkpoint()",
        "from enable_logging()",
    ],
)
def test_a_select_reads_relations_and_no_files(company: Company, sql: str) -> None:
    file = company.models.snapshot()
    assert file.with_name("latest.json").exists()
    refusal = refused(company, sql.format(snapshots=file.parent.resolve()))
    assert refusal.code == "SQL_REFUSED"
    assert refusal.sentence.startswith("a statement reads relations")


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) as n from leads_at(now(), 1000000000)",
        "select count(*) as n from Leads_Intervals(now(), 1000000000)",
        "select count(*) as n from range(3), generate_series(1, 2), unnest([1, 2])",
        "select count(*) as n from main.leads, columns, events, lead_captured, statuses",
        "with one as (from leads_history) select count(*) as n from (from one) join leads using (lead_id)",
        "select count(*) as n from information_schema.columns",
        "select count(*) as n from (describe leads), (summarize leads)",
        "select count(*) as n from leads where lead_id glob '*' or lead_id = '/etc/passwd.csv'",
        "explain select count(*) from leads",
    ],
)
def test_what_reads_relations_is_answered(company: Company, sql: str) -> None:
    assert rows(company, sql)


def test_variables_of_this_process_are_no_tables(company: Company) -> None:
    secret = pa.table({"secret": [1]})
    assert refused(company, "select * from secret").code == "SQL_INVALID"
    assert secret.num_rows == 1


def test_what_is_not_understood_is_said_in_duckdbs_words(company: Company) -> None:
    assert "leads" in refused(company, "select * from leds").sentence
    assert "lead_id" in refused(company, "select leed_id from leads").sentence
    assert "syntax error" in refused(company, "selec 1").sentence
    assert "\n" not in refused(company, "select * from leds").sentence
    assert refused(company, "select cast(lead_id || 'x' as integer) from leads").code == "SQL_INVALID"


def test_the_time_limit(company: Company) -> None:
    slow = "select count(distinct a.range * b.range) from range(10000000) a, range(10000000) b"
    assert refused(company, slow, seconds=0.2).code == "SQL_TIMEOUT"
    streamed = "select a.range + b.range as n from range(10000000) a, range(10000000) b"
    with pytest.raises(Rejected) as refusal:
        for _ in query(company.models, streamed, seconds=0.5, rows=10**15):
            pass
    assert refusal.value.code == "SQL_TIMEOUT"
    assert rows(company, "select 1 as one") == [{"one": 1}]


def test_the_memory_limit(tmp_path: Path) -> None:
    """More than the limit leaves room for is refused, and the next statement finds the room again."""
    greedy = "select list(a.range order by hash(a.range)) as l from range(100000000) as a"
    projections = Path(copytree(PROJECTIONS, tmp_path / "projections"))
    report = f"-- Too much.\n-- clock: state\n-- column: l: numbers\n{greedy} order by 1\n"
    projections.joinpath("reports", "greedy.sql").write_text(report)
    with company_in(tmp_path / "data", memory="100MB", projections=projections) as company:
        assert refused(company, greedy).code == "SQL_OUT_OF_MEMORY"
        with pytest.raises(Rejected, match="SQL_OUT_OF_MEMORY"):
            run(company.models, "greedy")
        assert rows(company, "select 1 as one") == [{"one": 1}]


def test_the_row_limit(company: Company) -> None:
    assert len(rows(company, "select * from leads", rows=5)) == 5
    assert refused(company, "select * from leads", rows=4).code == "SQL_TOO_MANY_ROWS"


def test_the_position_asked_for(company: Company) -> None:
    position = company.tell("02-02 09:00", CaptureLead(id="5")).position
    assert len(rows(company, "from LEADS", min_position=position)) == 6
    refusal = refused(company, "from leads", min_position=position + 1)
    assert (refusal.code, refusal.field) == ("IN_THE_FUTURE", "min_position")


@pytest.mark.slow
def test_many_statements_at_once_leave_nothing_open(company: Company) -> None:
    answers = [query(company.models, "from events") for _ in range(20)]
    for answer in answers[::2]:
        answer.close()
    for answer in answers[1::2]:
        assert sum(batch.num_rows for batch in answer) == company.log.head.position
    company.tell("02-03 09:00", CaptureLead(id="6"))
    assert rows(company, "select count(*) as events from events") == [{"events": company.log.head.position}]

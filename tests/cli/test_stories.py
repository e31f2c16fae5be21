"""What people do with the command, on a directory with a server and on one without."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from crm.v1 import leads_pb2
from infra.cli.connection import connected
from infra.cli.options import settings_of
from tests.cli.conftest import Crm, Ended

pytestmark = pytest.mark.slow


def rows(ended: Ended) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ended.out)))


def test_an_import_says_what_became_of_every_row_and_does_nothing_twice(
    crm: Crm, source: tuple[Path, Path], tmp_path: Path
) -> None:
    first = crm("import", *source, "--data", tmp_path / "d")
    assert first.status == 0
    assert first.out == ""
    assert "KEEP A COPY" in first.err
    assert "8 of 8 commands: 7 changed something" in first.err
    assert "1  INVALID_FIELD" in first.err
    with (tmp_path / "leads.csv.refused.csv").open() as file:
        (refused,) = csv.DictReader(file)
    assert (refused["file"], refused["row"], refused["command"], refused["id"]) == ("leads.csv", "5", "ScoreLead", "4")
    again = crm("import", *source, "--data", tmp_path / "d")
    assert "8 of 8 commands: 0 changed something" in again.err
    assert "7 were done by an earlier run" in again.err
    other = crm("import", *source, "--name", "another import", "--data", tmp_path / "d")
    assert "0 changed something" in other.err
    assert "ALREADY_EXISTS" in other.err


def test_long_texts_go_through_and_a_command_that_is_too_large_is_refused_alone(crm: Crm, tmp_path: Path) -> None:
    mapping, file = tmp_path / "tickets.sql", tmp_path / "tickets.csv"
    mapping.write_text("select 'OpenTicket' as command, id, date '2020-01-01' as occurred_at, row, body from source")
    bodies = {str(number): "é" * 20_000 for number in range(450)} | {"huge": "x" * 1_500_000, "z": "short"}
    file.write_text("id,body\n" + "".join(f'{id},"{body[:1]}\n{body[2:]}"\n' for id, body in bodies.items()))
    ended = crm("import", mapping, file, "--data", tmp_path / "d")
    assert ended.status == 0, ended.err
    assert "452 of 452 commands: 451 changed something" in ended.err
    with (tmp_path / "tickets.csv.refused.csv").open() as refusals:
        (refused,) = csv.DictReader(refusals)
    assert (refused["id"], refused["code"], "bytes" in refused["sentence"]) == ("huge", "INVALID_FIELD", True)


def test_a_dry_run_says_what_the_files_mean_and_makes_nothing(
    crm: Crm, source: tuple[Path, Path], tmp_path: Path
) -> None:
    ended = crm("import", *source, "--dry-run", "--data", tmp_path / "d")
    assert ended.out.split() == ["4", "CaptureLead", "2", "ConvertLead", "2", "ScoreLead"]
    assert not (tmp_path / "d").exists()


def test_a_report_as_of_any_instant_is_a_count_over_the_source(crm: Crm, served: Path) -> None:
    def conversion(*circumstances: str) -> list[tuple[str, str, str]]:
        ended = crm("report", "lead_conversion", *circumstances, "--format", "csv", "--data", served)
        assert ended.status == 0, ended.err
        return [(row["breakdown"], row["leads"], row["converted"]) for row in rows(ended)]

    assert conversion("--as-of", "2024-01-31") == [("all", "2", "0")]
    assert conversion("--as-of", "2024-03-01T00:00:00Z") == [("all", "4", "1")]
    assert conversion() == [("all", "4", "2")]
    assert conversion("--from", "2024-02-01", "--to", "2024-03-01") == [("all", "1", "1")]
    assert conversion("--by", "source") == [("paid search", "2", "2"), ("referral", "1", "0"), ("social", "1", "0")]
    assert conversion("--known-at", "2") == [("all", "2", "0")]
    assert conversion("--known-at", "2020-01-01") == []


def test_a_report_as_a_series(crm: Crm, served: Path) -> None:
    ask = ("report", "lead_conversion_flow", "--from", "2024-01-01", "--to", "2024-04-01", "--data", served)
    ended = crm(*ask, "--every", "month", "--format", "csv")
    assert [(row["period_from"][:10], row["leads"], row["conversions"]) for row in rows(ended)] == [
        ("2024-01-01", "2", "0"),
        ("2024-02-01", "1", "1"),
        ("2024-03-01", "1", "0"),
    ]
    assert "period_from" in crm(*ask, "--every", "week").out
    refused = crm("report", "backlog", "--every", "day", "--data", served)
    assert (refused.status, refused.out) == (1, "")
    assert "INVALID_SERIES" in refused.err
    assert crm(*ask, "--every", "hour").status == 2


def test_every_format_says_the_same(crm: Crm, served: Path, tmp_path: Path) -> None:
    ask = ("report", "lead_conversion", "--as-of", "2024-03-01", "--by", "source", "--data", served)
    table = crm(*ask)
    assert "paid search" in table.out
    assert "lead_conversion (cohort)" in table.err
    assert "as of 2024-03-01 00:00:00+00:00 (UTC), position" in table.err
    told = json.loads(crm(*ask, "--format", "json").out)
    assert told["as_of"] == "2024-03-01T00:00:00Z"
    assert told["position"] == max(event["position"] for event in events(crm, served))
    expected = [
        {"breakdown": "paid search", "leads": 2, "converted": 1, "conversion_rate": 0.5},
        {"breakdown": "referral", "leads": 1, "converted": 0, "conversion_rate": 0},
        {"breakdown": "social", "leads": 1, "converted": 0, "conversion_rate": 0},
    ]
    assert told["rows"] == expected
    assert [row["converted"] for row in rows(crm(*ask, "--format", "csv"))] == ["1", "0", "0"]
    assert crm(*ask, "--output", tmp_path / "x.parquet").status == 0
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == expected


def test_an_instant_without_an_offset_is_in_the_offices_time_zone(
    crm: Crm, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("report", "lead_conversion", "--as-of", "2024-02-20 05:00", "--format", "json", "--data", company)
    assert json.loads(crm(*ask).out)["as_of"] == "2024-02-20T05:00:00Z"
    monkeypatch.setenv("CRM_TIME_ZONE", "America/New_York")
    assert json.loads(crm(*ask).out)["as_of"] == "2024-02-20T10:00:00Z"


def test_reports_are_listed_and_described(crm: Crm, served: Path) -> None:
    listed = {row["name"]: row for row in rows(crm("report", "--format", "csv", "--data", served))}
    assert listed["lead_conversion"]["clock"] == "cohort"
    assert "source" in json.loads(listed["lead_conversion"]["breakdowns"])
    described = crm("report", "lead_conversion", "--describe", "--data", served)
    assert "formula: leads captured in P and converted by T / leads captured in P" in described.err
    assert "conversion_rate" in described.out


def test_sql_reads_and_seals_personal_values_unless_told(
    crm: Crm, served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("sql", "select lead_id, name from leads order by lead_id limit 1", "--format", "json", "--data", served)
    sealed = json.loads(crm(*ask).out)["rows"]
    assert sealed[0]["lead_id"] == "1"
    assert sealed[0]["name"].startswith("sealed:1:")
    assert json.loads(crm(*ask, "--open").out)["rows"] == [{"lead_id": "1", "name": "Ada Abel"}]
    monkeypatch.setattr("sys.stdin", io.StringIO("select count(*) as n from leads where status = 'converted'"))
    ended = crm("sql", "-", "--format", "csv", "--data", served)
    assert ended.out == "n\n2\n"
    assert ended.err.startswith("position ")


def test_sql_describes_what_there_is(crm: Crm, served: Path) -> None:
    told = rows(crm("sql", "--describe", "--format", "csv", "--data", served))
    assert any(row["table"] == "leads" and row["column"] == "status" and row["comment"] for row in told)


def test_a_snapshot_answers_without_a_server_and_any_duckdb_reads_it(crm: Crm, served: Path) -> None:
    made = crm("snapshot", "--data", served)
    file = made.out.strip()
    with duckdb.connect(file, read_only=True) as connection:
        assert connection.execute("select count(*) from leads").fetchall() == [(4,)]
    ended = crm("sql", "select count(*) as n from leads", "--snapshot", "--format", "csv", "--data", served)
    assert ended.out == "n\n4\n"
    assert crm("sql", "drop table leads_now", "--snapshot", "--data", served).status == 1


def events(crm: Crm, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    ended = crm("log", "--format", "json", *arguments, "--data", folder)
    assert ended.status == 0, ended.err
    documents = [json.loads(line) for line in ended.out.splitlines()]
    return [{**document, "position": int(document["sequence"])} for document in documents]


def test_the_log_is_told_in_order_and_by_stream_and_type(crm: Crm, served: Path, tmp_path: Path) -> None:
    everything = events(crm, served)
    assert [event["position"] for event in everything] == list(range(1, len(everything) + 1))
    assert {event["specversion"] for event in everything} == {"1.0"}
    assert {event["authtype"] for event in everything} == {"user"}
    assert [event["type"] for event in events(crm, served, "--stream", "lead-2")] == [
        "crm.LeadCaptured.v1",
        "crm.LeadScored.v1",
    ]
    assert len(events(crm, served, "--type", "LeadConverted", "--type", "LeadScored")) == 3
    assert [event["position"] for event in events(crm, served, "--from", "3", "--limit", "2")] == [3, 4]
    assert events(crm, served, "--from", "2100-01-01") == []
    table = crm("log", "--limit", "1", "--data", served).out
    assert "lead-1 v1  LeadCaptured" in table
    assert "name=(sealed)" in table
    crm("log", "--output", tmp_path / "log.parquet", "--data", served)
    assert pq.read_table(tmp_path / "log.parquet")["position"].to_pylist() == [each["position"] for each in everything]


def test_a_stream_is_replayed_with_what_each_event_changed(crm: Crm, served: Path) -> None:
    story = crm("replay", "lead-1", "--data", served).out
    assert "LeadCaptured" in story
    assert "status: new → converted" in story
    early = crm("replay", "lead-1", "--as-of", "2024-01-31", "--format", "json", "--data", served).out.splitlines()
    assert len(early) == 1
    step = json.loads(early[0])
    assert step["occurred_at"] == "2024-01-10T00:00:00Z"
    assert step["after"]["name"] == "Ada Abel"
    assert step["before"].get("status") != step["after"]["status"] == "new"
    scored = rows(crm("replay", "lead-2", "--format", "csv", "--data", served))[-1]
    assert (scored["type"], scored["field"], scored["before"], scored["after"]) == ("LeadScored", "score", "", "55")


def test_a_replay_says_what_caused_an_event_and_what_it_belongs_to(crm: Crm, company: Path) -> None:
    with connected(settings_of(company)) as door:
        asked = leads_pb2.ScoreLeadRequest(id="2", score=56, causation_id="call-7", correlation_id="the day's calls")
        door.leads.ScoreLead(asked)
    at = ("lead-2", "--data", company)
    steps = [json.loads(line) for line in crm("replay", *at, "--format", "json").out.splitlines()]
    ids = [(step["causation_id"], step["correlation_id"]) for step in steps]
    assert ids == [(None, "leads"), (None, "leads"), ("call-7", "the day's calls")]
    table = rows(crm("replay", *at, "--format", "csv"))
    assert [(row["causation_id"], row["correlation_id"]) for row in table if row["version"] != "1"] == [
        ("", "leads"),
        ("call-7", "the day's calls"),
    ]
    story = crm("replay", *at).out
    assert (story.count("correlation: leads"), story.count("cause: ")) == (2, 1)
    assert "cause: call-7\n        correlation: the day's calls\n        score: 55 → 56" in story
    (value,) = [row for row in rows(crm("why", *at, "--format", "csv")) if row["field"] == "score"]
    assert (value["value"], value["causation_id"], value["correlation_id"]) == ("56", "call-7", "the day's calls")
    assert "cause: call-7\n        correlation: the day's calls\n" in crm("why", *at).out.partition("score = 56")[2]


def test_what_is_sound_is_said_to_be_so(crm: Crm, company: Path) -> None:
    assert crm("verify", "--data", company) == (0, "", "everything is sound\n")
    checked = crm("verify", "--rebuild", "--format", "json", "--data", company)
    assert (checked.status, json.loads(checked.out)) == (0, {"rows": []})
    told = json.loads(crm("status", "--format", "json", "--data", company).out)
    assert told["well"] is True
    assert "NO_SNAPSHOT" in crm("sql", "from leads", "--snapshot", "--data", company).err
    assert "leads" in {part["part"] for part in told["rows"]}
    assert "leads stands at position" in crm("rebuild", "leads", "--data", company).err


def test_the_directory_may_stand_before_the_command_or_in_the_environment(
    crm: Crm, company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crm("--data", company, "sql", "select 1 as one", "--format", "csv").out == "one\n1\n"
    monkeypatch.setenv("CRM_DATA", str(company))
    assert crm("sql", "select 1 as one", "--format", "csv").out == "one\n1\n"

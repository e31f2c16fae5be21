"""The history for other tools."""

import ast
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from infra.models.months import write_months
from tests.cli.conftest import Crm
from tests.cli.test_refusals import refused

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_export.py"


def require_manifest(folder: Path, format: str, position: int, crm: Crm, data: Path) -> None:
    """The manifest says what is in the folder, and its log has seen the same."""
    said = json.loads((folder / "manifest.json").read_bytes())
    log = [json.loads(line) for line in crm("log", "--format", "json", "--data", data).out.splitlines()]
    with sqlite3.connect(data / "log.db") as connection:
        ((hash,),) = connection.execute("select hash from events where position = ?", (position,)).fetchall()
    assert said.pop("time").endswith("Z")
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != "manifest.json")
    assert said == {
        "format": format,
        "position": position,
        "events": len(log[:position]),
        "hash": hash.hex(),
        "files": {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }
    assert crm("verify", "--witness", folder, "--data", data).status == 0


def script(*arguments: object) -> tuple[int, str]:
    """What the script says that knows nothing of us."""
    command = [sys.executable, "-I", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_the_script_has_forty_lines() -> None:
    text = SCRIPT.read_text()
    described = (ast.Module, ast.FunctionDef)
    docstrings = [node.body[0] for node in ast.walk(ast.parse(text)) if isinstance(node, described)]
    prose = {line for each in docstrings for line in range(each.lineno, (each.end_lineno or 0) + 1)}
    lines = [line for number, line in enumerate(text.splitlines(), 1) if line.strip() and number not in prose]
    assert len(lines) == 40


@pytest.mark.slow
def test_an_export_as_cloudevents_is_the_log_and_becomes_it_again(crm: Crm, served: Path, tmp_path: Path) -> None:
    exported, back, keys = tmp_path / "exported", tmp_path / "back", tmp_path / "keys.db"
    sign = ("--key", tmp_path / "signing.key", "--output", tmp_path / "checkpoint")
    assert crm("checkpoint", *sign, "--data", served).status == 0
    assert crm("backup", tmp_path / "b", "--keys", keys, "--data", served).status == 0
    assert crm("export", "cloudevents", exported, "--data", served).status == 0
    require_manifest(exported, "cloudevents", 9, crm, served)
    log = crm("log", "--format", "json", "--data", served).out
    assert (exported / "events.jsonl").read_text() == log
    assert script(exported, "--checkpoint", tmp_path / "checkpoint")[0] == 0

    restored = crm("restore", exported, "--keys", keys, "--data", back)
    assert (restored.status, restored.out) == (0, "")
    assert "remembers no request ids" in restored.err
    assert stored(back) == stored(served)
    shutil.copy(served / "master.key", back)
    given = ("--checkpoint", tmp_path / "checkpoint", "--public-key", tmp_path / "signing.pub", "--witness", exported)
    assert crm("verify", "--rebuild", *given, "--data", back).status == 0
    assert "Ada Abel" in crm("replay", "lead-1", "--data", back).out
    assert refused(crm("restore", exported, "--data", back), "LOG_NOT_EMPTY")


def stored(data: Path) -> list[Any]:
    """All rows of a log, and its head."""
    with sqlite3.connect(data / "log.db") as log:
        rows = log.execute("select * from events order by position").fetchall()
        return [*rows, *log.execute("select * from log_head").fetchall()]


@pytest.mark.slow
def test_the_log_up_to_any_instant_in_a_fresh_directory(crm: Crm, served: Path, tmp_path: Path) -> None:
    at, rows = ("--data", served), stored(served)[:-1]
    stamp = min(row[4] for row in rows)
    first = datetime.fromtimestamp(stamp // 10**6, UTC).replace(microsecond=stamp % 10**6).isoformat()
    points = {"4": 4, "now": 9, "2001-01-01": 0, first: max(row[0] for row in rows if row[4] == stamp)}
    for number, (known_at, expected) in enumerate(points.items()):
        then, back = tmp_path / f"then-{number}", tmp_path / f"back-{number}"
        assert crm("export", "cloudevents", then, "--known-at", known_at, *at).status == 0
        assert crm("restore", then, "--data", back).status == 0
        assert stored(back)[:-1] == rows[:expected]
        assert crm("verify", "--witness", then, "--data", back).status == 0
        assert script(then)[0] == 0
    assert crm("verify", "--witness", tmp_path / "then-1", "--data", tmp_path / "back-0").status == 4
    for format in ("ocel", "parquet"):
        assert crm("export", format, tmp_path / format, "--known-at", "4", *at).status == 0
        require_manifest(tmp_path / format, format, 4, crm, served)
        assert crm("export", format, tmp_path / f"{format}-0", "--known-at", "0", *at).status == 0
    assert json.loads((tmp_path / "ocel-0" / "ocel.json").read_text())["events"] == []
    beyond = crm("export", "ocel", tmp_path / "beyond", "--known-at", "99", *at)
    assert refused(beyond, "POSITION_BEYOND_LOG", "the log stands at 9")
    assert crm("export", "ocel", tmp_path / "beyond", "--known-at", "soon", *at).status == 2
    assert not list(tmp_path.glob("beyond*"))


@pytest.mark.slow
def test_what_is_no_export_or_not_as_it_was(crm: Crm, served: Path, tmp_path: Path) -> None:
    for format in ("cloudevents", "ocel", "parquet"):
        assert crm("export", format, tmp_path / format, "--data", served).status == 0
    none, sound = tmp_path / "none", tmp_path / "cloudevents"
    for folder in (tmp_path / "ocel", tmp_path / "parquet", tmp_path):
        assert refused(crm("restore", folder, "--data", none), "NOT_AN_EXPORT")
        assert script(folder)[0] == 1
    lines = (sound / "events.jsonl").read_bytes()
    manifest = (sound / "manifest.json").read_text()
    for name, content in (
        ("events.jsonl", lines[:-1]),
        ("events.jsonl", lines + b"\n"),
        ("events.jsonl", lines.replace(b"referral", b"refusals")),
        ("events.jsonl", b"".join(lines.splitlines(keepends=True)[:-1])),
        ("manifest.json", manifest.replace('"events": 9', '"events": 8').encode()),
        ("manifest.json", manifest.replace('"position": 9', '"position": 8').encode()),
        ("manifest.json", manifest.replace("events.jsonl", "other.jsonl").encode()),
    ):
        damaged = Path(shutil.copytree(sound, tmp_path / "damaged"))
        (damaged / name).write_bytes(content)
        assert refused(crm("restore", damaged, "--data", none), "EXPORT_ALTERED"), (name, content[-40:])
        assert script(damaged)[0] == 1
        found = crm("verify", "--witness", damaged, "--data", served, "--format", "json")
        assert [row["code"] for row in json.loads(found.out)["rows"]] == ["EXPORT_ALTERED"]
        shutil.rmtree(damaged)
    assert not none.exists()
    (tmp_path / "ocel" / "ocel.json").write_text("{}")
    (tmp_path / "parquet" / "more").write_text("{}")
    given = [part for format in ("ocel", "parquet") for part in ("--witness", tmp_path / format)]
    found = crm("verify", *given, "--data", served, "--format", "json")
    assert [row["code"] for row in json.loads(found.out)["rows"]] == ["EXPORT_ALTERED"] * 2
    (sound / "events.jsonl").unlink()
    assert refused(crm("restore", sound, "--data", none), "SOURCE_UNREADABLE")


@pytest.mark.slow
def test_process_miners_read_the_history(crm: Crm, served: Path, tmp_path: Path) -> None:
    import pm4py

    assert crm("export", "ocel", tmp_path / "ocel", "--data", served).status == 0
    require_manifest(tmp_path / "ocel", "ocel", 9, crm, served)
    read = pm4py.read_ocel2_json(str(tmp_path / "ocel" / "ocel.json"))
    log = [json.loads(line) for line in crm("log", "--format", "json", "--data", served).out.splitlines()]
    events = read.events.set_index("ocel:eid")
    assert dict(events["ocel:activity"]) == {each["id"]: each["type"].split(".")[1] for each in log}
    assert dict(events["position"]) == {each["id"]: int(each["sequence"]) for each in log}
    assert {id: stamp.isoformat() for id, stamp in events["ocel:timestamp"].items()} == {
        each["id"]: datetime.fromisoformat(each["time"]).isoformat() for each in log
    }
    assert dict(read.objects[["ocel:oid", "ocel:type"]].itertuples(index=False)) == {
        each["subject"]: each["subject"].split("-")[0] for each in log
    }
    related = set(read.relations[["ocel:eid", "ocel:oid", "ocel:qualifier"]].itertuples(index=False, name=None))
    assert related == {(each["id"], each["subject"], "subject") for each in log} | {
        (each["id"], f"customer-{each['data']['customer_id']}", "customer_id")
        for each in log
        if "customer_id" in each["data"]
    }
    linked = set(read.o2o.itertuples(index=False, name=None))
    assert linked == {(f"lead-{n}", f"customer-c{n}", "customer_id") for n in (1, 3)}
    text = (tmp_path / "ocel" / "ocel.json").read_text()
    assert "sealed:" not in text
    assert "Ada Abel" not in text


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
    require_manifest(tmp_path / "events", "parquet", 9, crm, served)

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

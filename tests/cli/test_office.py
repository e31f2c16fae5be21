"""The office is the server's: its time zone reads dates and shows instants, whatever the caller's settings say."""

import fcntl
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.directory import lock
from infra.settings import Settings
from tests.cli.conftest import Crm, Process

pytestmark = pytest.mark.slow


@pytest.fixture
def in_tokyo(process: Callable[..., Process], company: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CRM_TIME_ZONE", "Asia/Tokyo")
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    assert server.line()
    monkeypatch.setenv("CRM_TIME_ZONE", "America/New_York")
    yield company
    server.popen.terminate()
    assert server.end().status == 0


def test_dates_are_the_offices(crm: Crm, in_tokyo: Path) -> None:
    told = json.loads(crm("status", "--format", "json", "--data", in_tokyo).out)
    assert told["time_zone"] == "Asia/Tokyo"
    asked = ("report", "backlog", "--as-of", "2024-02-01", "--data", in_tokyo)
    assert json.loads(crm(*asked, "--format", "json").out)["as_of"] == "2024-01-31T15:00:00Z"
    assert "as of 2024-02-01 00:00:00+09:00 (Asia/Tokyo), position 9" in crm(*asked).err
    first = crm("replay", "lead-1", "--data", in_tokyo).out.splitlines()[0]
    assert "2024-01-10 09:00:00+09:00  LeadCaptured" in first
    assert "2024-01-10 09:00:00+09:00" in crm("log", "--limit", "1", "--data", in_tokyo).out
    beyond = crm("log", "--from", "11", "--data", in_tokyo)
    assert beyond.err == "error: POSITION_BEYOND_LOG: there is no position 11; the log stands at 9\n"
    assert (beyond.status, beyond.out) == (1, "")


def test_a_server_waits_for_those_who_only_look(tmp_path: Path) -> None:
    settings = Settings.read(data=tmp_path / "company")
    lock(settings).close()
    with (tmp_path / "company" / "crm.lock").open("r") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.3, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        lock(settings).close()


def test_everything_says_where_it_came_from(crm: Crm, company: Path, tmp_path: Path) -> None:
    imported = crm("log", "--format", "json", "--data", company).out.splitlines()
    assert {json.loads(line)["correlationid"] for line in imported} == {"leads"}
    assert crm("demo", "--data", tmp_path / "demo").status == 0
    (line,) = crm("log", "--limit", "1", "--format", "json", "--data", tmp_path / "demo").out.splitlines()
    told = json.loads(line)
    assert (told["authtype"], told["authid"], told["correlationid"]) == ("system", "simulation", "simulation")


def test_values_of_every_type_can_be_shown(crm: Crm, company: Path) -> None:
    statement = (
        "select interval 1 day as interval, {'a': 1} as struct, [1, 2] as list, 'x'::blob as blob, "
        "170141183460469231731687303715884105727::hugeint as huge, 'nan'::double as nan, date '2020-01-01' as date, "
        "time '10:00' as time, uuid() as uuid, map {'a': 1} as map, 1.5::decimal(38, 10) as decimal, null as nothing"
    )
    for format in ("table", "csv", "json"):
        shown = crm("sql", statement, "--format", format, "--data", company)
        assert (shown.status, shown.err.count("error")) == (0, 0), shown
    assert "P0M1DT0" in shown.out
    saved = crm("sql", statement, "--output", company / "x.parquet", "--data", company)
    assert saved.status == 0, saved

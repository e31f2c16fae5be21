"""Bad input gets a sentence and a code on stderr, a status, and nothing on stdout."""

import gzip
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crm.client import Client
from crm.v1 import system_pb2
from infra.cli.connection import opened
from infra.cli.options import settings_of
from infra.database.sqlite import SQLite
from infra.log import Log
from tests.cli.conftest import LEADS, MAPPING, Crm, Ended, Process

pytestmark = pytest.mark.slow


def refused(ended: Ended, code: str, says: str = "") -> bool:
    """Whether the command was refused with the code, in a sentence that says so."""
    assert ended.status == 1, ended.err
    assert ended.out == ""
    last = [line for line in ended.err.splitlines() if line.startswith("error: ")][-1]
    assert last.startswith(f"error: {code}: "), last
    assert says in last
    return True


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("report", "nonsense"), "UNKNOWN_REPORT", "backlog"),
        (("report", "backlog", "--by", "nonsense"), "UNKNOWN_COLUMN", "priority"),
        (("sql", "selec 1"), "SQL_INVALID", "selec"),
        (("sql", "from nowhere"), "SQL_INVALID", "nowhere"),
        (("sql", "drop table leads"), "SQL_REFUSED", "SELECT"),
        (("sql", "select 1; select 2"), "SQL_REFUSED", "one statement"),
        (("replay", "lead-nobody"), "NOT_FOUND", "lead-nobody"),
        (("replay", "nonsense"), "INVALID_FIELD", "lead"),
        (("log", "--from", "999"), "POSITION_BEYOND_LOG", "no position 999; the log stands at"),
        (("log", "--stream", "nonsense-1"), "UNKNOWN_STREAM", "customer, lead, ticket"),
        (("log", "--type", "Nonsense"), "INVALID_FIELD", "no event Nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_answered(crm: Crm, served: Path, arguments: tuple[str, ...], code: str, says: str) -> None:
    assert refused(crm(*arguments, "--data", served), code, says)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("report", "backlog", "--as-of", "soon"),
        ("report", "backlog", "--format", "xml"),
        ("report", "--describe"),
        ("sql",),
        ("sql", "select 1", "--describe"),
        ("sql", "select 1", "--snapshot", "--open"),
        ("replay",),
        ("log", "--follow", "--format", "parquet", "--output", "x"),
        ("log", "--limit", "0"),
        ("import", "leads"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_apart(crm: Crm, served: Path, arguments: tuple[str, ...]) -> None:
    ended = crm(*arguments, *(("--data", served) if len(arguments) > 1 else ()))
    assert ended.status == 2
    assert ended.out == ""
    assert "Usage:" in ended.err


def test_settings_that_cannot_be(crm: Crm, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for nobodys in ("Europe/Nowhere", "localtime", "posix/Europe/Berlin"):
        monkeypatch.setenv("CRM_TIME_ZONE", nobodys)
        assert refused(crm("status", "--data", served), "INVALID_SETTING", "Europe/Berlin")
    monkeypatch.setenv("CRM_TIME_ZONE", "UTC")
    monkeypatch.setenv("CRM_THREADS", "none")
    assert refused(crm("status", "--data", served), "INVALID_SETTING", "CRM_THREADS")
    monkeypatch.delenv("CRM_THREADS")
    monkeypatch.setenv("CRM_MEMORY", "lots")
    assert refused(crm("status", "--data", served), "INVALID_SETTING", "4GB")
    monkeypatch.delenv("CRM_MEMORY")
    for name, too_much in (("CRM_MESSAGE_BYTES", "2000000000"), ("CRM_DRAIN_SECONDS", "inf")):
        monkeypatch.setenv(name, too_much)
        assert refused(crm("status", "--data", served), "INVALID_SETTING", name)
        monkeypatch.delenv(name)


@pytest.mark.parametrize("address", ["127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:http", "localhost:"])
def test_an_address_without_a_port_that_can_be(crm: Crm, company: Path, address: str) -> None:
    assert refused(crm("serve", "--listen", address, "--data", company), "ADDRESS_INVALID", address)


def test_nothing_but_its_own_words_is_on_stderr(process: Callable[..., Process], company: Path) -> None:
    ended = process("sql", "select 1 as n", "--format", "csv", "--data", company).end()
    assert ended == (0, "n\n1\n", "position 9\n")


@pytest.mark.parametrize("command", ["report", "status", "verify", "log", "rebuild", "snapshot"])
def test_a_directory_without_data_is_not_made_by_asking(crm: Crm, tmp_path: Path, command: str) -> None:
    assert refused(crm(command, "--data", tmp_path / "nothing"), "NO_DATA", "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_directory_that_cannot_be_written(crm: Crm, source: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert refused(crm("import", *source, "--data", tmp_path / "file" / "d"), "DATA_NOT_WRITABLE", "--data")
    assert refused(crm("demo", "--data", tmp_path / "file" / "d"), "DATA_NOT_WRITABLE")
    assert refused(crm("serve", "--data", tmp_path / "file" / "d"), "DATA_NOT_WRITABLE")


def test_a_demo_never_mixes_with_real_data(crm: Crm, company: Path) -> None:
    assert refused(crm("demo", "--data", company), "NOT_A_DEMO", "--data")


@pytest.mark.parametrize(
    ("mapping", "code", "says"),
    [
        (MAPPING.replace("name, source", "nom, source"), "MAPPING_INVALID", "line 2"),
        (MAPPING.replace("source,\n", "source as colour,\n"), "MAPPING_INVALID", "has a field colour"),
        (MAPPING.replace("'ScoreLead'", "'PraiseLead'"), "MAPPING_INVALID", "PraiseLead"),
        ("selec 1", "MAPPING_INVALID", "line 1"),
        ("drop table source", "MAPPING_INVALID", "SELECT"),
    ],
    ids=["unknown column", "unknown field", "unknown command", "no SQL", "no SELECT"],
)
def test_a_broken_mapping(
    crm: Crm, source: tuple[Path, Path], tmp_path: Path, mapping: str, code: str, says: str
) -> None:
    source[0].write_text(mapping)
    assert refused(crm("import", *source, "--data", tmp_path / "d"), code, says)
    assert not (tmp_path / "d").exists()


def test_files_that_cannot_be_read(crm: Crm, source: tuple[Path, Path], tmp_path: Path) -> None:
    mapping = source[0]
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress((LEADS * 100).encode())[:-200])
    assert refused(crm("import", mapping, cut, "--data", tmp_path / "d"), "SOURCE_UNREADABLE", "cut.csv.gz")
    assert refused(crm("import", mapping, tmp_path / "no.csv", "--data", tmp_path / "d"), "SOURCE_UNREADABLE", "no.csv")
    assert refused(crm("import", mapping, mapping, "--data", tmp_path / "d"), "SOURCE_FORMAT_UNKNOWN")
    assert refused(crm("import", "nonsense", source[1], "--data", tmp_path / "d"), "UNKNOWN_MAPPING", "incidents")
    assert not (tmp_path / "d").exists()


def test_an_output_that_cannot_be_written(crm: Crm, served: Path, tmp_path: Path) -> None:
    ended = crm("report", "backlog", "--output", tmp_path / "nowhere" / "x.csv", "--data", served)
    assert refused(ended, "OUTPUT_NOT_WRITABLE", "nowhere")


def test_a_full_disk(crm: Crm, served: Path) -> None:
    main = f"{sys.executable} -c 'from infra.cli import main; main()'"
    shell = f"{main} sql 'from range(10)' --format csv --data {served} > /dev/full"
    ended = subprocess.run(shell, shell=True, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "error: OUTPUT_NOT_WRITABLE: standard output cannot be written: No space left on device"
    )


def test_a_standard_output_that_is_closed(served: Path) -> None:
    main = f"{sys.executable} -c 'from infra.cli import main; main()'"
    shell = f"{main} sql 'select 1' --data {served} >&-"
    ended = subprocess.run(shell, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last == "error: OUTPUT_NOT_WRITABLE: standard output cannot be written: it is closed"


def test_a_log_that_is_no_database(crm: Crm, company: Path) -> None:
    (company / "log.db").write_bytes(b"nothing of the kind" * 500)
    assert refused(crm("report", "--data", company), "LOG_UNREADABLE", "backup")
    checked = crm("verify", "--format", "csv", "--data", company)
    assert checked.status == 4
    assert checked.out.splitlines()[1].startswith("LOG_UNREADABLE,,")


def test_what_nobody_foresaw_is_a_sentence_too(crm: Crm, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demo.json").write_text("{}")
    ended = crm("demo", "--data", tmp_path / "demo")
    assert refused(ended, "UNFORESEEN", "CRM_DEBUG=1")
    assert ended.err.count("\n") == 1


def test_a_missing_master_key_stops_all_but_the_check(crm: Crm, company: Path) -> None:
    (company / "master.key").unlink()
    assert refused(crm("report", "--data", company), "MASTER_KEY_MISSING", "CRM_MASTER_KEY")
    told = crm("status", "--data", company)
    assert told.status == 4
    assert "MASTER_KEY_MISSING" in told.err
    assert crm("verify", "--data", company).status == 0


def test_data_of_a_newer_version_are_left_alone(crm: Crm, company: Path) -> None:
    with sqlite3.connect(company / "log.db") as log:
        log.execute("update alembic_version set version_num = '9999_from_the_future'")
    assert refused(crm("report", "--data", company), "NEWER_VERSION")


def test_a_log_that_was_tampered_with_is_not_served_and_the_check_names_the_place(crm: Crm, company: Path) -> None:
    with sqlite3.connect(company / "log.db") as log:
        log.execute("update events set document = replace(document, 'referral', 'social') where position = 2")
    assert refused(crm("report", "--data", company), "LOG_TAMPERED", "2")
    for arguments in (("verify",), ("verify", "--rebuild")):
        checked = crm(*arguments, "--format", "csv", "--data", company)
        assert checked.status == 4
        header, finding = checked.out.splitlines()
        assert header == "code,position,sentence"
        assert finding.split(",")[1] == "2"
    told = crm("status", "--data", company)
    assert (told.status, told.out) == (4, "")


def test_a_tail_that_was_cut_off_is_found(crm: Crm, company: Path) -> None:
    with sqlite3.connect(company / "log.db") as log:
        (last,) = log.execute("select max(position) from events").fetchone()
        log.execute("delete from events where position = ?", (last,))
    checked = crm("verify", "--format", "json", "--data", company)
    assert checked.status == 4
    assert "HEAD_WRONG" in checked.out


def test_an_import_stops_where_no_room_is_left_and_goes_on_when_there_is(crm: Crm, tmp_path: Path) -> None:
    mapping, file, data = tmp_path / "leads.sql", tmp_path / "leads.csv", tmp_path / "d"
    mapping.write_text("select 'CaptureLead' as command, id, date '2020-01-01' as occurred_at, row from source")
    file.write_text("id\nnot valid!\n" + "".join(f"{number}\n" for number in range(20_000)))
    with opened(settings_of(data)) as node:
        node.serve()
        assert isinstance(node.log, Log)
        assert isinstance(node.log._database, SQLite)
        pages = node.log._database._writer.cursor()
        (count,) = pages.execute("PRAGMA page_count").fetchone()
        pages.execute(f"PRAGMA max_page_count={count + 300}")
        full = crm("import", mapping, file, "--data", data)
        assert refused(full, "LOG_FULL", "goes on from there")
        assert 0 < node.log.head.position < 20_000
        pages.execute("PRAGMA max_page_count=1000000")
        on = crm("import", mapping, file, "--data", data)
        assert on.status == 0
        assert "20,001 of 20,001 commands" in on.err
        assert "1 were refused" in on.err
        assert node.log.head.position == 20_000


def test_an_import_ends_where_its_server_is_killed_and_goes_on_without(
    crm: Crm, process: Callable[..., Process], tmp_path: Path
) -> None:
    mapping, file, data = tmp_path / "leads.sql", tmp_path / "leads.csv", tmp_path / "d"
    mapping.write_text("select 'CaptureLead' as command, id, date '2020-01-01' as occurred_at, row from source")
    file.write_text("id\n" + "".join(f"{number}\n" for number in range(40_000)))
    server = process("serve", "--listen", "127.0.0.1:0", "--data", data)
    with Client(server.line()) as client:
        importing = process("import", mapping, file, "--data", data)
        # So many are on their way that it waits for room to send more.
        while client.system.GetStatus(system_pb2.GetStatusRequest()).position < 4_000:
            time.sleep(0.01)
    server.send(signal.SIGKILL)
    ended = importing.end()
    assert (ended.status, "error: UNAVAILABLE" in ended.err) == (3, True), ended
    on = crm("import", mapping, file, "--data", data)
    assert (on.status, "40,000 of 40,000 commands" in on.err) == (0, True), on

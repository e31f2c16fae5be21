"""What was cut off the log, or written anew in it, shows in the read models and the snapshots, and stays to be seen."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest

from tests.cli.conftest import Crm, Process

pytestmark = pytest.mark.slow


def cut_off(company: Path) -> int:
    """Remove the last two events, so that the log is sound in itself; the position they began at."""
    with sqlite3.connect(company / "log.db") as log:
        ((last,),) = log.execute("select max(position) from events").fetchall()
        log.execute("delete from events where position > ?", (last - 2,))
        log.execute(
            "update log_head set (position, hash, recorded_at) = "
            "(select position, hash, recorded_at from events where position = ?)",
            (last - 2,),
        )
    return int(last)


def written_anew(company: Path) -> None:
    """Change an early event and compute the chain anew, so that the log is sound in itself."""
    with sqlite3.connect(company / "log.db") as log:
        hash = bytes(32)
        for position, document in log.execute("select position, document from events order by position").fetchall():
            other = document.replace(b"referral", b"refusals")
            hash = sha256(hash + other).digest()
            log.execute("update events set document = ?, hash = ? where position = ?", (other, hash, position))
        log.execute("update log_head set hash = ?", (hash,))


def findings(crm: Crm, company: Path) -> list[tuple[str, int]]:
    """What the check finds; it ends accordingly."""
    checked = crm("verify", "--format", "json", "--data", company)
    rows = json.loads(checked.out)["rows"]
    assert checked.status == (4 if rows else 0)
    return [(row["code"], row["position"]) for row in rows]


@pytest.mark.parametrize("witness", ["read models", "snapshot"])
@pytest.mark.parametrize("forge", [cut_off, written_anew])
def test_a_forged_log_that_is_sound_in_itself_is_found(
    crm: Crm, company: Path, forge: Callable[[Path], object], witness: str
) -> None:
    assert crm("snapshot", "--data", company).status == 0
    assert findings(crm, company) == []
    if witness == "snapshot":
        (company / "models.duckdb").unlink()
    else:
        (company / "snapshots" / "crm-9.json").unlink()
    before = (company / "models.duckdb").read_bytes() if witness == "read models" else None
    forge(company)
    assert findings(crm, company) == [("HISTORY_FORKED", 9)]
    assert findings(crm, company) == [("HISTORY_FORKED", 9)]
    if before is not None:
        assert (company / "models.duckdb").read_bytes() == before


def test_a_start_keeps_the_witness_and_says_what_it_has_seen(
    crm: Crm, process: Callable[..., Process], company: Path
) -> None:
    cut_off(company)
    first = crm("status", "--format", "json", "--data", company)
    assert first.status == 4
    told = json.loads(first.out)
    assert not told["well"]
    assert [notice.partition(":")[0] for notice in told["notices"]] == ["HISTORY_FORKED"] * 2
    assert len(list(company.glob("models.duckdb.forked-*"))) == 1

    assert crm("status", "--data", company).status == 4
    assert findings(crm, company) == [("HISTORY_FORKED", 9)]
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    assert server.line()
    assert findings(crm, company) == [("HISTORY_FORKED", 9)]
    assert crm("status", "--data", company).status == 4
    assert crm("sql", "select count(*) as n from events", "--format", "csv", "--data", company).out == "n\n7\n"
    server.send(signal.SIGTERM)
    assert server.end().status == 0

    for each in company.glob("models.duckdb.forked-*"):
        each.unlink()
    assert findings(crm, company) == []
    assert crm("status", "--data", company).status == 0


def test_a_log_that_is_changed_under_a_server_is_found(
    crm: Crm, process: Callable[..., Process], company: Path
) -> None:
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    assert server.line()
    assert findings(crm, company) == []
    cut_off(company)
    assert findings(crm, company) == [("HISTORY_FORKED", 9)]
    assert crm("status", "--data", company).status == 4
    server.send(signal.SIGTERM)
    server.end()


AS_SOMEBODY_ELSE = """
import os, sys
import infra.cli.connection, infra.cli.moments, infra.cli.upkeep, infra.database.sqlite, infra.main
import rich.console, rich.progress, rich.table
from infra.cli.app import run

if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
sys.exit(run(sys.argv[1:]))
"""


def test_a_backup_that_may_not_be_written_can_be_checked_and_is_left_as_it_is(company: Path) -> None:
    with TemporaryDirectory() as folder:  # unlike pytest's, one that somebody else may enter
        backup = Path(folder) / "backup"
        shutil.copytree(company, backup)
        Path(folder).chmod(0o755)
        backup.chmod(0o555)
        files = {file: file.stat().st_mtime_ns for file in backup.iterdir()}
        checked, served = (
            subprocess.run(
                [sys.executable, "-c", AS_SOMEBODY_ELSE, command, "--data", str(backup)],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            for command in ("verify", "serve")
        )
        left = {file: file.stat().st_mtime_ns for file in backup.iterdir()}
        backup.chmod(0o755)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "everything is sound\n"), checked
    assert (served.returncode, served.stdout) == (1, "")
    assert served.stderr.startswith("error: DATA_NOT_WRITABLE: ")
    assert left == files


def test_an_archive_that_was_altered_is_compared_with_the_log(crm: Crm, company: Path) -> None:
    at = ("--data", company)
    with duckdb.connect(str(company / "models.duckdb")) as connection:
        assert connection.execute("update lead_captured set source = 'social' where id = '2'").fetchall() == [(1,)]
    assert crm("rebuild", *at).status == 0
    looked = crm("verify", "--rebuild", *at, "--format", "json")
    assert looked.status == 4
    (found,) = json.loads(looked.out)["rows"]
    assert found["code"] == "ARCHIVE_DIFFERS"
    (company / "models.duckdb").unlink()
    assert crm("verify", "--rebuild", *at).status == 0

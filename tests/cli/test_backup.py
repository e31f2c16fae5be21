"""Backups at the command line; and that a log which lost its end is never taken for the one that was read before."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, log_pb2
from infra.log import backup as log_backup
from tests import postgres
from tests.cli.conftest import Crm, Process, written
from tests.cli.test_refusals import refused

pytestmark = pytest.mark.slow

ADA = "Ada Abel"


class Kept(NamedTuple):
    """What was backed up, and where."""

    log: Path
    keys: Path


@pytest.fixture
def kept(crm: Crm, company: Path, tmp_path: Path) -> Kept:
    kept = Kept(tmp_path / "backups" / "crm-9.db", tmp_path / "apart" / "keys.db")
    ended = crm("backup", kept.log.parent, "--keys", kept.keys, "--data", company)
    assert (ended.status, ended.out) == (0, f"{kept.log}\n{kept.keys}\n"), ended.err
    assert ended.err.startswith("position 9\n")
    assert "KEEP THE BACKUP OF THE KEYS APART" in ended.err
    return kept


@contextmanager
def serving(process: Callable[..., Process], folder: Path) -> Iterator[Client]:
    """A client of a server on the directory."""
    server = process("serve", "--listen", "127.0.0.1:0", "--data", folder)
    with Client(server.line(), actor="shop") as client:
        yield client
    server.send(signal.SIGTERM)
    assert server.end().status == 0


def name(crm: Crm, folder: Path) -> object:
    """The name of the first lead, as a server on the directory opens it."""
    told = crm("replay", "lead-1", "--format", "json", "--data", folder)
    return json.loads(told.out.splitlines()[0])["data"].get("name")


def test_everything_comes_back(crm: Crm, company: Path, kept: Kept, tmp_path: Path) -> None:
    back = tmp_path / "back"
    ended = crm("restore", kept.log, "--keys", kept.keys, "--data", back)
    assert (ended.status, ended.out) == (0, "")
    assert "position 9" in ended.err
    assert "whoever was forgotten after position 9 is not forgotten in it" in ended.err
    assert "bring the master key back" in ended.err
    assert refused(crm("report", "--data", back), "MASTER_KEY_MISSING")
    shutil.copy(company / "master.key", back)
    assert crm("verify", "--rebuild", "--witness", kept.log, "--data", back).status == 0
    assert name(crm, back) == ADA
    again = crm("import", *written(tmp_path), "--data", back)
    assert "0 changed something" in again.err, again.err
    assert crm("status", "--data", back).status == 0


def test_without_the_keys_personal_values_are_null(crm: Crm, kept: Kept, tmp_path: Path) -> None:
    ended = crm("restore", kept.log, "--data", tmp_path / "back")
    assert ended.status == 0
    assert "there are no keys: personal values read as null" in ended.err
    assert crm("verify", "--rebuild", "--data", tmp_path / "back").status == 0
    assert name(crm, tmp_path / "back") is None


def test_while_a_server_runs(crm: Crm, process: Callable[..., Process], company: Path, tmp_path: Path) -> None:
    with serving(process, company) as client:
        client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="4", agent_id="agent-1"))
        ended = crm("backup", tmp_path / "backups", "--data", company)
        assert (ended.status, ended.out) == (0, f"{tmp_path}/backups/crm-10.db\n")
        assert "the keys are not in it" in ended.err
        client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="4", agent_id="agent-2"))
        assert crm("verify", "--witness", tmp_path / "backups" / "crm-10.db", "--data", company).status == 0
        restored = crm("restore", tmp_path / "backups" / "crm-10.db", "--data", company)
        assert refused(restored, "ALREADY_SERVED", "stop it")
    assert crm("verify", "--data", company).status == 0


def test_what_is_refused(crm: Crm, company: Path, kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    none, folder = tmp_path / "none", kept.log.parent
    assert refused(crm("backup", folder, "--data", none), "NO_DATA", "--data")
    assert refused(crm("backup", folder, "--keys", folder / "keys.db", "--data", company), "KEYS_NOT_APART")
    assert refused(crm("restore", kept.log, "--data", company), "LOG_NOT_EMPTY", "never written over data")
    assert refused(crm("restore", kept.keys, "--data", none), "NOT_A_BACKUP", "of the keys")
    assert refused(crm("restore", company / "log.db", "--data", none), "NOT_A_BACKUP", "crm backup")
    cut = tmp_path / "cut.db"
    cut.write_bytes(kept.log.read_bytes()[:-9000])
    assert refused(crm("restore", cut, "--data", none), "BACKUP_UNREADABLE", "cut.db")
    monkeypatch.setenv("CRM_MASTER_KEY", b64encode(os.urandom(32)).decode())
    assert refused(crm("restore", kept.log, "--keys", kept.keys, "--data", none), "WRONG_MASTER_KEY")
    assert not none.exists()


def test_a_restored_older_state_is_recognised(
    crm: Crm, process: Callable[..., Process], company: Path, kept: Kept
) -> None:
    with serving(process, company) as client:
        for turn in range(3):
            client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="4", agent_id=f"before-{turn}"))
        client.leads.ListLeads(leads_pb2.ListLeadsRequest(min_position=12))
        read = list(client.log.ReadEvents(log_pb2.ReadEventsRequest()))[-1]
    assert read.position == 12
    for file in company.glob("log.db*"):
        file.unlink()

    ended = crm("restore", kept.log, "--data", company)
    assert ended.status == 0
    assert "what was not in the backup is lost: models.duckdb has seen event 12, but the log ends at 9" in ended.err

    # The log grows beyond where it was, while nobody looks at the read models.
    models = company / "models.duckdb"
    aside = models.rename(company.parent / "models.duckdb")
    with serving(process, company) as client:
        for turn in range(5):
            client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="4", agent_id=f"after-{turn}"))
    models.unlink()
    aside.rename(models)

    with serving(process, company) as client:
        where = {"after_position": read.position, "after_hash": read.hash}
        for follow in (False, True):
            with pytest.raises(CrmError) as forked:
                list(client.log.ReadEvents(log_pb2.ReadEventsRequest(**where, follow=follow)))
            assert forked.value.code == "HISTORY_FORKED"
        lead = client.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="4", min_position=14))
        assert lead.agent_id == "after-4"
        seen = f"--from 13 --after-hash {read.hash.hex()}".split()
        assert refused(crm("log", *seen, "--data", company), "HISTORY_FORKED", "event 12")
    told = json.loads(crm("status", "--format", "json", "--data", company).out)
    assert "HISTORY_FORKED" in {notice.partition(":")[0] for notice in told["notices"]}
    checked = json.loads(crm("verify", "--rebuild", "--format", "json", "--data", company).out)["rows"]
    assert [(row["code"], row["position"]) for row in checked] == [("HISTORY_FORKED", 12)]
    (forked_file,) = company.glob("models.duckdb.forked-*")
    forked_file.unlink()
    assert crm("verify", "--rebuild", "--witness", kept.log, "--data", company).status == 0


def test_a_log_is_read_on_where_its_rows_ended(crm: Crm, served: Path) -> None:
    head = ("log", "--format", "csv", "--data", served)
    whole = list(csv.DictReader(crm(*head).out.splitlines()))
    for row in whole[2::3]:
        after = str(int(row["position"]) + 1)
        ended = crm(*head, "--from", after, "--after-hash", row["hash"])
        assert list(csv.DictReader(ended.out.splitlines())) == whole[int(row["position"]) :]
    forked = crm("log", "--from", "5", "--after-hash", whole[4]["hash"], "--data", served)
    assert refused(forked, "HISTORY_FORKED", "event 4")
    for wrong in (
        ("--after-hash", "00"),
        ("--from", "now", "--after-hash", "00"),
        ("--from", "5", "--after-hash", "x"),
    ):
        assert crm(*head, *wrong).status == 2


def test_a_backup_is_a_witness(crm: Crm, company: Path, kept: Kept, tmp_path: Path) -> None:
    def findings(*witnesses: Path) -> list[tuple[str, int | None]]:
        options = [part for each in witnesses for part in ("--witness", each)]
        checked = crm("verify", *options, "--format", "json", "--data", company)
        rows = json.loads(checked.out)["rows"]
        assert checked.status == (4 if rows else 0)
        return [(row["code"], row["position"]) for row in rows]

    assert findings(kept.log) == []
    other = tmp_path / "other"
    assert crm("import", *written(tmp_path), "--data", other).status == 0
    assert crm("backup", tmp_path / "others", "--data", other).status == 0
    (of_another,) = (tmp_path / "others").iterdir()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(kept.log.read_bytes()[:-9000])
    assert findings(kept.log, of_another) == [("HISTORY_FORKED", 9)]
    assert findings(damaged, kept.keys) == [("BACKUP_UNREADABLE", None), ("NOT_A_BACKUP", None)]


def test_into_postgresql_and_back(
    crm: Crm, company: Path, kept: Kept, tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = postgres.databases(postgres_url)
    with monkeypatch.context() as shared:
        shared.setenv("CRM_LOG", make("log"))
        shared.setenv("CRM_KEYS", make("keys"))
        shared.setenv("CRM_MASTER_KEY", (company / "master.key").read_text())
        node = tmp_path / "node"
        assert refused(crm("backup", tmp_path / "b", "--data", node), "NO_DATA")
        assert crm("restore", kept.log, "--keys", kept.keys, "--data", node).status == 0
        assert refused(crm("restore", kept.log, "--keys", kept.keys, "--data", node), "LOG_NOT_EMPTY")
        assert name(crm, node) == ADA
        assert crm("verify", "--rebuild", "--witness", kept.log, "--data", node).status == 0
        again = Kept(tmp_path / "again" / "crm-9.db", tmp_path / "again-keys" / "keys.db")
        assert crm("backup", again.log.parent, "--keys", again.keys, "--data", node).status == 0
    assert log_backup.examine(again.log)._replace(made_at=0) == log_backup.examine(kept.log)._replace(made_at=0)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(company / "master.key", home)
    assert crm("restore", again.log, "--keys", again.keys, "--data", home).status == 0
    assert name(crm, home) == ADA
    assert crm("verify", "--rebuild", "--data", home).status == 0

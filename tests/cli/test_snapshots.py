"""Snapshots on a schedule, and how many of them stay."""

import json
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crm.client import Client
from crm.v1 import leads_pb2
from infra.models.snapshots import age, prune
from tests.cli.conftest import Crm, Process

DEADLINE_SECONDS = 60


def published(folder: Path, position: int, made: datetime, latest: bool = False) -> Path:
    file = folder / f"crm-{position}.duckdb"
    file.touch()
    said = json.dumps({"file": file.name, "position": position, "time": made.isoformat()})
    file.with_suffix(".json").write_text(said)
    if latest:
        (folder / "latest.json").write_text(said)
    return file


def test_the_newest_snapshots_stay_and_every_manifest(tmp_path: Path) -> None:
    noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
    oldest, old, other = (published(tmp_path, 10 * hour, noon + timedelta(hours=hour)) for hour in (1, 2, 30))
    # After a restore the newest snapshot may stand at an earlier position than one before it.
    latest = published(tmp_path, 15, noon + timedelta(hours=31), latest=True)
    assert prune(tmp_path, 4) == []
    assert prune(tmp_path, 2) == [oldest, old]
    assert sorted(tmp_path.glob("*.duckdb")) == sorted([other, latest])
    assert prune(tmp_path, 1) == [other]
    assert prune(tmp_path, 1) == []
    assert len(list(tmp_path.glob("crm-*.json"))) == 4
    assert age(tmp_path, noon + timedelta(hours=33)) == timedelta(hours=2)


def test_where_nothing_was_published_nothing_is_removed(tmp_path: Path) -> None:
    assert prune(tmp_path, 1) == []
    assert age(tmp_path, datetime.now(UTC)) is None


@pytest.mark.slow
def test_a_server_publishes_snapshots_on_its_own_and_keeps_as_many_as_it_is_told(
    process: Callable[..., Process], company: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SNAPSHOT_HOURS", "0.0001")
    monkeypatch.setenv("CRM_SNAPSHOTS_KEPT", "2")
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    folder = company / "snapshots"
    with Client(server.line(), actor="shop") as client:
        for number in range(4):
            request = leads_pb2.AssignLeadRequest(id="4", agent_id=f"agent-{number}")
            await_snapshot(folder, client.leads.AssignLead(request).position)
    server.send(signal.SIGTERM)
    assert server.end().status == 0
    left = sorted(file.name for file in folder.glob("crm-*.duckdb"))
    assert len(left) == 2
    assert json.loads((folder / "latest.json").read_text())["file"] in left
    assert len(list(folder.glob("crm-*.json"))) >= 4


@pytest.mark.slow
def test_how_often_and_how_many_must_make_sense(crm: Crm, company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_SNAPSHOT_HOURS", "0")
    refused = crm("status", "--data", company)
    assert refused.status == 1
    assert "INVALID_SETTING: CRM_SNAPSHOT_HOURS" in refused.err
    monkeypatch.setenv("CRM_SNAPSHOT_HOURS", "1")
    monkeypatch.setenv("CRM_SNAPSHOTS_KEPT", "0")
    assert "INVALID_SETTING: CRM_SNAPSHOTS_KEPT" in crm("status", "--data", company).err


def await_snapshot(folder: Path, position: int) -> None:
    """Wait until a snapshot stands at the position."""
    until = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < until:
        if (folder / f"crm-{position}.json").exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"no snapshot stands at {position}")

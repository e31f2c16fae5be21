"""Several servers on one log: each a process with a data directory of its own."""

import json
import os
import signal
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, system_pb2
from tests import postgres
from tests.cli.conftest import Crm, Process

pytestmark = pytest.mark.slow


@pytest.fixture
def shared(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of every node: one log, one database of keys, one master key."""
    make = postgres.databases(postgres_url)
    monkeypatch.setenv("CRM_LOG", make("log"))
    monkeypatch.setenv("CRM_KEYS", make("keys"))
    monkeypatch.setenv("CRM_MASTER_KEY", b64encode(os.urandom(32)).decode())


@pytest.mark.usefixtures("shared")
def test_what_one_node_answered_every_node_knows(process: Callable[..., Process], crm: Crm, tmp_path: Path) -> None:
    nodes = [process("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / name) for name in ("a", "b")]
    nodes.append(process("serve", "--only", "commands", "--listen", "127.0.0.1:0", "--data", tmp_path / "c"))
    a, b, c = (Client(node.line(), actor="shop") for node in nodes)
    with a, b, c:
        capture = leads_pb2.CaptureLeadRequest(id="1", name="Ada Abel", request_id="r-1")
        first = a.leads.CaptureLead(capture)
        assert b.leads.CaptureLead(capture) == c.leads.CaptureLead(capture) == first
        lead = b.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1", min_position=first.position))
        assert (lead.name, lead.status) == ("Ada Abel", "new")

        for turn in range(30):
            node = (a, b, c)[turn % 3]
            outcome = node.leads.AssignLead(leads_pb2.AssignLeadRequest(id="1", agent_id=f"agent-{turn}"))
            assert outcome.position == turn + 2
            reader = (b, a)[turn % 2]
            lead = reader.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1", min_position=outcome.position))
            assert lead.agent_id == f"agent-{turn}"

        with pytest.raises(CrmError) as refused:
            c.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1"))
        assert refused.value.code == "NOT_SERVED_HERE"
        status = c.system.GetStatus(system_pb2.GetStatusRequest())
        assert (status.well, status.position, len(status.parts)) == (True, 31, 0)
        at = ("--data", tmp_path / "c")
        assert "lead-1" in crm("replay", "lead-1", *at).out + crm("find", "--name", "ada", *at).out
        for asked in (
            *(("why", "lead-1"), ("why", "lead_conversion"), ("report", "lead_conversion"), ("compare", "backlog")),
            *(("sql", "select 1"), ("verify", "--rebuild"), ("rebuild",), ("snapshot",), ("run", "retention")),
            *(("dlq", "list"), ("export", "parquet", tmp_path / "exported")),
        ):
            ended = crm(*asked, *(("--as-of", "yesterday") if asked[0] == "compare" else ()), *at)
            assert (ended.status, ended.out) == (1, ""), asked
            assert ended.err.startswith("error: NOT_SERVED_HERE: "), ended.err
            assert "a command on a data directory of its own" in ended.err
        assert crm("verify", *at).status == 0
        assert "LeadAssigned" in crm("why", "lead-1", "--data", tmp_path / "own").out

        last = leads_pb2.ScoreLeadRequest(id="1", score=7, request_id="r-2")
        answered = a.leads.ScoreLead(last)
        nodes[0].popen.kill()
        nodes[0].popen.wait()
        assert b.leads.ScoreLead(last) == c.leads.ScoreLead(last) == answered
        assert c.leads.ScoreLead(leads_pb2.ScoreLeadRequest(id="1", score=8)).position == 33

    for server in nodes[1:]:
        server.send(signal.SIGTERM)
        assert server.end().status == 0
    assert crm("verify", "--data", tmp_path / "c").status == 0
    told = json.loads(crm("status", "--format", "json", "--data", tmp_path / "a").out)
    assert (told["well"], told["position"]) == (True, 33)


@pytest.mark.usefixtures("shared")
def test_several_make_the_tables_at_once(process: Callable[..., Process], crm: Crm, tmp_path: Path) -> None:
    processes = [process("migrate", "--data", tmp_path / str(n)) for n in range(4)]
    ended = [each.end() for each in processes]
    assert [each.status for each in ended] == [0] * 4
    assert any("log: revision 0002, made" in each.err for each in ended)
    assert (
        "log: revision 0002, already there\nkeys: revision 0002, already there\n"
        in crm("migrate", "--data", tmp_path / "5").err
    )


@pytest.mark.usefixtures("shared")
def test_nobody_makes_a_master_key_for_keys_that_others_share(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_MASTER_KEY")
    ended = crm("serve", "--data", tmp_path / "a")
    assert (ended.status, ended.out) == (1, "")
    assert "error: MASTER_KEY_MISSING: " in ended.err
    assert not (tmp_path / "a" / "master.key").exists()


@pytest.mark.usefixtures("shared")
def test_a_shared_log_needs_shared_keys(crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_KEYS")
    ended = crm("serve", "--data", tmp_path / "a")
    assert ended.status == 1
    assert "error: INVALID_SETTING: CRM_KEYS: " in ended.err


def test_a_database_that_is_not_there(crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_MASTER_KEY", b64encode(bytes(32)).decode())
    for name in ("CRM_LOG", "CRM_KEYS"):
        monkeypatch.setenv(name, "postgresql://annals:secret@127.0.0.1:9/annals")
    for command in ("serve", "status", "verify", "migrate"):
        ended = crm(command, "--data", tmp_path / "a")
        assert ended.status in (1, 4)
        assert "_UNAVAILABLE" in ended.err + ended.out
        assert "secret" not in ended.err + ended.out

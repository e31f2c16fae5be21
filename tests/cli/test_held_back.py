"""A server that does not know an event yet: what people and programs see of it, and that nothing is left of it once a
version serves that does.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, models_pb2, sql_pb2, system_pb2
from domain.lead import LeadConverted
from infra.main import Node
from infra.models import archive
from infra.settings import Settings
from tests.cli.conftest import Crm

pytestmark = pytest.mark.slow


@pytest.fixture
def older(company: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process is of a version that does not know conversions; until it is undone."""
    for file in company.glob("models.duckdb*"):
        file.unlink()
    known = {type: found for type, found in archive._relation_of_type().items() if type != LeadConverted.type_name}
    monkeypatch.setattr(archive, "_relation_of_type", lambda: known)
    return monkeypatch


def test_answers_say_how_much_is_held_back(crm: Crm, company: Path, older: pytest.MonkeyPatch) -> None:
    report = ("report", "lead_conversion", "--as-of", "2024-12-31", "--data", company)
    asked = crm(*report)
    assert "notice: 2 streams are held back and not counted to their ends; see crm dlq list" in asked.err
    assert json.loads(crm(*report, "--format", "json").out)["held_back_streams"] == 2
    counted = crm("sql", "select count(*) from leads where converted_at is not null", "--data", company)
    assert "notice: 2 streams are held back" in counted.err
    assert json.loads(crm("sql", "from tickets", "--format", "json", "--data", company).out)["held_back_streams"] == 0
    compared = crm("compare", "lead_conversion", "--as-of", "2024-03-01", "--with", "2024-12-31", "--data", company)
    assert "notice: 2 streams are held back" in compared.err

    status = crm("status", "--format", "json", "--data", company)
    told = json.loads(status.out)
    assert (status.status, told["well"]) == (4, False)
    assert {row["part"]: row["held_back_streams"] for row in told["rows"]}["archive"] == 2
    listed = json.loads(crm("dlq", "list", "--format", "json", "--data", company).out)["rows"]
    assert [(row["part"], row["stream"], row["events"]) for row in listed] == [
        ("archive", "lead-1", 1),
        ("archive", "lead-3", 1),
    ]
    assert {(row["type"], row["sentence"]) for row in listed} == {
        ("crm.LeadConverted.v1", "this version does not know crm.LeadConverted.v1")
    }
    tried = crm("dlq", "replay", "--data", company)
    assert (tried.status, "2 tried, 2 left" in tried.err) == (4, True)
    kept = Path(crm("snapshot", "--data", company).out.strip())

    older.undo()
    older.chdir(company.parent)
    assert crm("status", "--data", company).status == 0
    assert "held back" not in crm(*report).err
    assert crm(*report).out != asked.out
    listed = crm("dlq", "list", "--format", "json", "--data", company)
    assert (listed.status, json.loads(listed.out)["rows"]) == (0, [])
    assert crm("dlq", "replay", "--data", company).status == 0
    assert crm("verify", "--rebuild", "--data", company).status == 0
    assert Path(crm("snapshot", "--data", company).out.strip()) != kept


def test_its_record_is_refused(company: Path, older: pytest.MonkeyPatch) -> None:
    with Node.open(Settings(data=company)) as node, Client(node.serve()) as client:
        for ask, request in (
            (client.leads.GetLead, leads_pb2.GetLeadRequest(lead_id="1")),
            (client.models.GetRecord, models_pb2.GetRecordRequest(model="leads", key={"lead_id": "1"})),
        ):
            with pytest.raises(CrmError, match="lead-1 is held back") as refused:
                ask(request)
            assert refused.value.code == "STREAM_HELD_BACK"
        assert client.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="2")).read_point.held_back_streams == 2
        page = client.leads.ListLeads(leads_pb2.ListLeadsRequest())
        assert (len(page.leads), page.read_point.held_back_streams) == (4, 2)
        assert next(client.sql.RunSql(sql_pb2.RunSqlRequest(sql="from events"))).held_back_streams == 2
        # What is mended while it runs is tried again on request.
        older.undo()
        came = client.system.ReplayHeldBackStreams(system_pb2.ReplayHeldBackStreamsRequest())
        assert (came.tried, list(came.streams)) == (2, [])
        assert client.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1")).status == "converted"

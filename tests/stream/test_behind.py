"""A query node that is far behind says so in time, and answers when it has caught up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, models_pb2, sql_pb2
from infra.keys import Keys
from infra.main import PROJECTIONS
from infra.models import Models
from infra.server import Server, reading
from infra.settings import Settings
from infra.stream import Stream
from tests.stream.company import DEADLINE, Company, eventually

pytestmark = pytest.mark.slow


def test_a_position_that_the_read_models_are_far_from(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "NEAR", 100)
    monkeypatch.setattr(reading, "LONGEST_WAIT", 0.5)
    company.happen(400)
    company.publish_all()
    settings = Settings(data=tmp_path / "node")
    keys = Keys.open(f"sqlite:///{company.directory}/keys.db", bytes(32))
    with Stream(company.cluster) as stream:
        eventually(lambda: stream.wait(399, 1.0) >= 400, lambda: stream.status)
        models = Models(
            settings.models_file,
            stream,
            projections=PROJECTIONS,
            time_zone="UTC",
            memory="500MB",
            threads=1,
            snapshots=settings.snapshots,
            look_back=False,
        )
        server = Server(log=stream, models=models, keys=keys, settings=settings)
        try:
            with Client(server.start("127.0.0.1:0"), timeout=DEADLINE) as crm:
                questions: list[Callable[[int], object]] = [
                    lambda far: crm.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="0", min_position=far)),
                    lambda far: crm.leads.ListLeads(leads_pb2.ListLeadsRequest(min_position=far)),
                    lambda far: crm.models.ListRecords(models_pb2.ListRecordsRequest(model="leads", min_position=far)),
                    lambda far: list(
                        crm.sql.RunSql(sql_pb2.RunSqlRequest(sql="select count(*) from leads", min_position=far))
                    ),
                ]
                # Nothing is followed yet, as if there were very much.
                for question in questions:
                    with pytest.raises(CrmError, match="these read models stand at 0, and did not come near 101") as no:
                        question(101)
                    assert (no.value.code, no.value.field) == ("MIN_POSITION_NOT_REACHED", "min_position")
                assert models.position == 0
                # What is near is not waited for, but read for whoever asks.
                for question in questions:
                    question(100)
                assert (models.position, models.brought_to(())) == (400, 0)
                monkeypatch.setattr(reading, "LONGEST_WAIT", DEADLINE)
                models.start()
                for question in questions:
                    question(400)
                assert models.brought_to(["leads"]) >= 300
        finally:
            server.stop(5)
            models.close()
            keys.close()

"""What a query node cannot take in from Kafka: a notice, everything else goes on, and nothing is left of it later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import TopicPartition

from domain.lead import LeadAssigned
from infra.main import PROJECTIONS, notice_on
from infra.models import EVENTS, Models, archive, place_in
from infra.stream import Cluster, Place, Stream
from tests.stream.company import Company, eventually, read_all

pytestmark = pytest.mark.slow


@contextmanager
def query_node(folder: Path, cluster: Cluster, position: int) -> Iterator[Models]:
    """Read models that follow the topics, as far as a position."""
    file = folder / "models.duckdb"
    at = place_in(file)
    settings: dict[str, Any] = {"time_zone": "UTC", "memory": "500MB", "threads": 2}
    with Stream(cluster, Place(*at) if at else None) as stream:
        eventually(lambda: stream.wait(position - 1, 1.0) >= position, lambda: stream.status)
        models = Models(
            file,
            stream,
            projections=PROJECTIONS,
            snapshots=folder / "snapshots",
            look_back=False,
            notice=notice_on(stream),
            **settings,
        )
        try:
            models.bring([EVENTS, *models.names], position)
            yield models
        finally:
            models.close()


def everything(models: Models) -> dict[str, list[tuple[Any, ...]]]:
    with models.transaction() as cursor:
        tables = "select table_name from duckdb_tables() where not starts_with(table_name, 'annals_')"
        names = [*(name for (name,) in cursor.execute(tables).fetchall()), "annals_held", "annals_held_events"]
        return {name: cursor.execute(f'from "{name}" order by all').fetchall() for name in sorted(names)}


def test_an_event_of_a_newer_version(company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company.happen(400)
    company.publish_all()
    with monkeypatch.context() as older:
        known = {type: found for type, found in archive._relation_of_type().items() if type != LeadAssigned.type_name}
        older.setattr(archive, "_relation_of_type", lambda: known)
        with query_node(tmp_path / "node", company.cluster, 400) as models:
            assert {each.part for each in models.held_back} == {"archive"}
            assert len(models.held_back) == 100
            with models.transaction() as cursor:
                assert cursor.execute("select count(*) from leads").fetchall() == [(100,)]
                assert cursor.execute("select count(*) from events").fetchall() == [(300,)]
            first = models.held_back[0]
    with company.cluster.consumer() as consumer:
        topic = f"{company.cluster.prefix}.lead.dlq"
        notices = read_all(consumer, [TopicPartition(topic, 0)])
    assert len(notices) == 100
    said = orjson.loads(notices[0].value)
    assert said == {"part": "archive", "stream": first.stream, "position": first.position, "type": first.type,
                    "error": "this version does not know crm.LeadAssigned.v1"}  # fmt: skip
    assert notices[0].key.decode() == f"{company.cluster.prefix}.lead/archive/{first.position}"
    assert dict(notices[0].headers)["error"].decode() == said["error"]

    company.happen(100)
    company.publish_all()
    with (
        query_node(tmp_path / "node", company.cluster, 500) as mended,
        query_node(tmp_path / "fresh", company.cluster, 500) as fresh,
    ):
        assert mended.held_back == []
        assert everything(mended) == everything(fresh)
        assert mended.check_rebuild() == []

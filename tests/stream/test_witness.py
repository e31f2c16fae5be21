"""What was published shows what was cut off the log later, or written anew in it."""

from __future__ import annotations

import json
import sqlite3
from hashlib import sha256

import pytest

from infra.cli.app import run
from infra.stream import Cluster
from infra.stream.witness import witnesses_on
from tests.stream.company import Company

pytestmark = pytest.mark.slow


def test_topics_are_witnesses(
    company: Company, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(company.directory)
    monkeypatch.setenv("CRM_KAFKA_BOOTSTRAP_SERVERS", company.cluster.bootstrap_servers)
    monkeypatch.setenv("CRM_KAFKA_PREFIX", company.cluster.prefix)

    def found() -> set[tuple[str, int | None]]:
        capfd.readouterr()
        status = run(["verify", "--data", str(company.directory), "--format", "json"])
        rows = json.loads(capfd.readouterr().out)["rows"]
        assert status == (4 if rows else 0)
        return {(row["code"], row["position"]) for row in rows}

    assert witnesses_on(company.cluster) == []
    company.happen(40)
    company.publish_all()
    seen = witnesses_on(company.cluster)
    assert max(witness.position for witness in seen) == 40
    assert {witness.name.split("/")[0].split(".")[1] for witness in seen} == {"lead", "customer", "ticket"}
    assert found() == set()
    company.happen(4)
    assert found() == set()  # the topics may be behind

    with sqlite3.connect(company.directory / "log.db") as log:
        ((hash,),) = log.execute("select hash from events where position = 9").fetchall()
        later = "select position, document from events where position > 9 order by position"
        for position, document in log.execute(later).fetchall():
            other = document.replace(b"agent-", b"agens-")
            hash = sha256(hash + other).digest()
            log.execute("update events set document = ?, hash = ? where position = ?", (other, hash, position))
        log.execute("update log_head set hash = ?", (hash,))
    assert found() == {("HISTORY_FORKED", witness.position) for witness in seen if witness.position > 9}
    monkeypatch.setenv("CRM_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CRM_KAFKA_OPTIONS", '{"bootstrap_timeout_ms": 200}')
    assert found() == {("STREAM_UNAVAILABLE", None)}


def test_without_topics_there_is_no_witness(cluster: Cluster) -> None:
    assert witnesses_on(Cluster(cluster.bootstrap_servers, "nobody")) == []

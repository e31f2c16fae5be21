"""Nodes with a real Kafka between them: each a process, with a data directory of its own."""

from __future__ import annotations

import json
import os
import signal
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, system_pb2
from infra.stream import Cluster, topics
from tests import postgres
from tests.cli.conftest import Crm, Process
from tests.stream.company import committed, eventually, position_of

pytestmark = pytest.mark.slow


@pytest.fixture
def shared(postgres_url: str, kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The environment of every node: one log, one database of keys, one master key, topics that nobody else uses."""
    make = postgres.databases(postgres_url)
    cluster = Cluster(kafka_address, f"t{uuid4().hex[:10]}", partitions=2)
    monkeypatch.setenv("CRM_LOG", make("log"))
    monkeypatch.setenv("CRM_KEYS", make("keys"))
    monkeypatch.setenv("CRM_MASTER_KEY", b64encode(os.urandom(32)).decode())
    monkeypatch.setenv("CRM_KAFKA_BOOTSTRAP_SERVERS", cluster.bootstrap_servers)
    monkeypatch.setenv("CRM_KAFKA_PREFIX", cluster.prefix)
    monkeypatch.setenv("CRM_KAFKA_PARTITIONS", str(cluster.partitions))
    return cluster


def status_of(client: Client) -> Any:
    return client.system.GetStatus(system_pb2.GetStatusRequest())


def part(client: Client, name: str) -> Any:
    """How a part is, as the server says."""
    (found,) = (part for part in status_of(client).parts if part.name == name)
    return found


def capture(client: Client, id: int) -> int:
    """Capture a lead; its position."""
    return int(client.leads.CaptureLead(leads_pb2.CaptureLeadRequest(id=str(id), name=f"Lead {id}")).position)


def test_migrate_makes_the_topics(shared: Cluster, crm: Crm, tmp_path: Path) -> None:
    ended = crm("migrate", "--data", tmp_path / "a")
    assert (ended.status, "topics: made" in ended.err) == (0, True)
    with shared.admin() as admin:
        assert set(topics(shared)) <= set(admin.list_topics())
    assert "topics: already there" in crm("migrate", "--data", tmp_path / "a").err


def test_migrate_refuses_a_topic_that_loses_history(shared: Cluster, crm: Crm, tmp_path: Path) -> None:
    with shared.admin() as admin:
        admin.create_topics({topics(shared)[0]: {"num_partitions": 1, "configs": {"cleanup.policy": "compact"}}})
    ended = crm("migrate", "--data", tmp_path / "a")
    assert (ended.status, "error: TOPIC_LOSES_HISTORY: " in ended.err) == (1, True)


@pytest.mark.usefixtures("shared")
def test_a_publisher_publishes_what_others_record(
    shared: Cluster, process: Callable[..., Process], crm: Crm, tmp_path: Path
) -> None:
    assert crm("migrate", "--data", tmp_path / "a").status == 0
    nodes = [
        process("serve", "--only", only, "--listen", "127.0.0.1:0", "--data", tmp_path / only)
        for only in ("commands", "publisher")
    ]
    commands, publisher = (Client(node.line(), actor="shop") for node in nodes)
    with commands, publisher:
        for id in range(1, 31):
            assert capture(commands, id) == id
        eventually(lambda: part(publisher, "publisher").position == 30, lambda: status_of(publisher))
        told = part(publisher, "publisher")
        assert (told.lag_events, told.lag_seconds, told.last_error) == (0, 0, "")
        assert [each.name for each in status_of(publisher).parts] == ["publisher"]
        assert len(status_of(commands).parts) == 0
        for ask in (
            lambda: capture(publisher, 31),
            lambda: publisher.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1")),
        ):
            with pytest.raises(CrmError) as refused:
                ask()
            assert refused.value.code == "NOT_SERVED_HERE"
        listed = json.loads(crm("status", "--format", "json", "--data", tmp_path / "publisher").out)
        assert (listed["well"], [row["part"] for row in listed["rows"]]) == (True, ["publisher"])
    for node in nodes:
        node.send(signal.SIGTERM)
        assert node.end().status == 0
    assert sorted(position_of(record) for record in committed(shared)) == list(range(1, 31))


def test_a_whole_node_publishes_too_and_others_stand_by(
    shared: Cluster, process: Callable[..., Process], crm: Crm, tmp_path: Path
) -> None:
    assert crm("migrate", "--data", tmp_path / "a").status == 0
    nodes = [process("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / name) for name in ("a", "b")]
    a, b = (Client(node.line(), actor="shop") for node in nodes)
    turn = 0
    with a, b:

        def settled() -> bool:
            nonlocal turn
            turn += 1
            capture(a, turn)
            return sorted(any("stands by" in each for each in status_of(node).notices) for node in (a, b)) == [0, 1]

        eventually(settled)
        eventually(lambda: all(part(each, "publisher").lag_events == 0 for each in (a, b)))
    assert sorted(position_of(record) for record in committed(shared)) == list(range(1, turn + 1))


def test_without_the_broker_commands_go_on(
    process: Callable[..., Process], crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("CRM_KAFKA_OPTIONS", '{"bootstrap_timeout_ms": 100}')
    node = process("serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "a")
    with Client(node.line(), actor="shop") as client:
        assert capture(client, 1) == 1
        eventually(lambda: part(client, "publisher").last_error != "")
        told = part(client, "publisher")
        assert (told.position, told.lag_events, "Kafka at 127.0.0.1:1" in told.last_error) == (0, 1, True)
        assert told.lag_seconds > 0
        assert not status_of(client).well
        assert capture(client, 2) == 2
        assert client.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="2", min_position=2)).name == "Lead 2"
    node.send(signal.SIGTERM)
    assert node.end().status == 0


def test_a_publisher_needs_the_address_of_kafka(crm: Crm, tmp_path: Path) -> None:
    ended = crm("serve", "--only", "publisher", "--data", tmp_path / "a")
    assert (ended.status, "error: INVALID_SETTING: CRM_KAFKA_BOOTSTRAP_SERVERS: " in ended.err) == (1, True)

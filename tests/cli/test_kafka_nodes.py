"""Nodes with a real Kafka between them: each a process, with a data directory of its own."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, log_pb2, system_pb2, tickets_pb2
from infra.models import place_in
from infra.stream import Cluster, topics
from tests import postgres
from tests.cli.conftest import Crm, Process
from tests.stream.company import DEADLINE, committed, differing, eventually, position_of

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("ANNALS_NODE_KILLS", "3"))
PARTS = ("commands", "publisher", "queries")


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


def test_verify_has_to_know_where_kafka_is(crm: Crm, company: Path) -> None:
    ended = crm("verify", "--kafka", "--data", company)
    assert (ended.status, "error: INVALID_SETTING: CRM_KAFKA_BOOTSTRAP_SERVERS: " in ended.err) == (1, True)


def test_a_directory_that_was_migrated_first_can_be_served(crm: Crm, tmp_path: Path) -> None:
    for command in ("migrate", "migrate", "status"):
        ended = crm(command, "--data", tmp_path / "a")
        assert ended.status == 0, ended


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
        process("serve", "--only", only, "--listen", "127.0.0.1:0", "--data", tmp_path / f"node-{only}")
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
        listed = json.loads(crm("status", "--format", "json", "--data", tmp_path / "node-publisher").out)
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
    ended = node.end()
    assert ended.status == 0
    assert "Kafka at 127.0.0.1:1 cannot be used now: it does not answer (" in ended.err
    assert "it is tried again and again, and until then the rest goes on" in ended.err
    migrated = crm("migrate", "--data", tmp_path / "a")
    assert (migrated.status, "error: STREAM_UNAVAILABLE: Kafka at 127.0.0.1:1 cannot be" in migrated.err) == (1, True)


def test_a_publisher_needs_the_address_of_kafka(crm: Crm, tmp_path: Path) -> None:
    ended = crm("serve", "--only", "publisher", "--data", tmp_path / "a")
    assert (ended.status, "error: INVALID_SETTING: CRM_KAFKA_BOOTSTRAP_SERVERS: " in ended.err) == (1, True)


@pytest.mark.parametrize("missing", ["KAFKA_BOOTSTRAP_SERVERS", "KEYS"])
def test_a_query_node_needs_kafka_and_the_keys(
    crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    given = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "KEYS": f"sqlite:///{tmp_path}/keys.db"}
    for name in given.keys() - {missing}:
        monkeypatch.setenv(f"CRM_{name}", given[name])
    ended = crm("serve", "--only", "queries", "--data", tmp_path / "a")
    assert (ended.status, f"error: INVALID_SETTING: CRM_{missing}: " in ended.err) == (1, True)


def test_a_query_node_answers_what_was_just_recorded(
    shared: Cluster, process: Callable[..., Process], crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crm("migrate", "--data", tmp_path / "a").status == 0
    arguments = ("--listen", "127.0.0.1:0", "--data")
    nodes = [process("serve", "--only", only, *arguments, tmp_path / f"node-{only}") for only in PARTS[:2]]
    monkeypatch.delenv("CRM_LOG")
    nodes.append(process("serve", "--only", "queries", *arguments, tmp_path / "node-queries"))
    commands, publisher, queries = (Client(node.line(), actor="shop") for node in nodes)
    with commands, publisher, queries:
        for id in range(1, 21):
            position = capture(commands, id)
            lead = queries.leads.GetLead(leads_pb2.GetLeadRequest(lead_id=str(id), min_position=position))
            assert (lead.name, lead.read_point.position) == (f"Lead {id}", position)
            assign = leads_pb2.AssignLeadRequest(id=str(id), agent_id="ann")
            position = commands.leads.AssignLead(assign).position
            page = queries.leads.ListLeads(
                leads_pb2.ListLeadsRequest(filter="agent_id = 'ann'", page_size=100, min_position=position)
            )
            assert (len(page.leads), page.read_point.position) == (id, position)

        for call in (
            lambda: capture(queries, 99),
            lambda: list(queries.log.ReadEvents(log_pb2.ReadEventsRequest())),
            lambda: list(queries.log.ReplayStream(log_pb2.ReplayStreamRequest(stream="lead-1"))),
            lambda: list(queries.system.Verify(system_pb2.VerifyRequest())),
        ):
            with pytest.raises(CrmError) as refused:
                call()
            assert refused.value.code == "NOT_SERVED_HERE"
        with pytest.raises(CrmError, match="did not reach 1000 in") as refused:
            queries.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1", min_position=1000), timeout=2)
        assert refused.value.code == "MIN_POSITION_NOT_REACHED"

        eventually(lambda: all(each.lag_events == 0 for each in status_of(queries).parts), lambda: status_of(queries))
        told = status_of(queries)
        assert (told.well, told.position, told.hash) == (True, 40, status_of(commands).hash)
        listed = json.loads(crm("status", "--format", "json", "--data", tmp_path / "node-queries").out)
        assert {"topics", "archive", "leads"} <= {row["part"] for row in listed["rows"]}
    for node in nodes:
        node.send(signal.SIGTERM)
        assert node.end().status == 0
    assert not (tmp_path / "node-queries" / "log.db").exists()


class Nodes:
    """A node for each part, which may be killed and come again, and a client of each."""

    def __init__(self, process: Callable[..., Process], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self.processes: dict[str, Process] = {}
        self.clients: dict[str, Client] = {}
        for part in PARTS:
            self.start(part)
        for part in PARTS:
            self.connect(part)

    def start(self, part: str) -> None:
        where = ("--listen", "127.0.0.1:0", "--data", self._folder / f"node-{part}")
        self.processes[part] = self._process("serve", "--only", part, *where)

    def connect(self, part: str) -> None:
        address = self.processes[part].line()
        assert address, self.processes[part].end()
        self.clients[part] = Client(address, actor="shop")

    def kill_within(self, part: str, seconds: float) -> threading.Timer:
        """Kill a node at a random instant."""
        timer = threading.Timer(random.uniform(0, seconds), self.processes[part].popen.kill)
        timer.start()
        return timer

    def again(self, part: str) -> None:
        """Start a node that was killed."""
        self.processes[part].popen.wait(DEADLINE)
        self.clients[part].close()
        self.start(part)
        self.connect(part)

    def record(self, n: int) -> int:
        """The n-th command, asked again until it is answered; its position."""
        while True:
            client = self.clients["commands"]
            try:
                match n % 3:
                    case 0:
                        lead = leads_pb2.CaptureLeadRequest(id=str(n), name=f"Lead {n}", request_id=f"r-{n}")
                        return int(client.leads.CaptureLead(lead).position)
                    case 1:
                        assign = leads_pb2.AssignLeadRequest(id=str(n - 1), agent_id=f"a-{n}", request_id=f"r-{n}")
                        return int(client.leads.AssignLead(assign).position)
                    case _:
                        ticket = tickets_pb2.OpenTicketRequest(id=str(n), subject=f"T {n}", request_id=f"r-{n}")
                        return int(client.tickets.OpenTicket(ticket).position)
            except CrmError as error:
                if error.status is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self.again("commands")


def test_nodes_are_killed_under_load(
    shared: Cluster, process: Callable[..., Process], crm: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert crm("migrate", "--data", tmp_path / "a").status == 0
    nodes = Nodes(process, tmp_path)
    answered: list[int] = []
    for turn in range(KILLS):
        victim = PARTS[turn % len(PARTS)]
        killing = nodes.kill_within(victim, 0.5)
        while killing.is_alive():
            answered.append(nodes.record(len(answered)))
        for _ in range(20):
            answered.append(nodes.record(len(answered)))
        if nodes.processes[victim].popen.poll() is not None:
            nodes.again(victim)
    count = len(answered)
    # Each was recorded once, whatever was asked again.
    assert answered == list(range(1, count + 1))
    queries = nodes.clients["queries"]
    eventually(lambda: part(queries, "topics").position == count, lambda: status_of(queries))
    assert sorted(position_of(record) for record in committed(shared)) == list(range(1, count + 1))
    verified = crm("verify", "--kafka", "--data", tmp_path / "a")
    assert (verified.status, verified.out) == (0, ""), verified
    assert f"the topics hold the log up to position {count}; it stands at {count}" in verified.err
    survivor = snapshot(queries, count)

    # What the log alone gives, without any node, and what the topics alone give.
    log = os.environ["CRM_LOG"]
    monkeypatch.delenv("CRM_LOG")
    alone = process("serve", "--only", "queries", "--listen", "127.0.0.1:0", "--data", tmp_path / "alone")
    monkeypatch.setenv("CRM_LOG", log)
    from_log = Path(crm("snapshot", "--data", tmp_path / "fresh").out.strip())
    with Client(alone.line(), actor="shop") as client:
        from_topics = snapshot(client, count)
    assert differing(survivor, from_log) == []
    assert differing(from_topics, from_log) == []
    # Each of both knows from where to read on: beyond as many records as there are events.
    for file in (survivor, from_topics):
        at = place_in(file)
        assert at is not None
        assert (at[0], sum(at[2].values()) >= count) == (count, True)


def snapshot(client: Client, position: int) -> Path:
    """The read models as a file, at that position."""
    made = client.system.CreateSnapshot(system_pb2.CreateSnapshotRequest(min_position=position))
    assert made.position == position
    return Path(made.file)

"""kill -9 of a command node, the publisher, a query node and the broker at random instants under load: nothing that was
answered is missing in a read model or on a topic, nothing is there twice, and the models are what the log alone gives.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import Broker
from infra.log import Request
from infra.main import PROJECTIONS
from infra.models import Models, archive, place_in
from infra.stream import Cluster, Place, Publisher, Stream, verify_topics
from tests import postgres
from tests.faults import sizes
from tests.faults.nodes import Node, opened
from tests.stream.company import ANN, command_of, committed, differing, eventually, new_cluster, position_of

pytestmark = pytest.mark.slow

Urls = tuple[str, str]
VICTIMS = ("commands", "publisher", "queries", "broker")
TURNS = (*VICTIMS[:3], *VICTIMS[:3], "broker")
"""Who is killed in turn; a broker takes longest to come again."""
MOST_SECONDS = 0.4
IN_A_SUBMIT = 20


def commands(said: Connection, urls: Urls, first: int) -> None:
    """Takes one command after the other, some together, and says where each is recorded when that is durable."""
    chance = random.Random(first)
    with opened(urls) as (log, _):
        while True:
            asked = range(first, first + chance.randint(1, IN_A_SUBMIT))
            answers = log.submit([Request(command_of(n), ANN, request_id=f"r-{n}") for n in asked])
            said.send([(n, answer.position) for n, answer in zip(asked, answers, strict=True)])  # type: ignore[union-attr]
            first = asked.stop


def publisher(said: Connection, urls: Urls, cluster: Cluster) -> None:
    """Publishes until it is told to stop."""
    with opened(urls) as (log, _):
        publishing = Publisher(log, cluster)
        publishing.start()
        said.recv()
        publishing.close()


def queries(said: Connection, folder: Path, cluster: Cluster, older: bool) -> None:
    """Follows the topics until it is told how far; then it says where its snapshot is. An older version does not know
    tickets, and holds them back.
    """
    if older:
        known = archive._relation_of_type()
        archive._relation_of_type = lambda: {type: known[type] for type in known if "Ticket" not in type}  # type: ignore[assignment]
    at = place_in(folder / "models.duckdb")
    with Stream(cluster, Place(*at) if at else None) as stream:
        models = models_over(stream, folder, look_back=False)
        models.start()
        position = said.recv()
        while stream.wait(position - 1, 1.0) < position:
            pass
        said.send(models.snapshot())
        models.close()


def models_over(source: Any, folder: Path, **more: Any) -> Models:
    return Models(
        folder / "models.duckdb",
        source,
        projections=PROJECTIONS,
        time_zone="UTC",
        memory="500MB",
        threads=1,
        snapshots=folder / "snapshots",
        **more,
    )


class Company:
    """The nodes, what was answered, and the broker."""

    def __init__(self, urls: Urls, folder: Path, broker: Broker) -> None:
        self.urls, self.folder, self.broker = urls, folder, broker
        self.cluster = new_cluster(broker.address)
        self.answered: dict[int, int] = {}
        self.nodes: dict[str, Node] = {}
        self.older = True
        for name in VICTIMS[:3]:
            self.start(name)

    def start(self, name: str) -> None:
        match name:
            case "commands":
                self.nodes[name] = Node(commands, self.urls, len(self.answered))
            case "publisher":
                self.nodes[name] = Node(publisher, self.urls, self.cluster)
            case "queries":
                self.nodes[name] = Node(queries, self.folder, self.cluster, self.older)

    def kill(self, name: str, within: float) -> None:
        """Kill it at an instant, while answers come in, and start it again."""
        kill = self.broker.kill if name == "broker" else self.nodes[name].kill
        timer = threading.Timer(within, kill)
        timer.start()
        while timer.is_alive():
            self.hear(0.01)
        if name == "broker":
            self.broker.start()
        else:
            if name == "commands":
                self.hear_the_rest()
            self.start(name)

    def hear(self, timeout: float) -> None:
        connection = self.nodes["commands"].connection
        try:
            if connection.poll(timeout):
                self.note(self.nodes["commands"].hear(0))
        except (EOFError, ConnectionResetError):
            threading.Event().wait(timeout)

    def hear_the_rest(self) -> None:
        for said in self.nodes["commands"].rest():
            self.note(said)

    def note(self, said: list[tuple[int, int]]) -> None:
        for n, position in said:
            assert self.answered.setdefault(n, position) == position


@pytest.mark.soak
def test_kill_anything(postgres_url: str, broker: Broker, tmp_path: Path, figure: Callable[[str], None]) -> None:
    make = postgres.databases(postgres_url)
    urls = (make("log"), make("keys"))
    chance = random.Random()
    with opened(urls):
        """The tables are there before anybody comes."""
    company = Company(urls, tmp_path / "queries", broker)
    killed = Counter(dict.fromkeys(VICTIMS, 0))
    for turn in range(sizes.STREAM_KILLS):
        victim = TURNS[turn % len(TURNS)]
        company.older = turn < sizes.STREAM_KILLS // 2
        before = len(company.answered)
        company.kill(victim, chance.uniform(0, MOST_SECONDS))
        killed[victim] += 1
        # Each turn gets somewhere, or it would not be under load.
        while len(company.answered) == before:
            company.hear(0.1)
    company.nodes["commands"].kill()
    company.hear_the_rest()

    with opened(urls) as (log, _):
        head = log.head.position
        # Each command makes one event, however often it was asked.
        streams = {row.position: row.stream for row in log.rows()}
        assert sorted(streams) == list(range(1, head + 1))
        assert len(company.answered) == len(set(company.answered.values()))
        assert company.answered.items() <= {n: n + 1 for n in range(head)}.items()

        queries = company.nodes["queries"]
        eventually(lambda: len(committed(company.cluster)) >= head)
        company.nodes["publisher"].tell()
        company.nodes["publisher"].end()
        assert sorted(map(position_of, committed(company.cluster))) == list(range(1, head + 1))
        assert verify_topics(company.cluster, urls[0]) == ([], head, head)
        queries.tell(head)
        followed = queries.hear()
        queries.end()
        alone = models_over(log, tmp_path / "alone")
        from_log = alone.snapshot()
        alone.close()
    assert differing(followed, from_log) == []
    each = ", ".join(f"{count} {name}" for name, count in killed.items())
    figure(f"{killed.total()} kills ({each}), {head:,} events")

"""kill -9 of a command node, the publisher, a query node and the broker at random instants under load: nothing that was
answered is missing in a read model or on a topic, nothing is there twice, and the models are what the log alone gives.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from kafka.errors import KafkaError

from infra.deploy import Broker
from infra.log import Request
from infra.main import PROJECTIONS
from infra.models import Models, archive, place_in
from infra.stream import Cluster, Place, Publisher, Stream, verify_topics
from infra.stream.places import last_events
from tests import postgres
from tests.faults import sizes
from tests.faults.nodes import Node, opened
from tests.stream.company import ANN, DEADLINE, command_of, committed, differing, eventually, new_cluster, position_of

pytestmark = pytest.mark.slow

Urls = tuple[str, str]
VICTIMS = ("commands", "publisher", "queries", "broker")
TURNS = (*VICTIMS[:3], *VICTIMS[:3], "broker")
"""Who is killed in turn; a broker takes longest to come again."""
MOST_SECONDS = 0.4
IN_A_SUBMIT = 20
ARCHIVED = "archived"


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
    """Follows the topics until it is told how far, and says once that it has archived more than was there; then it says
    where its snapshot is. An older version does not know tickets, and holds them back.
    """
    if older:
        known = archive._relation_of_type()
        archive._relation_of_type = lambda: {type: known[type] for type in known if "Ticket" not in type}  # type: ignore[assignment]
    at = place_in(folder / "models.duckdb")
    with Stream(cluster, Place(*at) if at else None) as stream:
        models = models_over(stream, folder, look_back=False)
        models.start()
        while not said.poll(0.05):
            if models.brought_to(()) > (at[0] if at else 0):
                said.send(ARCHIVED)
                break
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
        self.reached = {"publisher": [0], "queries": [0]}
        """How far the topics and the archive were, whenever the one who brings them there had been killed."""
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
            else:
                self.reached[name].append(self.place_of(name))
            self.start(name)

    def place_of(self, name: str) -> int:
        """How far the topics are, or the archive, which nobody may have open."""
        if name == "queries":
            at = place_in(self.folder / "models.duckdb")
            return at[0] if at else 0
        known = self.reached[name][-1]
        # Just after the broker came again it may not know all its topics yet.
        with suppress(KafkaError), self.cluster.consumer() as consumer:
            last = last_events(consumer, self.cluster.topic_partitions(consumer), self.cluster.prefix)
            return max([known, *(event.position for event in last.values())])
        return known

    def has_moved(self, name: str) -> bool:
        """Whether the one that was started last has got the topics, or the archive, any further."""
        if name == "publisher":
            return self.place_of(name) > self.reached[name][-1]
        node = self.nodes[name]
        return node.connection.poll() and node.hear() == ARCHIVED

    def await_moved(self, name: str) -> None:
        """Hear answers until then."""
        deadline = monotonic() + DEADLINE
        while not self.has_moved(name):
            assert monotonic() < deadline, f"the {name} got nowhere beyond {self.reached[name]}"
            self.hear(0.1)

    def moves(self, name: str) -> list[bool]:
        """Of each that was killed, whether it had got anywhere."""
        return [after > before for before, after in pairwise(self.reached[name])]

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
        # Every second one has done something when it is killed; the others are, perhaps, only about to.
        waits = turn % 2 == 1 and victim in company.reached
        if waits:
            company.await_moved(victim)
        company.kill(victim, chance.uniform(0, MOST_SECONDS))
        assert not waits or company.moves(victim)[-1]
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
        followed = queries.end()[-1]
        alone = models_over(log, tmp_path / "alone")
        from_log = alone.snapshot()
        alone.close()
    assert differing(followed, from_log) == []
    each = ", ".join(f"{count} {name}" for name, count in killed.items())
    lives = ", ".join(
        f"{sum(moves)} of {len(moves)} {name}" for name in company.reached if (moves := company.moves(name))
    )
    figure(f"{killed.total()} kills ({each}), {head:,} events; had got further when they were killed: {lives}")

"""How fast events go through Kafka, each time against bare kafka-python with the same settings in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any
from uuid import uuid4

from commands.ticket import OpenTicket
from crm.client import Client
from crm.v1 import tickets_pb2
from infra.deploy import Broker
from infra.log import Log, Request, Row
from infra.main import PROJECTIONS, tune_python
from infra.models import EVENTS, Models
from infra.stream import Cluster, Publisher, Stream, make_topics
from infra.stream.publisher import MOST_EVENTS
from infra.stream.record import headers, milliseconds
from tests.bench.bench_log import ACTOR, Result, lead_command, new_log, result
from tests.bench.bench_postgres import server
from tests.bench.bench_serve import keep_writing

ROUNDS = 5
UPKEEP_ROUNDS = 3
WARM = 50
ASKED = 500
MEMORY = "400MB"
PAUSE = 0.005


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in about five minutes."""
    tune_python()
    with TemporaryDirectory() as name, kafka(Path(name)) as address:
        log = new_log(Path(name) / "log")
        for begin in range(0, int(100_000 * scale), 500):
            log.submit([Request(lead_command(str(n // 2), n), ACTOR) for n in range(begin, begin + 500)])
        results = [*throughput(log, address), *freshness(log, address), *catching_up(log, address, Path(name))]
        log.close()
        return [*results, *just_answered(address, Path(name)), *far_behind(address, Path(name), int(1_000_000 * scale))]


@contextmanager
def kafka(directory: Path) -> Iterator[str]:
    """Where Kafka answers: as ANNALS_KAFKA says, otherwise a broker for this run."""
    if address := os.environ.get("ANNALS_KAFKA"):
        yield address
        return
    with Broker(directory / "kafka") as broker:
        yield broker.address


def new_cluster(address: str) -> Cluster:
    cluster = Cluster(address, f"bench{uuid4().hex[:8]}")
    make_topics(cluster)
    return cluster


def throughput(log: Log, address: str) -> list[Result]:
    """The same events go out and come back; ours and the bare clients take turns."""
    rows = list(log.rows())
    rates = []
    for _ in range(ROUNDS):
        cluster, bare = new_cluster(address), new_cluster(address)
        rates.append((publish(log, cluster), bare_publish(rows, bare), consume(cluster, len(rows)), bare_consume(bare)))
    published, produced, followed, counted = (list(each) for each in zip(*rates, strict=True))
    return [
        result("stream: publishing / bare transactional producer", "events/s", published, produced, 0.6),
        result("stream: following in Arrow batches / bare counting", "events/s", followed, counted, 0.2),
    ]


def publish(log: Log, cluster: Cluster) -> float:
    """Events a second, once it has begun."""
    head = log.head.position
    publisher = Publisher(log, cluster)
    publisher.start()
    begun = progress(publisher, 1)
    begin = perf_counter()
    ended = progress(publisher, head)
    elapsed = perf_counter() - begin
    publisher.close()
    return float((ended - begun) / elapsed)


def progress(publisher: Publisher, position: int) -> int:
    while (status := publisher.status).position < position:
        sleep(PAUSE)
    return status.position


def bare_publish(rows: list[Row], cluster: Cluster) -> float:
    """The same records in transactions of the same size, straight from memory."""
    with cluster.producer(transactional_id=cluster.transactional_id) as producer:
        producer.init_transactions()
        begin = perf_counter()
        for start in range(0, len(rows), MOST_EVENTS):
            producer.begin_transaction()
            for row in rows[start : start + MOST_EVENTS]:
                topic, key = cluster.topic_of(row.stream), row.stream.encode()
                producer.send(topic, row.document, key, headers(row), None, milliseconds(row))
            producer.commit_transaction()
        return len(rows) / (perf_counter() - begin)


def consume(cluster: Cluster, head: int) -> float:
    with Stream(cluster) as stream:
        begin = perf_counter()
        while stream.head.position < head:
            stream.wait(head - 1, None)
        count = sum(batch.num_rows for batch in stream.batches(0, head))
        elapsed = perf_counter() - begin
    assert count == head
    return float(count / elapsed)


def bare_consume(cluster: Cluster) -> float:
    with cluster.consumer() as consumer:
        partitions = cluster.topic_partitions(consumer)
        ends = consumer.end_offsets(partitions)
        begin = perf_counter()
        consumer.assign(partitions)
        count = 0
        while any(consumer.position(each) < end for each, end in ends.items()):
            count += sum(len(records) for records in consumer.poll(timeout_ms=100).values())
        elapsed = perf_counter() - begin
    return float(count / elapsed)


def catching_up(log: Log, address: str, folder: Path) -> list[Result]:
    """All read models, in files that were made before, from nothing to the head: over Kafka, and straight from the log
    as an embedded node does; and counting the records, which no node that follows Kafka can outdo.
    """
    cluster = new_cluster(address)
    publish(log, cluster)
    head = log.head.position
    followed, embedded, counted = [], [], []
    for turn in range(UPKEEP_ROUNDS):
        over_kafka, from_log = folder / f"kafka-{turn}", folder / f"log-{turn}"
        for each in (over_kafka, from_log):
            models_over(log, each).close()
        begin = perf_counter()
        with Stream(cluster) as stream:
            while stream.head.position < head:
                stream.wait(head - 1, None)
            brought(stream, over_kafka, head)
        followed.append(head / (perf_counter() - begin))
        begin = perf_counter()
        brought(log, from_log, head)
        embedded.append(head / (perf_counter() - begin))
        counted.append(bare_consume(cluster))
    return [
        result("stream: all read models caught up / embedded upkeep", "events/s", followed, embedded, 0.8),
        result("stream: all read models caught up / bare counting", "events/s", followed, counted, 0.2),
    ]


def brought(source: Any, folder: Path, position: int) -> None:
    models = models_over(source, folder)
    models.bring([EVENTS, *models.names], position)
    models.close()


def models_over(source: Any, folder: Path) -> Models:
    return Models(
        folder / "models.duckdb",
        source,
        projections=PROJECTIONS,
        time_zone="UTC",
        memory=MEMORY,
        threads=2,
        snapshots=folder / "snapshots",
        look_back=False,
    )


def just_answered(address: str, folder: Path) -> list[dict[str, Any]]:
    """How long a query node keeps whoever asks for the position of a command that another node has just answered, while
    others send 200 commands a second: each part a process of its own, the log in PostgreSQL.
    """
    with server() as make, ExitStack() as started:
        environment = {
            "CRM_LOG": make("log"),
            "CRM_KEYS": make("keys"),
            "CRM_MASTER_KEY": b64encode(os.urandom(32)).decode(),
            "CRM_KAFKA_BOOTSTRAP_SERVERS": address,
            "CRM_KAFKA_PREFIX": f"bench{uuid4().hex[:8]}",
        }
        crm = [str(Path(sys.executable).parent / "crm")]
        env = os.environ | environment
        subprocess.run([*crm, "migrate", "--data", str(folder / "m")], env=env, check=True, stderr=subprocess.DEVNULL)
        addresses = {}
        for part in ("commands", "publisher", "queries"):
            command = [*crm, "serve", "--only", part, "--data", str(folder / part), "--listen", "127.0.0.1:0"]
            popen = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            node = started.enter_context(popen)
            started.callback(node.terminate)
            assert node.stdout is not None
            addresses[part] = node.stdout.readline().strip()
        waits = sorted(1000 * wait for wait in waits_of(addresses["commands"], addresses["queries"]))
    name = "stream: wait on a query node for a position just answered, under 200 commands/s"
    return [
        {"name": f"{name}, median", "value": round(median(waits), 1), "unit": "ms", "target": ""},
        {"name": f"{name}, p99", "value": round(quantiles(waits, n=100)[-1], 1), "unit": "ms", "target": "<= 150"},
    ]


def waits_of(commands: str, queries: str) -> list[float]:
    """Seconds that each question waited."""
    stop = Event()
    load = Thread(target=keep_writing, args=(commands, stop))
    load.start()
    waits = []
    with Client(commands) as ask, Client(queries) as answer:
        for n in range(WARM + ASKED):
            opened = ask.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(id=f"q-{n}", subject="Parcel"))
            asked = tickets_pb2.GetTicketRequest(ticket_id=f"q-{n}", min_position=opened.position)
            begin = perf_counter()
            answer.tickets.GetTicket(asked)
            waits.append(perf_counter() - begin)
    stop.set()
    load.join()
    return waits[WARM:]


FOLLOWER = """
import resource, sys
from pathlib import Path
from infra.models import EVENTS
from infra.stream import Cluster, Stream
from tests.bench.bench_stream import models_over
address, prefix, folder, *positions = sys.argv[1:]
with Stream(Cluster(address, prefix)) as stream:
    models = models_over(stream, Path(folder))
    for position in map(int, positions):
        while stream.wait(position - 1, 1.0) < position:
            pass
        while (at := models.position) < position:
            models.bring([EVENTS, *models.names], min(position, at + 100_000))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)
    models.close()
"""


def far_behind(address: str, folder: Path, count: int) -> list[dict[str, Any]]:
    """The most memory that a node took which caught up with so many events, against what a quarter of them took."""
    log = new_log(folder / "far")
    for first in range(0, count, 500):
        log.submit([Request(lead_command(str(n // 2), n), ACTOR) for n in range(first, first + 500)])
    cluster = new_cluster(address)
    publish(log, cluster)
    head = log.head.position
    log.close()
    begin = perf_counter()
    arguments = [address, cluster.prefix, str(folder / "behind"), str(head // 4), str(head)]
    told = subprocess.run(
        [sys.executable, "-c", FOLLOWER, *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    seconds = perf_counter() - begin
    quarter, whole = map(int, told)
    return [
        {
            "name": f"stream: memory while {head:,} events behind / a quarter of them",
            "value": whole,
            "unit": "MB",
            "baseline": quarter,
            "ratio": round(whole / quarter, 2),
            "target": "<= 1.5",
        },
        {
            "name": f"stream: {head:,} events caught up",
            "value": round(head / seconds),
            "unit": "events/s",
            "target": "",
        },
    ]


def freshness(log: Log, address: str) -> list[dict[str, Any]]:
    """From the answer to a command until its event has come back from Kafka."""
    cluster = new_cluster(address)
    publisher = Publisher(log, cluster)
    publisher.start()
    progress(publisher, log.head.position)
    waited = []
    with Stream(cluster) as stream:
        stream.wait(log.head.position - 1, None)
        assert sum(batch.num_rows for batch in stream.batches(0)) == log.head.position
        for n in range(ASKED):
            outcome = log.execute(Request(OpenTicket(id=f"fresh-{n}"), ACTOR))
            begin = perf_counter()
            stream.wait(outcome.position - 1, None)
            waited.append((perf_counter() - begin) * 1000)
    publisher.close()
    waited.sort()
    return [
        {"name": f"stream: a command's event is back, {name}", "value": round(value, 1), "unit": "ms", "target": ""}
        for name, value in (("median", median(waited)), ("p99", waited[int(len(waited) * 0.99)]))
    ]

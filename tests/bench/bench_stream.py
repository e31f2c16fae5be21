"""How fast events go through Kafka, each time against bare kafka-python with the same settings in the same run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any
from uuid import uuid4

from commands.ticket import OpenTicket
from infra.deploy import Broker
from infra.log import Log, Request, Row
from infra.main import collect_less
from infra.stream import Cluster, Publisher, Stream, make_topics
from infra.stream.publisher import MOST_EVENTS
from infra.stream.record import headers, milliseconds
from tests.bench.bench_log import ACTOR, Result, lead_command, new_log, result

ROUNDS = 5
ASKED = 500
PAUSE = 0.005


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in about two minutes."""
    collect_less()
    with TemporaryDirectory() as name, kafka(Path(name)) as address:
        log = new_log(Path(name) / "log")
        for begin in range(0, int(100_000 * scale), 500):
            log.submit([Request(lead_command(str(n // 2), n), ACTOR) for n in range(begin, begin + 500)])
        results = [*throughput(log, address), *freshness(log, address)]
        log.close()
        return results


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

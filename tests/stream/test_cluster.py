"""Clients of Kafka leave nothing behind, however it answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError

from infra.deploy import Broker
from infra.stream import Cluster
from tests.stream.company import DEADLINE, eventually, new_cluster

pytestmark = pytest.mark.slow

ANY_CLIENT: list[Callable[[Cluster], AbstractContextManager[object]]] = [
    Cluster.admin,
    Cluster.consumer,
    Cluster.producer,
]


@pytest.mark.parametrize("client", ANY_CLIENT)
def test_one_that_cannot_be_made_leaves_nothing(client: Callable[[Cluster], AbstractContextManager[object]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = Cluster(f"127.0.0.1:{silent.getsockname()[1]}", options={"bootstrap_timeout_ms": 100})
        threads = set(threading.enumerate())
        files = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(KafkaTimeoutError), client(cluster):
            """It never is."""
        assert set(threading.enumerate()) <= threads
        assert len(list(Path("/proc/self/fd").iterdir())) <= files


def test_a_producer_ends_although_records_are_left(broker: Broker) -> None:
    cluster = new_cluster(broker.address)
    threads = set(threading.enumerate())
    with cluster.producer() as producer:
        producer.send(f"{cluster.prefix}.ticket", b"taken").get(DEADLINE)
        broker.kill()
        left = producer.send(f"{cluster.prefix}.ticket", b"not taken")
    eventually(lambda: set(threading.enumerate()) <= threads, threading.enumerate)
    assert left.failed()

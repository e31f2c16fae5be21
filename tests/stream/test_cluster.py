"""Clients of Kafka leave nothing behind, however it answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError

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
    broker.start()


@pytest.mark.parametrize("begun", [False, True])
def test_a_transaction_ends_when_the_broker_comes_again(broker: Broker, begun: bool) -> None:
    cluster = new_cluster(broker.address)
    topic = f"{cluster.prefix}.ticket"
    with cluster.producer(transactional_id=cluster.transactional_id, delivery_timeout_ms=600_000) as producer:

        def send() -> None:
            producer.begin_transaction()
            producer.send(topic, b"{}")
            producer.flush()

        def go_on() -> None:
            # It may be refused, but it is not waited for without end.
            with suppress(KafkaError):
                if not begun:
                    send()
                producer.commit_transaction()

        producer.init_transactions()
        send()
        if not begun:
            producer.commit_transaction()
        broker.kill()
        going_on = threading.Thread(target=go_on, daemon=True)
        going_on.start()
        # So long it asks somebody who is not there.
        going_on.join(1.0)
        broker.start()
        eventually(lambda: not going_on.is_alive())


ENDS_WHILE_KAFKA_IS_SILENT = """
import os, signal, sys, threading
from infra.stream import Cluster

address, prefix, broker = sys.argv[1:]
sent = threading.Event()

def publish():
    with Cluster(address, prefix).producer() as producer:
        producer.send(f"{prefix}.ticket", b"taken").get(60)
        os.kill(int(broker), signal.SIGSTOP)
        producer.send(f"{prefix}.ticket", b"not taken")
        sent.set()
        threading.Event().wait()

threading.Thread(target=publish, daemon=True).start()
sent.wait(60)
"""


def test_a_program_that_ends_while_kafka_is_silent_says_nothing_about_it(broker: Broker) -> None:
    prefix = new_cluster(broker.address).prefix
    assert broker.pid is not None
    command = [sys.executable, "-c", ENDS_WHILE_KAFKA_IS_SILENT, broker.address, prefix, str(broker.pid)]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert (ended.returncode, ended.stderr) == (0, "")

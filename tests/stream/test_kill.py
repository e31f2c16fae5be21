"""kill -9 of publishers and of the broker at random instants: every event is on its topic, none twice, all in order."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.deploy import Broker
from infra.stream import Cluster, Place, Stream, offsets_of
from tests.stream.company import Company, eventually, new_cluster

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("ANNALS_KILLS", "4"))
BROKER_KILLS = max(2, KILLS // 5)

CHILD = """
import sys
from infra.keys import Keys
from infra.log import Log
from infra.stream import Cluster, Publisher

directory, address, prefix = sys.argv[1:]
log = Log.open(f"sqlite:///{directory}/log.db", Keys.open(f"sqlite:///{directory}/keys.db", bytes(32)))
publisher = Publisher(log, Cluster(address, prefix))
publisher.start()
print("ready", flush=True)
sys.stdin.read()
"""


def test_publishers_are_killed(company: Company) -> None:
    chance = random.Random()
    cluster = company.cluster
    command = [sys.executable, "-c", CHILD, str(company.directory), cluster.bootstrap_servers, cluster.prefix]
    for _ in range(KILLS):
        # The next one starts while this one still publishes, as a standby does.
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        end = time.monotonic() + chance.uniform(0, 0.6)
        while time.monotonic() < end:
            company.happen(chance.choice((1, 20, 500)))
        child.kill()
        child.communicate()
    company.publish_all()
    company.check_topics()


def test_the_broker_is_killed(broker: Broker, tmp_path: Path) -> None:
    chance = random.Random()
    company = Company(tmp_path, new_cluster(broker.address))
    place = Place()
    seen: list[bytes] = []
    with company.publishing() as publisher:
        for _ in range(BROKER_KILLS):
            stream = Stream(company.cluster, place)
            begin = publisher.status.position
            end = time.monotonic() + chance.uniform(0.2, 0.8)
            while time.monotonic() < end or publisher.status.position == begin:
                company.happen(100)
            broker.kill()
            company.happen(100)
            broker.start()
            company.await_published(publisher)
            place = read_on(stream, place, company, seen)
            stream.close()
    company.check_topics()
    assert seen == [row.document for row in company.log.rows()]
    company.close()


def read_on(stream: Stream, place: Place, company: Company, seen: list[bytes]) -> Place:
    """Take what is there, over the death of the broker, and say how far that is."""
    head = company.log.head.position
    eventually(lambda: stream.wait(head - 1, 1.0) >= head, lambda: stream.status)
    for batch in stream.batches(place.position, head, 777):
        seen += batch["document"].to_pylist()
        place = Place(batch["position"][-1].as_py(), batch["hash"][-1].as_py(), offsets_of(batch))
    return place


def test_a_cluster_that_never_answers_costs_only_lag(company: Company) -> None:
    company.happen(5)
    nowhere = Company.__new__(Company)
    nowhere.__dict__ |= vars(company) | {"cluster": Cluster("127.0.0.1:1", options={"bootstrap_timeout_ms": 100})}
    with nowhere.publishing() as publisher:
        eventually(lambda: publisher.status.last_error is not None)
        assert "Kafka at 127.0.0.1:1 cannot be used now" in str(publisher.status.last_error)
        company.happen(5)
        assert publisher.status.lag == 10

"""The broker's disk is full: commands go on, and when there is room again every event is on its topic once."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from commands.ticket import OpenTicket, ReplyToTicket
from infra.deploy import Broker, Unavailable
from infra.log import Request
from infra.stream import Stream
from tests.faults.conftest import SmallDisk
from tests.stream.company import ANN, Company, eventually, new_cluster

pytestmark = pytest.mark.slow

DISK_BYTES, BALLAST_BYTES = 48_000_000, 24_000_000
REPLY_CHARACTERS = 16_000
MOST_LAG = 100


def test_a_full_disk_costs_only_lag(tmp_path: Path, mount_small_disk: SmallDisk) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount_small_disk(disk, DISK_BYTES)
    try:
        broker = Broker(disk / "broker")
        broker.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_BYTES))
    company = Company(tmp_path, new_cluster(broker.address, partitions=1))
    company.log.execute(Request(OpenTicket(id="long", subject="Letters"), ANN))
    replied = 0
    with company.publishing() as publisher:

        def refused() -> bool:
            nonlocal replied
            for _ in range(20 if publisher.status.lag < MOST_LAG else 0):  # what is behind must have room later
                body = secrets.token_hex(REPLY_CHARACTERS // 2)
                company.log.execute(Request(ReplyToTicket(id="long", reply_id=str(replied), body=body), ANN))
                replied += 1
            return publisher.status.last_error is not None and publisher.status.lag >= 20

        eventually(refused, lambda: publisher.status)
        published = publisher.status.position
        # Whoever looks after the broker makes room and starts it again.
        broker.kill()
        ballast.unlink()
        broker.start()
        company.await_published(publisher)
        assert company.log.head.position == replied + 1 > published
    company.check_topics()
    with Stream(company.cluster) as stream:
        eventually(lambda: stream.wait(replied, 1.0) > replied, lambda: stream.status)
        assert sum(batch.num_rows for batch in stream.batches(0)) == replied + 1
    company.close()
    broker.stop()

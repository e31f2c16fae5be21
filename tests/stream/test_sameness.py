"""However the events came, what is made of them is the same: over one partition or six, and from a log whose clock went
back.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from infra.log import utc_now
from infra.stream import Stream
from tests.stream.company import Company, differing, eventually, new_cluster
from tests.stream.test_held_back import query_node

pytestmark = pytest.mark.slow


def test_one_partition_or_six(kafka_address: str, tmp_path: Path) -> None:
    company = Company(tmp_path, new_cluster(kafka_address, partitions=1))
    company.happen(600)
    files = []
    for partitions in (1, 6):
        company.cluster = new_cluster(kafka_address, partitions)
        company.publish_all()
        with query_node(tmp_path / str(partitions), company.cluster, 600) as models:
            files.append(models.snapshot())
    assert differing(*files) == []
    company.close()


def test_a_clock_that_jumps_back(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    ago = timedelta()
    monkeypatch.setattr(company.log, "_clock", lambda: utc_now() - ago)
    with company.publishing() as publisher, Stream(company.cluster) as stream:
        for seconds in (0, 50, 0, 59, 20):
            ago = timedelta(seconds=seconds)
            company.happen(40)
            company.await_published(publisher)
        eventually(lambda: stream.wait(199, 1.0) >= 200, lambda: stream.status)
        rows = list(company.log.rows())
        # Later is never earlier, whatever the clock says; so an instant means the same on the topics as in the log.
        assert all(before.recorded_at <= row.recorded_at for before, row in pairwise(rows))
        for row in (rows[0], rows[40], rows[80], rows[125], rows[-1]):
            assert stream.position_at(row.recorded_at) == company.log.position_at(row.recorded_at)
        assert sum(batch.num_rows for batch in stream.batches(0)) == 200
    assert len(company.check_topics()) == 200

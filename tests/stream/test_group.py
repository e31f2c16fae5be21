"""Other people's consumers share the topics as a group: whoever joins or leaves, together they see every event."""

from __future__ import annotations

import threading
from contextlib import suppress
from uuid import uuid4

import pytest
from kafka.errors import KafkaError

from infra.stream import Cluster
from tests.stream.company import DEADLINE, Company, eventually, position_of

pytestmark = pytest.mark.slow


class Member:
    """One consumer of a group, in a thread of its own. What it has seen it commits."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        self.seen: list[int] = []
        self.partitions = 0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(cluster, group), daemon=True)
        self._thread.start()

    def leave(self) -> None:
        self._leaving.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()

    def _read(self, cluster: Cluster, group: str) -> None:
        with cluster.consumer(group_id=group, max_poll_records=20) as consumer:
            consumer.subscribe(pattern=rf"^{cluster.prefix}\.[a-z]+$")
            while not self._leaving.is_set():
                for records in consumer.poll(timeout_ms=100).values():
                    self.seen += map(position_of, records)
                self.partitions = len(consumer.assignment())
                # Where that fails, for its partitions are going to somebody else, they see the same once more.
                with suppress(KafkaError):
                    consumer.commit()


def test_members_of_a_group_see_every_event_together(company: Company) -> None:
    group = f"g{uuid4().hex[:10]}"
    members = [Member(company.cluster, group)]

    def see_everything() -> None:
        everything = set(range(1, company.log.head.position + 1))
        eventually(lambda: {*members[0].seen, *members[-1].seen} == everything, lambda: [len(m.seen) for m in members])

    try:
        with company.publishing():
            company.happen(100)
            see_everything()
            whole = members[0].partitions
            members.append(Member(company.cluster, group))
            company.happen(100)
            eventually(lambda: 0 < members[0].partitions < whole == sum(member.partitions for member in members))
            before = len(members[1].seen)
            company.happen(100)
            see_everything()
            assert len(members[1].seen) > before
            company.happen(100)
            members[0].leave()
            eventually(lambda: members[1].partitions == whole)
            company.happen(100)
            see_everything()
            assert set(range(401, 501)) <= set(members[1].seen)
    finally:
        for member in members:
            member.leave()

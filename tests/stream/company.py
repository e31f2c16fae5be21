"""A company with a log of its own and topics of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import duckdb
from kafka.consumer.fetcher import ConsumerRecord

from commands.command import Command
from commands.customer import RegisterCustomer
from commands.lead import AssignLead, CaptureLead
from commands.ticket import OpenTicket
from infra.keys import Keys
from infra.log import Actor, Log, Request, Row
from infra.stream import Cluster, Publisher, make_topics

ANN = Actor("user", "ann")
DEADLINE = 60.0
"""Seconds; generous, for nothing here is judged by the clock."""


def eventually(condition: Callable[[], bool], describe: Callable[[], object] = lambda: "") -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about: {describe()}"
        time.sleep(0.02)


class Company:
    """A log and topics."""

    def __init__(self, directory: Path, cluster: Cluster) -> None:
        self.directory = directory
        self.cluster = cluster
        self.log = open_log(directory)
        self._turn = self.log.head.position

    def happen(self, count: int) -> None:
        """Let so many events happen, in three aggregates, on new streams and old ones."""
        while count > 0:
            commands = [command_of(self._turn + n) for n in range(min(count, 500))]
            self._turn += len(commands)
            count -= len(commands)
            for outcome in self.log.submit([Request(command, ANN) for command in commands]):
                assert not isinstance(outcome, Exception), outcome

    def close(self) -> None:
        self.log.close()

    @contextmanager
    def publishing(self, **more: float) -> Iterator[Publisher]:
        """Meanwhile it is published."""
        publisher = Publisher(self.log, self.cluster, **more)
        publisher.start()
        try:
            yield publisher
        finally:
            publisher.close()

    def publish_all(self) -> None:
        """Publish what there is."""
        with self.publishing() as publisher:
            self.await_published(publisher)

    def await_published(self, publisher: Publisher) -> None:
        head = self.log.head.position
        eventually(lambda: publisher.status.position >= head, lambda: publisher.status)

    def check_topics(self) -> list[ConsumerRecord]:
        """Every event of the log is on its topic, exactly once and in order; the records."""
        rows = list(self.log.rows())
        records: list[ConsumerRecord] = []

        def are_there() -> bool:
            """Of what was committed together, one partition may show its part before another does."""
            records[:] = committed(self.cluster)
            return len(records) >= len(rows)

        eventually(are_there)
        assert sorted(position_of(record) for record in records) == [row.position for row in rows]
        by_position = {position_of(record): record for record in records}
        assert all(is_record_of(by_position[row.position], row, self.cluster.prefix) for row in rows)
        assert_in_order(records)
        return records


def command_of(n: int) -> Command:
    """The n-th command of a company; each makes one event."""
    match n % 4:
        case 0:
            return CaptureLead(id=str(n), name=f"Lead {n}", source="web")
        case 1:
            return AssignLead(id=str(n - 1), agent_id=f"agent-{n}")
        case 2:
            return RegisterCustomer(id=str(n), name=f"Customer {n}")
        case _:
            return OpenTicket(id=str(n), subject=f"Ticket {n}")


def open_log(directory: Path) -> Log:
    keys = Keys.open(f"sqlite:///{directory}/keys.db", bytes(32))
    return Log.open(f"sqlite:///{directory}/log.db", keys)


def position_of(record: ConsumerRecord) -> int:
    return int(dict(record.headers)["position"])


def is_record_of(record: ConsumerRecord, row: Row, prefix: str) -> bool:
    """What the contract says of a record: key, value, headers, topic, timestamp."""
    return bool(
        record.key == row.stream.encode()
        and record.value == row.document
        and record.headers
        == [
            ("content-type", b"application/cloudevents+json"),
            ("position", str(row.position).encode()),
            ("hash", row.hash.hex().encode()),
        ]
        and record.topic == f"{prefix}.{'library' if ':' in row.stream else row.stream.split('-')[0]}"
        and record.timestamp == int(row.recorded_at.timestamp() * 1_000_000) // 1000
    )


def assert_in_order(records: list[ConsumerRecord]) -> None:
    """In every partition the positions grow, so the versions of every stream do."""
    seen: dict[tuple[str, int], int] = {}
    for record in records:
        place = record.topic, record.partition
        assert position_of(record) > seen.get(place, 0)
        seen[place] = position_of(record)


def committed(cluster: Cluster, topics: list[str] | None = None) -> list[ConsumerRecord]:
    """All committed records on the topics, by partition in their order."""
    with cluster.consumer() as consumer:
        partitions = [
            partition for partition in cluster.topic_partitions(consumer) if topics is None or partition.topic in topics
        ]
        return read_all(consumer, partitions)


def read_all(consumer: object, partitions: list[object]) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    consumer.assign(partitions)  # type: ignore[attr-defined]
    consumer.seek_to_beginning(*partitions)  # type: ignore[attr-defined]
    ends = consumer.end_offsets(partitions)  # type: ignore[attr-defined]

    def reached() -> bool:
        for came in consumer.poll(timeout_ms=100).values():  # type: ignore[attr-defined]
            records.extend(came)
        return all(consumer.position(each) >= end for each, end in ends.items())  # type: ignore[attr-defined]

    eventually(reached)
    return records


def new_cluster(address: str, partitions: int = 2) -> Cluster:
    """Topics that nobody else uses."""
    cluster = Cluster(address, f"t{uuid4().hex[:10]}", partitions)
    make_topics(cluster)
    return cluster


def differing(one: Path, other: Path) -> list[str]:
    """The tables of events and models that have not the same rows in both files."""
    with duckdb.connect() as connection:
        for name, file in (("one", one), ("other", other)):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        tables = [
            {
                row[0]
                for row in connection.execute(
                    "select table_name from duckdb_tables() where database_name = ?"
                    " and (not starts_with(table_name, 'annals_') or table_name = 'annals_archive')",
                    [name],
                ).fetchall()
            }
            for name in ("one", "other")
        ]
        assert tables[0] == tables[1]
        assert {"annals_archive", "lead_captured", "leads_now", "tickets_past"} <= tables[0]
        difference = "(from {0} except all from {1}) union all (from {1} except all from {0})"
        return [
            table
            for table in sorted(tables[0])
            if connection.execute(difference.format(f"one.main.{table}", f"other.main.{table}")).fetchall()
        ]

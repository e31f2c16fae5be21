"""The topics against the log: every event on its topic, once, the same, in order. It needs no keys and no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from sqlalchemy import bindparam, func, select

from commands.rejected import Rejected
from infra.database import Database, open_database, values
from infra.log import Finding
from infra.log.tables import events
from infra.stream.cluster import Cluster
from infra.stream.places import PATIENCE, POLL_SECONDS, begins_of, ends_of, last_events, place_of, poll, read_from
from infra.stream.record import Arrived, event_in
from infra.stream.topics import unavailable

MOST_FINDINGS = 100
"""So many of each kind are named; of the others it is said how many there are."""
SETTLED_SECONDS = 5.0
"""How long to wait for what was committed together with what is there."""

Progress = Callable[[int, int], None]
"""Is told how many records were looked at, and how many there are to look at."""


class Topics(NamedTuple):
    """What is wrong with the topics; the position up to which the log is published; and where the log ends."""

    findings: list[Finding]
    published: int
    newest: int


def verify_topics(cluster: Cluster, url: str, progress: Progress | None = None) -> Topics:
    """Compare the topics with the log at a URL. What is not published yet is not missing.

    :raises Rejected: STREAM_UNAVAILABLE, TOPIC_MISSING; DATA_NOT_WRITABLE where the log cannot be opened,
        LOG_UNREADABLE where it is none.
    """
    database = open_database(url, "log", read_only=True)
    try:
        with cluster.consumer() as consumer:
            return _Comparison(cluster, database, consumer).run(progress)
    except KafkaError as error:
        raise unavailable(cluster, error) from error
    finally:
        database.close()


class _Comparison:
    def __init__(self, cluster: Cluster, database: Database, consumer: KafkaConsumer) -> None:
        self._cluster = cluster
        self._database = database
        self._consumer = consumer
        columns = (events.c.position, events.c.stream, events.c.document, events.c.hash)
        self._select = database.text(
            select(*columns).where(
                database.one_of(events.c.stream),
                events.c.position >= bindparam("first"),
                events.c.position <= bindparam("last"),
            )
        )
        self._select_newest = database.text(select(func.max(events.c.position)))
        self._seen = bytearray(1)
        """By position, whether it was seen."""
        self._last: dict[TopicPartition, int] = {}
        self._findings: dict[str, list[Finding]] = {}
        self._more: dict[str, int] = {}

    def run(self, progress: Progress | None) -> Topics:
        partitions = self._cluster.topic_partitions(self._consumer)
        if not partitions:
            raise Rejected("TOPIC_MISSING", f"Kafka has no topic {self._cluster.prefix}.*; make them with crm migrate")
        last = last_events(self._consumer, partitions, self._cluster.prefix)
        published = max((event.position for event in last.values()), default=0)
        for arrived in self._read(partitions, published, progress):
            self._compare(arrived)
        newest = self._newest()
        self._find_missing(min(published, newest))
        findings = [each for found in self._findings.values() for each in found]
        findings += [Finding(code, f"and {count} more") for code, count in self._more.items()]
        return Topics(findings, published, newest)

    def _read(
        self, partitions: list[TopicPartition], published: int, progress: Progress | None
    ) -> Iterator[list[Arrived]]:
        """Every event on the partitions, some at a time. Goes on a little beyond their ends while something is missing:
        of what was committed together, one partition may show its part before another does.
        """
        begins = begins_of(self._consumer, partitions)
        ends = ends_of(self._consumer, partitions)
        total = sum(ends[each] - begins[each] for each in partitions)
        read_from(self._consumer, begins)
        deadline = monotonic() + PATIENCE
        settled: float | None = None
        while True:
            came = poll(self._consumer, POLL_SECONDS)
            for partition, records in came.items():
                deadline = monotonic() + PATIENCE
                events = (event_in(record, partition, self._cluster.prefix) for record in records)
                yield [event for event in events if event is not None]
            places = {each: place_of(self._consumer, each) for each in partitions}
            if progress is not None:
                progress(min(total, sum(places[each] - begins[each] for each in partitions)), total)
            if all(places[each] >= ends[each] for each in partitions):
                settled = settled or monotonic() + SETTLED_SECONDS
                if self._seen.find(0, 1, published + 1) < 0 < len(self._seen) - published or monotonic() > settled:
                    return
            elif monotonic() > deadline:
                left = next(each for each in partitions if places[each] < ends[each])
                raise KafkaTimeoutError(f"the records of {left.topic}/{left.partition} do not come")

    def _compare(self, arrived: list[Arrived]) -> None:
        if not arrived:
            return
        with self._database.reading() as cursor:
            positions = [event.position for event in arrived]
            streams = sorted({event.row[1] for event in arrived})
            cursor.execute(self._select, (values(streams), min(positions), max(positions)))
            rows = {position: rest for position, *rest in cursor.fetchall()}
        for event in arrived:
            position, where = event.position, f"{event.partition.topic}/{event.partition.partition}"
            at = f"event {position} on {where} at offset {event.offset}"
            if position not in rows:
                newest = self._newest()
                if position > newest:
                    self._find("HISTORY_FORKED", f"{at}, but the log ends at {newest}", position)
                else:
                    self._find("EVENT_DIFFERS", f"{at} is not the one of the log", position)
                continue
            stream, document, hash = rows[position]
            if (event.row[1], event.row[5], event.hash) != (stream, bytes(document), bytes(hash)):
                self._find("EVENT_DIFFERS", f"{at} is not the one of the log", position)
                continue
            if position >= len(self._seen):
                self._seen.extend(bytes(max(position + 1 - len(self._seen), len(self._seen))))
            if self._seen[position]:
                self._find("EVENT_REPEATED", f"{at} is there once more", position)
                continue
            self._seen[position] = 1
            if position < self._last.get(event.partition, 0):
                self._find("EVENT_OUT_OF_ORDER", f"{at} comes after event {self._last[event.partition]}", position)
            self._last[event.partition] = position

    def _find_missing(self, published: int) -> None:
        self._seen.extend(bytes(max(0, published + 1 - len(self._seen))))
        position = 0
        while (position := self._seen.find(0, position + 1, published + 1)) > 0:
            until = self._seen.find(1, position, published + 1)
            last = published if until < 0 else until - 1
            which = f"event {position} is" if last == position else f"the events {position} to {last} are"
            self._find("EVENT_MISSING", f"{which} on no topic, although event {published} is", position)
            position = last

    def _find(self, code: str, sentence: str, position: int) -> None:
        found = self._findings.setdefault(code, [])
        if len(found) < MOST_FINDINGS:
            found.append(Finding(code, sentence, position))
        else:
            self._more[code] = self._more.get(code, 0) + 1

    def _newest(self) -> int:
        with self._database.reading() as cursor:
            cursor.execute(self._select_newest)
            return int(cursor.fetchall()[0][0] or 0)

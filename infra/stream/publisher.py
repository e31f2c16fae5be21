"""The publisher: every event of the log on its topic, exactly once and in order, whatever dies.

The log is the outbox, and the topics say how far it got; nothing else is remembered. Events go out in the order of
their positions, in transactions of Kafka. Whoever begins to publish first fences whoever published before, which ends
their open transaction, and then reads from the topics where to go on. After any error all of that is simply done anew.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from random import uniform
from time import monotonic

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import InvalidProducerEpochError, KafkaError, ProducerFencedError
from kafka.partitioner.default import murmur2

from commands.rejected import Rejected
from infra.log import Log
from infra.log.tables import BEGINNING
from infra.stream.cluster import Cluster
from infra.stream.places import ends_of, last_events
from infra.stream.record import headers, milliseconds
from infra.stream.topics import check_topics, unavailable

MOST_EVENTS = 10_000
MOST_BYTES = 16 << 20
"""What one transaction may hold."""
IDLE_SECONDS = 0.5
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
SETTLED_SECONDS = 2.0
"""How long to wait until what was committed can be read."""
LOOK_SECONDS = 1.0
CLOSE_SECONDS = 10.0
"""How long to wait for what is being published; longer than a transaction takes."""
SILENT_SECONDS = 5.0
"""Without any progress for so long, a publisher counts as stuck."""

PUBLISHING, STARTING, STANDING_BY = "publishing", "starting", "standing by"


@dataclass(frozen=True, slots=True)
class PublisherStatus:
    """How the publisher is. ``state`` is publishing, starting or standing by; ``position`` is the last event that is
    known to be on its topic, ``lag`` how many events of the log are not; ``last_error`` is what keeps it from going on,
    None where nothing does.
    """

    state: str
    position: int
    lag: int
    last_error: str | None


class Publisher:
    """Publishes the log in a thread of its own. There may be any number of them, on one machine or several: the newest
    publishes; one that was fenced stands by, and takes over when there are events to publish and nobody does.

    :param patience: seconds of silence after which one that stands by takes over.
    """

    def __init__(self, log: Log, cluster: Cluster, *, patience: float = 10.0) -> None:
        self._log = log
        self._cluster = cluster
        self._patience = patience
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._state = STARTING
        self._position = 0
        self._hash = BEGINNING
        self._moved_at = monotonic()
        self._last_error: str | None = None

    def start(self) -> None:
        """Begin to publish."""
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish what is being published, or, where Kafka does not answer, leave it: whoever comes next ends it."""
        self._closed.set()
        self._log.wake()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    @property
    def status(self) -> PublisherStatus:
        """How it is now."""
        lag = max(0, self._log.head.position - self._position)
        error = self._last_error
        silent = monotonic() - self._moved_at
        if error is None and lag and self._state == PUBLISHING and silent > SILENT_SECONDS:
            error = f"Kafka at {self._cluster.bootstrap_servers} has not answered for {silent:.0f} s"
        return PublisherStatus(self._state, self._position, lag, error)

    def _run(self) -> None:
        retry = FIRST_RETRY_SECONDS
        fenced = False
        while not self._closed.is_set():
            before = self._position
            try:
                if fenced:
                    self._state = STANDING_BY
                    self._stand_by()
                self._state = STARTING
                fenced = False
                self._publish()
            except (ProducerFencedError, InvalidProducerEpochError):
                fenced, self._last_error = True, None
                continue
            except Rejected as refused:
                self._last_error = f"{refused.code}: {refused.sentence}"
            except KafkaError as error:
                self._last_error = unavailable(self._cluster, error).sentence
            except Exception as error:
                # Whatever it is: what was committed stays, and the next round reads from the topics where to go on.
                self._last_error = f"{type(error).__name__}: {error}"
            retry = FIRST_RETRY_SECONDS if self._position > before else min(2 * retry, LONGEST_RETRY_SECONDS)
            self._closed.wait(retry)

    def _publish(self) -> None:
        """Publish until closed, or until something is wrong."""
        check_topics(self._cluster)
        with self._cluster.producer(transactional_id=self._cluster.transactional_id) as producer:
            if self._closed.is_set():
                return
            # Whoever could not go on anyway fences nobody who can.
            self._find_place(settled=False)
            producer.init_transactions()
            self._find_place()
            self._state, self._last_error, self._moved_at = PUBLISHING, None, monotonic()
            while not self._closed.is_set():
                head = self._log.wait(self._position, IDLE_SECONDS, self._closed)
                if head > self._position:
                    self._publish_some(producer, head)
                elif head < self._position:
                    raise self._forked(f"they hold event {self._position}, the log ends at {head}")
                self._moved_at = monotonic()

    def _publish_some(self, producer: KafkaProducer, head: int) -> None:
        """Publish the next events in one transaction.

        :raises KafkaError: where it is not known to be committed.
        """
        position, hash, size = self._position, self._hash, 0
        producer.begin_transaction()
        sent = []
        for row in self._log.rows(after=position, until=min(head, position + MOST_EVENTS)):
            if row.position != position + 1 or sha256(hash + row.document).digest() != row.hash:
                raise Rejected(
                    "LOG_TAMPERED",
                    f"the event at position {row.position} does not continue the one at {position}; run crm verify",
                )
            topic, key = self._cluster.topic_of(row.stream), row.stream.encode()
            partition = murmur2_of(key) % len(producer.partitions_for(topic))
            sent.append(producer.send(topic, row.document, key, headers(row), partition, milliseconds(row)))
            position, hash = row.position, row.hash
            size += len(row.document)
            if size >= MOST_BYTES:
                break
        producer.flush()
        # A transaction can be committed without records of it that were given up; so each is asked.
        for each in sent:
            if not each.succeeded():
                raise each.exception or KafkaError("a record was not written")
        producer.commit_transaction()
        self._position, self._hash = position, hash

    def _find_place(self, settled: bool = True) -> None:
        """Read from the topics how far the log is published; ``settled``: once all that was committed can be read.

        :raises Rejected: HISTORY_FORKED where the topics hold another history than the log, TOPIC_BLOCKED where
            somebody's open transaction hides what is on them.
        """
        with self._cluster.consumer() as consumer:
            partitions = self._cluster.topic_partitions(consumer)
            if settled:
                self._wait_until_settled(consumer, partitions)
            last = last_events(consumer, partitions, self._cluster.prefix)
        head = self._log.head
        position, hash = 0, BEGINNING
        for partition, event in sorted(last.items()):
            where = f"{partition.topic}/{partition.partition}"
            if event.position > head.position:
                raise self._forked(f"{where} holds event {event.position}, the log ends at {head.position}")
            row = next(self._log.rows(after=event.position - 1, until=event.position))
            if row.hash != event.hash:
                raise self._forked(f"{where} holds another event {event.position} than the log")
            if event.position > position:
                position, hash = event.position, event.hash
        self._position, self._hash = position, hash

    def _wait_until_settled(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Nothing committed may be invisible: behind the first record of an open transaction everything is."""
        deadline = monotonic() + SETTLED_SECONDS
        with self._cluster.admin() as admin:
            while True:
                ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
                stable = ends_of(consumer, partitions)
                behind = [partition for partition in partitions if stable[partition] < ends[partition].offset]
                if not behind:
                    return
                if monotonic() > deadline:
                    where = f"{behind[0].topic}/{behind[0].partition}"
                    raise Rejected(
                        "TOPIC_BLOCKED",
                        f"somebody else's open transaction on {where} hides what was committed behind it; "
                        "end it, or wait until the broker does",
                    )
                self._closed.wait(0.02)

    def _stand_by(self) -> None:
        """Return when there are events to publish and, for a while, nobody published any; or when closed."""
        with self._cluster.consumer(isolation_level="read_uncommitted") as consumer:
            partitions = self._cluster.topic_partitions(consumer)
            seen: object = None
            since = monotonic()
            # Two that stand by shall not always wake at once.
            patience = self._patience * uniform(1.0, 1.5)
            while not self._closed.wait(min(LOOK_SECONDS, patience / 4)):
                ends = ends_of(consumer, partitions)
                if ends != seen:
                    seen, since = ends, monotonic()
                    self._look_how_far(partitions)
                elif self._log.head.position <= self._position:
                    since = monotonic()
                elif monotonic() - since > patience:
                    return

    def _look_how_far(self, partitions: list[TopicPartition]) -> None:
        with self._cluster.consumer() as consumer:
            last = last_events(consumer, partitions, self._cluster.prefix)
        self._position = max((event.position for event in last.values()), default=0)

    def _forked(self, how: str) -> Rejected:
        return Rejected(
            "HISTORY_FORKED",
            f"the topics {self._cluster.prefix}.* have seen another history than the log: {how}; nothing is published",
        )


@lru_cache(maxsize=100_000)  # kafka-python computes it in Python, byte by byte
def murmur2_of(key: bytes) -> int:
    """What the partition of a key is computed from, by every client of Kafka alike."""
    return int(murmur2(key)) & 0x7FFFFFFF

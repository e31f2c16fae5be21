"""Where Kafka is, what our topics are called, and its clients as we need them."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from infra.settings import Settings

LARGEST_BYTES = 8 << 20
"""How large a record may be, with what Kafka puts around it."""
LIBRARY = "library"
"""The topic of the streams that belong to no aggregate of ours: those of applications of the eventsourcing library."""
AGGREGATE = re.compile("[a-z]+")

CLIENT = {
    "bootstrap_timeout_ms": 10_000,
    "reconnect_backoff_max_ms": 1_000,
    "request_timeout_ms": 30_000,
    # Beginning a transaction waits for the end of the one before in steps of this.
    "retry_backoff_ms": 5,
}
PRODUCER = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "batch_size": 1 << 20,
    "max_request_size": LARGEST_BYTES,
    "linger_ms": 0,
    "allow_auto_create_topics": False,
    "delivery_timeout_ms": 60_000,
    "max_block_ms": 30_000,
    "metrics_enabled": False,
}
CONSUMER = {
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "allow_auto_create_topics": False,
    "max_poll_records": 500,
    # That a partition has nothing more is answered only after this; until then none of the others is asked for more.
    "fetch_max_wait_ms": 100,
    "metrics_enabled": False,
}
CLOSE_SECONDS = 2.0
CONNECT_SECONDS = 2.0
DEFAULT_PORT = 9092

# What it says goes where the program's owner sends it, and nowhere where they say nothing.
logging.getLogger("kafka").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Cluster:
    """One Kafka, and one company's topics on it: ``<prefix>.<aggregate>``.

    :param bootstrap_servers: ``host:port``, several with commas between.
    :param options: what the clients need besides, in the words of kafka-python.
    """

    bootstrap_servers: str
    prefix: str = "crm"
    partitions: int = 6
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def named_by(cls, settings: Settings) -> Self | None:
        """The one that the settings name, None where they name none."""
        if settings.kafka_bootstrap_servers is None:
            return None
        return cls(
            settings.kafka_bootstrap_servers, settings.kafka_prefix, settings.kafka_partitions, settings.kafka_options
        )

    def topic_of(self, stream: str) -> str:
        """The topic of a stream: ``crm.ticket`` of ``ticket-7``."""
        return topic_of(self.prefix, stream)

    @property
    def transactional_id(self) -> str:
        """By which the broker knows the publisher, whichever process it is."""
        return f"{self.prefix}-publisher"

    def reach(self) -> None:
        """See quickly whether anybody is there, where a client would try for long.

        :raises KafkaConnectionError: with what the last of the servers said.
        """
        said: OSError | None = None
        for server in self._servers:
            host, colon, port = server.rpartition(":") if not server.endswith("]") else (server, "", "")
            try:
                address = (host.strip("[]"), int(port)) if colon else (server.strip("[]"), DEFAULT_PORT)
                socket.create_connection(address, CONNECT_SECONDS).close()
            except OSError as error:
                said = error
            else:
                return
        raise KafkaConnectionError(f"it does not answer ({said})")

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """A client for looking after topics."""
        self.reach()
        admin = KafkaAdminClient(**self._common(CLIENT))
        try:
            yield admin
        finally:
            admin.close()

    @contextmanager
    def producer(self, **more: Any) -> Iterator[KafkaProducer]:
        """A producer with settings of our own."""
        self.reach()
        producer = KafkaProducer(**self._common(CLIENT | PRODUCER | more))
        try:
            yield producer
        finally:
            with suppress(KafkaError):
                producer.close(timeout=CLOSE_SECONDS)

    @contextmanager
    def consumer(self, **more: Any) -> Iterator[KafkaConsumer]:
        """A consumer of committed records that belongs to no group."""
        self.reach()
        consumer = KafkaConsumer(**self._common(CLIENT | CONSUMER | more))
        try:
            yield consumer
        finally:
            with suppress(KafkaError):
                consumer.close(timeout_ms=int(CLOSE_SECONDS * 1000))

    def topic_partitions(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        """Every partition of the topics of events, also of aggregates that this version does not know.

        :raises KafkaError: where Kafka cannot be asked.
        """
        ours = re.compile(rf"{re.escape(self.prefix)}\.{AGGREGATE.pattern}")
        found: list[TopicPartition] = []
        for topic in filter(ours.fullmatch, consumer.topics()):
            partitions = consumer.partitions_for_topic(topic)
            # Who overlooks one may publish again what is there.
            if not partitions:
                raise UnknownTopicOrPartitionError(f"Kafka does not say which partitions {topic} has")
            found += (TopicPartition(topic, partition) for partition in partitions)
        return sorted(found)

    @property
    def _servers(self) -> list[str]:
        return [server.strip() for server in self.bootstrap_servers.split(",")]

    def _common(self, own: Mapping[str, Any]) -> dict[str, Any]:
        return {"bootstrap_servers": self._servers, "client_id": f"{self.prefix}-annals", **own, **self.options}


def topic_of(prefix: str, stream: str) -> str:
    """The topic of a stream; what is named like no aggregate is on that of the library."""
    return _topic_of(prefix, stream.partition("-")[0])


@lru_cache(maxsize=1_000)  # it is asked for every event
def _topic_of(prefix: str, aggregate: str) -> str:
    return f"{prefix}.{aggregate if AGGREGATE.fullmatch(aggregate) else LIBRARY}"

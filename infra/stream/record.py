"""One event, one record: what a record on a topic says, and whether it is one of ours."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import orjson
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from infra.log import Row, microseconds
from infra.log.document import SOURCE, read_instant
from infra.stream.cluster import topic_of

CONTENT_TYPE = b"application/cloudevents+json"
HASH_BYTES = 32


class Foreign(Exception):
    """A record that is no event of ours; the sentence says why."""


class Arrived(NamedTuple):
    """An event as it came from a topic. ``row`` are the columns of the log, ``recorded_at`` among them in microseconds
    since 1970.
    """

    row: tuple[int, str, int, str, int, bytes, bytes]
    partition: TopicPartition
    offset: int

    @property
    def position(self) -> int:
        """The position of the event in the log."""
        return self.row[0]

    @property
    def hash(self) -> bytes:
        """The hash of the event in the log's chain."""
        return self.row[6]


def headers(row: Row) -> list[tuple[str, bytes]]:
    """The headers of an event's record: what its value is, its position in decimal, its hash in hexadecimal."""
    return [
        ("content-type", CONTENT_TYPE),
        ("position", str(row.position).encode()),
        ("hash", row.hash.hex().encode()),
    ]


def milliseconds(row: Row) -> int:
    """The timestamp of an event's record: when the event was recorded."""
    return microseconds(row.recorded_at) // 1000


def arrived(record: ConsumerRecord, partition: TopicPartition, prefix: str) -> Arrived:
    """The event in a record of a partition.

    :raises Foreign: where it is none of ours.
    """
    said = dict(record.headers)
    if said.get("content-type") != CONTENT_TYPE or "position" not in said or "hash" not in said:
        raise Foreign("it has not the headers of an event: content-type, position and hash")
    try:
        position = int(said["position"])
        hash = bytes.fromhex(said["hash"].decode())
        document = orjson.loads(record.value)
        stream, version, type = document["subject"], document["version"], document["type"]
        recorded_at = recorded(document["recordedtime"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise Foreign(f"it cannot be read ({error.__class__.__name__}: {error})") from error
    if not (
        0 < position < 1 << 63
        and len(hash) == HASH_BYTES
        and document.get("source") == SOURCE
        and document.get("sequence") == f"{position:020}"
        and isinstance(stream, str)
        and isinstance(type, str)
        and isinstance(version, int)
        and 0 < version < 1 << 31
        and record.key == stream.encode()
        and record.topic == topic_of(prefix, stream)
    ):
        raise Foreign("its key, headers and document do not say the same")
    row = (position, stream, version, type, recorded_at, record.value, hash)
    return Arrived(row, partition, record.offset)


def event_in(record: ConsumerRecord, partition: TopicPartition, prefix: str) -> Arrived | None:
    """The event in a record of a partition, None where it is none of ours."""
    try:
        return arrived(record, partition, prefix)
    except Foreign:
        return None


@lru_cache(maxsize=10_000)  # what is recorded together says the same
def recorded(text: str) -> int:
    """An instant of a document in microseconds since 1970."""
    return microseconds(read_instant(text))

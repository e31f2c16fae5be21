"""Notices on ``<topic>.dlq``: of records that are no events of ours, as they are, and of events that a reader holds
back; each with why.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock
from time import monotonic

import orjson
from kafka import KafkaProducer
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from infra.stream.cluster import Cluster
from infra.stream.topics import DEAD_LETTERS

TRY_AGAIN_SECONDS = 60.0


class DeadLetters:
    """Writes notices, as well as it can: what is noticed is in nobody's way, so a notice that cannot be written is
    only counted. The key says which record it is about, so a notice written twice is kept once.

    ``count`` is how many foreign records were noticed, ``unwritten`` how many notices could not be written.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.count = 0
        self.unwritten = 0
        self._cluster = cluster
        self._open = ExitStack()
        self._producer: KafkaProducer | None = None
        self._not_before = 0.0
        self._lock = Lock()
        self._writing = Lock()

    def notice(self, record: ConsumerRecord, reason: str) -> None:
        """Write down that the record is not ours, and why."""
        self.count += 1
        headers = [
            *record.headers,
            ("error", reason.encode()),
            ("topic", record.topic.encode()),
            ("partition", str(record.partition).encode()),
            ("offset", str(record.offset).encode()),
        ]
        key = f"{record.topic}/{record.partition}/{record.offset}".encode()
        # A record without a value would delete the notice instead of being it.
        value = b"" if record.value is None else record.value
        self._write(record.topic, value, key, [(name, text or b"") for name, text in headers])

    def notice_held_back(self, part: str, stream: str, position: int, type: str, reason: str) -> None:
        """Write down that a reader's part holds a stream back from the event at a position on, and why."""
        about = {"part": part, "stream": stream, "position": position, "type": type, "error": reason}
        topic = self._cluster.topic_of(stream)
        self._write(topic, orjson.dumps(about), f"{topic}/{part}/{position}".encode(), [("error", reason.encode())])

    def _write(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> None:
        if monotonic() < self._not_before:
            self._lost()
            return
        try:
            with self._writing:
                if self._producer is None:
                    self._producer = self._open.enter_context(self._cluster.producer(max_block_ms=2_000))
            sent = self._producer.send(topic + DEAD_LETTERS, value, key, headers)
            sent.add_errback(lambda _: self._lost())
        except (KafkaError, ValueError):
            self._not_before = monotonic() + TRY_AGAIN_SECONDS
            self._lost()

    def close(self) -> None:
        """Write what is still to be written."""
        self._open.close()

    def _lost(self) -> None:
        with self._lock:
            self.unwritten += 1

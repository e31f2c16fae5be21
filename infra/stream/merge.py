"""All partitions of the topics as one sequence, in the order of positions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from hashlib import sha256

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from commands.rejected import Rejected
from infra.log.tables import BEGINNING
from infra.stream.cluster import Cluster
from infra.stream.places import Offsets, begins_of, ends_of, offsets_after, place_of, poll, read_from
from infra.stream.record import Arrived, Foreign, arrived

AHEAD_BYTES = 2 << 20
"""A partition with so many bytes of events that have to wait for others is left alone until it has half of them."""
NEW_PARTITIONS_SECONDS = 5.0
"""How often it is looked whether there are new topics or partitions."""
GAP_SECONDS = 30.0
"""After so long without the next event, while later ones are there, it counts as missing."""

Notice = Callable[[ConsumerRecord, str], None]
"""Is told a record that is no event of ours, and why not."""


class Merge:
    """Reads every partition and gives each event after all before it, whatever lies between them. What runs ahead waits
    in memory, which is bounded. Not thread-safe.

    :param consumer: is used by nobody else from now on.
    :param partitions: those that there are; it looks now and then whether there are more.
    :param after: the position to go on from.
    :param offsets: by partition, from where to read; nothing beyond ``after`` may lie before them. Without them the
        place is searched for. ``begun_at`` is from where it did read.
    :param hash: the hash of the event at ``after``, where it is known; otherwise it is read.
    """

    def __init__(
        self,
        cluster: Cluster,
        consumer: KafkaConsumer,
        partitions: list[TopicPartition],
        after: int,
        *,
        offsets: Offsets | None = None,
        hash: bytes | None = None,
        notice: Notice | None = None,
    ) -> None:
        self._cluster = cluster
        self._notice = notice
        # Where the hash is not known, the event at `after` is read once more and not given.
        self._given = after
        self._position = after if hash is not None or after == 0 else after - 1
        self._hash = BEGINNING if after == 0 else hash
        self._pending: dict[int, Arrived] = {}
        self._ahead: Counter[TopicPartition] = Counter()
        self._moved_at = time.monotonic()
        self._consumer = consumer
        self._listed_at = time.monotonic()
        self.begun_at = self._start(partitions, offsets)
        self._places = dict(self.begun_at)
        read_from(consumer, self._places)

    def poll(self, timeout: float, newest: int = 0) -> list[Arrived]:
        """The next events in order; none where none came in ``timeout`` seconds.

        :param newest: up to which position there are known to be events.
        :raises Rejected: HISTORY_FORKED where an event does not continue the chain; POSITION_MISSING where the next one
            does not come although later ones are there.
        :raises KafkaError: where Kafka cannot be asked.
        """
        if time.monotonic() - self._listed_at > NEW_PARTITIONS_SECONDS:
            self._look_for_partitions()
        came = poll(self._consumer, timeout)
        for partition, records in came.items():
            self._keep(partition, records)
        merged = self._next()
        near = self._read_what_is_not_ahead()
        later = min(self._pending, default=newest)
        if merged or later <= self._position:
            self._moved_at = time.monotonic()
        elif (not came or not near) and time.monotonic() - self._moved_at > GAP_SECONDS and self._at_ends(near):
            raise Rejected(
                "POSITION_MISSING",
                f"the topics {self._cluster.prefix}.* go to position {later} at least, "
                f"but do not hold the event at {self._position + 1}",
            )
        return merged

    def _start(self, partitions: list[TopicPartition], offsets: Offsets | None) -> Offsets:
        if offsets is not None and self._position == self._given:
            begins = begins_of(self._consumer, partitions)
            ends = ends_of(self._consumer, partitions)
            if all(begins[each] <= offset <= ends[each] for each, offset in offsets.items() if each in ends):
                return {each: offsets.get(each, begins[each]) for each in partitions}
            # Whatever became of the topics, the positions in their events are right.
        return offsets_after(self._consumer, partitions, self._cluster.prefix, self._position)

    def _look_for_partitions(self) -> None:
        """Those that are new are read from their beginning."""
        self._listed_at = time.monotonic()
        for partition in self._cluster.topic_partitions(self._consumer):
            self._places.setdefault(partition, 0)

    def _read_what_is_not_ahead(self) -> set[TopicPartition]:
        """Leave alone for a while what runs far ahead. Where all do, what comes next is late or missing, and they are
        read on only as far again. Those that do not run ahead.
        """
        reading = self._consumer.assignment()
        ahead = self._ahead
        bounds = {each: AHEAD_BYTES if each in reading else AHEAD_BYTES // 2 for each in self._places}
        near = {each for each, bound in bounds.items() if ahead[each] < bound}
        wanted = near or {each for each in bounds if ahead[each] < 2 * AHEAD_BYTES}
        # To ask for the places takes the client long, and mostly there is nothing to change.
        if wanted != reading:
            self._places |= {each: place_of(self._consumer, each) for each in reading}
            if wanted:
                read_from(self._consumer, {each: self._places[each] for each in wanted})
            else:
                self._consumer.unsubscribe()
        return near

    def _at_ends(self, partitions: set[TopicPartition]) -> bool:
        """Whether there is nothing more on partitions that are read now. Where nobody answers for one, that is no
        sign that it has nothing.
        """
        ends = ends_of(self._consumer, list(partitions))
        return all(place_of(self._consumer, each) >= end for each, end in ends.items())

    def _keep(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        prefix, pending, position, size = self._cluster.prefix, self._pending, self._position, 0
        for record in records:
            try:
                event = arrived(record, partition, prefix)
            except Foreign as reason:
                if self._notice is not None:
                    self._notice(record, str(reason))
                continue
            at = event.row[0]
            if at <= position:
                continue
            known = pending.setdefault(at, event)
            if known is event:
                size += len(event.row[5])
            elif known.hash != event.hash:
                raise Rejected("HISTORY_FORKED", f"the topics hold two different events at position {at}")
        self._ahead[partition] += size

    def _next(self) -> list[Arrived]:
        merged = []
        position, hash = self._position, self._hash
        while (event := self._pending.pop(position + 1, None)) is not None:
            row = event.row
            if hash is not None and sha256(hash + row[5]).digest() != row[6]:
                raise Rejected(
                    "HISTORY_FORKED",
                    f"the event at position {event.position} on {event.partition.topic} does not continue the history "
                    "that was read before it",
                )
            position, hash = row[0], row[6]
            self._ahead[event.partition] -= len(row[5])
            if position > self._given:
                merged.append(event)
        self._position, self._hash = position, hash
        return merged

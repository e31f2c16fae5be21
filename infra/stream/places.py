"""Places on the topics: how far they got, and where an event stands. Nothing is remembered; the topics say it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import CorruptRecordError, KafkaTimeoutError

from infra.stream.record import Arrived, event_in

PATIENCE = 30.0
"""Seconds without an answer after which a search is given up."""
POLL_SECONDS = 0.5
UNKNOWN_SECONDS = 0.02
"""How long to wait until Kafka has said what there is of a topic."""
NEAR = 5_000
"""A search ends within so many offsets; the rest is read."""

Offsets = Mapping[TopicPartition, int]
Events = dict[TopicPartition, Arrived]
Ranges = dict[TopicPartition, tuple[int, int]]
"""By partition, from which offset up to which one, which is not in it."""


def begins_of(consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Offsets:
    """By partition, the offset of the first record that is kept.

    :raises KafkaError: where Kafka cannot be asked.
    """
    return known_of(consumer.beginning_offsets, partitions)


def ends_of(consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Offsets:
    """By partition, the offset behind the last record that the consumer may see.

    :raises KafkaError: where Kafka cannot be asked.
    """
    return known_of(consumer.end_offsets, partitions)


def known_of(ask: Callable[[list[TopicPartition]], Offsets], partitions: list[TopicPartition]) -> Offsets:
    """What kafka-python says of the offsets of partitions. Of a topic that it does not know at the moment, because it
    has just looked for others alone, it finds nothing to say; then it asks, and knows it soon.

    :raises KafkaError: where Kafka cannot be asked.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask(partitions)
        except KeyError as unknown:
            if time.monotonic() > deadline:
                topic, partition = unknown.args[0]
                raise KafkaTimeoutError(f"Kafka does not say where {topic}/{partition} begins and ends") from unknown
            time.sleep(UNKNOWN_SECONDS)


def place_of(consumer: KafkaConsumer, partition: TopicPartition) -> int:
    """From which offset on the consumer reads a partition next.

    :raises KafkaError: where Kafka cannot be asked.
    """
    offset: int | None = consumer.position(partition)
    if offset is None:
        # It was deleted from where it was to be read, and Kafka was asked from where on it is kept.
        raise KafkaTimeoutError(f"Kafka does not say where {partition.topic}/{partition.partition} begins")
    return offset


def last_events(
    consumer: KafkaConsumer, partitions: list[TopicPartition], prefix: str, *, thorough: bool = True
) -> dict[TopicPartition, Arrived]:
    """By partition, the last committed event of ours; those that have none are left out. Aborted and foreign records
    may lie behind it, any number of them, so it looks from ever further back; only a partition that was read from its
    beginning has none. Copies of older events may lie behind it as well: ``thorough``, the newest of all is found
    nevertheless, in other partitions perhaps one that is older than the last. For that everything is read that Kafka
    stamped later, which is much where a backlog was published.

    :raises KafkaError: where Kafka cannot be asked.
    """
    begins = begins_of(consumer, partitions)
    until = ends = ends_of(consumer, partitions)
    found: Events = {}
    reach = 2
    while ranges := {
        partition: (max(begins[partition], end - reach), end)
        for partition, end in until.items()
        if partition not in found and end > begins[partition]
    }:
        found |= look(consumer, ranges, prefix)
        until = {partition: begin for partition, (begin, _) in ranges.items()}
        reach *= 2
    if found and thorough:
        newest = max(found.values(), key=lambda event: event.position)
        since = offsets_since(consumer, ends, newest.row[4])
        later = look(consumer, {each: (since[each], end) for each, end in ends.items() if since[each] < end}, prefix)
        found |= {each: event for each, event in later.items() if event.position > newest.position}
    return found


def offsets_since(consumer: KafkaConsumer, ends: Offsets, instant: int) -> dict[TopicPartition, int]:
    """By partition, an offset before which nothing is that was recorded at an instant (in microseconds since 1970) or
    later, copies aside; the end where there is no such thing.

    :raises KafkaError: where Kafka cannot be asked.
    """
    # What was recorded later has a later timestamp, or the same in milliseconds.
    found = consumer.offsets_for_times(dict.fromkeys(ends, instant // 1000))
    for each in ends:
        # Of several, kafka-python says the same of one whose leader it does not know at the moment as of one that has
        # nothing; of one alone it asks until it knows.
        if found.get(each) is None:
            found |= consumer.offsets_for_times({each: instant // 1000})
    return {each: end if (at := found[each]) is None else at.offset for each, end in ends.items()}


def offsets_after(consumer: KafkaConsumer, partitions: list[TopicPartition], prefix: str, position: int) -> Offsets:
    """By partition, an offset before which there is no event beyond the position, and not far before the first that is.

    :raises KafkaError: where Kafka cannot be asked.
    """
    begins = begins_of(consumer, partitions)
    if position <= 0:
        return dict(begins)
    ends = ends_of(consumer, partitions)
    ranges = {partition: (begins[partition], ends[partition]) for partition in partitions}
    before: Arrived | None = None
    while open := {
        partition: ((begin + end) // 2, end) for partition, (begin, end) in ranges.items() if end - begin > NEAR
    }:
        found = look(consumer, open, prefix, first=lambda _: True)
        for partition, (middle, end) in open.items():
            event = found.get(partition)
            if event is None or event.position > position:
                ranges[partition] = (ranges[partition][0], middle)
            else:
                ranges[partition] = (event.offset + 1, end)
                before = event if before is None or event.position > before.position else before
    # A copy of an older event may have led a search too far; what is recorded of the newest that was found does not.
    return begins if before is None else offsets_since(consumer, ends, before.row[4])


def poll(consumer: KafkaConsumer, timeout: float) -> dict[TopicPartition, list[ConsumerRecord]]:
    """What came in so many seconds. What nobody can read is passed over: records with headers whose names are no text,
    which kafka-python takes for corrupt. They are whole as they were sent, so they are none of ours.

    :raises KafkaError: where Kafka cannot be asked.
    """
    try:
        came: dict[TopicPartition, list[ConsumerRecord]] = consumer.poll(timeout_ms=int(timeout * 1000))
        return came
    except CorruptRecordError as error:
        if UnicodeDecodeError.__name__ not in str(error):
            raise
        # Others of the same batch are in the way as well, so it is gone through one by one.
        partition = consumer._fetcher._next_partition_records.topic_partition
        consumer.seek(partition, place_of(consumer, partition) + 1)
        return {}


def look(
    consumer: KafkaConsumer, ranges: Ranges, prefix: str, *, first: Callable[[Arrived], bool] | None = None
) -> Events:
    """By partition, the newest event of ours in a range of offsets, or the first for which ``first`` holds; partitions
    that have none are left out.

    :raises KafkaError: where Kafka cannot be asked.
    """
    found: Events = {}
    left = {partition: end for partition, (_, end) in ranges.items()}
    read_from(consumer, {partition: begin for partition, (begin, _) in ranges.items()})
    deadline = time.monotonic() + PATIENCE
    while left:
        came = poll(consumer, POLL_SECONDS)
        for partition in came.keys() & left.keys():
            within = (record for record in came[partition] if record.offset < left[partition])
            events = (event_in(record, partition, prefix) for record in within)
            ours = [event for event in events if event is not None and (first is None or first(event))]
            if ours and first is not None:
                found[partition] = ours[0]
            elif ours:
                known = [found[partition]] if partition in found else []
                found[partition] = max([*known, *ours], key=lambda event: event.position)
        reached = {partition: place_of(consumer, partition) for partition in left}
        left = {
            partition: end
            for partition, end in left.items()
            if reached[partition] < end and not (first is not None and partition in found)
        }
        read_from(consumer, {partition: reached[partition] for partition in left})
        if came:
            deadline = time.monotonic() + PATIENCE
        elif time.monotonic() > deadline:
            raise KafkaTimeoutError(f"the records of {', '.join(f'{t}/{p}' for t, p in left)} do not come")
    return found


def read_from(consumer: KafkaConsumer, places: Offsets) -> None:
    """Let the consumer read these partitions and no others, each from an offset on.

    Partitions are not paused: kafka-python 3.0.12 may never read one again that was resumed, where part of what it had
    fetched was still to be given out.
    """
    known = consumer.assignment()
    if places and known != places.keys():
        consumer.assign(list(places))
    for partition, offset in places.items():
        if partition not in known or place_of(consumer, partition) != offset:
            consumer.seek(partition, offset)

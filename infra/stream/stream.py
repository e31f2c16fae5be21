"""The topics as a log that can be followed: the same questions, the same answers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import orjson
import pyarrow as pa
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from commands.rejected import Rejected
from domain.customer import CustomerForgotten
from infra.log import Head, from_microseconds, microseconds
from infra.log.arrow import part
from infra.log.document import forgotten_streams
from infra.log.tables import BEGINNING
from infra.stream.cluster import Cluster
from infra.stream.deadletters import DeadLetters
from infra.stream.merge import Merge
from infra.stream.places import Offsets, ends_of, last_events, look, offsets_since
from infra.stream.record import Arrived
from infra.stream.topics import unavailable

READ_AHEAD_BYTES = 16 << 20
"""How many bytes of events are kept ready for whoever follows."""
POLL_SECONDS = 0.1
LOOK_SECONDS = 0.5
"""How often it is looked how far the topics got, while nothing more is read because there is no room."""
PATIENCE = 30.0
"""How long to wait for an event that is known to be on its topic."""
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
CLOSE_SECONDS = 5.0
"""How long to wait for what was just asked."""
OFFSETS = b"offsets"
FORGETTING = f"crm.{CustomerForgotten.__name__}."
"""What the type of a forgetting begins with, in every version: it is obeyed also where it cannot be taken in."""
FATAL = ("HISTORY_FORKED", "POSITION_MISSING")
"""Nothing beyond it may be given out, so whoever asks is told."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody followed the topics: the position and hash of the last event, and from which offset on to read
    each partition, by ``<topic>/<partition>``. Without a hash the event is read once more, without offsets its place is
    searched for.
    """

    position: int = 0
    hash: bytes | None = BEGINNING
    offsets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How following goes. ``position`` is up to where events are ready, ``head`` the newest that is known to be on the
    topics, ``foreign`` how many records were none of ours, ``unwritten`` how many notices could not be written;
    ``last_error`` is what keeps it from going on, None where nothing does.
    """

    position: int
    head: int
    foreign: int
    unwritten: int
    last_error: str | None


class Stream:
    """The events on the topics, followed by a thread of its own, which reads ahead a little. Safe to use from any
    thread; it is made for one reader that goes on where it stopped, and any other place is searched for.

    :param place: how far the reader is already; it is read on from there.
    :param forget: is told the streams of whoever was forgotten, before the event is given to anybody.
    """

    def __init__(
        self,
        cluster: Cluster,
        place: Place | None = None,
        *,
        forget: Callable[[set[str]], None] = lambda streams: None,
    ) -> None:
        self._cluster = cluster
        self._forget = forget
        self._place = place or Place()
        self._letters = DeadLetters(cluster)
        self._changed = threading.Condition()
        self._taking = threading.Lock()
        self._closed = False
        self._newest = Head(self._place.position, self._place.hash or BEGINNING, from_microseconds(0))
        self._last_error: str | None = None
        self._fatal: Rejected | None = None
        self._turn = 0
        # What was read and not taken yet: after `_taken`, where `_offsets` stand, up to `_ready`.
        self._rows: deque[Arrived] = deque()
        self._bytes = 0
        self._taken = self._ready = 0
        self._ready_hash: bytes | None = None
        self._offsets: dict[TopicPartition, int] = {}
        self._begin_at(self._place.position)
        self._ends: Offsets = {}
        self._thread = threading.Thread(target=self._follow, name="stream", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following; where Kafka does not answer, what was asked of it is not waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        self._letters.close()

    def notice_held_back(self, part: str, stream: str, position: int, type: str, reason: str) -> None:
        """Tell on ``<topic>.dlq`` that a part of the reader holds a stream back from the event at a position on."""
        self._letters.notice_held_back(part, stream, position, type, reason)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def head(self) -> Head:
        """Position, hash and instant of the newest event that is known to be on the topics."""
        return self._newest

    @property
    def status(self) -> StreamStatus:
        """How it is now."""
        return StreamStatus(
            self._ready, self._newest.position, self._letters.count, self._letters.unwritten, self._last_error
        )

    def recorded_after(self, position: int) -> datetime | None:
        """When the first event after the position was recorded, of those that are known here; none where none is."""
        with self._changed:
            first = next((event.row[4] for event in self._rows if event.position > position), None)
            if first is not None:
                return from_microseconds(first)
            return self._newest.recorded_at if self._newest.position > position else None

    def wait(self, after: int, timeout: float | None, given_up: threading.Event | None = None) -> int:
        """Wait until the topics have gone beyond ``after``, for at most ``timeout`` seconds (None: for ever, or until
        closed), and return the position they are at. Whoever sets ``given_up`` calls `wake` to end it sooner.

        :raises Rejected: HISTORY_FORKED, POSITION_MISSING.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._closed
                    or self._fatal
                    or self._newest.position > after
                    or (given_up is not None and given_up.is_set())
                ),
                timeout,
            )
            self._raise_fatal()
            return self._newest.position

    def wake(self) -> None:
        """Let all who wait look whether they still want to."""
        with self._changed:
            self._changed.notify_all()

    def batches(self, after: int, until: int | None = None, size: int = 10_000) -> Iterator[pa.RecordBatch]:
        """The events with ``after`` < position ≤ ``until`` (the head where not given) in batches of ``size``, with the
        columns of the log's batches. Each carries the offsets that belong to its last position: see ``offsets_of``.

        :raises Rejected: HISTORY_FORKED, POSITION_MISSING; STREAM_UNAVAILABLE where events do not come.
        """
        head = self._newest.position
        until = head if until is None else min(until, head)
        for begin in range(after, until, size):
            with self._taking:
                batch = self._take(begin, min(begin + size, until))
            yield batch

    def position_at(self, instant: datetime) -> int:
        """The last position recorded at or before the instant, 0 where there is none.

        :raises Rejected: STREAM_UNAVAILABLE.
        """
        try:
            return self._position_at(microseconds(instant))
        except KafkaError as error:
            raise unavailable(self._cluster, error) from error

    # What the reader takes.

    def _take(self, begin: int, end: int) -> pa.RecordBatch:
        taken: list[Arrived] = []
        with self._changed:
            if self._taken != begin:
                self._begin_at(begin)
            deadline = monotonic() + PATIENCE
            while self._taken < end:
                if not self._rows:
                    self._await_rows(deadline)
                    continue
                event = self._rows.popleft()
                self._bytes -= len(event.row[5])
                self._offsets[event.partition] = event.offset + 1
                self._taken = event.position
                taken.append(event)
                deadline = monotonic() + PATIENCE
            self._changed.notify_all()
            offsets = written(self._offsets)
        return part([event.row for event in taken]).replace_schema_metadata({OFFSETS: orjson.dumps(offsets)})

    def _await_rows(self, deadline: float) -> None:
        """Wait a moment for rows. Wants the lock."""
        self._raise_fatal()
        if self._closed:
            raise Rejected("STREAM_UNAVAILABLE", "the stream was closed")
        if monotonic() > deadline:
            because = self._last_error or f"Kafka at {self._cluster.bootstrap_servers} does not answer"
            raise Rejected("STREAM_UNAVAILABLE", f"the event at position {self._taken + 1} does not come: {because}")
        self._changed.notify_all()
        self._changed.wait(POLL_SECONDS)

    def _begin_at(self, position: int) -> None:
        """Read on from another place. Wants the lock."""
        known = position == self._place.position
        self._turn += 1
        self._rows.clear()
        self._bytes = 0
        self._taken = self._ready = position
        self._ready_hash = self._place.hash if known else None
        self._offsets = read(self._place.offsets) if known else {}
        self._fatal = None

    def _raise_fatal(self) -> None:
        if self._fatal is not None:
            raise Rejected(self._fatal.code, self._fatal.sentence)

    # What the thread brings.

    def _follow(self) -> None:
        retry = FIRST_RETRY_SECONDS
        while not self._closed:
            before = self._ready
            try:
                self._read()
                continue
            except Rejected as refused:
                self._fail(f"{refused.code}: {refused.sentence}", refused if refused.code in FATAL else None)
            except KafkaError as error:
                self._fail(unavailable(self._cluster, error).sentence)
            except Exception as error:
                # Whatever it is: nothing was skipped, the status says it, and the next round tries again.
                self._fail(f"{type(error).__name__}: {error}")
            retry = FIRST_RETRY_SECONDS if self._ready > before else min(2 * retry, LONGEST_RETRY_SECONDS)
            with self._changed:
                self._changed.wait_for(lambda: self._closed, retry)

    def _read(self) -> None:
        """Read on until closed, or until the reader goes on elsewhere."""
        with self._changed:
            turn, after, hash = self._turn, self._ready, self._ready_hash
            offsets = None
            if self._offsets:
                offsets = self._offsets | {event.partition: event.offset + 1 for event in self._rows}
        with self._cluster.consumer() as consumer:
            partitions = self._look_how_far(consumer)
            merge = Merge(
                self._cluster, consumer, partitions, after, offsets=offsets, hash=hash, notice=self._letters.notice
            )
            with self._changed:
                if self._turn == turn and not self._offsets and not self._rows:
                    self._offsets = dict(merge.begun_at)
            while self._wait_for_room(turn):
                events = merge.poll(POLL_SECONDS, self._newest.position)
                self._last_error = None
                if events:
                    self._add(turn, events)

    def _look_how_far(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        """Look how far the topics got; their partitions."""
        partitions = self._cluster.topic_partitions(consumer)
        if not partitions:
            raise Rejected("TOPIC_MISSING", f"Kafka has no topic {self._cluster.prefix}.*; make them with crm migrate")
        ends = ends_of(consumer, partitions)
        newest = self._newest_on(consumer, partitions)
        self._ends = ends
        with self._changed:
            self._advance(newest)
            if self._ready >= self._newest.position:
                # They ended before what was read of them, and now they hold it again.
                self._fatal = None
        return partitions

    def _look_again(self) -> None:
        """Look how far the topics got, unless they end where they did."""
        with self._cluster.consumer() as consumer:
            if ends_of(consumer, self._cluster.topic_partitions(consumer)) != self._ends:
                self._look_how_far(consumer)

    def _newest_on(self, consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Arrived | None:
        """The newest event that the ends show; all is searched where that is older than what was read already.

        :raises Rejected: HISTORY_FORKED where the topics do not go so far.
        """
        newest: Arrived | None = None
        for thorough in (False, True):
            last = last_events(consumer, partitions, self._cluster.prefix, thorough=thorough)
            newest = max(last.values(), key=lambda event: event.position, default=None)
            if self._place.position <= (newest.position if newest is not None else 0):
                return newest
        position = newest.position if newest is not None else 0
        raise Rejected(
            "HISTORY_FORKED",
            f"the topics {self._cluster.prefix}.* end at position {position}, "
            f"but event {self._place.position} was read from them",
        )

    def _wait_for_room(self, turn: int) -> bool:
        """Whether to read on, when there is room for more. Until then it is looked now and then how far the topics got,
        so that whoever waits for that is told.
        """
        while not self._has_room(turn):
            self._look_again()
        return not self._closed and self._turn == turn

    def _has_room(self, turn: int) -> bool:
        """Whether there is nothing to wait for, after a while at most."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._closed or self._turn != turn or self._bytes < READ_AHEAD_BYTES, LOOK_SECONDS
            )

    def _add(self, turn: int, events: list[Arrived]) -> None:
        for event in events:
            if event.row[3].startswith(FORGETTING):
                self._forget(streams_forgotten(event.row[1], event.row[5]))
        with self._changed:
            if self._turn != turn:
                return
            self._rows.extend(events)
            self._bytes += sum(len(event.row[5]) for event in events)
            self._ready, self._ready_hash = events[-1].position, events[-1].hash
            self._fatal = None
            self._advance(events[-1])

    def _advance(self, event: Arrived | None) -> None:
        if event is not None and event.position > self._newest.position:
            self._newest = Head(event.position, event.hash, from_microseconds(event.row[4]))
        self._changed.notify_all()

    def _fail(self, sentence: str, fatal: Rejected | None = None) -> None:
        with self._changed:
            self._last_error = sentence
            self._fatal = fatal
            if fatal is not None and fatal.code == "POSITION_MISSING":
                # Perhaps the offsets are those of topics that were made anew; so the place is searched for.
                self._offsets = {}
            self._changed.notify_all()

    def _position_at(self, instant: int) -> int:
        with self._cluster.consumer() as consumer:
            partitions = self._cluster.topic_partitions(consumer)
            ends = ends_of(consumer, partitions)
            last = last_events(consumer, partitions, self._cluster.prefix)
            since = offsets_since(consumer, ends, instant)
            ranges = {partition: (since[partition], end) for partition, end in ends.items() if since[partition] < end}
            first = look(consumer, ranges, self._cluster.prefix, first=lambda event: event.row[4] > instant)
        later = [event.position for event in first.values()]
        if later:
            return min(later) - 1
        return max((event.position for event in last.values()), default=0)


def streams_forgotten(stream: str, document: bytes) -> set[str]:
    """The streams that a forgetting names; where it cannot be read, at least its own."""
    try:
        return forgotten_streams(document)
    except Rejected:
        return {stream}


def offsets_of(batch: pa.RecordBatch) -> dict[str, int]:
    """From which offset on to read each partition, by ``<topic>/<partition>``, by whoever has a batch of a stream and
    all before it: kept with the batch's last position, they are a ``Place``.
    """
    found: dict[str, int] = orjson.loads(batch.schema.metadata[OFFSETS])
    return found


def written(offsets: Offsets) -> dict[str, int]:
    """Offsets in the form in which they are kept."""
    return {f"{partition.topic}/{partition.partition}": offset for partition, offset in offsets.items()}


def read(offsets: Mapping[str, int]) -> dict[TopicPartition, int]:
    """Offsets from the form in which they are kept."""
    named = {name.rpartition("/"): offset for name, offset in offsets.items()}
    return {TopicPartition(topic, int(partition)): offset for (topic, _, partition), offset in named.items()}

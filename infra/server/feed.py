"""The feed: every event in the order of the log, from anywhere, for as long as the caller listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from difflib import get_close_matches
from threading import Event as Flag
from threading import Semaphore
from typing import Any

import grpc

from commands.rejected import Busy, require
from crm.v1 import log_pb2
from domain.event import Event, State
from infra.log import Log, Row
from infra.server.reading import existing_position
from infra.server.tail import Tail, class_name
from infra.server.values import EPOCH, instant_in, write_instant

FIRST_EVENTS = 50
MOST_EVENTS = 500
LARGEST_MESSAGE = 1 << 20
MOST_FOLLOWERS = 200
HASH_BYTES = 32
HEARTBEAT_SECONDS = 10.0
LEAST_HEARTBEAT_SECONDS, MOST_HEARTBEAT_SECONDS = 0.1, 3600.0


class Followers:
    """Those who wait for what is recorded: each has a thread, so there are only so many of them."""

    def __init__(self, log: Log) -> None:
        self._tail = Tail(log)
        self._stopping = Flag()
        self._places = Semaphore(MOST_FOLLOWERS)

    def stop(self) -> None:
        """Send them home."""
        self._stopping.set()
        self._tail.wake_all()

    @contextmanager
    def following(self, context: grpc.ServicerContext, **wanted: Any) -> Iterator[Callable[[float], tuple[bool, int]]]:
        """A place among them. What it gives waits for so many seconds, and says whether there is anything to look at,
        and up to which position there is nothing; ``wanted`` is as for ``Tail.waiting``.

        :raises Rejected: TOO_MANY_FOLLOWERS, and when waiting SERVER_STOPPING.
        """
        if not self._places.acquire(blocking=False):
            raise Busy(
                "TOO_MANY_FOLLOWERS",
                f"{MOST_FOLLOWERS} callers follow the log already; try again later, or read without following",
            )
        try:
            with self._tail.waiting(**wanted) as waiting:
                context.add_callback(waiting.wake)

                def wait(seconds: float) -> tuple[bool, int]:
                    self._require_running()
                    found = self._tail.wait(waiting, seconds)
                    self._require_running()
                    return found

                yield wait
        finally:
            self._places.release()

    def _require_running(self) -> None:
        require(
            not self._stopping.is_set(),
            "SERVER_STOPPING",
            "the server stops; connect again and go on after the last position",
        )


class Feed:
    """Reads the log for callers."""

    def __init__(self, log: Log, followers: Followers) -> None:
        self._log = log
        self._followers = followers

    def read_events(
        self, request: log_pb2.ReadEventsRequest, context: grpc.ServicerContext
    ) -> Iterator[log_pb2.ReadEventsResponse]:
        """Events in the order of their positions.

        :raises Rejected: INVALID_FIELD, UNKNOWN_STREAM, POSITION_BEYOND_LOG; HISTORY_FORKED where this is not the log
            that the caller has read so far; to followers also TOO_MANY_FOLLOWERS or SERVER_STOPPING.
        """
        reading = _Reading(self._log, request)
        if not request.follow:
            yield from reading.up_to(self._log.head.position)
            return
        heartbeat = _heartbeat(request)
        with self._followers.following(context, stream=reading.stream, types=reading.types) as wait:
            yield from reading.up_to(self._log.head.position)
            while context.is_active() and not reading.finished:
                woken, clear = wait(heartbeat)
                reading.pass_over(clear)
                if woken:
                    yield from reading.beyond(self._log.head.position)
                else:
                    yield reading.heartbeat()


class _Reading:
    """One caller's way through the log. Before each step it is the log that was read so far, or the way ends here."""

    def __init__(self, log: Log, request: log_pb2.ReadEventsRequest) -> None:
        self._log = log
        self._after, self._hash = _start(log, request)
        self.stream = _possible_stream(request.stream) if request.HasField("stream") else None
        self.types = frozenset(_known_type(name) for name in request.types)
        self._left = request.limit if request.HasField("limit") else None
        self._at_once = FIRST_EVENTS
        require(self._left is None or self._left > 0, "INVALID_FIELD", "the limit must be at least 1", field="limit")

    @property
    def finished(self) -> bool:
        """As many events were sent as were asked for."""
        return self._left == 0

    def up_to(self, head: int) -> Iterator[log_pb2.ReadEventsResponse]:
        """The events up to a position of the log, at most 500 in each message; the last one says that it is reached.

        Whoever reads slowly holds one message, and is not read for any further.
        """
        while not self.finished:
            self._require_same()
            most = self._at_once
            rows = list(self._log.rows(after=self._after, until=head, stream=self.stream, limit=most))
            self._at_once = fitting(rows)
            wanted = [row for row in rows if not self.types or class_name(row.type) in self.types]
            if self._left is not None:
                wanted = wanted[: self._left]
                self._left -= len(wanted)
            at_end = len(rows) < most
            self._go_on(wanted[-1].position if self.finished else head if at_end else rows[-1].position)
            del rows
            if wanted or at_end:
                yield from _messages(wanted, self._after, self._hash)
            if at_end:
                return

    def beyond(self, head: int) -> Iterator[log_pb2.ReadEventsResponse]:
        """The events up to a position, where there are any that were not looked at."""
        self._require_same()
        if head > self._after:
            yield from self.up_to(head)

    def pass_over(self, position: int) -> None:
        """Go on after a position up to which nothing lies that is wanted."""
        if position > self._after:
            self._require_same()
            self._go_on(position)

    def heartbeat(self) -> log_pb2.ReadEventsResponse:
        """How far the log was looked at, where it had nothing that is wanted."""
        self._require_same()
        return log_pb2.ReadEventsResponse(position=self._after, hash=self._hash)

    def _go_on(self, position: int) -> None:
        self._after = position
        self._hash = self._log.hash_at(position) or b""

    def _require_same(self) -> None:
        _require_same(self._log, self._after, self._hash)


def fitting(rows: list[Row]) -> int:
    """How many events like these make a message, so that a slow reader keeps little waiting."""
    size = sum(len(row.document) for row in rows)
    return min(MOST_EVENTS, 1 + LARGEST_MESSAGE * len(rows) // size) if size else MOST_EVENTS


def _messages(rows: list[Row], position: int, hash: bytes) -> Iterator[log_pb2.ReadEventsResponse]:
    """The events in messages of a size that any client takes; the last one says the position and the hash there."""
    message, size = log_pb2.ReadEventsResponse(), 0
    for row in rows:
        if size and size + len(row.document) > LARGEST_MESSAGE:
            yield message
            message, size = log_pb2.ReadEventsResponse(), 0
        write_event(row, message.events.add())
        message.position, message.hash = row.position, row.hash
        size += len(row.document)
    message.position, message.hash = position, hash
    yield message


def event_message(row: Row) -> log_pb2.Event:
    """An event as it stands in the log."""
    message = log_pb2.Event()
    write_event(row, message)
    return message


def write_event(row: Row, message: log_pb2.Event) -> None:
    """Write an event where it stays: what is handed over is copied, at twice the price."""
    message.position = row.position
    message.stream = row.stream
    message.version = row.version
    message.type = row.type
    write_instant(row.recorded_at, message.recorded_at)
    message.document = row.document.decode()
    message.hash = row.hash


def _heartbeat(request: log_pb2.ReadEventsRequest) -> float:
    """After how many seconds without an event the caller wants to hear from us."""
    if not request.HasField("heartbeat"):
        return HEARTBEAT_SECONDS
    seconds = request.heartbeat.seconds + request.heartbeat.nanos / 1e9
    require(
        LEAST_HEARTBEAT_SECONDS <= seconds <= MOST_HEARTBEAT_SECONDS,
        "INVALID_FIELD",
        f"the heartbeat is between {LEAST_HEARTBEAT_SECONDS:g} and {MOST_HEARTBEAT_SECONDS:g} seconds",
        field="heartbeat",
    )
    return float(seconds)


def _start(log: Log, request: log_pb2.ReadEventsRequest) -> tuple[int, bytes]:
    """After which position to begin, and the hash there."""
    if request.HasField("after_hash"):
        require(
            not request.HasField("recorded_from") and len(request.after_hash) == HASH_BYTES,
            "INVALID_FIELD",
            f"the {HASH_BYTES} bytes of the hash of the event at after_position are allowed",
            field="after_hash",
        )
        _require_same(log, request.after_position, request.after_hash)
        return request.after_position, request.after_hash
    if request.HasField("recorded_from"):
        since = max(EPOCH, instant_in("recorded_from", request.recorded_from))
        after = log.position_at(since - timedelta(microseconds=1))
    else:
        after = existing_position(request.after_position, log, "after_position")
    return after, log.hash_at(after) or b""


def _require_same(log: Log, position: int, hash: bytes) -> None:
    require(
        log.hash_at(position) == hash,
        "HISTORY_FORKED",
        f"the log has no event {position}, or another one than you have read: an older state was restored, or history "
        "was written anew; go back to a position that both have, and forget what you have read after it",
    )


def _possible_stream(name: str) -> str:
    aggregate, _, id = name.partition("-")
    require(
        aggregate in State.by_aggregate and id,
        "UNKNOWN_STREAM",
        f"no stream is named {name}; it is AGGREGATE-ID, with one of the aggregates {', '.join(State.by_aggregate)}",
        field="stream",
    )
    return name


def _known_type(name: str) -> str:
    found = class_name(name)
    close = get_close_matches(found, Event.by_name)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    require(found in Event.by_name, "INVALID_FIELD", f"there is no event {name}{meant}", field="types")
    return found

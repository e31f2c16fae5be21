"""The feed: every event in the order of the log, from anywhere, for as long as the caller listens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from threading import Event as Flag
from threading import Semaphore

import grpc

from commands.rejected import require
from crm.v1 import log_pb2
from domain.event import Event, State
from infra.log import Log, Row
from infra.server.reading import existing_position
from infra.server.values import instant_in

MOST_EVENTS = 500
LARGEST_MESSAGE = 1 << 20
MOST_FOLLOWERS = 200
HASH_BYTES = 32
PATIENCE = 0.25
"""Seconds between two looks at whether the caller still listens."""


class Feed:
    """Reads the log for callers."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._stopping = Flag()
        self._places = Semaphore(MOST_FOLLOWERS)

    def stop(self) -> None:
        """Send the followers home."""
        self._stopping.set()

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
        require(
            self._places.acquire(blocking=False),
            "TOO_MANY_FOLLOWERS",
            f"{MOST_FOLLOWERS} callers follow the log already; try again later, or read without following",
        )
        try:
            yield from self._follow(reading, context)
        finally:
            self._places.release()

    def _follow(self, reading: _Reading, context: grpc.ServicerContext) -> Iterator[log_pb2.ReadEventsResponse]:
        head = self._log.head.position
        yield from reading.up_to(head)
        while context.is_active() and not reading.finished:
            require(
                not self._stopping.is_set(),
                "SERVER_STOPPING",
                "the server stops; connect again and go on after the last position",
            )
            newest = self._log.wait(head, PATIENCE)
            if newest != head:
                head = newest
                yield from reading.up_to(head)


class _Reading:
    """One caller's way through the log. Before each step it is the log that was read so far, or the way ends here."""

    def __init__(self, log: Log, request: log_pb2.ReadEventsRequest) -> None:
        self._log = log
        self._after, self._hash = _start(log, request)
        self._stream = _possible_stream(request.stream) if request.HasField("stream") else None
        self._types = frozenset(_known_type(name) for name in request.types)
        self._left = request.limit if request.HasField("limit") else None
        require(self._left is None or self._left > 0, "INVALID_FIELD", "the limit must be at least 1", field="limit")

    @property
    def finished(self) -> bool:
        """As many events were sent as were asked for."""
        return self._left == 0

    def up_to(self, head: int) -> Iterator[log_pb2.ReadEventsResponse]:
        """The events up to a position of the log, at most 500 in each message; the last one says that it is reached."""
        while not self.finished:
            _require_same(self._log, self._after, self._hash)
            rows = list(self._log.rows(after=self._after, until=head, stream=self._stream, limit=MOST_EVENTS))
            events = [event_message(row) for row in rows if not self._types or _class_name(row.type) in self._types]
            if self._left is not None:
                events = events[: self._left]
                self._left -= len(events)
            at_end = len(rows) < MOST_EVENTS
            self._after = events[-1].position if self.finished else head if at_end else rows[-1].position
            self._hash = self._log.hash_at(self._after) or b""
            if events or at_end:
                yield from _messages(events, self._after, self._hash)
            if at_end:
                return


def _messages(events: list[log_pb2.Event], position: int, hash: bytes) -> Iterator[log_pb2.ReadEventsResponse]:
    """The events in messages of a size that any client takes; the last one says the position and the hash there."""
    begin, size = 0, 0
    for index, event in enumerate(events):
        size += len(event.document)
        if size > LARGEST_MESSAGE and index > begin:
            last = events[index - 1]
            yield log_pb2.ReadEventsResponse(events=events[begin:index], position=last.position, hash=last.hash)
            begin, size = index, len(event.document)
    yield log_pb2.ReadEventsResponse(events=events[begin:], position=position, hash=hash)


def event_message(row: Row) -> log_pb2.Event:
    """An event as it stands in the log."""
    return log_pb2.Event(
        position=row.position,
        stream=row.stream,
        version=row.version,
        type=row.type,
        recorded_at=row.recorded_at,
        document=row.document.decode(),
        hash=row.hash,
    )


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
        after = log.position_at(instant_in("recorded_from", request.recorded_from) - timedelta(microseconds=1))
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
    found = _class_name(name)
    close = get_close_matches(found, Event.by_name)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    require(found in Event.by_name, "INVALID_FIELD", f"there is no event {name}{meant}", field="types")
    return found


def _class_name(type_name: str) -> str:
    """``TicketSolved`` of ``crm.TicketSolved.v1`` or ``TicketSolved``."""
    parts = type_name.split(".")
    return parts[1] if len(parts) == 3 else type_name

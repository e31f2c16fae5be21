"""Streams that go on where they were after the connection broke."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from threading import Event as Flag
from time import monotonic
from typing import Any

from crm.errors import CrmError
from crm.v1 import log_pb2

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Patience:
    """How long to go on trying: pauses that grow, for so many seconds since it first failed (None: for ever)."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._pause = FIRST_PAUSE
        self._failing_since: float | None = None
        self._is_fresh = False
        self._stopped = Flag()

    def heard(self) -> None:
        """The server answered."""
        self._pause, self._failing_since, self._is_fresh = FIRST_PAUSE, None, True

    def stop(self) -> None:
        """Try no more."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nobody wants it any more."""
        return self._stopped.is_set()

    def bear(self, error: CrmError, left: float | None = None) -> None:
        """Pause after an error that may pass.

        :param left: the seconds until it is of no use any more.
        :raises CrmError: that one, where it does not, or has not for too long, or nobody wants it to any more.
        """
        # A stream ends when its token expires; the next call may have a new one.
        is_renewable, self._is_fresh = self._is_fresh and error.code == "TOKEN_EXPIRED", False
        if self._stopped.is_set() or not (error.is_passing or is_renewable):
            raise error
        now, soonest = monotonic(), error.retry_after or 0
        # Not all callers at the same moment.
        pause = max(self._pause * random.uniform(0.5, 1), soonest)
        self._failing_since = now if self._failing_since is None else self._failing_since
        if self._seconds is not None:
            rest = self._failing_since + self._seconds - now
            if rest <= 0 or soonest > rest:
                raise error
            # The last time is at the very end.
            pause = min(pause, rest)
        if left is not None and pause >= left:
            raise error
        if self._stopped.wait(pause):
            raise error
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


class Feed:
    """The events that a request asks for, one by one, each once, in the order of the log. Where the connection breaks
    it connects again and goes on where it was.

    ``position`` and ``hash`` say where it is: after the event that was given last, or beyond, where nothing lies
    between that was asked for. Whoever keeps them with what they made of the events goes on there later, as
    ``after_position`` and ``after_hash``. One thread reads; any may close.

    :raises CrmError: while reading: DataLoss with the code HISTORY_FORKED where the log is not the one that was read so
        far; Unavailable where the server was away for longer than ``patience`` seconds.
    """

    def __init__(
        self, read: Callable[[Any], Any], request: log_pb2.ReadEventsRequest, *, patience: float | None
    ) -> None:
        self._read = read
        self._request = log_pb2.ReadEventsRequest()
        self._request.CopyFrom(request)
        self._patience = Patience(patience)
        self._events: deque[log_pb2.Event] = deque()
        self._call: Any = None
        self._closed = False
        self._reached: tuple[int, bytes] | None = None
        self.position = request.after_position
        self.hash = request.after_hash

    def __iter__(self) -> Iterator[log_pb2.Event]:
        return self

    def __next__(self) -> log_pb2.Event:
        while not self._events:
            self._receive()
        event = self._events.popleft()
        self.position, self.hash = event.position, event.hash
        return event

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        self._patience.stop()
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> None:
        """Wait for the next answer. All events of those before were given."""
        if self._reached is not None:
            self.position, self.hash = self._reached
        if self._closed or (self._request.HasField("limit") and self._request.limit < 1):
            raise StopIteration
        try:
            answer = self._answer()
        except CrmError:
            if self._closed:
                raise StopIteration from None
            raise
        if answer is None:
            return
        self._patience.heard()
        self._events.extend(answer.events)
        self._reached = (answer.position, answer.hash)
        self._request.after_position, self._request.after_hash = self._reached
        if self._request.HasField("limit"):
            self._request.limit -= len(answer.events)

    def _answer(self) -> Any:
        """The next answer; none where the connection broke, and it is to be tried again."""
        try:
            if self._call is None:
                self._call = self._read(self._request)
                if self._closed:
                    self._call.cancel()
            return next(self._call)
        except CrmError as error:
            self._call = None
            self._patience.bear(error)
            return None


def watch(call: Callable[[Any], Any], request: Any, *, patience: float | None) -> Iterator[Any]:
    """A record as it stands, and again whenever it has changed, also while the connection was broken.

    :raises CrmError: what the rpc refuses; Unavailable where the server was away for longer.
    """
    waiting, shown = Patience(patience), None
    while True:
        records = call(request)
        try:
            for record in records:
                waiting.heard()
                bare = type(record)()
                bare.CopyFrom(record)
                bare.ClearField("read_point")
                if bare != shown:
                    shown = bare
                    yield record
        except CrmError as error:
            waiting.bear(error)
        finally:
            records.cancel()

"""The log as the store of applications of the ``eventsourcing`` library: its recorders over our append.

What an application stores is opaque to us. Its events become documents like all others, in streams and of types that
none of our own events can have, with the stored state as base64 among the data; so they are chained, verified,
archived and exported like all others. Positions are the notification ids: in commit order, and without a gap where the
application has the log for itself.

The library counts the events of an aggregate from 1 or from 0, the log from 1; which of the two it is says the first
event of a stream. The number that the library gave stands among the data.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    DataError,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    Notification,
    OperationalError,
    ProcessRecorder,
    Recorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType, resolve_topic
from sqlalchemy import BigInteger, String, and_, bindparam, func, insert, literal_column, select, update
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import Rejected
from infra.database import values
from infra.log.log import Appending, Log
from infra.log.request import Actor
from infra.log.tables import events, library_snapshots, library_tracking

PREFIX = "eventsourcing:"
"""What the names of the streams and the types of the events begin with."""

NO_LIMIT = 2**62
NOTIFICATIONS_AT_ONCE = 500
PATIENCE = 0.25
"""Seconds between two looks at whether a subscription was stopped."""


class Place(NamedTuple):
    """Where a stream stands: its version, and the number that the library gave to its newest event."""

    version: int
    originator_version: int


class LogRecorder(Recorder):
    """What all recorders have: the log, the application whose events these are, and whether the ids of its aggregates
    are UUIDs or text.

    Every method may raise OperationalError, with the code and the sentence of the log's own refusal.
    """

    def __init__(self, log: Log, application: str, id_type: type[UUID] | type[str] = str) -> None:
        if not application or "-" in application:
            raise InfrastructureFactoryError(
                f"{application!r} cannot be the name of an application on the log; give one without a hyphen"
            )
        self._log = log
        self._application = application
        self._id_type = id_type

    def _text_of(self, originator_id: UUID | str) -> str:
        if not isinstance(originator_id, self._id_type):
            kind = self._id_type.__name__.lower()
            raise DataError(f"{originator_id!r} is no {kind}; ORIGINATOR_ID_TYPE says what ids are: uuid or text")
        return str(originator_id)


class LogAggregateRecorder(LogRecorder, AggregateRecorder):
    """The events of aggregates, in the log."""

    def __init__(self, log: Log, application: str, id_type: type[UUID] | type[str] = str) -> None:
        super().__init__(log, application, id_type)
        self._prefix = f"{PREFIX}{application}-"
        stream, version, document = events.c.stream, events.c.version, events.c.document
        newest = (
            select(stream, func.max(version).label("version"))
            .where(log.database.one_of(stream))
            .group_by(stream)
            .subquery("newest")
        )
        self._select_newest = log.database.text(
            select(stream, version, document).join(newest, and_(stream == newest.c.stream, version == newest.c.version))
        )
        of_stream = (
            select(stream, document)
            .where(
                stream == bindparam("stream"),
                version > bindparam("gt", type_=BigInteger),
                version <= bindparam("lte", type_=BigInteger),
            )
            .limit(bindparam("limit", type_=BigInteger))
            .offset(bindparam("offset", type_=BigInteger))
        )
        self._select_ascending = log.database.text(of_stream.order_by(version))
        self._select_descending = log.database.text(of_stream.order_by(version.desc()))

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append the events in one transaction.

        :raises IntegrityError: where one was appended already, or one before it is missing.
        :raises DataError: where an id is not of the type that the ids of this application have.
        """
        self._insert(stored_events)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        # By the log's count there can be one event more at the end that comes first, so one more is asked for.
        after = -1 if gt is None else gt
        until = NO_LIMIT if lte is None else lte
        most = NO_LIMIT if limit is None else limit
        with refusals(), self._log.reading() as cursor:
            cursor.execute(
                self._select_descending if desc else self._select_ascending,
                (self._stream(originator_id), after, until + 1, most + 1, 0),
            )
            found = [self._stored_event(stream, document) for stream, document in cursor.fetchall()]
        return [each for each in found if after < each.originator_version <= until][:most]

    def _stream(self, originator_id: UUID | str) -> str:
        return self._prefix + self._text_of(originator_id)

    def _stored_event(self, stream: str, document: bytes) -> StoredEvent:
        return StoredEvent(*self._content(stream, orjson.loads(document)))

    def _content(self, stream: str, attributes: dict[str, Any]) -> tuple[UUID | str, int, str, bytes]:
        data = attributes["data"]
        return (
            self._id_type(stream.removeprefix(self._prefix)),
            data["originator_version"],
            attributes["type"].removeprefix(PREFIX),
            b64decode(data["state"]),
        )

    def _insert(
        self, stored_events: Sequence[StoredEvent], also: Callable[[DBAPICursor], None] | None = None
    ) -> list[int]:
        streams = [self._stream(each.originator_id) for each in stored_events]
        if not streams and also is None:
            return []
        with refusals(), self._log.appending() as appending:
            places = self._places(appending.cursor, streams)
            positions = [
                self._append(appending, stream, stored_event, places)
                for stream, stored_event in zip(streams, stored_events, strict=True)
            ]
            if also is not None:
                also(appending.cursor)
        return positions

    def _places(self, cursor: DBAPICursor, streams: Sequence[str]) -> dict[str, Place]:
        cursor.execute(self._select_newest, (values(sorted(set(streams))),))
        return {
            stream: Place(version, orjson.loads(document)["data"]["originator_version"])
            for stream, version, document in cursor.fetchall()
        }

    def _append(self, appending: Appending, stream: str, stored_event: StoredEvent, places: dict[str, Place]) -> int:
        number, place = stored_event.originator_version, places.get(stream)
        if place is None:
            if number not in (0, 1):
                raise IntegrityError(f"the first event of {stream} has the version {number}; it is 0 or 1")
            place = Place(0, number - 1)
        if number != place.originator_version + 1:
            raise IntegrityError(
                f"{stream} is at version {place.originator_version}; the next event is {place.originator_version + 1}, "
                f"not {number}"
            )
        places[stream] = Place(place.version + 1, number)
        return appending.add(
            stream,
            place.version + 1,
            f"{PREFIX}{stored_event.topic}",
            Actor("system", self._application),
            {"originator_version": number, "state": b64encode(stored_event.state).decode()},
        )


class LogApplicationRecorder(LogAggregateRecorder, ApplicationRecorder):
    """The events of an application, and their notifications in the order of the log."""

    def __init__(self, log: Log, application: str, id_type: type[UUID] | type[str] = str) -> None:
        super().__init__(log, application, id_type)
        position, stream = events.c.position, events.c.stream
        # Not as a range of names: it is the order of positions that finds a few of them fast.
        own = func.substr(stream, literal_column("1"), literal_column(str(len(self._prefix)))) == bindparam(
            "prefix", type_=String
        )
        of_all = (
            select(position, stream, events.c.document)
            .where(
                position > bindparam("after", type_=BigInteger), position <= bindparam("until", type_=BigInteger), own
            )
            .order_by(position)
            .limit(bindparam("limit", type_=BigInteger))
            .offset(bindparam("offset", type_=BigInteger))
        )
        self._select_of_all = log.database.text(of_all)
        self._select_of_topics = log.database.text(of_all.where(log.database.one_of(events.c.type)))
        self._select_last = log.database.text(
            select(position)
            .where(own)
            .order_by(position.desc())
            .limit(bindparam("limit", type_=BigInteger))
            .offset(bindparam("offset", type_=BigInteger))
        )

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        return self._insert(stored_events)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        parameters: list[object] = [after, NO_LIMIT if stop is None else stop, self._prefix]
        if topics:
            parameters.append(values([f"{PREFIX}{topic}" for topic in topics]))
        with refusals(), self._log.reading() as cursor:
            cursor.execute(self._select_of_topics if topics else self._select_of_all, (*parameters, limit, 0))
            return [
                Notification(*self._content(stream, orjson.loads(document)), id=position)
                for position, stream, document in cursor.fetchall()
            ]

    def max_notification_id(self) -> int | None:
        with refusals(), self._log.reading() as cursor:
            cursor.execute(self._select_last, (self._prefix, 1, 0))
            rows = cursor.fetchall()
        return rows[0][0] if rows else None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LogSubscription:
        return LogSubscription(self, gt, topics)

    def wait_for(self, after: int, timeout: float) -> int:
        """Wait until the log has gone beyond a position, see ``Log.wait``."""
        with refusals():
            return self._log.wait(after, timeout)


class LogSubscription(Subscription[LogApplicationRecorder]):
    """Notifications as they are committed, for one thread; another one may stop it, which it notices within
    ``PATIENCE``.
    """

    def __init__(self, recorder: LogApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._after = gt or 0
        self._found: deque[Notification] = deque()

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._found:
                return self._found.popleft()
            until = self._recorder.wait_for(self._after, PATIENCE)
            self._found.extend(
                self._recorder.select_notifications(
                    self._after, NOTIFICATIONS_AT_ONCE, until, self._topics, inclusive_of_start=False
                )
            )
            whole = len(self._found) < NOTIFICATIONS_AT_ONCE
            self._after = max(self._after, until) if whole else self._found[-1].id
        raise StopIteration


class LogTrackingRecorder(LogRecorder, TrackingRecorder):
    """How far an application has followed others."""

    def __init__(self, log: Log, application: str, id_type: type[UUID] | type[str] = str) -> None:
        super().__init__(log, application, id_type)
        key = (
            library_tracking.c.application == bindparam("of_application"),
            library_tracking.c.upstream == bindparam("of_upstream"),
        )
        self._select_tracking = log.database.text(select(library_tracking.c.notification_id).where(*key))
        self._insert_tracking = log.database.text(insert(library_tracking))
        self._update_tracking = log.database.text(
            update(library_tracking).values(notification_id=bindparam("new_notification_id")).where(*key)
        )

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record how far another application was followed.

        :raises IntegrityError: where it was followed that far already.
        """
        with refusals(), self._log.appending() as appending:
            self._track(appending.cursor, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        with refusals(), self._log.reading() as cursor:
            return self._tracked(cursor, application_name)

    def _tracked(self, cursor: DBAPICursor, upstream: str) -> int | None:
        cursor.execute(self._select_tracking, (self._application, upstream))
        rows = cursor.fetchall()
        return rows[0][0] if rows else None

    def _track(self, cursor: DBAPICursor, tracking: Tracking) -> None:
        upstream, id = tracking.application_name, tracking.notification_id
        tracked = self._tracked(cursor, upstream)
        if tracked is None:
            cursor.execute(self._insert_tracking, (self._application, upstream, id))
        elif id > tracked:
            cursor.execute(self._update_tracking, (id, self._application, upstream))
        else:
            raise IntegrityError(f"{upstream} was followed to {tracked} already; {id} does not come after it")


class LogProcessRecorder(LogTrackingRecorder, LogApplicationRecorder, ProcessRecorder):
    """The events of an application that follows others: what it makes of a notification is committed together with how
    far it has followed.
    """

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        tracking = kwargs.get("tracking")
        return self._insert(stored_events, None if tracking is None else partial(self._track, tracking=tracking))


class LogSnapshotRecorder(LogRecorder, AggregateRecorder):
    """Snapshots of aggregates. They are no facts, so they lie in a table beside the log."""

    def __init__(self, log: Log, application: str, id_type: type[UUID] | type[str] = str) -> None:
        super().__init__(log, application, id_type)
        columns = library_snapshots.c
        key = (
            columns.application == bindparam("application"),
            columns.originator_id == bindparam("originator_id"),
        )
        some = (
            select(columns.originator_version, columns.topic, columns.state)
            .where(
                *key,
                columns.originator_version > bindparam("gt", type_=BigInteger),
                columns.originator_version <= bindparam("lte", type_=BigInteger),
            )
            .limit(bindparam("limit", type_=BigInteger))
            .offset(bindparam("offset", type_=BigInteger))
        )
        self._select_ascending = log.database.text(some.order_by(columns.originator_version))
        self._select_descending = log.database.text(some.order_by(columns.originator_version.desc()))
        self._insert_snapshot = log.database.text(insert(library_snapshots))

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Keep the snapshots.

        :raises IntegrityError: where there is one of this version.
        """
        with refusals(), self._log.appending() as appending:
            for each in stored_events:
                id, version = self._text_of(each.originator_id), each.originator_version
                appending.cursor.execute(self._select_ascending, (self._application, id, version - 1, version, 1, 0))
                if appending.cursor.fetchall():
                    raise IntegrityError(f"there is a snapshot of {id} at version {version}")
                appending.cursor.execute(
                    self._insert_snapshot, (self._application, id, version, each.topic, each.state)
                )
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        id, after, until = self._text_of(originator_id), -1 if gt is None else gt, NO_LIMIT if lte is None else lte
        with refusals(), self._log.reading() as cursor:
            cursor.execute(
                self._select_descending if desc else self._select_ascending,
                (self._application, id, after, until, NO_LIMIT if limit is None else limit, 0),
            )
            return [StoredEvent(originator_id, *row) for row in cursor.fetchall()]


R = TypeVar("R", bound=LogRecorder)


class LogFactory(InfrastructureFactory[LogTrackingRecorder]):
    """What an application gets with ``PERSISTENCE_MODULE=infra.log.library``. ``LOG_URL`` is the log's database,
    ``sqlite:////path/log.db`` or ``postgresql://user@host/database``; ``ORIGINATOR_ID_TYPE`` is ``uuid``, the default,
    or ``text``. It opens the log without keys: an application of the library needs nobody's personal data.

    :raises InfrastructureFactoryError: where a setting is missing or wrong.
    :raises OperationalError: where the log cannot be opened.
    """

    LOG_URL = "LOG_URL"
    ORIGINATOR_ID_TYPE = "ORIGINATOR_ID_TYPE"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        url, kind = self.env.get(self.LOG_URL), self.env.get(self.ORIGINATOR_ID_TYPE, "uuid").lower()
        if not url:
            raise InfrastructureFactoryError(
                f"give the log's database: {' or '.join(self.env.create_keys(self.LOG_URL))}"
            )
        if kind not in ("uuid", "text"):
            raise InfrastructureFactoryError(f"{self.ORIGINATOR_ID_TYPE} is uuid or text, not {kind}")
        self._id_type = UUID if kind == "uuid" else str
        with refusals():
            self.log = Log.open(url, keys=None)

    def close(self) -> None:
        self.log.close()

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """The recorder of events, or of ``snapshots``."""
        if purpose == "snapshots":
            return LogSnapshotRecorder(*self._given)
        if purpose == "events":
            return LogAggregateRecorder(*self._given)
        raise InfrastructureFactoryError(f"there are recorders of events and of snapshots, none of {purpose}")

    def application_recorder(self) -> ApplicationRecorder:
        return self._chosen(self.APPLICATION_RECORDER_TOPIC, LogApplicationRecorder)(*self._given)

    def tracking_recorder(
        self, tracking_recorder_class: type[LogTrackingRecorder] | None = None
    ) -> LogTrackingRecorder:
        chosen = tracking_recorder_class or self._chosen(self.TRACKING_RECORDER_TOPIC, LogTrackingRecorder)
        return chosen(*self._given)

    def process_recorder(self) -> ProcessRecorder:
        return self._chosen(self.PROCESS_RECORDER_TOPIC, LogProcessRecorder)(*self._given)

    @property
    def _given(self) -> tuple[Log, str, type[UUID] | type[str]]:
        return self.log, self.env.name or "application", self._id_type

    def _chosen(self, setting: str, ordinary: type[R]) -> type[R]:
        topic = self.env.get(setting)
        chosen = resolve_topic(topic) if topic else ordinary
        if not issubclass(chosen, ordinary):
            raise InfrastructureFactoryError(f"{setting} is not a {ordinary.__name__}: {topic}")
        return chosen


@contextmanager
def refusals() -> Iterator[None]:
    """Turns the log's refusals into the library's errors.

    :raises OperationalError: with the code and the sentence of the refusal.
    """
    try:
        yield
    except Rejected as refused:
        raise OperationalError(str(refused)) from refused

"""The read models' engine: one DuckDB file that follows the log.

Every model has a position of its own, and its rows and its position commit together. A reader names its models and the
position it needs; only those are brought there, from the log itself where the archive is not that far yet. The follower
brings the archive and all models up in larger batches, and rests in between, since nobody has to wait for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from commands.rejected import Rejected
from domain.customer import CustomerForgotten
from infra.asker import ASKER, PATIENT, Asker, working_for
from infra.log.document import forgotten_streams
from infra.models.archive import Archive, Tail, concerning, fresh_events, is_unknown, relations, unknown_in
from infra.models.file import FURTHEST, open_file
from infra.models.fold import Fold
from infra.models.heldback import (
    ARCHIVE,
    FAULTS,
    MOST_STREAMS,
    WAITING,
    HeldBack,
    HeldBackStreams,
    Unreadable,
    apart,
    events_held,
    first_fault,
    given,
    held_back,
    held_in,
    positions,
    streams_of,
)
from infra.models.model import Model, model_of, nearest, read_model
from infra.models.snapshots import publish

LARGEST_BATCH = 100_000
"""How many positions the follower folds at once; a longer transaction would keep readers waiting."""

REBUILD_BATCH = 200_000
"""How many positions a rebuild folds at once."""

Progress = Callable[[str, int, int], None]
"""Is told a model, the position that it reached and the position that it is to reach."""

EVENTS = "events"
"""What to name beside models for `bring` to bring the archive, too."""

_ARCHIVE_BATCH = 50_000
_FRESH = 5_000
"""So many events beyond the archive are read from the log; where there are more, the archive is brought first."""
_FRESH_ON_A_ROW = 200
"""So many such events are folded for one row alone; where there are more, its model is brought first."""
_MANY = 10_000
"""From so many events on, the follower folds several models at once."""
_REST = 4.0
"""How much longer than it worked the follower rests."""
_LEAST_REST = 2.0
_LONGEST_REST = 5.0
_PATIENCE = 0.05
"""How long the follower lets those go first who wait for an answer."""
_IDLE = 2.0
_START = 2.0
"""How long to wait at the start for events that models have seen and the archive has not."""
_WAL_WORTH_A_CHECKPOINT = 16 << 20


def running(cursor: duckdb.DuckDBPyConnection, asker: Asker | None = None) -> AbstractContextManager[None]:
    """What the cursor runs inside is for whoever asks, unless somebody else is named, and ends when they leave."""
    return (asker or ASKER.get()).runs(cursor.interrupt, duckdb.InterruptException)


class _Closed(Exception):
    """The file is about to be closed."""


class Head(Protocol):
    """The newest event of a log."""

    @property
    def position(self) -> int: ...
    @property
    def hash(self) -> bytes: ...
    @property
    def recorded_at(self) -> datetime: ...


class Source(Protocol):
    """What the engine asks of a log."""

    @property
    def head(self) -> Head: ...
    def batches(self, after: int, until: int | None = None, size: int = 10_000) -> Iterator[pa.RecordBatch]: ...
    def wait(self, after: int, timeout: float | None, given_up: threading.Event | None = None) -> int: ...
    def wake(self) -> None: ...
    def position_at(self, instant: datetime) -> int: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a model: its name, a stable code and a sentence."""

    model: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How one model is. ``position`` is the last event that counts in it, ``lag`` how many events of the log are not
    looked at yet, ``rows`` the keys, ``past`` the states besides, ``fingerprint`` the SHA-256 of its file, ``broken``
    what is wrong with it, ``held_back`` how many streams it does not count to their ends.
    """

    name: str
    position: int
    lag: int
    rows: int
    past: int
    fingerprint: str
    broken: str | None
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """How the read models are. ``notices`` tell what happened to the file, oldest first; ``last_error`` is what keeps
    the follower from going on, None where nothing does; ``held_back`` is how many streams the archive holds back.
    """

    position: int
    lag: int
    models: list[ModelStatus]
    notices: list[str]
    last_error: str | None
    held_back: int = 0


def aggregates_of(model: Model) -> frozenset[str]:
    """The aggregates whose events a model reads."""
    return frozenset(relations()[relation].event.state.aggregate for relation in model.relations)


@dataclass(slots=True)
class _Standing:
    """A model in force and the position up to which its events are folded. Who writes it holds the lock and uses the
    cursor.
    """

    model: Model
    fold: Fold
    position: int
    cursor: duckdb.DuckDBPyConnection
    error: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    rebuilding: threading.Lock = field(default_factory=threading.Lock)


def _effort(standing: _Standing) -> int:
    """How much work a model is, compared to others. What is most comes first, lest one thread end alone with it."""
    return len(standing.model.arms) * len(standing.model.values)


class Models:
    """The read models in one DuckDB file, which this process owns.

    :param path: the file; its folder is made. What cannot be read, or is not of this log, is built anew.
    :param log: whose events to follow.
    :param projections: the folder whose ``models/*.sql`` are in force.
    :param time_zone: the office's, an IANA name.
    :param memory: what DuckDB may use, for example ``1GB``.
    :param threads: how many threads DuckDB may use.
    :param snapshots: the folder of published snapshots.
    :param few: up to so many events, a model reads all that concern it in one statement.
    :param look_back: whether to look in the log for the last event that the file has seen; a source that was told the
        file's place does so itself.
    :param notice: is told every stream that is held back, when it is found and at every start.
    :raises Rejected: MODELS_IN_USE where another process has the file open; HISTORY_FORKED where models stand further
        than their archive and other events come in between.
    """

    def __init__(
        self,
        path: Path,
        log: Source,
        *,
        projections: Path,
        time_zone: str,
        memory: str,
        threads: int,
        snapshots: Path,
        few: int = 500,
        look_back: bool = True,
        notice: Callable[[HeldBack], None] = lambda held: None,
    ) -> None:
        self.projections = projections
        self.time_zone = time_zone
        self._path = path
        self._log = log
        self._snapshots = snapshots
        settings = {"TimeZone": time_zone, "memory_limit": memory, "threads": threads}
        self._connection, self._notices = open_file(path, log if look_back else None, settings, snapshots)
        self._threads = threads
        self._few = few
        self._notice = notice
        self._archive = Archive()
        self._held = HeldBackStreams()
        self._writer = self._connection.cursor()
        with self._committed(self._writer):
            self._archive.create(self._writer)
            self._held.load(self._writer)
        self._archiving = threading.Lock()
        self._reading = threading.Lock()
        self._tail = Tail(self._archive, self._held.of(ARCHIVE))
        self._keeping = threading.Lock()
        self._rereading = threading.Lock()
        self._furthest: tuple[int, bytes] | None = None
        self._asking = 0
        self._asking_lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_error: str | None = None
        self._standing: dict[str, _Standing] = {}
        self._broken: dict[str, str] = {}
        self._changed: dict[str, Model] = {}
        self._load_models()
        self._archive_what_models_have()
        self._replayed = False
        if self._archive.position <= REBUILD_BATCH:
            self._change()
        if self._furthest is None:
            self._replay_at_start()

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the log, in a thread."""
        self._thread = threading.Thread(target=self._follow, name="models", daemon=True)
        self._thread.start()
        self._changing = threading.Thread(target=self._change, name="changed models", daemon=True)
        self._changing.start()

    def close(self) -> None:
        """Stop following and close the file."""
        self._closed.set()
        self._log.wake()
        if self._thread is not None:
            self._thread.join()
            self._changing.join()
        with self._all_locked():
            for standing in self._standing.values():
                standing.cursor.close()
            self._writer.close()
            self._connection.close()

    def _archive_what_models_have(self) -> None:
        """Bring the archive to where the furthest model stands, if the log is there; otherwise that is seen to when it
        comes.
        """
        position, hash = self._writer.execute(FURTHEST).fetchall()[0]
        if position > self._archive.position:
            self._furthest = (position, bytes(hash))
            if self._log.wait(position - 1, _START) >= position:
                self._append(position)

    def _replay_at_start(self) -> None:
        for held in self.replay():
            self._notice(held)
        self._replayed = True

    def _require_furthest(self) -> None:
        """See that the events that models have counted are there.

        :raises Rejected: POSITION_AHEAD where the log cannot be asked for them yet, HISTORY_FORKED.
        """
        if self._furthest is not None:
            self._read(self._furthest[0])

    def _require_same_history(self) -> None:
        """Nothing may be folded upon models that have seen another history than the one that was read. Wants the lock.

        :raises Rejected: HISTORY_FORKED.
        """
        if self._furthest is None or self._tail.position < self._furthest[0]:
            return
        position, hash = self._furthest
        if self._tail.between(position - 1, position)["hash"][0].as_py() != hash:
            raise Rejected("HISTORY_FORKED", f"event {position} is not the one in the read models")
        self._furthest = None

    def _load_models(self) -> None:
        """Put the files in force: read them, drop what is gone, begin what is new or changed."""
        there = dict(self._writer.execute("select name, fingerprint from annals_models").fetchall())
        files = sorted((self.projections / "models").glob("*.sql"))
        # What an interrupted rebuild left behind.
        left = "select table_name from duckdb_tables() where starts_with(table_name, 'annals_next_')"
        for (table,) in self._writer.execute(left).fetchall():
            self._writer.execute(f'drop table main."{table}"')
        for name in sorted(set(there) - {file.stem for file in files}):
            self._forget(name, self._writer)
        for file in files:
            try:
                model = read_model(file, self._writer)
            except Rejected as error:
                self._broken[file.stem] = error.sentence
                continue
            if there.get(model.name) not in (None, model.fingerprint) and (old := self._as_it_was(file)):
                self._changed[model.name] = model
                model = old
            self._put_in_force(model, there.get(model.name), self._writer)

    def _as_it_was(self, file: Path) -> Model | None:
        """The model that a file held before it was changed, where it can still be read."""
        sql = "select text from annals_models where name = ? and text is not null"
        try:
            found = self._writer.execute(sql, [file.stem]).fetchall()
            return model_of(file, found[0][0], self._writer) if found else None
        except Rejected:
            return None

    def reread(self) -> None:
        """Look at the files again: a new model is put in force, one whose file is gone is dropped. A changed one goes
        on as it was, until it is rebuilt; so does one whose file has a mistake now.

        :raises Rejected: MODEL_INVALID, naming the first file with a mistake; the others are looked at all the same.
        """
        files = sorted((self.projections / "models").glob("*.sql"))
        mistakes: list[Rejected] = []
        with self._rereading, self._cursor() as cursor:
            for name in sorted({*self._standing, *self._broken} - {file.stem for file in files}):
                self._drop(name, cursor)
            for file in files:
                try:
                    model = read_model(file, cursor)
                except Rejected as error:
                    mistakes.append(error)
                    continue
                standing = self._standing.get(model.name)
                if standing is None:
                    self._put_in_force(model, None, cursor)
                    self._broken.pop(model.name, None)
                elif standing.model.fingerprint != model.fingerprint:
                    self._changed[model.name] = model
        if mistakes:
            raise mistakes[0]

    def _drop(self, name: str, cursor: duckdb.DuckDBPyConnection) -> None:
        """Put a model out of force. Whoever reads it now sees it until they are done."""
        self._broken.pop(name, None)
        self._changed.pop(name, None)
        standing = self._standing.get(name)
        if standing is not None:
            with standing.rebuilding, standing.lock, self._committed(cursor):
                self._standing = {known: each for known, each in self._standing.items() if known != name}
                self._forget(name, cursor)

    def _change(self) -> None:
        """Build the models whose files have changed, beside those that answer meanwhile, then switch."""
        for name in sorted(self._changed):
            try:
                self._rebuild(self._standing[name], self._unless_closed)
            except (Rejected, _Closed) as error:
                self._notices.append(f"the changed model {name} is not in force, the old one is: {error}")

    def _unless_closed(self, *_: Any) -> None:
        if self._closed.is_set():
            raise _Closed

    def _switch(
        self, cursor: duckdb.DuckDBPyConnection, standing: _Standing, model: Model, beside: Fold, until: int
    ) -> str:
        """Let a changed model, built beside, take the place of the old one; in words, how far their rows differ."""
        differ = standing.fold.differing(cursor, beside)
        self._forget(model.name, cursor)
        fold = Fold(model)
        fold.take_over(cursor, beside)
        fold.create_views(cursor)
        sql = "insert into annals_models (name, fingerprint, position, text) values (?, ?, ?, ?)"
        cursor.execute(sql, [model.name, model.fingerprint, until, model.text])
        return (
            f"the changed model {model.name} is in force since position {until}: in the columns that both have, "
            f"{differ[0]} rows of the old one are not in the new one, and {differ[1]} the other way round"
        )

    def _put_in_force(self, model: Model, standing: str | None, cursor: duckdb.DuckDBPyConnection) -> None:
        fold = Fold(model)
        with self._committed(cursor):
            if standing != model.fingerprint:
                self._forget(model.name, cursor)
                fold.create(cursor)
                fold.create_views(cursor)
                sql = "insert into annals_models (name, fingerprint, position, text) values (?, ?, 0, ?)"
                cursor.execute(sql, [model.name, model.fingerprint, model.text])
            else:
                cursor.execute("update annals_models set text = ? where name = ?", [model.text, model.name])
            position = cursor.execute("select position from annals_models where name = ?", [model.name]).fetchall()
        begun = _Standing(model, fold, position[0][0], self._connection.cursor())
        self._standing = {**self._standing, model.name: begun}

    def _forget(self, model: str, cursor: duckdb.DuckDBPyConnection) -> None:
        for macro in (f"{model}_at", f"{model}_intervals"):
            cursor.execute(f'drop macro table if exists "{macro}"')
        for view in (f"{model}_history", model):
            cursor.execute(f'drop view if exists "{view}"')
        for part in ("now", "past"):
            cursor.execute(f'drop table if exists "{model}_{part}"')
        cursor.execute("delete from annals_models where name = ?", [model])
        self._held.replace(cursor, model, [])
        self._held.replaced(model, {})

    # --- what is there --------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """Up to where the log has been read."""
        return self._tail.position

    @property
    def hash(self) -> bytes:
        """The hash of the last event that has been read."""
        return bytes(self._tail.hash)

    def newest(self) -> Head:
        """The newest event of the log."""
        return self._log.head

    def clock(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    def position_at(self, instant: datetime) -> int:
        """The last position recorded at or before the instant."""
        return self._log.position_at(instant)

    @property
    def names(self) -> list[str]:
        """The models whose files are sound or broken, in order."""
        return sorted({*self._standing, *self._broken})

    @property
    def definitions(self) -> dict[str, Model]:
        """The models that are in force, by name."""
        return {name: standing.model for name, standing in sorted(self._standing.items())}

    @property
    def unbound(self) -> set[str]:
        """The relations that are not as of any instant: events, and the tables behind the models."""
        behind = {f"{name}_{part}" for name in self._standing for part in ("now", "past", "history")}
        return {EVENTS, "columns", *relations(), *behind}

    def model(self, name: str) -> Model:
        """A model in force.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN.
        """
        return self._find(name).model

    def _find(self, name: str) -> _Standing:
        if name in self._broken:
            raise Rejected("MODEL_BROKEN", f"the model {name} cannot be used: {self._broken[name]}")
        if name not in self._standing:
            raise Rejected("UNKNOWN_MODEL", f"there is no model {name}; {nearest(name, self.names)}")
        return self._standing[name]

    @property
    def last_error(self) -> str | None:
        """Why the last round of upkeep failed, where it did."""
        return self._last_error

    def status(self) -> Status:
        """How the read models are."""
        head = self._log.head.position
        with self._cursor() as cursor:
            models = [self._status_of(name, head, cursor) for name in self.names]
        held = len(self._held.of(ARCHIVE))
        return Status(self.position, head - self.position, models, list(self._notices), self._last_error, held)

    def _status_of(self, name: str, head: int, cursor: duckdb.DuckDBPyConnection) -> ModelStatus:
        if name in self._broken:
            return ModelStatus(name, 0, head, 0, 0, "", self._broken[name])
        standing = self._standing[name]
        reached = self._reached(standing)
        rows, past = standing.fold.count(cursor)
        fingerprint = standing.model.fingerprint
        held = len(self._held.of(name))
        return ModelStatus(name, reached, head - reached, rows, past, fingerprint, standing.error, held)

    def forgotten(self) -> set[str]:
        """The streams of all whose forgetting is in the file."""
        relation = CustomerForgotten.relation
        with self._cursor() as cursor:
            found = cursor.execute(
                f"select stream from {relation} union all select unnest(streams) from {relation}"
            ).fetchall()
            of_type = f"starts_with(type, 'crm.{CustomerForgotten.__name__}.')"
            held = cursor.execute(f"select stream, document from annals_held_events where {of_type}").fetchall()
        streams = {stream for (stream,) in found}
        for stream, document in held:
            streams.add(stream)
            with suppress(Rejected):  # it says nothing but whose it is
                streams |= forgotten_streams(bytes(document))
        return streams

    # --- bringing up ----------------------------------------------------------------------------------------------

    def brought_to(self, names: Iterable[str]) -> int:
        """How far the archive is, and those of the named models that do not fail; `bring` has to do the rest.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN.
        """
        sound = [standing for standing in map(self._find, names) if standing.error is None]
        return min((self._archive.position, *map(self._reached, sound)))

    def bring(self, names: Iterable[str], position: int) -> None:
        """Bring the named models to at least the position; where `events` is named, the archive and its relations, too.
        Who has left is served no further than to the end of a batch.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN; POSITION_AHEAD where the log is not that far; HISTORY_FORKED;
            DEADLINE_PASSED.
        """
        names = set(names)
        wanted = [self._find(name) for name in sorted(names - {EVENTS})]
        archived = self._archive.position >= position or EVENTS not in names
        if archived and self.position >= position and all(self._reached(standing) >= position for standing in wanted):
            return
        if EVENTS in names or position - self._archive.position > _FRESH:
            with ASKER.get().holding(self._archiving):
                self._append(position)
        with self._asked():
            self._see(position)
            for standing in wanted:
                with ASKER.get().holding(standing.lock):
                    self._advance(standing, position)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own in a read-only transaction, for as long as the asker waits. `bring` what it reads before
        it begins.

        :raises Rejected: DEADLINE_PASSED.
        """
        with self._cursor() as cursor, running(cursor):
            cursor.execute("begin transaction read only")
            yield cursor

    @contextmanager
    def keeping(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own in a transaction that may write what reports keep, one at a time. Whoever is in it may
        bring no model: others wait for its end before they lock models.
        """
        with self._keeping, self._cursor() as cursor, self._committed(cursor):
            yield cursor

    def row(self, name: str, key: Sequence[Any], position: int) -> tuple[pa.Table, int, int]:
        """The row of a model with the values of its key, or none, as it stands at the position or later; that position;
        and how many streams are held back then. A few events are folded upon that row alone, and nothing is written.

        :raises Rejected: as `bring`; STREAM_HELD_BACK.
        """
        standing = self._find(name)
        if position - self._archive.position > _FRESH:
            # So much is not kept in memory.
            self.bring([name], position)
        self._see(position)
        if self._fresh(standing, position) > _FRESH_ON_A_ROW:
            self.bring([name], position)
        try:
            return self._row(standing, key, position)
        except (Unreadable, duckdb.Error, pa.ArrowException):
            # Either the model is broken, which this says, or it is the key that fails again.
            self.bring([name], position)
            return self._row(standing, key, position)

    def _row(self, standing: _Standing, key: Sequence[Any], position: int) -> tuple[pa.Table, int, int]:
        model = standing.model
        with (
            self._asked(),
            self._cursor() as cursor,
            running(cursor),
            self._events(cursor, model, standing.position, position, self._held.of(model.name)) as (sources, _),
            self._committed(cursor),
        ):
            # What the transaction sees may stand further by now.
            sql = "select position from annals_models where name = ?"
            stands = cursor.execute(sql, [model.name]).fetchall()[0][0]
            position = max(stands, position)
            self.require_not_held_back(cursor, model.name, dict(zip(model.key, key, strict=True)), position)
            held = self.held_in(cursor, [model.name], position)
            return standing.fold.row(cursor, key, sources, stands), position, held

    def _fresh(self, standing: _Standing, until: int) -> int:
        """How many events up to the position concern a model and have not been archived."""
        with self._reading:
            after = max(standing.position, self._archive.position)
            if until <= after:
                return 0
            return int(pc.sum(concerning(self._tail.between(after, until), standing.model.relations)).as_py())

    def _reached(self, standing: _Standing) -> int:
        """Up to which position a model is right: where no event that it reads came since, that is all that was read."""
        read = self._tail.position
        if all(self._tail.last[relation] <= standing.position for relation in standing.model.relations):
            return max(read, standing.position)
        return standing.position

    def _read(self, until: int) -> None:
        """Read the log to the position."""
        with self._reading:
            if self._tail.position < until:
                batches = [batch for batch in self._log.batches(self._tail.position, until) if batch.num_rows]
                if batches:
                    self._tail.extend(batches)
            self._require_same_history()
            if self._tail.position < until:
                sentence = f"the log ends at position {self._tail.position}; {until} is not there yet"
                raise Rejected("POSITION_AHEAD", sentence)

    def _see(self, until: int) -> None:
        """Read the log to the position, and let the archive have what it may have to hold back before anybody folds
        it.
        """
        self._read(until)
        if self._archive.position < min(self._tail.doubtful, until):
            with ASKER.get().holding(self._archiving):
                self._append(until)

    def _append(self, until: int, pause: Callable[[], None] = lambda: None) -> None:
        """Bring the archive to the position, pausing between statements. A batch that fails is halved; what is left
        of it in the end is held back. Wants its lock.
        """
        size = _ARCHIVE_BATCH
        while self._archive.position < until:
            ASKER.get().require_waiting()
            after = self._archive.position
            reach = min(until, after + size)
            self._read(reach)
            with self._reading:
                rows = self._tail.between(after, reach)
                offsets = self._tail.offsets_at(reach)
            fault = None
            try:
                self._put_into_archive(rows, pause, offsets)
            except FAULTS as error:
                if reach - after > 1:
                    size = (reach - after) // 2
                    continue
                fault = error
            except duckdb.Error as error:
                sentence = f"the events after position {after} cannot be archived: {str(error).splitlines()[0]}"
                raise Rejected("EVENTS_UNREADABLE", sentence) from error
            if fault is not None:
                self._put_into_archive(rows, pause, offsets, fault)
            size = min(2 * size, _ARCHIVE_BATCH)

    def _put_into_archive(
        self, rows: pa.Table, pause: Callable[[], None], offsets: str | None, fault: Exception | None = None
    ) -> None:
        """Add events to the archive, in one transaction. Those of a stream that is held back, and those after one of a
        type that is not known, are put aside; so is the one event that has a fault.
        """
        held, found = self._held.of(ARCHIVE), []
        for stream, (position, type) in unknown_in(rows).items():
            if stream not in held:
                found.append(held_back(ARCHIVE, stream, position, type, f"this version does not know {type}"))
        if fault is not None:
            ((stream, position, type),) = zip(
                *(rows[name].to_pylist() for name in ("stream", "position", "type")), strict=True
            )
            found.append(replace(held_back(ARCHIVE, stream, position, type, fault), settled=False))
        with self._committed(self._writer):
            self._held.write(self._writer, found)
            self._archive.append(self._writer, rows, pause, positions(held) | positions(found), offsets)
        with self._reading:
            self._held.committed(found)
            if found:
                # Later events of these streams may have been read.
                self._tail.doubtful = self._tail.position
            self._archive.moved()
            self._tail.forget(self._archive.position)
        for each in found:
            self._notice(each)

    def _advance(self, standing: _Standing, until: int, largest: int = LARGEST_BATCH) -> None:
        """Bring one model to the position, which has been read. Wants its lock.

        :raises Rejected: MODEL_BROKEN where its SELECT fails whatever the events are.
        """
        if self._reached(standing) >= until:
            return
        held = self._held.of(standing.model.name)
        try:
            way = self._fold_on(standing.fold, standing.cursor, (standing.position, until), largest, held, stands=True)
            for reached in way:
                standing.position = reached
                standing.error = None
                if self._reached(standing) >= until:
                    return
                ASKER.get().require_waiting()
        except (duckdb.Error, pa.ArrowException) as error:
            standing.error = str(error).splitlines()[0]
            raise Rejected("MODEL_BROKEN", f"the model {standing.model.name} failed: {standing.error}") from error

    def _fold_on(
        self,
        fold: Fold,
        cursor: duckdb.DuckDBPyConnection,
        way: tuple[int, int],
        largest: int,
        held: dict[str, HeldBack],
        *,
        stands: bool = False,
    ) -> Iterator[int]:
        """Fold the events after a position and up to another, batch by batch, and give every position that was reached.
        A batch that fails is halved; the event that is left of it in the end is held back, and ``held`` says so.
        """
        (after, until), size = way, largest
        while after < until:
            reach = min(until, after + size)
            try:
                self._fold(fold, cursor, after, reach, held, stands=stands)
            except FAULTS as error:
                if reach - after > 1:
                    size = (reach - after) // 2
                    continue
                self._hold_back(fold.model, cursor, reach, error, held, stands=stands)
            after = reach
            size = min(2 * size, largest)
            yield after

    def _hold_back(
        self,
        model: Model,
        cursor: duckdb.DuckDBPyConnection,
        position: int,
        error: Exception,
        held: dict[str, HeldBack],
        *,
        stands: bool,
    ) -> None:
        """Let a model go beyond an event that it fails on, and no more count what comes after it in its stream.

        :raises Rejected: MODEL_BROKEN where it is not about events any more.
        """
        of_event = cursor.execute("select stream, type from events where position = ?", [position]).fetchall()
        if not of_event or len(held) >= MOST_STREAMS:
            sentence = f"it failed on {len(held)} streams and more, the last time: {str(error).splitlines()[0]}"
            raise Rejected("MODEL_BROKEN", f"the model {model.name} failed: {sentence}") from error
        ((stream, type),) = of_event
        found = held_back(model.name, stream, position, type, error)
        if stands:
            with self._committed(cursor):
                self._held.write(cursor, [found])
                self._say(cursor, model, position, None)
        held[found.stream] = found
        if stands:
            self._notice(found)

    def _fold(
        self,
        fold: Fold,
        cursor: duckdb.DuckDBPyConnection,
        after: int,
        until: int,
        held: Mapping[str, HeldBack],
        *,
        stands: bool = False,
    ) -> None:
        """Fold the events after the one position and up to the other, and, where it is a model that stands, say so: all
        in one transaction. Where that fails, they are in the archive.
        """
        try:
            with self._events(cursor, fold.model, after, until, held) as (sources, hash), self._committed(cursor):
                fold.advance(cursor, sources, few=until - after <= self._few)
                if stands:
                    self._say(cursor, fold.model, until, hash)
        except FAULTS:
            if self._archive.position >= until:
                raise
            # Fresh from the log it failed; the archive says whether an event can be read, and knows where it is.
            with self._archiving:
                self._append(until)
            self._fold(fold, cursor, after, until, held, stands=stands)

    def _say(self, cursor: duckdb.DuckDBPyConnection, model: Model, position: int, hash: bytes | None) -> None:
        sql = "update annals_models set position = ?, hash = ? where name = ?"
        cursor.execute(sql, [position, hash, model.name])

    @contextmanager
    def _events(
        self, cursor: duckdb.DuckDBPyConnection, model: Model, after: int, until: int, held: Mapping[str, HeldBack]
    ) -> Iterator[tuple[dict[str, list[str]], bytes | None]]:
        """The SELECTs that give a model's events, by relation; and the last one's hash, where it is not archived. What
        is archived now may be seen by transactions that begin later. What is held back is left out.
        """
        since = positions(held)
        with self._reading:
            archived = self._archive.position
            fresh = self._tail.between(max(after, archived), until) if until > max(after, archived) else None
        sources = self._archive.sources(after, min(until, archived), since) if after < min(until, archived) else {}
        if fresh is None:
            yield sources, None
            return
        with fresh_events(cursor, apart(fresh, since)[0], model.relations) as found:
            for relation, source in found.items():
                sources.setdefault(relation, []).append(source)
            yield sources, fresh["hash"][-1].as_py()

    @contextmanager
    def _committed(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        cursor.execute("begin")
        try:
            yield
        except BaseException:
            cursor.execute("rollback")
            raise
        cursor.execute("commit")

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """For somebody who waits for an answer: the follower lets them go first."""
        with self._asking_lock:
            self._asking += 1
        try:
            yield
        finally:
            with self._asking_lock:
                self._asking -= 1

    @contextmanager
    def _all_locked(self) -> Iterator[None]:
        with ExitStack() as held:
            for standing in self._standing.values():
                held.enter_context(standing.lock)
            held.enter_context(self._archiving)
            yield

    # --- following ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        checkpointed = self._archive.position
        caught_up_at = time.monotonic()
        while not self._closed.is_set():
            try:
                if not self._replayed and self._furthest is None:
                    self._replay_at_start()
                if any(not held.settled for held in self.held_back):
                    self._settle()
                head = self._log.wait(self._behind(), _LEAST_REST, self._closed)
                if head > self._behind():
                    begin = time.monotonic()
                    self._catch_up(head)
                    caught_up_at = time.monotonic()
                    self._rest(caught_up_at - begin)
                elif checkpointed != self._archive.position and time.monotonic() - caught_up_at > _IDLE:
                    self._checkpoint()
                    checkpointed = self._archive.position
                self._last_error = None
            except Exception as error:
                # Whatever it is: nothing was skipped, the status says it, and the next round tries again.
                self._last_error = f"{type(error).__name__}: {error}"
                self._closed.wait(_LEAST_REST)

    def _rest(self, worked: float) -> None:
        """Leave the machine to others for a while, where not much is left to do."""
        if self._log.head.position - self._behind() < _MANY:
            self._closed.wait(min(max(_REST * worked, _LEAST_REST), _LONGEST_REST))

    def _behind(self) -> int:
        """The position of whatever is furthest behind."""
        return min((self._archive.position, *(self._reached(standing) for standing in self._standing.values())))

    def _catch_up(self, head: int) -> None:
        """Bring the archive and all models a batch further."""
        many = head - self._behind() >= _MANY
        with self._archiving:
            self._append(min(head, self._archive.position + LARGEST_BATCH), self._let_go_first)
        with ThreadPoolExecutor(self._threads if many else 1) as pool:
            order = sorted(self._standing.values(), key=_effort, reverse=True)
            failed = [sentence for sentence in pool.map(self._step, order) if sentence]
        if failed:
            raise Rejected("MODEL_BROKEN", "; ".join(failed))

    def _step(self, standing: _Standing) -> str | None:
        """Bring one model a batch further; what failed."""
        if self._closed.is_set():
            return None
        self._let_go_first()
        try:
            with standing.lock:
                self._advance(standing, min(self._archive.position, standing.position + LARGEST_BATCH))
        except Rejected as error:
            return error.sentence
        return None

    def _let_go_first(self) -> None:
        """Wait, for a while, until nobody waits for an answer."""
        end = time.monotonic() + _PATIENCE
        while self._asking and time.monotonic() < end and not self._closed.is_set():
            time.sleep(0.001)

    def _checkpoint(self) -> None:
        wal = self._path.with_name(self._path.name + ".wal")
        if not wal.exists() or wal.stat().st_size < _WAL_WORTH_A_CHECKPOINT:
            return
        with self._all_locked(), suppress(duckdb.TransactionException):  # a rebuild is writing
            self._writer.execute("checkpoint")

    # --- rebuilding -----------------------------------------------------------------------------------------------

    def rebuild(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> None:
        """Build models anew from the archive, beside those that stand, then switch, while following goes on. Those
        whose files have changed are built as `reread` found them.

        :param names: which models; default all.
        :param progress: called with the model, the position reached and the position to reach.
        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN; DEADLINE_PASSED, and what was built is gone, where whoever asks
            leaves before the switch.
        """
        wanted = [self._find(name) for name in (self.names if names is None else names)]
        with ThreadPoolExecutor(self._threads) as pool:
            wanted.sort(key=_effort, reverse=True)
            built = [pool.submit(copy_context().run, self._rebuild, standing, progress) for standing in wanted]
            for each in built:
                each.result()

    def _rebuild(self, standing: _Standing, progress: Progress | None) -> None:
        self._require_furthest()
        with ASKER.get().holding(standing.rebuilding):
            model = self._changed.get(standing.model.name, standing.model)
            beside = Fold(model, "annals_next_")
            try:
                self._build(standing, model, beside, progress)
            except BaseException:
                with self._cursor() as cursor, suppress(duckdb.Error):
                    beside.drop(cursor)
                raise

    def _build(self, standing: _Standing, model: Model, beside: Fold, progress: Progress | None) -> None:
        with self._cursor() as cursor:
            try:
                with self._committed(cursor):
                    beside.drop(cursor)
                    beside.create(cursor)
                held: dict[str, HeldBack] = {}
                with running(cursor):
                    reached = self._fold_anew(beside, cursor, self._archive.position, held, progress)
                with ASKER.get().holding(self._keeping), ASKER.get().holding(standing.lock), working_for(PATIENT):
                    until = max(self._archive.position, standing.position)
                    for _ in self._fold_on(beside, cursor, (reached, until), REBUILD_BATCH, held):
                        pass
                    if model is not standing.model:
                        with suppress(Rejected):  # what is broken is not compared at one position, but replaced
                            self._advance(standing, until)
                    known = dict(self._held.of(model.name))
                    with self._committed(cursor):
                        if model is standing.model:
                            standing.fold.take_over(cursor, beside)
                        else:
                            said = self._switch(cursor, standing, model, beside, until)
                        cursor.execute("delete from annals_kept")
                        self._say(cursor, model, until, self._hash_at(until))
                        self._held.replace(cursor, model.name, held.values())
                    self._held.replaced(model.name, held)
                    if model is not standing.model:
                        standing.model, standing.fold = model, Fold(model)
                        self._changed.pop(model.name, None)
                        self._notices.append(said)
                    standing.position = until
                    standing.error = None
                for stream in held.keys() - known.keys():
                    self._notice(held[stream])
            except (duckdb.Error, pa.ArrowException) as error:
                raise Rejected("MODEL_BROKEN", f"the model {standing.model.name} failed: {error}") from error

    def _hash_at(self, position: int) -> bytes | None:
        """The hash of an event that is not archived yet."""
        with self._reading:
            if position <= self._archive.position:
                return None
            return bytes(self._tail.between(position - 1, position)["hash"][0].as_py())

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _fold_anew(
        self,
        fold: Fold,
        cursor: duckdb.DuckDBPyConnection,
        until: int,
        held: dict[str, HeldBack],
        progress: Progress | None,
    ) -> int:
        for reached in self._fold_on(fold, cursor, (0, until), REBUILD_BATCH, held):
            ASKER.get().require_waiting()
            if progress is not None:
                progress(fold.model.name, reached, until)
        return until

    def check_rebuild(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> list[Finding]:
        """Build models anew in memory and compare: for each that differs, the first row that does.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN, DEADLINE_PASSED.
        """
        wanted = [self._find(name) for name in (self.names if names is None else names)]
        found = (self._compare(standing, progress) for standing in wanted)
        return [finding for finding in found if finding is not None]

    def _compare(self, standing: _Standing, progress: Progress | None) -> Finding | None:
        self._require_furthest()
        fresh = Fold(standing.model, "annals_fresh_", temporary=True)
        with self._cursor() as cursor, running(cursor):
            fresh.create(cursor)
            until = min(standing.position, self._archive.position)
            held = dict(self._held.of(standing.model.name))
            reached = self._fold_anew(fresh, cursor, until, held, progress)
            # What stands must not move while it is compared, and what is fresh must reach exactly there.
            with ASKER.get().holding(standing.lock):
                for _ in self._fold_on(fresh, cursor, (reached, standing.position), REBUILD_BATCH, held):
                    pass
                row = standing.fold.difference(cursor, fresh)
        if row is None:
            return None
        where = "stands, but a rebuild does not have it" if row.pop("standing") else "is missing; a rebuild has it"
        said = ", ".join(f"{column}={value}" for column, value in row.items() if value is not None)
        return Finding(standing.model.name, "MODEL_DIFFERS", f"the row {said} {where}")

    def check_archive(self, progress: Progress | None = None) -> list[Finding]:
        """Compare the archive, from which models are built, with the log: the first event that is another one.

        :raises Rejected: DEADLINE_PASSED.
        """
        with self._cursor() as cursor, running(cursor):
            after, until = 0, self._archive.position
            while after < until:
                ASKER.get().require_waiting()
                reach = min(until, after + _ARCHIVE_BATCH)
                rows = pa.Table.from_batches(self._log.batches(after, reach, _ARCHIVE_BATCH))
                with ASKER.get().holding(self._archiving):  # so that nothing comes from what is held back meanwhile
                    taken, _ = apart(rows, positions(self._held.of(ARCHIVE)))
                    differing = self._archive.differing(cursor, taken, after, reach)
                if differing is not None:
                    sentence = (
                        f"the archive has another event {differing} than the log: reports may be wrong; stop the "
                        f"server and remove {self._path}, and all is built anew from the log"
                    )
                    return [Finding(ARCHIVE, "ARCHIVE_DIFFERS", sentence)]
                after = reach
                if progress is not None:
                    progress(ARCHIVE, reach, until)
        return []

    # --- what is held back ----------------------------------------------------------------------------------------

    @property
    def held_back(self) -> list[HeldBack]:
        """The streams that parts hold back, in order of positions."""
        return self._held.all()

    def held_events(self) -> dict[tuple[str, str], int]:
        """How many events are held back, by part and stream."""
        with self._cursor() as cursor:
            return events_held(cursor)

    def held_in(self, cursor: duckdb.DuckDBPyConnection, names: Iterable[str], position: int) -> int:
        """How many streams do not count to their ends in the named models, or `events`, as a transaction sees them, of
        what was recorded up to a position.
        """
        names = set(names)
        if not self._held.ever or not names:
            return 0
        among, values = held_in(self._parts_of(names), position)
        ((count,),) = cursor.execute(f"select count(distinct stream) from {among}", values).fetchall()
        return int(count)

    def require_not_held_back(
        self, cursor: duckdb.DuckDBPyConnection, name: str, key: Mapping[str, Any], position: int
    ) -> None:
        """Refuse the row of a stream that is held back in a model, as a transaction sees it.

        :raises Rejected: STREAM_HELD_BACK.
        """
        if not self._held.ever:
            return
        among, values = held_in(self._parts_of({name}), position)
        sql = f"select stream, part, sentence from {among} and list_contains(?, stream) limit 1"
        for stream, part, sentence in cursor.execute(sql, [*values, streams_of(key)]).fetchall():
            raise Rejected(
                "STREAM_HELD_BACK",
                f"{stream} is held back, for one of its events cannot be taken in ({part}: {sentence}); "
                "see crm dlq list",
            )

    def _parts_of(self, names: set[str]) -> dict[str, frozenset[str] | None]:
        """By part that matters to models, or `events`, the aggregates that do; none stands for all."""
        aggregates = frozenset[str]().union(*(aggregates_of(self._find(name).model) for name in names - {EVENTS}))
        own: dict[str, frozenset[str] | None] = dict.fromkeys(names - {EVENTS})
        return own | {ARCHIVE: None if EVENTS in names else aggregates}

    def replay(self) -> list[HeldBack]:
        """Try again what is held back. What can be read now goes into the archive, and models that had gone beyond it,
        or that failed and no longer do, are built anew: as if nothing had happened.

        :returns: what is still held back.
        :raises Rejected: MODEL_BROKEN.
        """
        if self._held.of(ARCHIVE):
            with ExitStack() as held:
                for standing in self._standing.values():
                    held.enter_context(standing.rebuilding)
                held.enter_context(self._keeping)
                held.enter_context(self._all_locked())
                self._release()
        self._settle()
        for standing in self._standing.values():
            if self._held.of(standing.model.name) and self._is_mended(standing):
                self._rebuild(standing, None)
        return self.held_back

    def _settle(self) -> None:
        """Build anew what models, fresh from the log, have counted of streams that the archive then held back."""
        unsettled = [held for held in list(self._held.of(ARCHIVE).values()) if not held.settled]
        for standing in self._standing.values():
            with standing.lock:
                beyond = [held for held in unsettled if held.position <= standing.position]
            aggregates = aggregates_of(standing.model)
            if any(held.stream.partition("-")[0] in aggregates for held in beyond):
                self._rebuild(standing, None)
        with self._archiving, self._committed(self._writer):
            for held in unsettled:
                self._held.settle(self._writer, held)

    def _release(self) -> None:
        """Put into the archive what can be read now. Models that stand further hold it back from now on. Wants all
        locks.
        """
        waiting = self._writer.execute(WAITING).to_arrow_table()
        taken, left = self._readable(waiting)
        if not taken:
            return
        rows = pa.concat_tables(taken)
        gone = pa.table({"position": rows["position"]})
        passed = []
        for standing in self._standing.values():
            read = concerning(rows, standing.model.relations)
            behind = rows.filter(pc.and_(read, pc.less_equal(rows["position"], standing.position)))
            already = self._held.of(standing.model.name)
            first: dict[str, HeldBack] = {}
            for stream, position, type in zip(
                *(behind[name].to_pylist() for name in ("stream", "position", "type")), strict=True
            ):
                first.setdefault(stream, held_back(standing.model.name, stream, position, type, "it came late"))
            passed.append((standing.model.name, already | first))
        with self._committed(self._writer):
            self._archive.insert(self._writer, rows)
            self._writer.execute("delete from annals_kept")  # it was computed without them
            with given(self._writer, "annals_gone", gone):
                sql = "delete from annals_held_events where position in (select position from annals_gone)"
                self._writer.execute(sql)
            self._held.replace(self._writer, ARCHIVE, left.values())
            for part, held in passed:
                self._held.replace(self._writer, part, held.values())
            self._archive.load(self._writer)
        self._held.replaced(ARCHIVE, left)
        for part, held in passed:
            self._held.replaced(part, held)
        with self._reading:
            # Models that stand less far shall not think that nothing came for them.
            for relation, last in self._archive.last.items():
                self._tail.last[relation] = max(last, self._tail.last[relation])

    def _readable(self, waiting: pa.Table) -> tuple[list[pa.Table], dict[str, HeldBack]]:
        """Of the events that wait, those of each stream that can be read, up to the first that cannot; and what is
        still held back.
        """
        waiting = waiting.sort_by([("stream", "ascending"), ("position", "ascending")])
        streams, types = waiting["stream"].to_pylist(), waiting["type"].to_pylist()
        begins = [n for n, stream in enumerate(streams) if n == 0 or stream != streams[n - 1]]
        known = []
        for begin, end in pairwise([*begins, len(streams)]):
            unknown = next((n for n in range(begin, end) if is_unknown(types[n])), end)
            known.append(waiting.slice(begin, unknown - begin))
        taken, left = [], {}
        for begin, end, rows, (count, fault) in zip(
            begins, [*begins[1:], len(streams)], known, self._counts(known), strict=True
        ):
            if count:
                taken.append(rows.slice(0, count))
            if begin + count < end:
                first = begin + count
                why = fault if fault is not None else f"this version does not know {types[first]}"
                now = held_back(ARCHIVE, streams[first], waiting["position"][first].as_py(), types[first], why)
                left[streams[first]] = now if count else self._held.of(ARCHIVE)[streams[first]]
        return taken, left

    def _counts(self, waiting: list[pa.Table]) -> list[tuple[int, Exception | None]]:
        """Of each stream's events, how many can be read from the first on, and what is wrong with the next one."""
        if len(waiting) == 1:
            return [first_fault(waiting[0].num_rows, lambda count: self._try(waiting[0].slice(0, count)))]
        try:
            self._try(pa.concat_tables(waiting))
        except FAULTS:
            half = len(waiting) // 2
            return self._counts(waiting[:half]) + self._counts(waiting[half:])
        return [(rows.num_rows, None) for rows in waiting]

    def _try(self, rows: pa.Table) -> None:
        """See whether events can be archived."""
        self._writer.execute("begin")
        try:
            self._archive.insert(self._writer, rows)
        finally:
            self._writer.execute("rollback")

    def _is_mended(self, standing: _Standing) -> bool:
        """Whether a model no longer fails on one at least of the streams that it holds back, each taken alone."""
        trial = Fold(standing.model, "annals_trial_", temporary=True)
        with self._cursor() as cursor:
            trial.create(cursor)
            for held in list(self._held.of(standing.model.name).values()):
                among = f"stream = '{held.stream}' and position <= {held.position}"
                sources = {
                    relation: [f'select * from main."{relation}" where {among}']
                    for relation in standing.model.relations
                }
                try:
                    with self._committed(cursor):
                        trial.advance(cursor, sources)
                except FAULTS:
                    continue
                return True
        return False

    def snapshot(self) -> Path:
        """Publish everything as a DuckDB file that any tool can open.

        :returns: the file; a manifest lies beside it, and ``latest.json`` names both.
        """
        self._require_furthest()
        sound = [name for name, standing in self._standing.items() if standing.error is None]
        self.bring([EVENTS, *sound], self._log.head.position)
        return publish(self._connection, self._snapshots, self._at_one_position)

    @contextmanager
    def _at_one_position(self) -> Iterator[None]:
        """Meanwhile the archive and every sound model stand at the same position."""
        with self._asked(), self._all_locked():
            position = self._tail.position
            self._append(position)
            for standing in self._standing.values():
                if standing.error is None:
                    self._advance(standing, position)
            yield

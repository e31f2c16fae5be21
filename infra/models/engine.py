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
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from commands.rejected import Rejected
from domain.customer import CustomerForgotten
from infra.asker import ASKER, PATIENT, working_for
from infra.log.document import forgotten_streams
from infra.models.archive import relations
from infra.models.cursors import committed, running
from infra.models.file import FURTHEST, open_file
from infra.models.fold import Fold
from infra.models.folding import Folding, say
from infra.models.heldback import (
    ARCHIVE,
    FAULTS,
    HeldBack,
    Unreadable,
    events_held,
    held_in,
    streams_of,
)
from infra.models.inflow import Head, Inflow, Source
from infra.models.model import Model, model_of, nearest, read_model
from infra.models.snapshots import publish
from infra.models.status import Finding, ModelStatus, Status

LARGEST_BATCH = 100_000
"""How many positions the follower folds at once; a longer transaction would keep readers waiting."""

REBUILD_BATCH = 200_000
"""How many positions a rebuild folds at once."""

Progress = Callable[[str, int, int], None]
"""Is told a model, the position that it reached and the position that it is to reach."""

EVENTS = "events"
"""What to name beside models for `bring` to bring the archive, too."""

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


class _Closed(Exception):
    """The file is about to be closed."""


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
        self._notice = notice
        self._writer = self._connection.cursor()
        self._inflow = Inflow(log, self._writer, notice)
        self._folding = Folding(self._inflow, few, notice)
        self._archive, self._held = self._inflow.archive, self._inflow.held
        self._keeping = threading.Lock()
        self._rereading = threading.Lock()
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
        if not self._inflow.expects:
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
            self._inflow.expect(position, bytes(hash))
            if self._log.wait(position - 1, _START) >= position:
                self._inflow.append(position)

    def _replay_at_start(self) -> None:
        for held in self.replay():
            self._notice(held)
        self._replayed = True

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
            with standing.rebuilding, standing.lock, committed(cursor):
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
        with committed(cursor):
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
        return self._inflow.position

    @property
    def hash(self) -> bytes:
        """The hash of the last event that has been read."""
        return self._inflow.hash

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
            with ASKER.get().holding(self._inflow.archiving):
                self._inflow.append(position)
        with self._asked():
            self._inflow.see(position)
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
        with self._keeping, self._cursor() as cursor, committed(cursor):
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
        self._inflow.see(position)
        if self._inflow.fresh(standing.model, standing.position, position) > _FRESH_ON_A_ROW:
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
            self._inflow.events(cursor, model, standing.position, position, self._held.of(model.name)) as (sources, _),
            committed(cursor),
        ):
            # What the transaction sees may stand further by now.
            sql = "select position from annals_models where name = ?"
            stands = cursor.execute(sql, [model.name]).fetchall()[0][0]
            position = max(stands, position)
            self.require_not_held_back(cursor, model.name, dict(zip(model.key, key, strict=True)), position)
            held = self.held_in(cursor, [model.name], position)
            return standing.fold.row(cursor, key, sources, stands), position, held

    def _reached(self, standing: _Standing) -> int:
        """Up to which position a model is right."""
        return self._inflow.reached(standing.model, standing.position)

    def _advance(self, standing: _Standing, until: int, largest: int = LARGEST_BATCH) -> None:
        """Bring one model to the position, which has been read. Wants its lock.

        :raises Rejected: MODEL_BROKEN where its SELECT fails whatever the events are.
        """
        if self._reached(standing) >= until:
            return
        held, way = self._held.of(standing.model.name), (standing.position, until)
        try:
            for reached in self._folding.along(standing.fold, standing.cursor, way, largest, held, stands=True):
                standing.position = reached
                standing.error = None
                if self._reached(standing) >= until:
                    return
                ASKER.get().require_waiting()
        except (duckdb.Error, pa.ArrowException) as error:
            standing.error = str(error).splitlines()[0]
            raise Rejected("MODEL_BROKEN", f"the model {standing.model.name} failed: {standing.error}") from error

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
            held.enter_context(self._inflow.archiving)
            yield

    # --- following ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        checkpointed = self._archive.position
        caught_up_at = time.monotonic()
        while not self._closed.is_set():
            try:
                if not self._replayed and not self._inflow.expects:
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
        with self._inflow.archiving:
            self._inflow.append(min(head, self._archive.position + LARGEST_BATCH), self._let_go_first)
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
        self._inflow.require_expected()
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
                with committed(cursor):
                    beside.drop(cursor)
                    beside.create(cursor)
                held: dict[str, HeldBack] = {}
                with running(cursor):
                    reached = self._fold_anew(beside, cursor, self._archive.position, held, progress)
                with ASKER.get().holding(self._keeping), ASKER.get().holding(standing.lock), working_for(PATIENT):
                    until = max(self._archive.position, standing.position)
                    for _ in self._folding.along(beside, cursor, (reached, until), REBUILD_BATCH, held):
                        pass
                    if model is not standing.model:
                        with suppress(Rejected):  # what is broken is not compared at one position, but replaced
                            self._advance(standing, until)
                    known = dict(self._held.of(model.name))
                    with committed(cursor):
                        if model is standing.model:
                            standing.fold.take_over(cursor, beside)
                        else:
                            said = self._switch(cursor, standing, model, beside, until)
                        cursor.execute("delete from annals_kept")
                        say(cursor, model, until, self._inflow.hash_at(until))
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
        for reached in self._folding.along(fold, cursor, (0, until), REBUILD_BATCH, held):
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
        self._inflow.require_expected()
        fresh = Fold(standing.model, "annals_fresh_", temporary=True)
        with self._cursor() as cursor, running(cursor):
            fresh.create(cursor)
            until = min(standing.position, self._archive.position)
            held = dict(self._held.of(standing.model.name))
            reached = self._fold_anew(fresh, cursor, until, held, progress)
            # What stands must not move while it is compared, and what is fresh must reach exactly there.
            with ASKER.get().holding(standing.lock):
                for _ in self._folding.along(fresh, cursor, (reached, standing.position), REBUILD_BATCH, held):
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
            altered = self._inflow.altered(cursor, partial(progress, ARCHIVE) if progress else lambda *_: None)
        if altered is None:
            return []
        sentence = (
            f"the archive has another event {altered} than the log: reports may be wrong; stop the server and remove "
            f"{self._path}, and all is built anew from the log"
        )
        return [Finding(ARCHIVE, "ARCHIVE_DIFFERS", sentence)]

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
                self._inflow.release((each.model, each.position) for each in self._standing.values())
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
        with self._inflow.archiving, committed(self._writer):
            for held in unsettled:
                self._held.settle(self._writer, held)

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
                    with committed(cursor):
                        trial.advance(cursor, sources)
                except FAULTS:
                    continue
                return True
        return False

    def snapshot(self) -> Path:
        """Publish everything as a DuckDB file that any tool can open.

        :returns: the file; a manifest lies beside it, and ``latest.json`` names both.
        """
        self._inflow.require_expected()
        sound = [name for name, standing in self._standing.items() if standing.error is None]
        self.bring([EVENTS, *sound], self._log.head.position)
        return publish(self._connection, self._snapshots, self._at_one_position)

    @contextmanager
    def _at_one_position(self) -> Iterator[None]:
        """Meanwhile the archive and every sound model stand at the same position."""
        with self._asked(), self._all_locked():
            position = self._inflow.position
            self._inflow.append(position)
            for standing in self._standing.values():
                if standing.error is None:
                    self._advance(standing, position)
            yield

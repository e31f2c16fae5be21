"""The read models' engine: one DuckDB file that follows the log.

Every batch of events goes into the archive first. Every model has a position of its own, and its rows and its position
commit together. A reader names its models and the position it needs; only those are brought there, while the follower
brings all of them up in larger batches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import duckdb
import pyarrow as pa

from commands.rejected import Rejected
from infra.models.archive import Archive, relations
from infra.models.file import open_file
from infra.models.fold import Fold
from infra.models.model import Model, read_model
from infra.models.snapshots import publish

LARGEST_BATCH = 100_000
"""How many positions the follower folds at once; a longer transaction would keep readers waiting."""

REBUILD_BATCH = 500_000
"""How many positions a rebuild folds at once."""

Progress = Callable[[str, int, int], None]
"""Is told a model, the position that it reached and the position that it is to reach."""

_ARCHIVE_BATCH = 50_000
_SOON = 5_000
_PAUSE = 1.0
_IDLE = 2.0
_WAL_WORTH_A_CHECKPOINT = 16 << 20


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
    def wait(self, after: int, timeout: float | None) -> int: ...
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
    what is wrong with it.
    """

    name: str
    position: int
    lag: int
    rows: int
    past: int
    fingerprint: str
    broken: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """How the read models are. ``notices`` tell what happened to the file, oldest first; ``last_error`` is what keeps
    the follower from going on, None where nothing does.
    """

    position: int
    lag: int
    models: list[ModelStatus]
    notices: list[str]
    last_error: str | None


@dataclass(slots=True)
class _Standing:
    """A model in force and the position up to which its events are folded."""

    model: Model
    fold: Fold
    position: int
    error: str | None = None
    rebuilding: threading.Lock = field(default_factory=threading.Lock)


class Models:
    """The read models in one DuckDB file, which this process owns.

    :param path: the file; its folder is made. What cannot be read, or is not of this log, is built anew.
    :param log: whose events to follow.
    :param projections: the folder whose ``models/*.sql`` are in force.
    :param time_zone: the office's, an IANA name.
    :param memory: what DuckDB may use, for example ``1GB``.
    :param threads: how many threads DuckDB may use.
    :param snapshots: the folder of published snapshots.
    :raises Rejected: MODELS_IN_USE where another process has the file open.
    """

    def __init__(
        self, path: Path, log: Source, *, projections: Path, time_zone: str, memory: str, threads: int, snapshots: Path
    ) -> None:
        self.projections = projections
        self.time_zone = time_zone
        self._path = path
        self._log = log
        self._snapshots = snapshots
        settings = {"TimeZone": time_zone, "memory_limit": memory, "threads": threads}
        self._connection, self._notices = open_file(path, log, settings, snapshots)
        self._archive = Archive()
        self._writer = self._connection.cursor()
        with self._committed(self._writer):
            self._archive.create(self._writer)
        self._lock = threading.Lock()
        self._asking = 0
        self._asking_lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_error: str | None = None
        self._standing: dict[str, _Standing] = {}
        self._broken: dict[str, str] = {}
        self._caught_up_at = 0.0
        self._load_models()

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the log, in a thread."""
        self._thread = threading.Thread(target=self._follow, name="models", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop following and close the file."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._writer.close()
            self._connection.close()

    def _load_models(self) -> None:
        """Put the files in force: read them, drop what is gone, begin what is new or changed."""
        there = dict(self._writer.execute("select name, fingerprint from annals_models").fetchall())
        files = sorted((self.projections / "models").glob("*.sql"))
        # What an interrupted rebuild left behind.
        left = "select table_name from duckdb_tables() where starts_with(table_name, 'annals_next_')"
        for (table,) in self._writer.execute(left).fetchall():
            self._writer.execute(f'drop table main."{table}"')
        for name in sorted(set(there) - {file.stem for file in files}):
            self._forget(name)
        for file in files:
            try:
                model = read_model(file, self._writer)
            except Rejected as error:
                self._broken[file.stem] = error.sentence
                continue
            self._put_in_force(model, there.get(model.name))

    def _put_in_force(self, model: Model, standing: str | None) -> None:
        fold = Fold(model)
        fingerprint = model.fingerprint
        with self._committed(self._writer):
            if standing != fingerprint:
                self._forget(model.name)
                fold.create(self._writer)
                fold.create_views(self._writer)
                self._writer.execute("insert into annals_models values (?, ?, 0)", [model.name, fingerprint])
            position = self._writer.execute(
                "select position from annals_models where name = ?", [model.name]
            ).fetchall()
        self._standing[model.name] = _Standing(model, fold, position[0][0])

    def _position_of(self, cursor: duckdb.DuckDBPyConnection, model: str) -> int:
        rows = cursor.execute("select position from annals_models where name = ?", [model]).fetchall()
        return int(rows[0][0])

    def _forget(self, model: str) -> None:
        for macro in (f"{model}_at", f"{model}_intervals"):
            self._writer.execute(f'drop macro table if exists "{macro}"')
        for view in (f"{model}_history", model):
            self._writer.execute(f'drop view if exists "{view}"')
        for part in ("now", "past"):
            self._writer.execute(f'drop table if exists "{model}_{part}"')
        self._writer.execute("delete from annals_models where name = ?", [model])

    # --- what is there --------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The position of the archive."""
        return self._archive.position

    @property
    def hash(self) -> bytes:
        """The hash of the last event in the archive."""
        return bytes(self._archive.hash)

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
        return {"events", "columns", *relations(), *behind}

    def model(self, name: str) -> Model:
        """A model in force.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN.
        """
        return self._find(name).model

    def _find(self, name: str) -> _Standing:
        if name in self._broken:
            raise Rejected("MODEL_BROKEN", f"the model {name} cannot be used: {self._broken[name]}")
        if name not in self._standing:
            raise Rejected("UNKNOWN_MODEL", f"there is no model {name}; there are {', '.join(self.names) or 'none'}")
        return self._standing[name]

    def status(self) -> Status:
        """How the read models are."""
        head = self._log.head.position
        cursor = self._connection.cursor()
        try:
            models = [self._status_of(name, head, cursor) for name in self.names]
        finally:
            cursor.close()
        return Status(self.position, head - self.position, models, list(self._notices), self._last_error)

    def _status_of(self, name: str, head: int, cursor: duckdb.DuckDBPyConnection) -> ModelStatus:
        if name in self._broken:
            return ModelStatus(name, 0, head, 0, 0, "", self._broken[name])
        standing = self._standing[name]
        reached = self._reached(standing)
        rows, past = standing.fold.count(cursor)
        fingerprint = standing.model.fingerprint
        return ModelStatus(name, reached, head - reached, rows, past, fingerprint, standing.error)

    # --- bringing up ----------------------------------------------------------------------------------------------

    def bring(self, names: Iterable[str], position: int) -> None:
        """Bring the archive and the named models to at least the position.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN; POSITION_AHEAD where the log is not that far.
        """
        wanted = [self._find(name) for name in names]
        if self.position >= position and all(self._reached(standing) >= position for standing in wanted):
            return
        with self._asked():
            self._append(position)
            for standing in wanted:
                self._advance(standing, position)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own in a read-only transaction. `bring` what it reads before it begins."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("begin transaction read only")
            yield cursor
        finally:
            cursor.close()

    def _reached(self, standing: _Standing) -> int:
        """Up to which position a model is right: where no event that it reads came since, that is the archive's."""
        if all(self._archive.last[relation] <= standing.position for relation in standing.model.relations):
            return max(self._archive.position, standing.position)
        return standing.position

    def _append(self, until: int, largest: int = _ARCHIVE_BATCH) -> None:
        """Bring the archive to the position. Wants the lock."""
        while self.position < until:
            reach = min(until, self.position + largest)
            batches = [batch for batch in self._log.batches(self.position, reach) if batch.num_rows]
            if not batches:
                raise Rejected("POSITION_AHEAD", f"the log ends at position {self.position}; {until} is not there yet")
            try:
                with self._committed(self._writer):
                    self._archive.append(self._writer, batches)
            except duckdb.Error as error:
                sentence = f"the events after position {self.position} cannot be archived: {str(error).splitlines()[0]}"
                raise Rejected("EVENTS_UNREADABLE", sentence) from error
            self._archive.moved()

    def _advance(self, standing: _Standing, until: int, largest: int = LARGEST_BATCH) -> None:
        """Bring one model to the position, which the archive has. Wants the lock.

        :raises Rejected: MODEL_BROKEN where its SELECT fails on these events.
        """
        while self._reached(standing) < until:
            reach = min(self.position, standing.position + largest)
            try:
                with self._committed(self._writer):
                    standing.fold.advance(
                        self._writer, standing.position, reach, self._archive.since(standing.position)
                    )
                    self._writer.execute(
                        "update annals_models set position = ? where name = ?", [reach, standing.model.name]
                    )
            except duckdb.Error as error:
                standing.error = str(error).splitlines()[0]
                raise Rejected("MODEL_BROKEN", f"the model {standing.model.name} failed: {standing.error}") from error
            standing.position = reach
            standing.error = None

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
        """The lock, for somebody who waits for an answer: the follower lets them go first."""
        with self._asking_lock:
            self._asking += 1
        try:
            with self._lock:
                yield
        finally:
            with self._asking_lock:
                self._asking -= 1

    # --- following ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        checkpointed = self.position
        while not self._closed.is_set():
            try:
                head = self._log.wait(self._behind(), _PAUSE)
                if head > self._behind():
                    self._catch_up(head)
                elif checkpointed != self.position and time.monotonic() - self._caught_up_at > _IDLE:
                    self._checkpoint()
                    checkpointed = self.position
                self._last_error = None
            except Exception as error:
                # Whatever it is: nothing was skipped, the status says it, and the next round tries again.
                self._last_error = f"{type(error).__name__}: {error}"
                self._closed.wait(_PAUSE)

    def _behind(self) -> int:
        """The position of whatever is furthest behind."""
        return min((self.position, *(self._reached(standing) for standing in self._standing.values())))

    def _catch_up(self, head: int) -> None:
        """Bring all a batch further, one after the other, so that somebody who asks waits for one fold at most."""
        rest = self._caught_up_at + _PAUSE - time.monotonic()
        if head - self._behind() < _SOON and rest > 0:
            self._closed.wait(rest)
            head = self._log.head.position
        with self._yielding():
            self._append(min(head, self.position + LARGEST_BATCH))
        failed: list[str] = []
        for standing in list(self._standing.values()):
            if self._closed.is_set():
                return
            try:
                with self._yielding():
                    self._advance(standing, min(self.position, standing.position + LARGEST_BATCH))
            except Rejected as error:
                failed.append(error.sentence)
        self._caught_up_at = time.monotonic()
        if failed:
            raise Rejected("MODEL_BROKEN", "; ".join(failed))

    @contextmanager
    def _yielding(self) -> Iterator[None]:
        """The lock, once nobody waits for an answer."""
        while self._asking:
            self._closed.wait(0.001)
        with self._lock:
            yield

    def _checkpoint(self) -> None:
        wal = self._path.with_name(self._path.name + ".wal")
        if not wal.exists() or wal.stat().st_size < _WAL_WORTH_A_CHECKPOINT:
            return
        with self._yielding():
            self._writer.execute("checkpoint")

    # --- rebuilding -----------------------------------------------------------------------------------------------

    def rebuild(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> None:
        """Build models anew from the archive, beside those that stand, then switch, while following goes on.

        :param names: which models; default all.
        :param progress: called with the model, the position reached and the position to reach.
        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN.
        """
        for standing in [self._find(name) for name in (self.names if names is None else names)]:
            with standing.rebuilding:
                self._rebuild(standing, progress)

    def _rebuild(self, standing: _Standing, progress: Progress | None) -> None:
        cursor = self._connection.cursor()
        beside = Fold(standing.model, "annals_next_")
        try:
            with self._committed(cursor):
                beside.drop(cursor)
                beside.create(cursor)
            reached = self._fold_anew(beside, cursor, self.position, progress)
            with self._asked():
                with self._committed(self._writer):
                    beside.advance(self._writer, reached, self.position, relations())
                    standing.fold.take_over(self._writer, beside)
                    standing.fold.create_views(self._writer)
                    self._writer.execute(
                        "update annals_models set position = ? where name = ?", [self.position, standing.model.name]
                    )
                standing.position = self.position
                standing.error = None
        except duckdb.Error as error:
            raise Rejected("MODEL_BROKEN", f"the model {standing.model.name} failed: {error}") from error
        finally:
            cursor.close()

    def _fold_anew(
        self,
        fold: Fold,
        cursor: duckdb.DuckDBPyConnection,
        until: int,
        progress: Progress | None,
    ) -> int:
        reached = 0
        while reached < until:
            reach = min(until, reached + REBUILD_BATCH)
            with self._committed(cursor):
                fold.advance(cursor, reached, reach, relations())
            reached = reach
            if progress is not None:
                progress(fold.model.name, reached, until)
        return reached

    def check_rebuild(self, names: Iterable[str] | None = None, progress: Progress | None = None) -> list[Finding]:
        """Build models anew in memory and compare: for each that differs, the first row that does.

        :raises Rejected: UNKNOWN_MODEL, MODEL_BROKEN.
        """
        wanted = [self._find(name) for name in (self.names if names is None else names)]
        found = (self._compare(standing, progress) for standing in wanted)
        return [finding for finding in found if finding is not None]

    def _compare(self, standing: _Standing, progress: Progress | None) -> Finding | None:
        name = standing.model.name
        cursor = self._connection.cursor()
        fresh = Fold(standing.model, "annals_fresh_", temporary=True)
        try:
            fresh.create(cursor)
            # What stands must not move while it is compared, and what is fresh must reach exactly there.
            reached = self._fold_anew(fresh, cursor, standing.position, progress)
            with self._committed(cursor):
                until = self._position_of(cursor, name)
                fresh.advance(cursor, reached, until, relations())
                row = standing.fold.difference(cursor, fresh)
        finally:
            cursor.close()
        if row is None:
            return None
        where = "stands, but a rebuild does not have it" if row.pop("standing") else "is missing; a rebuild has it"
        said = ", ".join(f"{column}={value}" for column, value in row.items() if value is not None)
        return Finding(name, "MODEL_DIFFERS", f"the row {said} {where}")

    def snapshot(self) -> Path:
        """Publish everything as a DuckDB file that any tool can open.

        :returns: the file; a manifest lies beside it, and ``latest.json`` names both.
        """
        sound = [name for name, standing in self._standing.items() if standing.error is None]
        self.bring(sound, self._log.head.position)
        return publish(self._connection, self._snapshots)

"""The events as models read them: out of the archive, and out of the log what is not archived yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Protocol

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from commands.rejected import Rejected
from infra.asker import ASKER
from infra.models.archive import Archive, Tail, concerning, fresh_events, is_unknown, unknown_in
from infra.models.cursors import committed, given
from infra.models.heldback import (
    ARCHIVE,
    FAULTS,
    WAITING,
    HeldBack,
    HeldBackStreams,
    apart,
    first_fault,
    held_back,
    positions,
)
from infra.models.model import Model

ARCHIVE_BATCH = 50_000
"""How many events go into the archive at once."""


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


class Inflow:
    """The events of a log in a DuckDB file, and after them, in memory, those that were read and are not in it yet. Safe
    to use from any thread; whoever calls what wants ``archiving`` holds that lock.

    ``archive`` are the events in the file, ``held`` is what is held back there.

    :param writer: the cursor that writes the archive.
    :param notice: is told every stream that the archive begins to hold back.
    """

    def __init__(self, log: Source, writer: duckdb.DuckDBPyConnection, notice: Callable[[HeldBack], None]) -> None:
        self._log = log
        self._writer = writer
        self._notice = notice
        self.archive = Archive()
        self.held = HeldBackStreams()
        with committed(writer):
            self.archive.create(writer)
            self.held.load(writer)
        self.archiving = threading.Lock()
        self._reading = threading.Lock()
        self._tail = Tail(self.archive, self.held.of(ARCHIVE))
        self._expected: tuple[int, bytes] | None = None

    @property
    def position(self) -> int:
        """Up to where the log has been read."""
        return self._tail.position

    @property
    def hash(self) -> bytes:
        """The hash of the last event that has been read."""
        return bytes(self._tail.hash)

    def reached(self, model: Model, position: int) -> int:
        """Up to which position a model is right that stands at one: where no event that it reads came since, that is
        all that was read.
        """
        read = self._tail.position
        if all(self._tail.last[relation] <= position for relation in model.relations):
            return max(read, position)
        return position

    @property
    def expects(self) -> bool:
        """Whether an event that models have counted is still to be read again."""
        return self._expected is not None

    def expect(self, position: int, hash: bytes) -> None:
        """Models have counted up to this event, beyond the archive: no other may come in its place."""
        self._expected = (position, hash)

    def require_expected(self) -> None:
        """See that the events that models have counted are there.

        :raises Rejected: POSITION_AHEAD where the log cannot be asked for them yet, HISTORY_FORKED.
        """
        if self._expected is not None:
            self.read(self._expected[0])

    def _require_same_history(self) -> None:
        """Nothing may be folded upon models that have seen another history than the one that was read. Wants the lock.

        :raises Rejected: HISTORY_FORKED.
        """
        if self._expected is None or self._tail.position < self._expected[0]:
            return
        position, hash = self._expected
        if self._tail.between(position - 1, position)["hash"][0].as_py() != hash:
            raise Rejected("HISTORY_FORKED", f"event {position} is not the one in the read models")
        self._expected = None

    def read(self, until: int) -> None:
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

    def see(self, until: int) -> None:
        """Read the log to the position, and let the archive have what it may have to hold back before anybody folds
        it.
        """
        self.read(until)
        if self.archive.position < min(self._tail.doubtful, until):
            with ASKER.get().holding(self.archiving):
                self.append(until)

    def append(self, until: int, pause: Callable[[], None] = lambda: None) -> None:
        """Bring the archive to the position, pausing between statements. A batch that fails is halved; what is left
        of it in the end is held back. Wants ``archiving``.
        """
        size = ARCHIVE_BATCH
        while self.archive.position < until:
            ASKER.get().require_waiting()
            after = self.archive.position
            reach = min(until, after + size)
            self.read(reach)
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
            size = min(2 * size, ARCHIVE_BATCH)

    def _put_into_archive(
        self, rows: pa.Table, pause: Callable[[], None], offsets: str | None, fault: Exception | None = None
    ) -> None:
        """Add events to the archive, in one transaction. Those of a stream that is held back, and those after one of a
        type that is not known, are put aside; so is the one event that has a fault.
        """
        held, found = self.held.of(ARCHIVE), []
        for stream, (position, type) in unknown_in(rows).items():
            if stream not in held:
                found.append(held_back(ARCHIVE, stream, position, type, f"this version does not know {type}"))
        if fault is not None:
            ((stream, position, type),) = zip(
                *(rows[name].to_pylist() for name in ("stream", "position", "type")), strict=True
            )
            found.append(replace(held_back(ARCHIVE, stream, position, type, fault), settled=False))
        with committed(self._writer):
            self.held.write(self._writer, found)
            self.archive.append(self._writer, rows, pause, positions(held) | positions(found), offsets)
        with self._reading:
            self.held.committed(found)
            if found:
                # Later events of these streams may have been read.
                self._tail.doubtful = self._tail.position
            self.archive.moved()
            self._tail.forget(self.archive.position)
        for each in found:
            self._notice(each)

    @contextmanager
    def events(
        self, cursor: duckdb.DuckDBPyConnection, model: Model, after: int, until: int, held: Mapping[str, HeldBack]
    ) -> Iterator[tuple[dict[str, list[str]], bytes | None]]:
        """The SELECTs that give a model's events, by relation; and the last one's hash, where it is not archived. What
        is archived now may be seen by transactions that begin later. What is held back is left out.
        """
        since = positions(held)
        with self._reading:
            archived = self.archive.position
            fresh = self._tail.between(max(after, archived), until) if until > max(after, archived) else None
        sources = self.archive.sources(after, min(until, archived), since) if after < min(until, archived) else {}
        if fresh is None:
            yield sources, None
            return
        with fresh_events(cursor, apart(fresh, since)[0], model.relations) as found:
            for relation, source in found.items():
                sources.setdefault(relation, []).append(source)
            yield sources, fresh["hash"][-1].as_py()

    def hash_at(self, position: int) -> bytes | None:
        """The hash of an event that is not archived yet."""
        with self._reading:
            if position <= self.archive.position:
                return None
            return bytes(self._tail.between(position - 1, position)["hash"][0].as_py())

    def altered(self, cursor: duckdb.DuckDBPyConnection, progress: Callable[[int, int], object]) -> int | None:
        """The position of the first event that lies in the archive otherwise than the log has it; None where none does.
        ``progress`` is told how far it is, and how far it has to go.
        """
        after, until = 0, self.archive.position
        while after < until:
            ASKER.get().require_waiting()
            reach = min(until, after + ARCHIVE_BATCH)
            rows = pa.Table.from_batches(self._log.batches(after, reach, ARCHIVE_BATCH))
            with ASKER.get().holding(self.archiving):  # so that nothing that is held back comes in meanwhile
                taken, _ = apart(rows, positions(self.held.of(ARCHIVE)))
                differing = self.archive.differing(cursor, taken, after, reach)
            if differing is not None:
                return differing
            after = reach
            progress(reach, until)
        return None

    def fresh(self, model: Model, after: int, until: int) -> int:
        """How many events after the one position and up to the other concern a model and have not been archived."""
        with self._reading:
            after = max(after, self.archive.position)
            if until <= after:
                return 0
            return int(pc.sum(concerning(self._tail.between(after, until), model.relations)).as_py())

    def release(self, standing: Iterable[tuple[Model, int]]) -> None:
        """Put into the archive what is held back and can be read now. Models that stand further hold it back from now
        on. Wants ``archiving``, and that nobody moves models or keeps rows meanwhile.

        :param standing: the models, with their positions.
        """
        waiting = self._writer.execute(WAITING).to_arrow_table()
        taken, left = self._readable(waiting)
        if not taken:
            return
        rows = pa.concat_tables(taken)
        gone = pa.table({"position": rows["position"]})
        passed = []
        for model, reached in standing:
            read = concerning(rows, model.relations)
            behind = rows.filter(pc.and_(read, pc.less_equal(rows["position"], reached)))
            already = self.held.of(model.name)
            first: dict[str, HeldBack] = {}
            for stream, position, type in zip(
                *(behind[name].to_pylist() for name in ("stream", "position", "type")), strict=True
            ):
                first.setdefault(stream, held_back(model.name, stream, position, type, "it came late"))
            passed.append((model.name, already | first))
        with committed(self._writer):
            self.archive.insert(self._writer, rows)
            self._writer.execute("delete from annals_kept")  # it was computed without them
            with given(self._writer, "annals_gone", gone):
                sql = "delete from annals_held_events where position in (select position from annals_gone)"
                self._writer.execute(sql)
            self.held.replace(self._writer, ARCHIVE, left.values())
            for part, held in passed:
                self.held.replace(self._writer, part, held.values())
            self.archive.load(self._writer)
        self.held.replaced(ARCHIVE, left)
        for part, held in passed:
            self.held.replaced(part, held)
        with self._reading:
            # Models that stand less far shall not think that nothing came for them.
            for relation, last in self.archive.last.items():
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
                left[streams[first]] = now if count else self.held.of(ARCHIVE)[streams[first]]
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
            self.archive.insert(self._writer, rows)
        finally:
            self._writer.execute("rollback")

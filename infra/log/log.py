"""The log: every event, in one order, and the only place where commands are decided."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import groupby
from threading import Condition, Event, Lock
from time import monotonic
from typing import Any, NamedTuple

import pyarrow as pa
from sqlalchemy import bindparam, func, literal_column, select, text, true
from sqlalchemy.engine.interfaces import DBAPICursor
from uuid_utils import uuid7

from commands.rejected import Busy, Rejected, require
from domain.event import State
from infra.asker import PATIENT, Patient, working_for
from infra.database import Database, Uncertain, Unusable, open_database, prepare, values
from infra.keys import Keys
from infra.log.arrow import record_batch
from infra.log.decision import Answered, Asked, Decisions, require_clock
from infra.log.document import (
    FORGETTINGS,
    Envelope,
    OpenedFor,
    attributes_of,
    encode,
    event_of,
    forgotten_streams,
    read_instant,
    sealing_streams,
    written,
)
from infra.log.line import Admit, Line
from infra.log.people import People
from infra.log.request import (
    MICROSECOND,
    Actor,
    Head,
    Outcome,
    Request,
    Row,
    from_microseconds,
    microseconds,
    utc_now,
)
from infra.log.states import Known, RecentStates, bare
from infra.log.tables import BEGINNING, MIGRATIONS, REVISION, events, log_head, requests
from infra.log.verification import Finding, Progress, StoredRow, Verification

CHECKED_AT_START = 1_000
MOST_IN_A_TRANSACTION = 4_000
MOST_TO_CATCH_UP = 1_000
ROWS_AT_ONCE = 1_000
LOOK_AGAIN_SECONDS = 0.05
"""How soon a waiting reader sees what another process committed, where the database cannot tell."""

LOOK_AGAIN_LISTENING_SECONDS = 1.0
"""How soon it does where the database tells, but the connection was lost."""


class Log:
    """The log in one database. Safe to use from any thread, and from several processes at once.

    Every method may raise Rejected: LOG_FULL, LOG_UNAVAILABLE, LOG_UNREADABLE, DATA_NOT_WRITABLE, LOG_CLOSED.

    ``commits`` counts the transactions that recorded something, ``commands`` the commands that were decided in them.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys | None,
        *,
        state_cache: int,
        waiting: int | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._keys_given = keys
        self._clock = clock
        self._sql = Statements(database)
        self._states = RecentStates(state_cache)
        self._line = Line(self._serve, most=MOST_IN_A_TRANSACTION, room=waiting)
        self.commits = self.commands = 0
        self._open = True
        self._serving = Lock()
        self._committed = Condition()
        self._learning = Lock()
        self._learned = 0
        self._forgotten: set[str] = set()
        self.people = None if keys is None else People(keys, self._between, self.hash_at)
        self._seen = self.head
        self._undisturbed = False
        self._heard = 0
        self._look_again: float | None = None

    @classmethod
    def open(
        cls,
        url: str,
        keys: Keys | None,
        *,
        state_cache: int = 100_000,
        waiting: int | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Log:
        """The log in the database at ``url`` (``sqlite:////path/log.db``), which is made where there is none.

        ``state_cache`` is how many streams' states are remembered; ``waiting`` how many commands may wait for those
        being decided, any number where not given; ``clock`` tells the time, in UTC. Without ``keys``
        the log cannot decide; it can be read, and take what was decided elsewhere. With them, whoever is to be
        forgotten is forgotten when this returns.

        :raises Rejected: NEWER_VERSION, LOG_TAMPERED where something is wrong with its last events, and as above.
        """
        database = open_database(url, "log")
        try:
            prepare(database, MIGRATIONS, REVISION)
            if wrong := Verification(database).run(last=CHECKED_AT_START, progress=None):
                raise Rejected("LOG_TAMPERED", f"{wrong[0].sentence}; restore a backup of {database}")
            return cls(database, keys, state_cache=state_cache, waiting=waiting, clock=clock)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Let what is being committed be committed, and close."""
        with self._serving:
            if self._open:
                self._open = False
                self._database.close()
        with self._committed:
            self._committed.notify_all()

    @property
    def head(self) -> Head:
        """Position, hash and instant of the last committed event, whichever process committed it. Whoever was forgotten
        by then is forgotten here as well.
        """
        with self._reading() as cursor:
            head, forgotten = self._read_head(cursor)
        if forgotten > self._learned:
            self._learn(forgotten)
        return head

    @property
    def states(self) -> RecentStates:
        """The states that are remembered."""
        return self._states

    @property
    def waiting(self) -> int:
        """How many commands wait for those that are being decided."""
        return self._line.waiting

    def submit(self, requests: Sequence[Request]) -> list[Outcome | Rejected]:
        """Decide the requests in order and return their answers, in the same order, when all that was accepted is
        durable. What several callers ask at the same time is committed together; each request stands for itself.

        :raises Busy: LOG_BUSY where too many commands wait already; none of these was looked at.
        :raises Exception: whatever the command of a request raised that is not a refusal; the others were decided.
        """
        asked = [Asked(request, self._keys) for request in requests]
        if self.people is not None and any(each.alone for each in asked):
            self.people.follow(self.head.position)  # so that little is left to do while others wait
        if asked and not self._line.stand(asked, until=patience_of(requests)):
            raise Busy(
                "LOG_BUSY",
                f"{self.waiting:,} commands wait already; nothing was recorded; try again in a second",
            )
        answers: list[Outcome | Rejected] = []
        for each in asked:
            if each.answer is None:
                answers.append(Unusable("LOG_UNAVAILABLE", "the commit was interrupted; ask again"))
            elif isinstance(each.answer, Outcome | Rejected):
                answers.append(each.answer)
            else:
                raise each.answer
        return answers

    def execute(self, request: Request) -> Outcome:
        """Decide one request and return its outcome when it is durable.

        :raises Rejected: where it is refused.
        """
        answer = self.submit([request])[0]
        if isinstance(answer, Rejected):
            raise answer
        return answer

    def state(self, stream: str) -> tuple[int, State]:
        """The newest version and state of a stream; version 0 where it has not begun.

        :raises Rejected: UNKNOWN_STREAM where no stream can have this name.
        """
        _ = self.head  # whoever was forgotten by now is not remembered here
        known = self._states.look(stream) or bare(stream)
        with self._reading() as cursor:
            cursor.execute(self._sql.newer_of_stream, (stream, known.version))
            known = self._fold(known, cursor.fetchall())
        return known.version, known.state

    def rows(
        self, *, after: int = 0, until: int | None = None, stream: str | None = None, limit: int | None = None
    ) -> Iterator[Row]:
        """The events in order, of all streams or one, with ``after`` < position ≤ ``until`` (the head where not given),
        at most ``limit``.
        """
        until = self._until(until)
        if stream is None and limit is not None:
            until = min(until, after + limit)
        found = self._of_all(after, until) if stream is None else self._of_stream(stream, after, until)
        for count, (position, name, version, type, recorded_at, document, hash) in enumerate(found):
            if limit is not None and count >= limit:
                return
            yield Row(position, name, version, type, from_microseconds(recorded_at), document, hash)

    def kinds(self, after: int, until: int) -> set[tuple[str, str]]:
        """The stream and the type of every event with ``after`` < position ≤ ``until``, each pair once."""
        with self._reading() as cursor:
            cursor.execute(self._sql.kinds, (after, until))
            return set(cursor.fetchall())

    def batches(self, after: int, until: int | None = None, size: int = 10_000) -> Iterator[pa.RecordBatch]:
        """The events with ``after`` < position ≤ ``until`` (the head where not given) in batches of ``size``, with the
        columns of ``Row``.
        """
        until = self._until(until)
        for begin in range(after, until, size):
            end = min(begin + size, until)
            yield record_batch(
                self._between(part, min(part + ROWS_AT_ONCE, end)) for part in range(begin, end, ROWS_AT_ONCE)
            )

    def position_at(self, instant: datetime) -> int:
        """The last position recorded at or before the instant, 0 where there is none."""
        with self._reading() as cursor:

            def recorded_at(position: int) -> int:
                cursor.execute(self._sql.recorded_at, (position,))
                return int(cursor.fetchall()[0][0])

            positions = range(1, self._read_head(cursor)[0].position + 1)
            return bisect_right(positions, microseconds(instant), key=recorded_at)

    def hash_at(self, position: int) -> bytes | None:
        """The hash of the event at a position; of position 0, with which the chain begins; none where there is no such
        event.
        """
        if position == 0:
            return BEGINNING
        with self._reading() as cursor:
            cursor.execute(self._sql.hash, (position,))
            row = cursor.fetchone()
        return None if row is None else bytes(row[0])

    def wait(self, after: int, timeout: float | None, given_up: Event | None = None) -> int:
        """Wait until the log has gone beyond ``after``, for at most ``timeout`` seconds (None: for ever, or until the
        log is closed), and return the position it is at. Whoever sets ``given_up`` calls `wake` to end it sooner.
        """
        deadline = None if timeout is None else monotonic() + timeout
        look_again = self._listen()
        while self._open and not (given_up and given_up.is_set()):
            heard = self._heard
            position = self.head.position
            left = look_again if deadline is None else min(look_again, deadline - monotonic())
            if position > after or left <= 0:
                return position
            with self._committed:
                if self._open and self._heard == heard and self._seen.position <= after:
                    self._committed.wait(left)
        return self._seen.position

    def wake(self) -> None:
        """Let all who wait look whether they still want to."""
        self._hear()

    def verify(self, *, last: int | None = None, progress: Progress | None = None) -> list[Finding]:
        """Look for alterations, in the last so many events or in all of them: positions and versions without a gap, the
        hash chain, every column as its document says, the head as the last event. Empty where all is sound, otherwise
        the first thing that is wrong.
        """
        with self._reading():
            return Verification(self._database).run(last=last, progress=progress)

    # Doors for those who decide elsewhere and keep their events here (infra/log/library.py).

    @property
    def database(self) -> Database:
        """For the texts of statements; what they do, they do by ``reading`` and ``appending``."""
        return self._database

    def reading(self) -> AbstractContextManager[DBAPICursor]:
        """A cursor for reading, see ``Database.reading``."""
        return self._reading()

    @contextmanager
    def appending(self) -> Iterator[Appending]:
        """A transaction that nobody else's overlaps. What was added to it, and all that its cursor was told, is durable
        when it is left, and undone when it is left by an exception.

        :raises Rejected: CLOCK_WENT_BACK.
        """
        with self._serving:
            if not self._open:
                raise closed()
            try:
                with self._database.writing(self._sql.head) as cursor:
                    (before, _), now = heads_of(cursor.fetchall()), self._clock()
                    require_clock(before.recorded_at - now)
                    appending = Appending(cursor, before, max(now, before.recorded_at + MICROSECOND))
                    yield appending
                    self._database.ask_no_more()
                    if appending.rows:
                        self._sql.append(cursor, head_row(before), head_row(appending.head), appending.rows, [])
            except Uncertain:
                if not appending.rows or not self._was_committed(appending.head):
                    raise
            if self._seen == before:
                self._seen = appending.head
        with self._committed:
            self._committed.notify_all()

    # How the requests of one group are served, by one thread at a time.

    @property
    def _keys(self) -> Keys:
        if self._keys_given is None:
            raise TypeError("a log that was opened without keys cannot decide")
        return self._keys_given

    def _serve(self, admit: Admit) -> None:
        """Answer every one of them: all in one transaction, but for those that need one of their own."""
        groups = [list(group) for _, group in groupby(admit(), key=lambda each: id(each) if each.alone else None)]
        for group in groups:
            self._serve_together(group, admit if len(groups) == 1 else nobody)

    def _serve_together(self, asked: list[Asked], admit: Admit) -> None:
        """Answer every one of them, and whoever is admitted: all in one transaction, or, where one of them breaks it,
        each in its own.
        """
        try:
            with self._serving:
                self._commit(asked, admit)
        except Unusable as refused:
            for each in asked:
                each.answer = Unusable(refused.code, refused.sentence)
        except Exception as error:
            if len(asked) == 1:
                asked[0].answer = error
                return
            for each in asked:
                self._serve_together([each], nobody)

    def _commit(self, asked: list[Asked], admit: Admit) -> None:
        if not self._open:
            raise closed()
        learned = self._learned
        states = self._warm(asked)
        decided: Decided | None = None
        try:
            with working_for(Group(asked)):
                if self._undisturbed and not asked[0].alone:
                    decided = self._commit_at_once(asked, dict(states))
                if decided is None:
                    decided = self._commit_in_turn(asked, states, learned, admit)
        except Lost as lost:
            decided = self._commit_instead(lost, asked, states, learned, admit)
        for each, answer in zip(asked, decided.answers, strict=True):
            each.answer = answer
        for stream, known in decided.changed.items():
            self._states.keep(stream, known)
        self._forget_states(decided.changed)
        self._seen = decided.head
        if decided.rows:
            self.commits += 1
            self.commands += len(asked)
            with self._committed:
                self._committed.notify_all()
            if asked[0].alone:
                self._undisturbed = False  # whoever comes next shall see that it is not finished
                self._finish_forgetting(decided.head)

    def _commit_at_once(self, asked: list[Asked], states: dict[str, Known]) -> Decided | None:
        """Decide on what was last seen of the log, and append what comes of it where nobody else appended anything
        meanwhile: that saves the question for the head, and others need not wait while this decides. None, and nothing
        is done, where it has to be decided anew, or nothing is to be appended.
        """
        answered: dict[str, Answered] = {}
        if any(each.request.request_id is not None for each in asked):
            with self._database.reading() as cursor:
                answered = self._read_answers(cursor, asked)
        decided = self._decide(self._seen, states, answered, asked)
        if not decided.rows:
            return None
        self._undisturbed = False
        try:
            self._undisturbed = self._sql.append.at_once(
                head_row(self._seen), head_row(decided.head), decided.rows, decided.remembered
            )
        except Uncertain as uncertain:
            raise Lost(decided, uncertain) from uncertain
        return decided if self._undisturbed else None

    def _commit_instead(
        self, lost: Lost, asked: list[Asked], states: dict[str, Known], learned: int, admit: Admit
    ) -> Decided:
        """Commit in turn what was lost on its way at once, unless it arrived; after that it comes too late.

        :raises Uncertain: where that fails, so that it may still arrive.
        """
        try:
            decided = self._commit_in_turn(asked, states, learned, admit, lost.decided)
        except Unusable:
            raise lost.uncertain from None
        if not decided.rows:
            raise lost.uncertain
        return decided

    def _commit_in_turn(
        self,
        asked: list[Asked],
        states: dict[str, Known],
        learned: int,
        admit: Admit,
        lost: Decided | None = None,
    ) -> Decided:
        """Take the turn to write, decide on the log as it is then, and append what comes of it; what was ``lost`` on
        its way may have arrived before. Whoever came while this waited for its turn is added to ``asked``.
        """
        decided: Decided | None = None
        try:
            seen = self._seen
            with self._database.writing(self._sql.head_since(seen.position)) as cursor:
                head = self._bring(cursor, states, learned)
                self._undisturbed = head == seen
                if lost is not None and self._is_there(cursor, lost.head):
                    return lost._replace(head=head, changed={})
                came = admit()
                asked += came
                states |= self._warm(came)
                decided = self._decide(head, states, self._read_answers(cursor, asked), asked)
                self._database.ask_no_more()
                if decided.rows:
                    self._sql.append(cursor, head_row(head), head_row(decided.head), decided.rows, decided.remembered)
                elif decided.remembered:
                    self._sql.insert_answers(cursor, decided.remembered)
        except Uncertain:
            # It may be the keys that are uncertain.
            if decided is None or not decided.rows or not self._was_committed(decided.head):
                raise
        return decided

    def _decide(
        self, head: Head, states: dict[str, Known], answered: dict[str, Answered], asked: list[Asked]
    ) -> Decided:
        """Decide on the log as it is at ``head``; the keys that the rows need are durable."""
        decisions = Decisions(
            head,
            self._clock(),
            states,
            answered,
            lambda stream: self._load([stream])[stream],
            partial(self._person, head),
            self._forgotten,
        )
        answers = [decide(decisions, each) for each in asked]
        rows, head = self._rows_of(decisions, head)
        remembered = [answer_row(*item) for item in decisions.answers.items()]
        return Decided(answers, rows, remembered, decisions.changed, head)

    # Forgetting: the event is appended, the keys are destroyed, then the answer goes out. Whoever learns of a
    # forgetting destroys its keys before doing anything else, also where somebody else is about to, or was killed.

    def _person(self, head: Head, stream: str) -> tuple[tuple[str, ...], int]:
        """All streams of the person that a stream is about, as the links stand at the head, and the position of the
        newest event in them.
        """
        assert self.people is not None
        self.people.follow(head.position)
        streams = self._keys.directory.person(stream)
        with self._database.reading() as cursor:
            cursor.execute(self._sql.newest_of_streams, (values(streams),))
            return streams, cursor.fetchall()[0][0]

    def _finish_forgetting(self, head: Head) -> None:
        try:
            self._learn(head.position)
        except Unusable as refused:
            raise Unusable(
                refused.code,
                f"the forgetting is recorded, but the keys are not destroyed yet: {refused.sentence}; nothing else is "
                "done before they are; ask again with the same request id",
            ) from refused

    def _learn(self, until: int) -> None:
        """Destroy the keys of all who were forgotten up to a position, where they are still there, and remember nothing
        of them.
        """
        if self._keys_given is None:
            return
        with self._learning, working_for(PATIENT):  # it is for everybody
            if until <= self._learned:
                return
            with self._database.reading() as cursor:
                documents = []
                for statement in self._sql.forgettings:
                    cursor.execute(statement, (self._learned, until))
                    documents += [row[0] for row in cursor.fetchall()]
            streams = set().union(*map(forgotten_streams, documents))
            self._keys.destroy(sorted(streams))
            self._forgotten |= streams
            self._forget_states({stream: bare(stream) for stream in streams} | self._states.copied_from(streams))
            self._learned = until

    def _forget_states(self, states: dict[str, Known]) -> None:
        """Remember no state of those among the streams who were forgotten, here or elsewhere, nor what was copied from
        them.
        """
        gone = self._forgotten.intersection(states)
        copies = (stream for stream, known in states.items() if not self._forgotten.isdisjoint(known.sources.values()))
        for stream in {*gone, *copies}:
            del states[stream]
            self._states.drop(stream)

    def _was_committed(self, head: Head) -> bool:
        """Whether the transaction that brought the log to ``head`` was committed, judged by whoever has the turn next.

        :raises Unusable: where it was not.
        """
        try:
            with working_for(PATIENT), self._database.writing() as cursor:
                is_there = self._is_there(cursor, head)
        except Unusable:
            return False
        if not is_there:
            raise Unusable("LOG_UNAVAILABLE", "the connection was lost before the commit; nothing was recorded; retry")
        return True

    def _is_there(self, cursor: DBAPICursor, head: Head) -> bool:
        cursor.execute(self._sql.hash, (head.position,))
        return [bytes(row[0]) for row in cursor.fetchall()] == [head.hash]

    def _rows_of(self, decisions: Decisions, head: Head) -> tuple[list[StoredRow], Head]:
        """The rows of what was decided, and the head that they lead to; the keys that they need are durable."""
        if not decisions.facts:
            return [], head
        sealing: set[str] = set()
        for fact in decisions.facts:
            if fact.event.personal:
                sealing |= sealing_streams(fact.event, fact.stream, fact.sources)
        position, hash, recorded_at = head.position, head.hash, decisions.recorded_at
        stamp = microseconds(recorded_at)
        rows = []
        seals = self._keys.ensure(sealing)
        for fact in decisions.facts:
            position += 1
            envelope = fact.envelope(str(uuid7()), position, recorded_at)
            document = encode(fact.event, envelope, seals, fact.sources)
            hash = sha256(hash + document).digest()
            rows.append((position, fact.stream, fact.version, envelope.type, stamp, document, hash))
        return rows, Head(position, hash, recorded_at)

    def _warm(self, asked: Iterable[Asked]) -> dict[str, Known]:
        """The states of the streams that are asked about, as committed, now or a little earlier."""
        streams = {stream for each in asked for stream in each.streams}
        states = {stream: known for stream in streams if (known := self._states.use(stream)) is not None}
        missing = [stream for stream in streams if stream not in states]
        if missing:
            for stream, known in self._load(missing).items():
                states[stream] = known
                self._states.keep(stream, known)
        return states

    def _bring(self, cursor: DBAPICursor, states: dict[str, Known], learned: int) -> Head:
        """Bring what is remembered, and the states, which were loaded when all forgettings up to ``learned`` had been
        learned of, to the head of the log.
        """
        rows = cursor.fetchall()
        head, forgotten = heads_of(rows[:1])
        if forgotten > self._learned:
            self._learn(forgotten)
        if self._learned != learned:
            self._forget_states(states)
        if head != self._seen:
            self._catch_up(head, [row[-3:] for row in rows if row[-3] is not None], states)
        return head

    def _catch_up(self, head: Head, newer: Sequence[Sequence[Any]], states: dict[str, Known]) -> None:
        """Another process committed: bring what is remembered to ``head``, which the ``newer`` events lead to, unless
        there are too many of them.
        """
        if not newer or head.position - self._seen.position != len(newer):
            self._states.clear()
            states.update(self._load(list(states)))
            newer = []
        for stream, version, document in newer:
            known = states.get(stream) or self._states.look(stream)
            if known is None:
                continue
            try:
                known = self._fold(known, [(stream, version, document)])
            except Rejected:  # whoever needs this stream shall be told, and nobody else
                states.pop(stream, None)
                self._states.drop(stream)
                continue
            if stream in states:
                states[stream] = known
            if stream in self._states:
                self._states.keep(stream, known)
        self._seen = head

    def _load(self, streams: list[str]) -> dict[str, Known]:
        """The states of the streams, from their events."""
        states = {stream: bare(stream) for stream in streams}
        with self._database.reading() as cursor:
            cursor.execute(self._sql.of_streams, (values(streams),))
            for row in cursor.fetchall():
                states[row[0]] = self._fold(states[row[0]], [row])
        return states

    def _fold(self, known: Known, rows: Sequence[Sequence[object]]) -> Known:
        """What is known after those of the rows (stream, version, document) that are newer."""
        for stream, version, document in rows:
            if version == known.version + 1:
                attributes = attributes_of(document)  # type: ignore[arg-type]
                keys = OpenedFor(stream, self._keys)  # type: ignore[arg-type]
                known = known.after(event_of(attributes, keys), read_instant(attributes["time"]), keys.sources)
            elif version > known.version:  # type: ignore[operator]
                raise Rejected("LOG_TAMPERED", f"version {known.version + 1} of {stream} is missing; run crm verify")
        return known

    def _read_answers(self, cursor: DBAPICursor, asked: list[Asked]) -> dict[str, Answered]:
        ids = [each.request.request_id for each in asked if each.request.request_id is not None]
        if not ids:
            return {}
        cursor.execute(self._sql.answers, (values(ids),))
        return {
            request_id: Answered(
                fingerprint,
                Outcome(stream, stream.partition("-")[2], version, first, last, position, from_microseconds(at)),
            )
            for request_id, fingerprint, stream, version, first, last, position, at in cursor.fetchall()
        }

    # How the log is read.

    def _listen(self) -> float:
        """Listen to the commits of other processes, and say after how many seconds to look for what was not heard."""
        with self._committed:
            if self._look_again is None:
                self._look_again = (
                    LOOK_AGAIN_LISTENING_SECONDS if self._database.listen(self._hear) else LOOK_AGAIN_SECONDS
                )
            return self._look_again

    def _hear(self) -> None:
        with self._committed:
            self._heard += 1
            self._committed.notify_all()

    def _reading(self) -> AbstractContextManager[DBAPICursor]:
        if not self._open:
            raise closed()
        return self._database.reading()

    def _read_head(self, cursor: DBAPICursor) -> tuple[Head, int]:
        cursor.execute(self._sql.head)
        return heads_of(cursor.fetchall())

    def _until(self, until: int | None) -> int:
        position = self.head.position
        return position if until is None else min(until, position)

    def _between(self, after: int, until: int) -> list[StoredRow]:
        with self._reading() as cursor:
            cursor.execute(self._sql.between, (after, until))
            return cursor.fetchall()  # type: ignore[return-value]

    def _of_all(self, after: int, until: int) -> Iterator[StoredRow]:
        for begin in range(after, until, ROWS_AT_ONCE):
            yield from self._between(begin, min(begin + ROWS_AT_ONCE, until))

    def _of_stream(self, stream: str, after: int, until: int) -> Iterator[StoredRow]:
        with self._reading() as cursor:
            cursor.execute(self._sql.version_at, (stream, after))
            first = cursor.fetchall()[0][0] or 0
            cursor.execute(self._sql.version_at, (stream, until))
            last = cursor.fetchall()[0][0] or 0
        for begin in range(first, last, ROWS_AT_ONCE):
            with self._reading() as cursor:
                cursor.execute(self._sql.of_stream, (stream, begin, min(begin + ROWS_AT_ONCE, last)))
                rows = cursor.fetchall()
            yield from rows


class Decided(NamedTuple):
    """What came of a group of requests: an answer for each, the rows to be appended and the head after them, the
    answers to be remembered, and the states that changed.
    """

    answers: list[Outcome | BaseException]
    rows: list[StoredRow]
    remembered: list[tuple[object, ...]]
    changed: dict[str, Known]
    head: Head


class Group(Patient):
    """All who ask together wait as long as the most patient of them; nothing that runs for them is cut off."""

    def __init__(self, asked: list[Asked]) -> None:
        super().__init__()
        self._asked = asked  # may grow

    @property
    def patience(self) -> float | None:
        until = patience_of(each.request for each in self._asked)
        return None if until is None else max(0.0, until - monotonic())


def patience_of(requests: Iterable[Request]) -> float | None:
    """Until when the most patient of the callers waits; None where one waits as long as it takes."""
    deadlines = [each.deadline for each in requests]
    return None if None in deadlines else max(deadlines, default=None)  # type: ignore[type-var]


class Lost(Exception):
    """The connection was lost while what was decided was on its way."""

    def __init__(self, decided: Decided, uncertain: Uncertain) -> None:
        super().__init__(uncertain.sentence)
        self.decided = decided
        self.uncertain = uncertain


class Appending:
    """Events that were decided elsewhere, on their way into the log within the transaction of ``cursor``. ``head`` is
    that of the log after them.
    """

    def __init__(self, cursor: DBAPICursor, head: Head, recorded_at: datetime) -> None:
        self.cursor = cursor
        self.head = head
        self.rows: list[StoredRow] = []
        self._recorded_at = recorded_at

    def add(self, stream: str, version: int, type: str, actor: Actor, data: dict[str, Any]) -> int:
        """Add an event whose data is JSON; ``version`` is the next one of its stream, which no command decides on.
        Returns its position.
        """
        position, at = self.head.position + 1, self._recorded_at
        envelope = Envelope(str(uuid7()), stream, version, position, type, at, at, actor, None, None, None)
        document = written(envelope, data, None)
        self.head = Head(position, sha256(self.head.hash + document).digest(), at)
        self.rows.append((position, stream, version, type, microseconds(at), document, self.head.hash))
        return position


class Statements:
    """What the log says to its database, each compiled once; parameters by position."""

    def __init__(self, database: Database) -> None:
        position, stream, version = events.c.position, events.c.stream, events.c.version
        newer = select(stream, version, events.c.document)
        # As literals: so the database knows that the indexes of these few events are the ones to ask.
        forgettings = [events.c.type == literal_column(f"'{type}'") for type in FORGETTINGS]
        newest = [select(func.max(position)).where(each).scalar_subquery() for each in forgettings]
        between = (position > bindparam("after"), position <= bindparam("until"))
        self.head = database.text(select(log_head, *newest))
        few = text("events.position > {seen} AND events.position <= {last}")
        those = newer.add_columns(position).where(few).subquery()
        self._head_since = database.text(
            select(log_head, *newest, those.c.stream, those.c.version, those.c.document)
            .join_from(log_head, those, true(), isouter=True)
            .order_by(those.c.position)
        )
        self.forgettings = [database.text(select(events.c.document).where(each, *between)) for each in forgettings]
        self.append = database.appending(log_head, events, requests)
        self.insert_answers = database.inserting(requests)
        self.answers = database.text(select(requests).where(database.one_of(requests.c.request_id)))
        self.of_streams = database.text(newer.where(database.one_of(stream)).order_by(stream, version))
        # By the bare column a database looks through all events from the newest on, until it meets one of them.
        not_by_position = position + literal_column("0")
        self.newest_of_streams = database.text(select(func.max(not_by_position)).where(database.one_of(stream)))
        self.newer_of_stream = database.text(
            newer.where(stream == bindparam("stream"), version > bindparam("version")).order_by(version)
        )
        self.between = database.text(select(events).where(*between).order_by(position))
        self.kinds = database.text(select(stream, events.c.type).distinct().where(*between))
        self.of_stream = database.text(
            select(events)
            .where(stream == bindparam("stream"), version > bindparam("from"), version <= bindparam("to"))
            .order_by(version)
        )
        self.version_at = database.text(
            select(func.max(version)).where(stream == bindparam("stream"), position <= bindparam("position"))
        )
        self.hash = database.text(select(events.c.hash).where(position == bindparam("position")))
        self.recorded_at = database.text(select(events.c.recorded_at).where(position == bindparam("position")))

    def head_since(self, seen: int) -> str:
        """The statement of the head, with the first of the events after the position that was seen; without events,
        nothing stands in their place.
        """
        return self._head_since.format(seen=seen, last=seen + MOST_TO_CATCH_UP)


def decide(decisions: Decisions, asked: Asked) -> Outcome | BaseException:
    """The answer to one request; what is wrong with one command does not concern the others.

    :raises Unusable: where the database cannot be read.
    """
    try:
        require(
            asked.request.deadline is None or monotonic() <= asked.request.deadline,
            "DEADLINE_PASSED",
            "the deadline passed before it was this command's turn; nothing was recorded",
        )
        return decisions.decide(asked)
    except Unusable:
        raise
    except Exception as error:
        return error


def heads_of(rows: Sequence[Sequence[Any]]) -> tuple[Head, int]:
    """The head, and the position of the newest forgetting, from the row of their statement.

    :raises Rejected: LOG_TAMPERED where it is missing.
    """
    if not rows:
        raise Rejected("LOG_TAMPERED", "the head of the log is missing; restore a backup")
    position, hash, recorded_at, *others = rows[0]
    forgotten = max(at or 0 for at in others[: len(FORGETTINGS)])
    return Head(position, hash, from_microseconds(recorded_at)), forgotten


def head_row(head: Head) -> tuple[int, bytes, int]:
    """The row of a head."""
    return head.position, head.hash, microseconds(head.recorded_at)


def answer_row(request_id: str, answered: Answered) -> tuple[object, ...]:
    """The row that remembers an answer."""
    outcome = answered.outcome
    return (
        request_id,
        answered.fingerprint,
        outcome.stream,
        outcome.version,
        outcome.first_position,
        outcome.last_position,
        outcome.position,
        microseconds(outcome.recorded_at),
    )


def nobody() -> list[Asked]:
    """Who joins a group that takes in nobody."""
    return []


def closed() -> Unusable:
    """The refusal of a log that was closed."""
    return Unusable("LOG_CLOSED", "the log was closed")

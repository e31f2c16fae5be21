"""An import: the commands of a mapping go through a door, and what is refused goes to a file."""

from __future__ import annotations

import csv
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Any, Protocol

from commands.rejected import Rejected, require
from infra.intake.mapping import Wish

BATCH = 500
IN_FLIGHT = 4
REFUSED_COLUMNS = ("file", "row", "step", "command", "id", "code", "field", "sentence")


class Answered(Protocol):
    """What the import needs to know of an accepted command: the position of its first event, 0 where there is none."""

    @property
    def first_position(self) -> int: ...


Answer = Answered | Rejected
Door = Callable[[Iterator[list[Wish]]], Iterator[Sequence[Answer]]]
"""Takes batches of commands and gives their answers, batch by batch, in the same order. It may take several batches
before it answers the first; all commands are decided in the order in which they come. A batch may be empty.
"""


class Wishes(Protocol):
    """What can be imported: a mapping applied to its files, or a simulation."""

    @property
    def count(self) -> int: ...

    def batches(self, size: int) -> Iterator[list[Wish]]: ...


@dataclass(slots=True)
class Totals:
    """What became of the commands: ``changed`` recorded something now, ``already`` did in an earlier run, ``unchanged``
    found everything as they wanted it. ``total`` is what the files mean; after an interruption not all of it is done.
    """

    total: int
    changed: int = 0
    already: int = 0
    unchanged: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """How many commands were answered."""
        return self.changed + self.already + self.unchanged + self.refused.total()

    @property
    def is_interrupted(self) -> bool:
        """Whether the import stopped before its end; running it again goes on there."""
        return self.done < self.total


class RefusedRows(AbstractContextManager["RefusedRows"]):
    """The file of the refused rows. It takes its place when the import ends, and only where there are any; one of an
    earlier run goes away otherwise. Any other file stays as it is.

    :raises Rejected: REFUSED_NOT_WRITABLE.
    """

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        self._path = path
        # Of each process its own: another one may import the same file just now.
        self._part = path.with_name(f"{path.name}.{os.getpid()}.part")
        self._files = files
        self._count = 0
        self._stream: IO[str]

    def __enter__(self) -> RefusedRows:
        with self._writing():
            require(
                self._is_ours(),
                "REFUSED_NOT_WRITABLE",
                f"{self._path} holds something else and stays as it is; name another place for the refused rows",
            )
            self._stream = self._part.open("w", encoding="utf-8", newline="")
            self._rows = csv.writer(self._stream, lineterminator="\n")
            self._rows.writerow(REFUSED_COLUMNS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._writing():
            self._stream.close()
            if self._count:
                self._part.replace(self._path)
                return
            self._part.unlink()
            if kind is None:
                self._path.unlink(missing_ok=True)

    def add(self, wish: Wish, refusal: Rejected) -> None:
        """Write one refused command."""
        file = self._files[wish.file - 1].name if 0 < wish.file <= len(self._files) else wish.file
        self._count += 1
        where = (file, wish.row, wish.step, wish.command, wish.fields["id"])
        with self._writing():
            self._rows.writerow((*where, refusal.code, refusal.field, refusal.sentence))

    def _is_ours(self) -> bool:
        """Whether nothing is lost with what is there: nothing is, or what an earlier run wrote."""
        if not self._path.exists():
            return True
        if not self._path.is_file():
            return False
        header = f"{','.join(REFUSED_COLUMNS)}\n".encode()
        with self._path.open("rb") as stream:
            return stream.read(len(header)) in (b"", header)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Rejected(
                "REFUSED_NOT_WRITABLE",
                f"{self._path} cannot be written ({error.strerror}); name another place for the refused rows",
            ) from error


def beside(source: Path) -> Path:
    """Where the refused rows of a source go unless another place is named."""
    return source.with_name(f"{source.name}.refused.csv")


def run(
    wishes: Wishes,
    files: Sequence[Path],
    door: Door,
    *,
    head: int,
    refused: Path | None = None,
    progress: Callable[[Totals], None] | None = None,
) -> Totals:
    """Send every command through the door. ``head`` is the log's last position before: what was recorded up to there
    was done by an earlier run. Nothing happens twice, so a run that stopped goes on when it is started again. The first
    Ctrl-C ends it after the batches that are on their way.

    :param files: the files that the commands come from, to be named beside refused rows.
    :param refused: where refused rows go; beside the first file where not given.

    :raises Rejected: REFUSED_NOT_WRITABLE, and what the door raises.
    """
    totals = Totals(wishes.count)
    stop = threading.Event()
    with RefusedRows(refused or beside(files[0]), files) as rows, _stopped_by_ctrl_c(stop):
        flight = _Flight(wishes.batches(BATCH), stop)
        try:
            for answers in door(flight.departures()):
                for wish, answer in flight.arrived(answers):
                    _count(totals, wish, answer, head, rows)
                if progress is not None:
                    progress(totals)
        finally:
            flight.cancel()
    return totals


def _count(totals: Totals, wish: Wish, answer: Answer, head: int, rows: RefusedRows) -> None:
    if isinstance(answer, Rejected):
        totals.refused[answer.code] += 1
        rows.add(wish, answer)
    elif answer.first_position == 0:
        totals.unchanged += 1
    elif answer.first_position <= head:
        totals.already += 1
    else:
        totals.changed += 1


class _Flight:
    """The batches on their way through the door: a few at once, answered in order. Rows that are refused before they
    reach the door wait here for their place among the answers.
    """

    def __init__(self, batches: Iterator[list[Wish]], stop: threading.Event) -> None:
        self._batches = batches
        self._stop = stop
        self._room = threading.Semaphore(IN_FLIGHT)
        self._reading = threading.Lock()
        self._flying: deque[list[Wish]] = deque()

    def departures(self) -> Iterator[list[Wish]]:
        """The batches for the door, which may take them in a thread of its own."""
        while (batch := self._next()) is not None:
            self._room.acquire()
            if self._stop.is_set():
                return
            self._flying.append(batch)
            yield [wish for wish in batch if wish.refusal is None]

    def arrived(self, answers: Sequence[Answer]) -> Iterator[tuple[Wish, Answer]]:
        """The oldest batch with its answers."""
        batch = self._flying.popleft()
        self._room.release()
        given = iter(answers)
        for wish in batch:
            yield wish, wish.refusal or next(given)

    def cancel(self) -> None:
        """Let no further batch depart, and read none, so that what they are read from can be closed: the thread that
        takes them may still be at it.
        """
        self._stop.set()
        self._room.release()
        with self._reading:
            pass

    def _next(self) -> list[Wish] | None:
        with self._reading:
            return None if self._stop.is_set() else next(self._batches, None)


@contextmanager
def _stopped_by_ctrl_c(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C asks to stop, the second one interrupts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before: Any = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

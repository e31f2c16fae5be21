"""Many writers and readers, each in a process of its own: every reader sees every event once, in order, though one of
them is killed again and again and goes on from where it was.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pytest

from commands.lead import CaptureLead, ScoreLead
from commands.rejected import Rejected
from infra.log import Actor, Outcome, Request
from infra.log.tables import BEGINNING
from tests.faults import sizes
from tests.faults.nodes import Node, nodes, opened
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
IN_A_SUBMIT = 1_000
HASH_BYTES = 32


class Seen(NamedTuple):
    """How far a reader has come."""

    position: int
    hash: bytes


class Notes:
    """Where a reader writes down how far it has come: a line for each batch, which holds when it is whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, first: int, seen: Seen) -> None:
        with self._file.open("a") as out:
            out.write(f"{first} {seen.position} {seen.hash.hex()}\n")

    def batches(self) -> list[tuple[int, Seen]]:
        """The first position and the end of each batch."""
        if not self._file.exists():
            return []
        lines = [line.split() for line in self._file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [(int(first), Seen(int(last), bytes.fromhex(hash))) for first, last, hash in lines]

    @property
    def end(self) -> Seen:
        batches = self.batches()
        return batches[-1][1] if batches else Seen(0, BEGINNING)


def write(connection: Connection, urls: tuple[str, str], name: str, count: int) -> None:
    """Record so many events, in bulk."""
    with opened(urls) as (log, _):
        connection.send("ready")
        connection.recv()
        for begin in range(0, count, IN_A_SUBMIT):
            turns = range(begin, min(begin + IN_A_SUBMIT, count))
            requests = [Request(command(name, turn), ANN, f"{name}-{turn}") for turn in turns]
            answers = log.submit(requests)
            while {answer.code for answer in answers if isinstance(answer, Rejected)} == {"LOG_UNAVAILABLE"}:
                answers = log.submit(requests)  # the others kept it waiting for too long
            assert all(isinstance(answer, Outcome) and answer.last_position for answer in answers), answers[0]


def command(name: str, turn: int) -> CaptureLead | ScoreLead:
    lead = f"{name}-{turn // 2}"
    return ScoreLead(id=lead, score=turn % 100) if turn % 2 else CaptureLead(id=lead, source="web", country="DE")


def read(connection: Connection, urls: tuple[str, str], file: Path, until: int) -> None:
    """Follow the log from where the notes end."""
    notes = Notes(file)
    seen = notes.end
    with opened(urls) as (log, _):
        connection.send("ready")
        while seen.position < until:
            log.wait(seen.position, None)
            for batch in log.batches(seen.position):
                first = seen.position + 1
                assert batch["position"].to_pylist() == list(range(first, first + batch.num_rows))
                hash = seen.hash
                for document, stored in zip(batch["document"].to_pylist(), batch["hash"].to_pylist(), strict=True):
                    hash = sha256(hash + document).digest()
                    assert hash == stored
                seen = Seen(seen.position + batch.num_rows, hash)
                notes.add(first, seen)


@pytest.mark.soak
def test_every_reader_sees_every_event_once_and_in_order(
    own_place: Place, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    urls = own_place.url("log"), own_place.url("keys")
    each = sizes.EVENTS // sizes.WRITERS
    total = each * sizes.WRITERS
    with opened(urls) as (log, _):
        writers = [Node(write, urls, str(number), each) for number in range(sizes.WRITERS)]
        readers = [Node(read, urls, tmp_path / str(number), total) for number in range(sizes.READERS)]
        mortal = tmp_path / "mortal"
        with nodes(*writers, *readers):
            for node in (*writers, *readers):
                assert node.hear() == "ready"
            begin = time.monotonic()
            for writer in writers:
                writer.tell()
            kills = kill_again_and_again(urls, mortal, total, writers)
            for writer in writers:
                assert writer.end() == []
            for reader in readers:
                assert reader.end() == []
            seconds = time.monotonic() - begin
        assert log.head.position == total
        head = Seen(*log.head[:2])
        for file in (mortal, *(tmp_path / str(number) for number in range(sizes.READERS))):
            position = 0
            for first, end in Notes(file).batches():
                assert first == position + 1
                position = end.position
            assert Notes(file).end == head
        assert log.verify(last=20_000) == []
    figure(
        f"{total:,} events by {sizes.WRITERS} writers, seen by {sizes.READERS} readers and one that was killed "
        f"{kills} times, in {seconds:.1f} s: {total / seconds:,.0f} events/s"
    )


def kill_again_and_again(urls: tuple[str, str], file: Path, until: int, writers: list[Node]) -> int:
    """A reader that is killed at random moments, until it has seen everything; how often it was killed."""
    chance = random.Random()
    kills = 0
    while True:
        reader = Node(read, urls, file, until)
        with nodes(reader):
            assert reader.hear() == "ready"
            if kills < sizes.KILLS:
                reader.process.join(chance.uniform(0, 0.5))
            else:
                while reader.process.exitcode is None and not any(writer.broke for writer in writers):
                    reader.process.join(1)
                if reader.process.exitcode is None:
                    return kills
            if reader.process.exitcode is not None:
                assert reader.end() == []
                return kills
        kills += 1

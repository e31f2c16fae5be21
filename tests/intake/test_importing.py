from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from commands.rejected import Rejected
from infra.intake import Answer, Door, Mapping, Totals, Wish, beside, run
from infra.intake.importing import BATCH, IN_FLIGHT
from tests.intake.doors import Memory

SQL = """
select 'CaptureLead' as command, id, date '2020-01-01' as occurred_at, row from source
union all by name
select 'ScoreLead' as command, id, date '2020-01-02' as occurred_at, row, score from source where score is not null
"""
ROWS = ["a,50", "b,", "a,60", "c,many", "not valid!,", "d,101"]


class Folder:
    """A mapping, a file, and where its refused rows go."""

    def __init__(self, path: Path, *, fresh: bool = True) -> None:
        self.file = path / "leads.csv"
        self.mapping = path / "leads.sql"
        if fresh:
            self.mapping.write_text(SQL)
            self.write(ROWS)

    def write(self, rows: list[str]) -> None:
        self.file.write_text("\n".join(["id,score", *rows]) + "\n")

    def run(self, door: Door, *, head: int = 0, refused: Path | None = None) -> Totals:
        with Mapping.open(self.mapping, [self.file], time_zone="UTC") as mapping:
            return run(mapping, [self.file], door, head=head, refused=refused)

    def refused(self) -> list[dict[str, str]]:
        with beside(self.file).open(newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.slow
def test_what_is_refused_goes_to_a_file_with_its_row_and_the_rest_goes_on(folder: Folder) -> None:
    memory = Memory()
    totals = folder.run(memory.door)
    assert (totals.changed, totals.refused) == (6, {"ALREADY_EXISTS": 1, "INVALID_FIELD": 3})
    assert [
        (row["file"], row["row"], row["command"], row["id"], row["code"], row["field"]) for row in folder.refused()
    ] == [
        ("leads.csv", "4", "CaptureLead", "a", "ALREADY_EXISTS", "id"),
        ("leads.csv", "6", "CaptureLead", "not valid!", "INVALID_FIELD", "id"),
        ("leads.csv", "5", "ScoreLead", "c", "INVALID_FIELD", "score"),
        ("leads.csv", "7", "ScoreLead", "d", "INVALID_FIELD", "score"),
    ]
    assert folder.refused()[2]["sentence"] == "score must be a whole number"


def test_a_second_run_changes_nothing_and_writes_the_same(folder: Folder) -> None:
    memory = Memory()
    first = folder.run(memory.door)
    states, file = dict(memory.world.states), beside(folder.file).read_bytes()
    second = folder.run(memory.door, head=memory.position)
    assert (second.changed, second.already, second.refused) == (0, first.changed, first.refused)
    assert memory.world.states == states
    assert beside(folder.file).read_bytes() == file


def test_a_longer_file_adds_only_what_is_new(folder: Folder) -> None:
    memory = Memory()
    first = folder.run(memory.door)
    folder.write(["e,70", *ROWS])
    second = folder.run(memory.door, head=memory.position)
    assert (second.changed, second.already) == (2, first.changed)


def test_the_file_of_refused_rows_goes_when_there_are_none_any_more(folder: Folder) -> None:
    folder.run(Memory().door)
    folder.write(["a,50"])
    folder.run(Memory().door)
    assert not beside(folder.file).exists()
    assert [path.name for path in folder.file.parent.iterdir() if path.suffix == ".part"] == []


def test_a_place_that_cannot_be_written_is_refused_before_anything_happens(folder: Folder, tmp_path: Path) -> None:
    memory = Memory()
    with pytest.raises(Rejected) as refusal:
        folder.run(memory.door, refused=tmp_path / "nowhere" / "refused.csv")
    assert refusal.value.code == "REFUSED_NOT_WRITABLE"
    assert memory.position == 0


@pytest.mark.parametrize("rows", [ROWS, ["z,1"]], ids=["some refused", "none refused"])
def test_a_file_that_holds_something_else_is_never_taken_for_refused_rows(folder: Folder, rows: list[str]) -> None:
    folder.write(rows)
    precious, memory = folder.file.read_bytes(), Memory()
    with pytest.raises(Rejected) as refusal:
        folder.run(memory.door, refused=folder.file)
    assert (refusal.value.code, memory.position) == ("REFUSED_NOT_WRITABLE", 0)
    with pytest.raises(Rejected) as refusal:
        folder.run(memory.door, refused=Path(os.devnull))
    assert (refusal.value.code, memory.position) == ("REFUSED_NOT_WRITABLE", 0)
    assert folder.file.read_bytes() == precious
    folder.file.with_name("empty").touch()
    folder.run(memory.door, refused=folder.file.with_name("empty"))
    assert memory.position > 0


@pytest.mark.slow
def test_two_imports_of_one_file_at_once_both_come_to_their_end(folder: Folder) -> None:
    memory = Memory()
    script = """
import sys
from pathlib import Path
from tests.intake.doors import Memory
from tests.intake.test_importing import Folder
print(Folder(Path(sys.argv[1]), fresh=False).run(Memory().door).refused.total())
"""

    def door(batches: Iterator[list[Wish]]) -> Iterator[list[Answer]]:
        """While this import has its file of refused rows open, another process imports the same from end to end."""
        other = subprocess.run(
            [sys.executable, "-c", script, folder.file.parent], capture_output=True, text=True, check=False
        )
        assert other.stdout == "4\n", other.stderr
        yield from memory.door(batches)

    assert folder.run(door).refused.total() == 4
    assert len(folder.refused()) == 4
    assert list(folder.file.parent.glob("*.part")) == []


def test_progress_is_told_until_all_is_done(folder: Folder, tmp_path: Path) -> None:
    folder.write([f"lead-{number}," for number in range(3 * BATCH + 1)])
    told: list[tuple[int, int, int]] = []
    with Mapping.open(folder.mapping, [folder.file], time_zone="UTC") as mapping:
        run(
            mapping,
            [folder.file],
            Memory().door,
            head=0,
            progress=lambda totals: told.append((totals.done, totals.total, totals.refused.total())),
        )
    total = 3 * BATCH + 1
    assert told == [(done, total, 0) for done in (BATCH, 2 * BATCH, 3 * BATCH, total)]


@pytest.mark.slow
def test_batches_fly_ahead_of_their_answers_in_order_but_not_too_many(folder: Folder) -> None:
    folder.write([f"lead-{number:05}," for number in range(20 * BATCH)])
    memory = Memory()
    most = 0

    def door(batches: Iterator[list[Wish]]) -> Iterator[list[Answer]]:
        """Takes batches in another thread as fast as it can get them, and answers afterwards."""
        nonlocal most
        taken: list[list[Wish]] = []
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(taken.extend, batches)
            answered = 0
            while not (reading.done() and answered == len(taken)):
                if answered < len(taken):
                    most = max(most, len(taken) - answered)
                    yield from memory.door(iter([taken[answered]]))
                    answered += 1

    totals = folder.run(door)
    assert totals.changed == 20 * BATCH
    assert [wish.fields["id"] for wish in memory.wishes] == [f"lead-{number:05}" for number in range(20 * BATCH)]
    assert 1 <= most <= IN_FLIGHT


def test_ctrl_c_ends_after_what_is_on_its_way_and_another_run_goes_on(folder: Folder) -> None:
    folder.write([f"lead-{number}," for number in range(10 * BATCH)])
    memory = Memory()

    def door(batches: Iterator[list[Wish]]) -> Iterator[list[Answer]]:
        for number, answers in enumerate(memory.door(batches), start=1):
            if number == 3:
                os.kill(os.getpid(), signal.SIGINT)
            yield answers

    first = folder.run(door)
    assert first.is_interrupted
    assert first.changed == 3 * BATCH == len(memory.world.states)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    second = folder.run(memory.door, head=memory.position)
    assert (second.already, second.changed, second.is_interrupted) == (3 * BATCH, 7 * BATCH, False)


def test_a_door_that_breaks_leaves_the_rest_unsent(folder: Folder) -> None:
    folder.write([f"lead-{number}," for number in range(10 * BATCH)])
    memory = Memory()

    def door(batches: Iterator[list[Wish]]) -> Iterator[list[Answer]]:
        answers = memory.door(batches)
        yield next(answers)
        raise Rejected("UNAVAILABLE", "the server went away")

    with pytest.raises(Rejected):
        folder.run(door)
    assert folder.run(memory.door, head=memory.position).already == BATCH

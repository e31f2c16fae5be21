"""Many callers, one order: threads on one stream, and processes on one file."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from threading import Barrier, Thread

import pytest

from commands.lead import CaptureLead, ScoreLead
from commands.rejected import Rejected
from domain.lead import Lead
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request, decode

ANN = Actor("user", "ann")
THREADS, TURNS = 8, 40


def test_every_answer_is_explained_by_the_order_in_the_log(tmp_path: Path) -> None:
    keys = Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{tmp_path}/log.db", keys)
    log.execute(Request(CaptureLead(id="1"), ANN))
    together = Barrier(THREADS)
    answers: list[tuple[Request, Outcome | Rejected]] = []

    def call(caller: int) -> None:
        together.wait()
        version = 1
        for turn in range(TURNS):
            score = (caller + turn) % 3
            expected = version if turn % 2 else None
            request = Request(ScoreLead(id="1", score=score), ANN, f"{caller}-{turn}", expected_version=expected)
            (answer,) = log.submit([request])
            if isinstance(answer, Outcome):
                version = answer.version
            answers.append((request, answer))

    threads = [Thread(target=call, args=(caller,)) for caller in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    scores: dict[int, int | None] = {}
    lead = Lead()
    for row in log.rows():
        lead = decode(row.document, keys)[1].evolve(lead)
        scores[row.version] = lead.score
    accepted = 0
    for request, answer in answers:
        assert isinstance(request.command, ScoreLead)
        if isinstance(answer, Rejected):
            assert answer.code == "VERSION_CONFLICT"
            assert request.expected_version is not None
            continue
        assert scores[answer.version] == request.command.score
        if answer.last_position:
            accepted += 1
            assert answer.first_position == answer.last_position == answer.position == answer.version
            assert scores[answer.version - 1] != request.command.score
            assert request.expected_version in (None, answer.version - 1)
        else:
            assert answer.position == answer.version
            assert request.expected_version in (None, answer.version)
    assert len(answers) == THREADS * TURNS
    assert log.head.position == 1 + accepted == len(scores)
    assert log.verify() == []
    log.close()
    keys.close()


WRITER = """
import sys
from commands.lead import CaptureLead, ScoreLead
from infra.keys import Keys
from infra.log import Actor, Log, Request

directory, name = sys.argv[1:]
log = Log.open(f"sqlite:///{directory}/log.db", Keys.open(f"sqlite:///{directory}/keys.db", bytes(32)))
print("ready", flush=True)
sys.stdin.readline()
for turn in range(150):
    command = CaptureLead(id=f"{name}-{turn}", name="Ann") if turn % 3 == 0 else ScoreLead(id="shared", score=turn % 2)
    outcome = log.execute(Request(command, Actor("user", name), f"{name}-{turn}"))
    print(turn, outcome.stream, outcome.version, outcome.last_position, flush=True)
print("sound" if log.verify() == [] else "wrong", flush=True)
"""


@pytest.mark.slow
def test_two_processes_on_one_file(tmp_path: Path) -> None:
    keys = Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{tmp_path}/log.db", keys)
    log.execute(Request(CaptureLead(id="shared"), ANN))
    children = {
        name: subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    }
    for child in children.values():
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    answers: dict[str, list[str]] = defaultdict(list)
    for child in children.values():
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for n in range(50):
        log.execute(Request(ScoreLead(id="shared", score=2 + n % 2), ANN))
    for name, child in children.items():
        out, _ = child.communicate(timeout=60)
        answers[name] = out.splitlines()
    assert log.verify() == []
    places = {row.position: (row.stream, row.version) for row in log.rows()}
    assert sorted(places) == list(range(1, len(places) + 1))
    for name, lines in answers.items():
        assert len(lines) == 151
        assert lines[-1] == "sound"
        for line in lines[:-1]:
            turn, stream, version, position = line.split()
            assert position == "0" or places[int(position)] == (stream, int(version))
            again = log.execute(Request(command_of(name, int(turn)), Actor("user", name), f"{name}-{turn}"))
            assert (again.version, again.last_position) == (int(version), int(position))
    log.close()
    keys.close()


def command_of(name: str, turn: int) -> CaptureLead | ScoreLead:
    if turn % 3 == 0:
        return CaptureLead(id=f"{name}-{turn}", name="Ann")
    return ScoreLead(id="shared", score=turn % 2)

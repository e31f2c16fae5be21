"""A disk without room, a file that may not grow, a database that somebody else holds."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from commands.lead import CaptureLead, QualifyLead
from commands.rejected import Rejected
from infra.database import database
from infra.database.sqlite import SQLite
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request

ANN = Actor("user", "ann")


def capture(id: str) -> Request:
    return Request(CaptureLead(id=id, name=id, company="x" * 200), ANN, f"r-{id}")


@pytest.mark.slow
def test_a_full_disk_refuses_everybody_and_the_log_goes_on_when_there_is_room(tmp_path: Path) -> None:
    keys = Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{tmp_path}/log.db", keys)
    log.execute(capture("0"))
    answers: dict[str, Outcome | Rejected] = {}
    set_most_pages(log, 20)

    def call(caller: int) -> None:
        for turn in range(30):
            id = f"{caller}-{turn}"
            (answers[id],) = log.submit([capture(id)])

    threads = [Thread(target=call, args=(caller,)) for caller in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    refused = [id for id, answer in answers.items() if isinstance(answer, Rejected)]
    assert refused
    assert {answers[id].code for id in refused} == {"LOG_FULL"}  # type: ignore[union-attr]
    assert log.head.position == 1 + len(answers) - len(refused)
    assert log.verify() == []
    for id in refused:
        assert log.state(f"lead-{id}")[0] == 0
    (nothing,) = log.submit([Request(QualifyLead(id=refused[0]), ANN)])
    assert isinstance(nothing, Rejected)
    assert nothing.code == "NOT_FOUND"

    set_most_pages(log, 1_000_000)
    assert [log.execute(capture(id)).version for id in refused] == [1] * len(refused)
    assert {id: log.execute(capture(id)).last_position > 0 for id in answers} == dict.fromkeys(answers, True)
    assert log.head.position == 1 + len(answers)
    assert log.verify() == []
    log.close()
    keys.close()


def set_most_pages(log: Log, count: int) -> None:
    """SQLite counts as full what has this many pages; only on the connection that is asked."""
    assert isinstance(log._database, SQLite)
    log._database._writer.cursor().execute(f"PRAGMA max_page_count={count}")


def test_a_database_that_somebody_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    keys = Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{tmp_path}/log.db", keys)
    holder = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Rejected) as refused:
        log.execute(capture("1"))
    assert refused.value.code == "LOG_UNAVAILABLE"
    assert log.head.position == 0
    holder.execute("ROLLBACK")
    holder.close()
    assert log.execute(capture("1")).position == 1
    log.close()
    keys.close()


CHILD = """
import resource, sys
from commands.lead import CaptureLead
from commands.rejected import Rejected
from infra.database.sqlite import SQLite
from infra.keys import Keys
from infra.log import Actor, Log, Request

directory = sys.argv[1]
log = Log.open(f"sqlite:///{directory}/log.db", Keys.open(f"sqlite:///{directory}/keys.db", bytes(32)))
ask = lambda n: log.submit([Request(CaptureLead(id=str(n), company="x" * 200), Actor("user", "ann"))])[0]
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
answers = [ask(n) for n in range(60)]
codes = {answer.code for answer in answers if isinstance(answer, Rejected)}
accepted = [n for n, answer in enumerate(answers) if not isinstance(answer, Rejected)]
assert codes == {"LOG_UNAVAILABLE"}, codes
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert log.verify() == []
assert log.head.position == len(accepted) < 60
assert ask("again").position == len(accepted) + 1
assert log.verify() == []
print("fine")
"""


@pytest.mark.slow
def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stdout == "fine\n", done.stderr

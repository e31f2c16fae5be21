"""Backups of the log and of the keys: exact, proven, complete or not there, from and into either kind of database."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.lead import CaptureLead, ScoreLead
from commands.rejected import Rejected
from domain.lead import Lead
from infra.database import Database
from infra.database.backup import ROWS_AT_ONCE
from infra.keys import Keys
from infra.keys import backup as keys_backup
from infra.log import Actor, Log, Outcome, Request, Row, verify
from infra.log import backup as log_backup
from tests import postgres
from tests.places import Place, run

ANN = Actor("user", "ann")
COUNT = 30


def request(number: int) -> Request:
    return Request(CaptureLead(id=str(number), name=f"Name {number}"), ANN, f"request-{number}")


@pytest.fixture
def answers(log: Log) -> list[Outcome]:
    """Thirty leads, and what was answered, with one answer that there was nothing to do."""
    asked = [request(number) for number in range(COUNT)]
    log.submit([Request(ScoreLead(id="0", score=1), ANN)])
    given = log.submit(asked)
    again = Request(ScoreLead(id="0", score=1), ANN, "score")
    outcomes = [*given, *log.submit([again]), *log.submit([again._replace(request_id="score again")])]
    assert all(isinstance(each, Outcome) for each in outcomes)
    return outcomes  # type: ignore[return-value]


@pytest.fixture
def made(log_url: str, answers: list[Outcome], tmp_path: Path) -> log_backup.Made:
    """A backup of them."""
    return log_backup.back_up(log_url, tmp_path / "backups")


@pytest.fixture
def elsewhere(place: Place, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Where databases of the other kind can be made."""
    if place.kind == "postgresql":
        return Place("sqlite", lambda name: f"sqlite:///{tmp_path}/elsewhere-{name}.db")
    return Place("postgresql", postgres.databases(request.getfixturevalue("postgres_url")))


def content(url: str) -> tuple[list[Any], list[Any], list[Any]]:
    """All that is in a log."""
    return (
        [tuple(row) for row in run(url, "SELECT * FROM events ORDER BY position")],
        sorted(tuple(row) for row in run(url, "SELECT * FROM requests")),
        [tuple(row) for row in run(url, "SELECT * FROM log_head")],
    )


def refusal(use: Callable[[], object]) -> Rejected:
    with pytest.raises(Rejected) as refused:
        use()
    return refused.value


def test_a_backup_is_a_log_by_itself(log_url: str, made: log_backup.Made, answers: list[Outcome]) -> None:
    assert made.file.name == f"crm-{COUNT + 1}.db"
    assert [file.name for file in made.file.parent.iterdir()] == [made.file.name]
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    url = f"sqlite:///{made.file}"
    assert verify(url) == []
    assert content(url) == content(log_url)
    assert log_backup.examine(made.file) == made.seal
    assert [file.name for file in made.file.parent.iterdir()] == [made.file.name]


@pytest.mark.slow
def test_from_one_kind_to_the_other_and_back(
    log_url: str, place: Place, elsewhere: Place, made: log_backup.Made, tmp_path: Path
) -> None:
    log_backup.restore(made.file, elsewhere.url("log"))
    assert content(elsewhere.url("log")) == content(log_url)
    again = log_backup.back_up(elsewhere.url("log"), tmp_path / "again")
    assert again.seal._replace(made_at=0) == made.seal._replace(made_at=0)
    log_backup.restore(again.file, place.url("home"))
    assert content(place.url("home")) == content(log_url)
    assert verify(place.url("home")) == verify(elsewhere.url("log")) == []


def test_all_goes_on_after_a_restore(
    place: Place, keys: Keys, answers: list[Outcome], made: log_backup.Made, tmp_path: Path
) -> None:
    file = tmp_path / "apart" / "keys.db"
    keys_backup.back_up(place.url("keys"), file, made.seal)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys_backup.examine(file, made.seal, bytes(32)).position == made.seal.position
    keys_backup.restore(file, place.url("other_keys"))
    log_backup.restore(made.file, place.url("other_log"))

    others = Keys.open(place.url("other_keys"), bytes(32))
    log = Log.open(place.url("other_log"), others)
    assert log.submit([request(number) for number in range(COUNT)]) == answers[:COUNT]
    lead = log.state("lead-7")[1]
    assert isinstance(lead, Lead)
    assert lead.name == "Name 7"
    assert log.execute(request(COUNT)).position == made.seal.position + 1
    assert log.verify() == []
    log.close()
    others.close()

    keyless = Keys.open(place.url("no_keys"), bytes(32))
    log = Log.open(place.url("other_log"), keyless)
    lead = log.state("lead-7")[1]
    assert isinstance(lead, Lead)
    assert lead.name is None
    (refused,) = log.submit([request(7)])
    assert isinstance(refused, Rejected)
    assert refused.code == "REQUEST_ID_REUSED"
    log.close()
    keyless.close()


def test_an_empty_log(log: Log, log_url: str, place: Place, tmp_path: Path) -> None:
    made = log_backup.back_up(log_url, tmp_path / "backups")
    assert made.seal.position == log_backup.examine(made.file).position == 0
    log_backup.restore(made.file, place.url("other"))
    assert verify(place.url("other")) == []


def test_the_first_event_comes_while_an_empty_log_is_backed_up(
    log: Log, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head_of = log_backup.head_of

    def head_and_then_an_event(database: Database) -> log_backup.Head:
        head = head_of(database)
        log.submit([request(1)])
        return head

    with monkeypatch.context() as patch:
        patch.setattr(log_backup, "head_of", head_and_then_an_event)
        made = log_backup.back_up(log_url, tmp_path / "backups")
    assert log_backup.examine(made.file) == made.seal
    assert made.seal.position == 0


def test_no_log(place: Place, tmp_path: Path) -> None:
    assert refusal(lambda: log_backup.back_up(place.url("none"), tmp_path / "b")).code == "NO_DATA"
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_more_rows_than_are_read_at_once(log: Log, log_url: str, place: Place, tmp_path: Path) -> None:
    count = 2 * ROWS_AT_ONCE + 1
    log.submit([request(number) for number in range(count)])
    seen: list[tuple[int, int]] = []
    made = log_backup.back_up(log_url, tmp_path / "b", lambda done, total: seen.append((done, total)))
    assert seen == [(1000, count), (2000, count), (count, count)]
    log_backup.restore(made.file, place.url("other"))
    assert content(place.url("other")) == content(log_url)


@pytest.mark.slow
def test_while_commands_run(log: Log, log_url: str, tmp_path: Path) -> None:
    answered: dict[str, Outcome] = {}
    enough = Event()

    def call(caller: int) -> None:
        turn = 0
        while not enough.is_set():
            id = f"{caller}-{turn}"
            answered[id] = log.execute(Request(CaptureLead(id=id, name=id), ANN, id))
            turn += 1

    threads = [Thread(target=call, args=(caller,)) for caller in range(4)]
    for thread in threads:
        thread.start()
    try:
        backups = []
        for number in range(5):
            before = dict(answered)
            backups.append((before, log_backup.back_up(log_url, tmp_path / str(number))))
            log.wait(backups[-1][1].seal.position, 60)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    rows = list(log.rows())
    for before, made in backups:
        assert log_backup.examine(made.file) == made.seal
        copied, requests, _ = content(f"sqlite:///{made.file}")
        assert [row[6] for row in copied] == [row.hash for row in rows[: made.seal.position]]
        assert max((each.position for each in before.values()), default=0) <= made.seal.position
        assert {row[0] for row in requests} >= set(before)
        assert {row[0] for row in requests} == {
            id for id, each in answered.items() if each.position <= made.seal.position
        }


# What is refused.


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE events SET type = 'crm.LeadScored.v9' WHERE position = 8", "position 8"),
        ("DELETE FROM events WHERE position = 9", "position 9 is missing"),
        ("UPDATE log_head SET recorded_at = recorded_at + 1", "head"),
    ],
)
def test_what_was_tampered_with_is_not_backed_up(
    log_url: str, answers: list[Outcome], tmp_path: Path, change: str, says: str
) -> None:
    run(log_url, change)
    refused = refusal(lambda: log_backup.back_up(log_url, tmp_path / "b"))
    assert refused.code == "LOG_TAMPERED"
    assert says in refused.sentence
    assert list((tmp_path / "b").iterdir()) == []


def test_nothing_is_written_over_data(log_url: str, place: Place, made: log_backup.Made) -> None:
    before = content(log_url)
    for use in (lambda: log_backup.restore(made.file, log_url), lambda: log_backup.require_empty(log_url)):
        assert refusal(use).code == "LOG_NOT_EMPTY"
    assert content(log_url) == before
    log_backup.require_empty(place.url("another"))
    log_backup.restore(made.file, place.url("another"))
    assert refusal(lambda: log_backup.require_empty(place.url("another"))).code == "LOG_NOT_EMPTY"


def test_a_backup_takes_only_the_place_of_an_earlier_one(
    log_url: str, keys: Keys, place: Place, made: log_backup.Made, tmp_path: Path
) -> None:
    folder, file = made.file.parent, tmp_path / "apart" / "keys.db"
    assert log_backup.back_up(log_url, folder).seal.made_at > made.seal.made_at
    keys_backup.back_up(place.url("keys"), file, made.seal)
    keys_backup.back_up(place.url("keys"), file, made.seal)

    other = Log.open(place.url("other"), keys)
    for number in range(COUNT + 1):
        other.execute(Request(CaptureLead(id=f"other-{number}"), ANN))
    other.close()
    assert refusal(lambda: log_backup.back_up(place.url("other"), folder)).code == "BACKUP_EXISTS"
    assert log_backup.examine(made.file).origin == made.seal.origin
    for taken in (made.file, tmp_path / "notes.txt"):
        taken.touch()
        before = taken.read_bytes()
        refused = refusal(lambda file=taken: keys_backup.back_up(place.url("keys"), file, made.seal))  # type: ignore[misc]
        assert refused.code == "BACKUP_EXISTS"
        assert taken.read_bytes() == before


def test_two_backups_into_one_folder(log_url: str, made: log_backup.Made) -> None:
    folder = os.open(made.file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert refusal(lambda: log_backup.back_up(log_url, made.file.parent)).code == "BACKUP_RUNNING"
    os.close(folder)
    log_backup.back_up(log_url, made.file.parent)


def test_a_folder_that_is_none(log_url: str, answers: list[Outcome], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "folder", Path("/proc/annals")):
        assert refusal(lambda folder=folder: log_backup.back_up(log_url, folder)).code == "OUTPUT_NOT_WRITABLE"  # type: ignore[misc]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> log_backup.Made:
    """A backup that lies in SQLite, and so does its log."""
    folder = tmp_path_factory.mktemp("sound")
    keys = Keys.open(f"sqlite:///{folder}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{folder}/log.db", keys)
    log.submit([request(number) for number in range(COUNT)])
    log.close()
    keys.close()
    return log_backup.back_up(f"sqlite:///{folder}/log.db", folder / "backups")


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_altered_byte_is_refused_or_changes_nothing(
    sound: log_backup.Made, tmp_path: Path, data: st.DataObject
) -> None:
    altered = bytearray(sound.file.read_bytes())
    altered[data.draw(st.integers(0, len(altered) - 1), "byte")] ^= data.draw(st.integers(1, 255), "bits")
    file = tmp_path / "altered.db"
    file.write_bytes(altered)
    code = None
    try:
        log_backup.examine(file)
    except Rejected as refused:
        code = refused.code
    if code is None:
        assert content(f"sqlite:///{file}") == content(f"sqlite:///{sound.file}")
    else:
        assert code in ("BACKUP_ALTERED", "BACKUP_UNREADABLE", "NOT_A_BACKUP", "NEWER_VERSION")


@pytest.mark.parametrize("left", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file(sound: log_backup.Made, tmp_path: Path, left: float) -> None:
    content = sound.file.read_bytes()
    file = tmp_path / "cut.db"
    file.write_bytes(content[: int(len(content) * left)])
    refused = refusal(lambda: log_backup.examine(file))
    assert refused.code in (("BACKUP_UNREADABLE", "BACKUP_ALTERED") if left else ("NOT_A_BACKUP",))
    assert "cut.db" in refused.sentence


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ("UPDATE events SET document = replace(document, 'ann', 'bob') WHERE position = 7", "BACKUP_ALTERED", "7"),
        ("DELETE FROM events WHERE position = 30", "BACKUP_ALTERED", "29"),
        ("UPDATE requests SET version = 9 WHERE request_id = 'request-3'", "BACKUP_ALTERED", "answers"),
        ("DELETE FROM requests WHERE request_id = 'request-3'", "BACKUP_ALTERED", "answers"),
        ("UPDATE backup SET position = 29", "BACKUP_ALTERED", "29"),
        ("UPDATE backup SET origin = hash", "BACKUP_ALTERED", "30"),
        ("DELETE FROM backup", "BACKUP_ALTERED", "seal"),
        ("DROP TABLE backup", "NOT_A_BACKUP", "crm backup"),
        ("UPDATE backup SET contains = 'keys'", "NOT_A_BACKUP", "keys"),
        ("UPDATE alembic_version SET version_num = '9999'", "NEWER_VERSION", "9999"),
    ],
)
def test_what_is_wrong_with_a_backup_is_named(
    sound: log_backup.Made, tmp_path: Path, change: str, code: str, says: str
) -> None:
    file = tmp_path / "changed.db"
    shutil.copy(sound.file, file)
    run(f"sqlite:///{file}", change)
    refused = refusal(lambda: log_backup.examine(file))
    assert refused.code == code
    assert says in refused.sentence


def test_what_is_no_backup(sound: log_backup.Made, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"no database at all" * 500)
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE events (position)").connection.close()
    of_the_log = sound.file.parent.parent / "log.db"
    for file, code in (
        (tmp_path / "picture.png", "BACKUP_UNREADABLE"),
        (tmp_path / "other.db", "NOT_A_BACKUP"),
        (tmp_path / "nothing.db", "NOT_A_BACKUP"),
        (tmp_path, "NOT_A_BACKUP"),
        (of_the_log, "NOT_A_BACKUP"),
    ):
        assert refusal(lambda file=file: log_backup.examine(file)).code == code  # type: ignore[misc]


def test_keys_that_do_not_belong(place: Place, keys: Keys, made: log_backup.Made, tmp_path: Path) -> None:
    file = tmp_path / "apart" / "keys.db"
    keys_backup.back_up(place.url("keys"), file, made.seal)
    other = made.seal._replace(origin=bytes(32))
    assert refusal(lambda: keys_backup.examine(file, other, None)).code == "KEYS_OF_ANOTHER_LOG"
    assert refusal(lambda: keys_backup.examine(file, made.seal, b"x" * 32)).code == "WRONG_MASTER_KEY"
    assert refusal(lambda: keys_backup.examine(made.file, made.seal, None)).code == "NOT_A_BACKUP"
    assert refusal(lambda: log_backup.examine(file)).code == "NOT_A_BACKUP"

    keys_backup.restore(file, place.url("keys"))  # the very same
    others = Keys.open(place.url("others"), bytes(32))
    keys_backup.restore(file, place.url("others"))
    others.close()
    others = Keys.open(place.url("stranger"), bytes(32))
    others.ensure(["lead-1"])
    others.close()
    assert refusal(lambda: keys_backup.restore(file, place.url("stranger"))).code == "KEYS_NOT_EMPTY"

    run(f"sqlite:///{file}", "UPDATE keys SET stream = 'lead-nobody' WHERE stream = 'lead-3'")
    assert refusal(lambda: keys_backup.examine(file, made.seal, bytes(32))).code == "BACKUP_ALTERED"
    assert refusal(lambda: keys_backup.restore(file, place.url("yet_others"))).code == "BACKUP_ALTERED"
    assert not (tmp_path / "yet_others.db").exists()


# What is interrupted.

CHILD = """
import sys
from pathlib import Path
from infra.log import backup

def halfway(done, total):
    print("halfway", flush=True)
    sys.stdin.read()

work, source, target = sys.argv[1:]
try:
    if work == "backup":
        backup.back_up(source, Path(target), halfway)
    else:
        backup.restore(Path(source), target, halfway)
except KeyboardInterrupt:
    sys.exit(130)
"""


def interrupt(how: signal.Signals, *arguments: object) -> None:
    """Begin the work in a process of its own, and end it in the middle."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "halfway\n"
        child.send_signal(how)
        assert child.wait(60) == (130 if how is signal.SIGINT else -how)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_backup_that_is_interrupted(
    log: Log, log_url: str, answers: list[Outcome], tmp_path: Path, how: signal.Signals
) -> None:
    folder = tmp_path / "backups"
    interrupt(how, "backup", log_url, folder)
    assert list(folder.glob("crm-*.db")) == []
    if how is signal.SIGINT:
        assert list(folder.iterdir()) == []
    log.execute(request(COUNT))
    made = log_backup.back_up(log_url, folder)
    assert list(folder.iterdir()) == [made.file]
    assert log_backup.examine(made.file) == made.seal


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_restore_that_is_interrupted(
    log_url: str, made: log_backup.Made, place: Place, tmp_path: Path, how: signal.Signals
) -> None:
    target = place.url("target")
    interrupt(how, "restore", made.file, target)
    if how is signal.SIGINT:
        assert list(tmp_path.glob("target.db*")) == []
    log_backup.require_empty(target)
    log_backup.restore(made.file, target)
    assert content(target) == content(log_url)
    assert verify(target) == []


FULL = """
import resource, signal, sys
from pathlib import Path
from commands.rejected import Rejected
from infra.log import backup

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
work, source, target = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
try:
    if work == "backup":
        backup.back_up(source, Path(target))
    else:
        backup.restore(Path(source), target)
except Rejected as refused:
    print(refused.code, refused.sentence)
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_disk_without_room(log: Log, log_url: str, place: Place, tmp_path: Path) -> None:
    log.submit([request(number) for number in range(300)])
    made = log_backup.back_up(log_url, tmp_path / "backups")

    def limited(*arguments: object) -> str:
        command = [sys.executable, "-c", FULL, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    said = limited("backup", log_url, tmp_path / "small")
    assert said.split()[0] in ("BACKUP_FULL", "BACKUP_UNAVAILABLE")
    assert list((tmp_path / "small").iterdir()) == []
    said = limited("restore", made.file, place.url("target"))
    assert said.split()[0] in ("LOG_FULL", "LOG_UNAVAILABLE")
    assert list(tmp_path.glob("target.db*")) == []
    log_backup.restore(made.file, place.url("target"))
    assert content(place.url("target")) == content(log_url)


def test_rows_are_rows(log: Log, answers: list[Outcome], made: log_backup.Made, keys: Keys) -> None:
    """What is read from a backup is what is read from the log."""
    copy = Log.open(f"sqlite:///{made.file}", keys)
    rows: list[Row] = list(copy.rows())
    assert rows == list(log.rows())
    assert copy.head == log.head
    copy.close()

"""Whatever is done to rows and bytes at random is found and rightly named: by the log itself, or, where somebody
computed the chain anew so that it is sound in itself, by a checkpoint that was signed before; and so it is in exports.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest

from commands.lead import CaptureLead, ScoreLead
from commands.rejected import Rejected
from infra.keys import Keys
from infra.log import Actor, Log, Request, Witness, contradictions_in, export, microseconds, verify
from infra.log.document import read_instant
from tests.faults import sizes

pytestmark = pytest.mark.slow

EVENTS = 40
SIGNED = 30
"""The position of the checkpoint."""

Rows = list[list[Any]]
POSITION, STREAM, VERSION, TYPE, RECORDED_AT, DOCUMENT, HASH = range(7)


class Sound(NamedTuple):
    """A log, its export, and what it was at the checkpoint."""

    log: Path
    exported: Path
    witness: Witness


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    folder = tmp_path_factory.mktemp("sound")
    keys = Keys.open(f"sqlite:///{folder}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{folder}/log.db", keys)
    requests = [
        Request(CaptureLead(id=str(number), name="Ada", source="web"), Actor("user", "ann")) for number in range(9)
    ]
    requests += [
        Request(ScoreLead(id=str(number % 9), score=number), Actor("user", "ann")) for number in range(9, EVENTS)
    ]
    for begin in range(0, EVENTS, 4):
        log.submit(requests[begin : begin + 4])
    rows = list(log.rows())
    made = folder / "export"
    made.mkdir()
    position, hash = export.write_lines((row.document for row in rows), made)
    export.Manifest(export.CLOUDEVENTS, position, position, hash, datetime.now(UTC), export.digests(made)).write(made)
    log.close()
    keys.close()
    return Sound(folder / "log.db", made, Witness("the checkpoint", SIGNED, rows[SIGNED - 1].hash))


# What is done to rows; each answers with the first position that is another event than before, and what the log itself
# then says (code and position), unless the chain is computed anew.

Done = tuple[int, str, int | None]


def drop(rows: Rows, chance: Random) -> Done:
    at = chance.randrange(len(rows))
    del rows[at]
    return at + 1, *(("HEAD_WRONG", None) if at == len(rows) else ("POSITION_MISSING", at + 1))


def cut_off(rows: Rows, chance: Random) -> Done:
    at = chance.randrange(len(rows))
    del rows[at:]
    return at + 1, "HEAD_WRONG", None


def insert(rows: Rows, chance: Random) -> Done:
    """Another event of the same kind comes in, and all later ones move on."""
    at = chance.randrange(len(rows) + 1)
    like = list(rows[at - 1 if at else 0])
    for row in rows[at:]:
        row[POSITION] += 1
    like[POSITION], like[VERSION] = at + 1, 1 + max(row[VERSION] for row in rows if row[STREAM] == like[STREAM])
    rows.insert(at, like)
    # The first one is its own copy but for the version.
    return at + 1, "HASH_WRONG" if at else "COLUMN_WRONG", at + 1


def swap(rows: Rows, chance: Random) -> Done:
    first, second = sorted(chance.sample(range(len(rows)), 2))
    one, other = rows[first], rows[second]
    one[POSITION], other[POSITION] = other[POSITION], one[POSITION]
    rows[first], rows[second] = other, one
    return first + 1, "HASH_WRONG", first + 1


def overwrite(rows: Rows, chance: Random) -> Done:
    """One event takes the place of another, with its hash."""
    first, second = chance.sample(range(len(rows)), 2)
    rows[first][DOCUMENT], rows[first][HASH] = rows[second][DOCUMENT], rows[second][HASH]
    return first + 1, "HASH_WRONG", first + 1


def flip(rows: Rows, chance: Random) -> Done:
    at, column = chance.randrange(len(rows)), chance.choice((DOCUMENT, HASH))
    content = bytearray(rows[at][column])
    content[chance.randrange(len(content))] ^= chance.randint(1, 255)
    rows[at][column] = bytes(content)
    return at + 1, "HASH_WRONG", at + 1


def edit(rows: Rows, chance: Random) -> Done:
    """A fact becomes another one."""
    at = chance.randrange(len(rows))
    said = orjson.loads(rows[at][DOCUMENT])
    said["data"] = {"score": 77} if "score" in said["data"] else {"source": "fair"}
    rows[at][DOCUMENT] = orjson.dumps(said)
    return at + 1, "HASH_WRONG", at + 1


def redate(rows: Rows, chance: Random) -> Done:
    at = chance.randrange(len(rows))
    rows[at][RECORDED_AT] += chance.choice((-1, 1)) * chance.randint(1, 10**9)
    return at + 1, "COLUMN_WRONG", at + 1


def rename(rows: Rows, chance: Random) -> Done:
    at = chance.randrange(len(rows))
    rows[at][STREAM] += "x"
    return at + 1, "COLUMN_WRONG", at + 1


DEEDS: list[Callable[[Rows, Random], Done]] = [drop, cut_off, insert, swap, overwrite, flip, edit, redate, rename]
CHANGING = [drop, cut_off, insert, swap, overwrite, edit]
"""Those whose outcome can be made sound in itself."""


def made_sound(rows: Rows) -> None:
    """Number and date the events anew and compute the chain anew, as a clever forger would."""
    hash, versions, latest = bytes(32), dict[str, int](), ""
    for position, row in enumerate(rows, 1):
        said = orjson.loads(row[DOCUMENT])
        stream = said["subject"]
        versions[stream] = versions.get(stream, 0) + 1
        latest = max(latest, said["recordedtime"])
        said |= {"sequence": f"{position:020}", "version": versions[stream], "recordedtime": latest}
        document = orjson.dumps(said)
        hash = sha256(hash + document).digest()
        stamp = microseconds(read_instant(latest))
        row[:] = [position, stream, versions[stream], said["type"], stamp, document, hash]


def rows_of(file: Path) -> Rows:
    with closing(sqlite3.connect(file)) as log:
        return [list(row) for row in log.execute("select * from events order by position")]


def written(file: Path, rows: Rows, *, head: bool) -> str:
    """A log with these rows, and, if asked for, with the head that they lead to."""
    with closing(sqlite3.connect(file)) as log, log:
        log.execute("delete from events")
        log.executemany("insert into events values (?, ?, ?, ?, ?, ?, ?)", rows)
        if head:
            end = (rows[-1][POSITION], rows[-1][HASH], rows[-1][RECORDED_AT]) if rows else (0, bytes(32), 0)
            log.execute("update log_head set (position, hash, recorded_at) = (?, ?, ?)", end)
    return f"sqlite:///{file}"


@pytest.mark.soak
def test_whatever_is_done_to_rows_is_rightly_named(sound: Sound, tmp_path: Path) -> None:
    chance, intact, file = Random(1), rows_of(sound.log), tmp_path / "log.db"
    shutil.copy(sound.log, file)
    assert verify(written(file, intact, head=False)) == []
    for turn in range(sizes.TAMPERINGS):
        rows, deed = [list(row) for row in intact], DEEDS[turn % len(DEEDS)]
        _, code, position = deed(rows, chance)
        (finding,) = verify(written(file, rows, head=False))
        assert (finding.code, finding.position) == (code, position), (turn, deed.__name__)


@pytest.mark.soak
def test_a_chain_that_was_made_anew_contradicts_the_checkpoint(sound: Sound, tmp_path: Path) -> None:
    chance, intact, file = Random(2), rows_of(sound.log), tmp_path / "log.db"
    shutil.copy(sound.log, file)
    same = [list(row) for row in intact]
    made_sound(same)
    assert same == intact, "the forger changes what need not be changed"
    seen = set()
    for turn in range(sizes.TAMPERINGS):
        rows, deed = [list(row) for row in intact], CHANGING[turn % len(CHANGING)]
        first, *_ = deed(rows, chance)
        made_sound(rows)
        url = written(file, rows, head=True)
        assert verify(url) == [], (turn, deed.__name__)
        found = contradictions_in(url, [sound.witness])
        changed = len(rows) < SIGNED or rows[SIGNED - 1][HASH] != sound.witness.hash
        assert changed == (first <= SIGNED and rows[:SIGNED] != intact[:SIGNED])
        assert [(each.code, each.position) for each in found] == [("HISTORY_FORKED", SIGNED)] * changed
        assert all(("missing at its end" in each.sentence) == (len(rows) < SIGNED) for each in found)
        seen.add((deed.__name__, changed))
    assert len(seen) == 2 * len(CHANGING), "each was done before and after the checkpoint"


# Exports.


def flipped(content: bytes, chance: Random) -> bytes:
    altered = bytearray(content)
    altered[chance.randrange(len(altered))] ^= chance.randint(1, 255)
    return bytes(altered)


def cut(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content))]


def without_a_line(content: bytes, chance: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def with_a_line_twice(content: bytes, chance: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    return b"".join(lines)


def with_bytes(content: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.randbytes(chance.randint(1, 30)) + content[at:]


def swapped(content: bytes, chance: Random) -> bytes:
    lines = content.splitlines(keepends=True)
    first, second = chance.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


ALTERING: list[Callable[[bytes, Random], bytes]] = [
    flipped,
    cut,
    without_a_line,
    with_a_line_twice,
    with_bytes,
    swapped,
]


def line_of_difference(before: bytes, after: bytes) -> int:
    """The first line that is another one, or is missing."""
    pairs = zip_longest(before.splitlines(keepends=True), after.splitlines(keepends=True))
    return next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


def line_named(sentence: str) -> int | None:
    """The line that a refusal names; None where it says that the events end in another one."""
    found = re.search(r"(?<!ends at )(?:line|position) (\d+)", sentence.partition("exported: ")[2])
    return int(found[1]) if found else None


@pytest.fixture(scope="module")
def script() -> Any:
    """The script that knows nothing of us."""
    spec = spec_from_file_location("verify_export", Path(__file__).parents[2] / "docs" / "verify_export.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRONG = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What the script takes for a finding."""


@pytest.mark.soak
def test_whatever_is_done_to_an_export_is_found_with_our_code_and_without(
    sound: Sound, script: Any, tmp_path: Path
) -> None:
    chance, folder = Random(3), tmp_path / "export"
    shutil.copytree(sound.exported, folder)
    file = folder / export.LINES
    intact = file.read_bytes()
    assert script.verify(folder) == (EVENTS, export.examine(folder).hash)
    for turn in range(sizes.TAMPERINGS):
        deed = ALTERING[turn % len(ALTERING)]
        altered = deed(intact, chance)
        if altered == intact:
            continue
        file.write_bytes(altered)
        with pytest.raises(Rejected) as refused:
            export.examine(folder)
        assert refused.value.code == "EXPORT_ALTERED", deed.__name__
        line, named = line_of_difference(intact, altered), line_named(refused.value.sentence)
        within = deed in (flipped, with_bytes)  # such a line may still be an event, so that a later one shows it
        if named is None:
            assert within or line == altered.count(b"\n") + 1, refused.value.sentence
        else:
            assert named == line or (within and named > line), refused.value.sentence
        with pytest.raises(WRONG):
            script.verify(folder)
    file.write_bytes(intact)


def test_an_altered_type_is_told_from_one_of_a_newer_version(sound: Sound, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(sound.exported, tmp_path / "export"))
    lines = (folder / export.LINES).read_bytes().splitlines()
    lines[4] = lines[4].replace(b'"crm.LeadCaptured.v1"', b'"crm.LeadCaptured.v2"')
    altered = b"".join(line + b"\n" for line in lines)
    (folder / export.LINES).write_bytes(altered)
    with pytest.raises(Rejected) as refused:
        export.examine(folder)
    assert refused.value.code == "EXPORT_ALTERED"
    assert line_named(refused.value.sentence) == 5
    position, hash = export.write_lines(lines, folder)
    about = (position, position, hash, datetime.now(UTC), export.digests(folder))
    export.Manifest(export.CLOUDEVENTS, *about).write(folder)
    assert (folder / export.LINES).read_bytes() == altered
    with pytest.raises(Rejected, match=r"UNKNOWN_EVENT_TYPE: position 0*5 .*crm\.LeadCaptured\.v2"):
        export.examine(folder)


@pytest.mark.soak
def test_an_export_that_was_made_anew_contradicts_the_checkpoint(sound: Sound, script: Any, tmp_path: Path) -> None:
    chance, intact = Random(4), rows_of(sound.log)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_text(f"annals/log\n{SIGNED}\n{b64encode(sound.witness.hash).decode()}\n2026-03-01T12:00:00Z\n\n")
    assert script.verify(sound.exported, checkpoint)[0] == EVENTS
    for turn in range(sizes.TAMPERINGS // 4):
        rows, deed = [list(row) for row in intact], CHANGING[turn % len(CHANGING)]
        deed(rows, chance)
        made_sound(rows)
        folder = tmp_path / str(turn)
        folder.mkdir()
        position, hash = export.write_lines((row[DOCUMENT] for row in rows), folder)
        about = (position, position, hash, datetime.now(UTC), export.digests(folder))
        export.Manifest(export.CLOUDEVENTS, *about).write(folder)
        assert export.examine(folder).hash == hash  # it is sound in itself
        assert script.verify(folder) == (position, hash)
        if rows[:SIGNED] != intact[:SIGNED]:
            with pytest.raises(ValueError, match="the checkpoint"):
                script.verify(folder, checkpoint)
        else:
            assert script.verify(folder, checkpoint) == (position, hash)

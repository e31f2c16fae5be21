from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from commands.lead import AssignLead, CaptureLead, ScoreLead
from commands.rejected import Rejected
from infra.keys import Keys
from infra.log import Actor, Log, Request, Row, verify
from infra.log import log as log_module
from tests.places import Place, run

ANN = Actor("user", "ann")


def fill(log: Log, count: int) -> list[Row]:
    """Leads 0 to 4 get scores in turn, three events a transaction."""
    requests = [Request(CaptureLead(id=str(n), name=f"N{n}"), ANN) for n in range(min(5, count))]
    requests += [Request(ScoreLead(id=str(n % 5), score=n // 5), ANN) for n in range(5, count)]
    for begin in range(0, count, 3):
        log.submit(requests[begin : begin + 3])
    return list(log.rows())


def test_rows_between_positions_and_of_one_stream(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "ROWS_AT_ONCE", 4)
    rows = fill(log, 30)
    assert [row.position for row in rows] == list(range(1, 31))
    for after, until, limit in (
        (0, None, None),
        (7, 22, None),
        (7, 22, 3),
        (29, 99, None),
        (30, None, None),
        (0, 9, 0),
    ):
        expected = [row for row in rows if after < row.position <= (until or 99)]
        assert list(log.rows(after=after, until=until, limit=limit)) == expected[:limit]
        of_one = [row for row in expected if row.stream == "lead-3"]
        assert list(log.rows(after=after, until=until, stream="lead-3", limit=limit)) == of_one[:limit]
    assert list(log.rows(stream="lead-unknown")) == []


@pytest.mark.parametrize("size", [1, 7, 30, 1000])
def test_batches_are_the_rows(log: Log, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "ROWS_AT_ONCE", 4)
    rows = fill(log, 30)
    batches = list(log.batches(2, 28, size))
    assert all(batch.num_rows == size for batch in batches[:-1])
    table = pa.Table.from_batches(batches)
    assert table.schema.field("recorded_at").type == pa.timestamp("us", "UTC")
    assert [Row(**row) for row in table.to_pylist()] == rows[2:28]
    assert list(log.batches(30)) == list(log.batches(99)) == []


def test_position_at_an_instant(log: Log) -> None:
    tick = timedelta(microseconds=1)
    assert log.position_at(log.head.recorded_at) == 0
    rows = fill(log, 10)
    assert log.position_at(rows[0].recorded_at - tick) == 0
    for row, following in pairwise(rows):
        if row.recorded_at < following.recorded_at:
            assert log.position_at(row.recorded_at) == log.position_at(following.recorded_at - tick) == row.position
    assert log.position_at(rows[-1].recorded_at + timedelta(days=9)) == 10


def test_waiting(log: Log, log_url: str, keys: Keys) -> None:
    assert log.wait(0, 0) == 0
    assert log.wait(0, 0.01) == 0
    fill(log, 3)
    assert log.wait(0, None) == 3
    seen: list[int] = []
    waiting = Thread(target=lambda: seen.append(log.wait(3, None)))
    waiting.start()
    log.execute(Request(CaptureLead(id="x"), ANN))
    waiting.join()
    assert seen == [4]
    other = Log.open(log_url, keys)
    waiting = Thread(target=lambda: seen.append(log.wait(4, None)))
    waiting.start()
    other.execute(Request(CaptureLead(id="y"), ANN))
    waiting.join()
    assert seen == [4, 5]
    waiting = Thread(target=lambda: seen.append(log.wait(99, None)))
    waiting.start()
    other.close()
    log.close()
    waiting.join()
    assert len(seen) == 3


def test_a_closed_log_says_so(log: Log) -> None:
    log.close()
    log.close()
    for use in (
        lambda: log.head,
        lambda: log.execute(Request(CaptureLead(id="1"), ANN)),
        lambda: log.state("lead-1"),
        lambda: list(log.rows()),
        log.verify,
    ):
        with pytest.raises(Rejected) as refused:
            use()
        assert refused.value.code == "LOG_CLOSED"


def test_a_sound_log_is_found_sound(log: Log, log_url: str) -> None:
    assert log.verify() == verify(log_url) == []
    fill(log, 20)
    seen: list[tuple[int, int]] = []
    assert log.verify(progress=lambda done, of: seen.append((done, of))) == []
    assert seen == [(20, 20)]
    for last in (0, 1, 7, 20, 99):
        assert log.verify(last=last) == verify(log_url, last=last) == []


@pytest.fixture
def written(log: Log, log_url: str) -> str:
    """A sound log of 12 events."""
    fill(log, 12)
    log.close()
    return log_url


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_altered_byte_is_found_and_its_position_named(written: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(1, 12), "position")
    column = data.draw(st.sampled_from(["stream", "version", "type", "recorded_at", "document", "hash"]), "column")
    ((value,),) = run(written, f"SELECT {column} FROM events WHERE position = :position", position=position)
    if isinstance(value, int):
        other: Any = value ^ (1 << data.draw(st.integers(0, 40 if column == "recorded_at" else 30), "bit"))
    else:
        content = bytearray(value.encode() if isinstance(value, str) else value)
        content[data.draw(st.integers(0, len(content) - 1), "byte")] ^= data.draw(st.integers(1, 127), "bits")
        assume(isinstance(value, bytes) or 0 not in content)  # PostgreSQL keeps no such text
        other = content.decode() if isinstance(value, str) else bytes(content)
    change = f"UPDATE events SET {column} = :value WHERE position = :position"
    try:
        run(written, change, value=other, position=position)
    except IntegrityError:
        assume(False)
    try:
        (finding,) = verify(written)
    finally:
        run(written, change, value=value, position=position)
    assert finding.position == position
    assert finding.code == ("HASH_WRONG" if column in ("document", "hash") else "COLUMN_WRONG")
    assert column in ("document", "hash") or f"the column {column}" in finding.sentence
    assert verify(written) == []


@pytest.mark.parametrize("last", [None, 8])
@pytest.mark.parametrize(
    ("statement", "code", "position"),
    [
        ("DELETE FROM events WHERE position = 7", "POSITION_MISSING", 7),
        ("DELETE FROM events WHERE position = 12", "HEAD_WRONG", None),
        ("UPDATE events SET position = 13 WHERE position = 9", "POSITION_MISSING", 9),
        ("UPDATE events SET version = 77 WHERE position = 9", "COLUMN_WRONG", 9),
        ("UPDATE log_head SET position = 11", "HEAD_WRONG", None),
        ("UPDATE log_head SET recorded_at = recorded_at + 1", "HEAD_WRONG", 12),
        ("UPDATE log_head SET hash = CAST('x' AS {bytes})", "HEAD_WRONG", 12),
        ("DELETE FROM log_head", "HEAD_WRONG", None),
        ("INSERT INTO log_head SELECT * FROM log_head", "HEAD_WRONG", None),
    ],
)
def test_what_is_wrong_is_rightly_named(
    written: str, place: Place, statement: str, code: str, position: int | None, last: int | None
) -> None:
    run(written, statement.format(bytes="BLOB" if place.kind == "sqlite" else "BYTEA"))
    (finding,) = verify(written, last=last)
    assert (finding.code, finding.position) == (code, position)


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", ["document = CAST(document AS TEXT)", "recorded_at = 'x'"])
def test_a_value_of_another_type_is_found(written: str, change: str) -> None:
    run(written, f"UPDATE events SET {change} WHERE position = 9")
    for last in (None, 8):
        (finding,) = verify(written, last=last)
        assert (finding.code, finding.position) == ("ROW_WRONG", 9)


@pytest.mark.parametrize("last", [None, 3])
def test_a_version_out_of_turn_is_found_though_the_chain_was_made_anew(written: str, last: int | None) -> None:
    before, after = run(written, "SELECT document, hash FROM events WHERE position >= 11 ORDER BY position")
    document = after.document.replace(b'"version":3,', b'"version":4,')
    hash = sha256(before.hash + document).digest()
    run(
        written,
        "UPDATE events SET version = 4, document = :document, hash = :hash WHERE position = 12",
        "UPDATE log_head SET hash = :hash",
        document=document,
        hash=hash,
    )
    (finding,) = verify(written, last=last)
    assert (finding.code, finding.position) == ("VERSION_WRONG", 12)


def test_what_was_tampered_with_is_not_opened(written: str, keys: Keys) -> None:
    run(written, "UPDATE events SET type = 'crm.LeadScored.v9' WHERE position = 8")
    with pytest.raises(Rejected, match="position 8") as refused:
        Log.open(written, keys)
    assert refused.value.code == "LOG_TAMPERED"


def test_a_newer_version_is_not_opened(written: str, keys: Keys) -> None:
    run(written, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Rejected, match="9999") as refused:
        Log.open(written, keys)
    assert refused.value.code == "NEWER_VERSION"


def test_the_migrations_make_the_tables_of_this_version(log: Log, log_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    from infra.log.tables import metadata

    engine = create_engine(log_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_text("")
    return file / "data"


def test_bad_places(tmp_path: Path, keys: Keys, nowhere: Path) -> None:
    (tmp_path / "picture.db").write_bytes(b"no database at all" * 500)
    for url, code in (
        (f"sqlite:///{tmp_path}/picture.db", "LOG_UNREADABLE"),
        (f"sqlite:///{nowhere}/log.db", "DATA_NOT_WRITABLE"),
        ("sqlite:////proc/annals/log.db", "DATA_NOT_WRITABLE"),
        ("oracle://somewhere/log", "UNKNOWN_DATABASE"),
        ("sqlite://", "UNKNOWN_DATABASE"),
    ):
        with pytest.raises(Rejected) as refused:
            Log.open(url, keys)
        assert refused.value.code == code


def test_one_stream_changed_by_two_logs(log: Log, log_url: str, keys: Keys, clock: Any) -> None:
    other = Log.open(log_url, keys, clock=clock)
    log.execute(Request(CaptureLead(id="1"), ANN))
    for n in range(10):
        mine = (log, other)[n % 2]
        assert mine.execute(Request(AssignLead(id="1", agent_id=f"a{n}"), ANN, expected_version=n + 1)).version == n + 2
    other.submit([Request(AssignLead(id="1", agent_id=f"b{n}"), ANN) for n in range(log_module.MOST_TO_CATCH_UP + 5)])
    assert log.state("lead-1") == other.state("lead-1")
    assert log.execute(Request(AssignLead(id="1", agent_id="c"), ANN)).version == log_module.MOST_TO_CATCH_UP + 17
    assert log.verify() == []
    other.close()

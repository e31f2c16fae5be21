"""The engine: files in force, the archive, what happens to a file that does not fit, following, snapshots."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from commands.rejected import Rejected
from domain.ticket import TicketAssigned, TicketOpened, TicketPended, TicketSolved
from infra.asker import Asker, working_for
from infra.models import EVENTS, Models
from infra.models.archive import fresh_events, relations

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)

TICKETS = """-- Tickets. One row per ticket.
-- key: ticket_id
-- sum: assignments
-- column: ticket_id: the ticket's id
-- column: status: how it stands
-- column: assignments: how often it was given to somebody
select id as ticket_id, position, occurred_at, 'new' as status from ticket_opened
union all by name
select id as ticket_id, position, occurred_at, 1 as assignments from ticket_assigned
union all by name
select id as ticket_id, position, occurred_at, 'solved' as status from ticket_solved
"""
PENDED = """-- Pended tickets.
-- column: ticket_id: the ticket's id
-- column: pended_at: since when
select id as ticket_id, position, occurred_at, occurred_at as pended_at from ticket_pended
"""


def rows(models: Models, sql: str) -> list[tuple[Any, ...]]:
    with models.transaction() as cursor:
        return cursor.execute(sql).fetchall()


def tell(lines: Any, tickets: int = 3) -> int:
    for ticket in range(tickets):
        lines.add(f"ticket-{ticket}", TicketOpened(opened_by="requester", subject="sealed:1:…"), NOON)
        lines.add(f"ticket-{ticket}", TicketAssigned(agent_id="ann"), NOON + timedelta(hours=1))
    return int(lines.head.position)


@pytest.fixture
def tickets(models_dir: Path) -> Path:
    file = models_dir / "tickets.sql"
    file.write_text(TICKETS)
    return file


@pytest.mark.slow
def test_models_stand_where_they_are_brought(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    position = tell(lines)
    models.bring(["tickets"], position)
    assert rows(models, "from tickets order by 1") == [(str(n), "new", 1) for n in range(3)]
    assert (models.position, models.hash) == (position, lines.head.hash)


def test_the_archive_gives_every_event_back(lines: Any, tickets: Path, opened: Any) -> None:
    tell(lines)
    lines.add("ticket-0", "eventsourcing:Exploded", NOON, why="nobody knows")
    models = opened(lines)
    models.bring(["events"], lines.head.position)
    events = rows(models, "select position, stream, version, type, hash, data::varchar from events order by position")
    assert [event[:4] for event in events] == [
        (row["position"], row["stream"], row["version"], row["type"]) for row in lines.rows
    ]
    assert [event[4] for event in events] == [row["hash"] for row in lines.rows]
    assert [json.loads(event[5]) for event in events] == [json.loads(row["document"])["data"] for row in lines.rows]
    assert rows(models, "select agent_id, actor_id, id from ticket_assigned where stream = 'ticket-1'") == [
        ("ann", "ann", "1")
    ]


SAMPLES: dict[str, Any] = {
    "VARCHAR": "sealed:1:ä",
    "BIGINT": 42,
    "BOOLEAN": True,
    "TIMESTAMP WITH TIME ZONE": "2024-01-02T03:04:05.000006Z",
    "DATE": "2024-01-02",
    "DECIMAL(18,2)": "-1234.50",
    "VARCHAR[]": ["a", "b"],
}


@pytest.mark.slow
def test_events_are_the_same_from_the_log_and_from_the_archive(lines: Any, opened: Any) -> None:
    for relation in relations().values():
        for fields in ({}, relation.fields):
            given = {field: SAMPLES[type] for field, type in fields.items()} | ({"reason": "so"} if fields else {})
            lines.add("ticket-a-b", relation.event.type_name, NOON, **given)
    models = opened(lines)
    models.bring(["events"], lines.head.position)
    log = pa.Table.from_batches(lines.batches(0))
    with models.transaction() as cursor, fresh_events(cursor, log, relations()) as fresh:
        assert fresh.keys() == relations().keys()
        for name, source in fresh.items():
            archived = cursor.execute(f"from {name} order by position").fetchall()
            assert len(archived) == 2
            assert cursor.execute(f"{source} order by position").fetchall() == archived


@pytest.mark.slow
def test_events_that_come_one_at_a_time_are_folded_as_all_at_once(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    for _ in range(20):
        tell(lines, 1)
        for position in (lines.head.position - 1, lines.head.position):
            models.bring(["tickets"], position)
    head = lines.head.position
    assert models.row("tickets", ["0"], head)[0].to_pylist()[0]["assignments"] == 20
    models.bring([EVENTS], head)
    assert rows(models, "select count(*), max(position) from events") == [(head, head)]
    assert models.check_rebuild() == []


@pytest.mark.parametrize(("names", "reached"), [(["tickets"], 5), ([EVENTS], 0)])
def test_who_has_left_is_served_no_further_than_a_batch(
    lines: Any, tickets: Path, opened: Any, monkeypatch: pytest.MonkeyPatch, names: list[str], reached: int
) -> None:
    monkeypatch.setattr(Models._advance, "__defaults__", (5,))
    models = opened(lines)
    position = tell(lines, 10)
    gone = Asker()
    gone.leave()
    with working_for(gone), pytest.raises(Rejected, match="DEADLINE_PASSED"):
        models.bring(names, position)
    assert rows(models, "select position from annals_models") == [(reached,)]
    models.bring(names, position)
    ((found,),) = rows(models, f"select count(*) from {names[0]}")
    assert found == {"tickets": 10, EVENTS: position}[names[0]]


def test_a_rebuild_whose_asker_leaves_leaves_nothing(
    lines: Any, tickets: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.models.engine.REBUILD_BATCH", 5)
    models = opened(lines)
    models.bring(["tickets"], tell(lines, 10))
    models.bring([EVENTS], lines.head.position)
    built = rows(models, "select * from tickets order by all")
    for ask in (models.rebuild, models.check_rebuild):
        asker = Asker()
        with working_for(asker), pytest.raises(Rejected, match="DEADLINE_PASSED"):
            ask(["tickets"], lambda *_, leaving=asker: leaving.leave())
    assert rows(models, "select table_name from duckdb_tables() where table_name like 'annals_next%'") == []
    assert rows(models, "select * from tickets order by all") == built
    models.rebuild(["tickets"])
    assert models.check_rebuild(["tickets"]) == []


def test_what_the_log_does_not_have_cannot_be_waited_for(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    with pytest.raises(Rejected, match="POSITION_AHEAD"):
        models.bring(["tickets"], tell(lines) + 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("select id as", "selekt id as"), "line 7"),
        (("'solved' as status", "solfed as status"), "line 11"),
        (("from ticket_solved", "from tickets"), "tickets is no relation"),
        (("-- column: status: how it stands\n", ""), "column status"),
        (("-- sum: assignments", "-- sum: asignments"), "asignments"),
        (("1 as assignments", "1.5::double as assignments"), "DOUBLE"),
        (("from ticket_solved", "from ticket_solved limit 3"), "one event alone"),
        (("'new' as status", "'new' as status, true as clear_mood"), "clear_mood"),
        (("position, occurred_at, 'new'", "position, 'new'"), "occurred_at"),
    ],
)
def test_a_file_with_a_mistake_is_named_and_the_others_go_on(
    change: tuple[str, str], said: str, lines: Any, tickets: Path, models_dir: Path, opened: Any
) -> None:
    assert change[0] in TICKETS
    tickets.write_text(TICKETS.replace(*change))
    models_dir.joinpath("pended.sql").write_text(PENDED)
    lines.add("ticket-1", TicketPended(), NOON)
    models = opened(lines)
    with pytest.raises(Rejected) as refused:
        models.bring(["tickets"], 1)
    assert refused.value.code == "MODEL_BROKEN"
    assert "tickets.sql" in refused.value.sentence
    assert said in refused.value.sentence
    models.bring(["pended"], 1)
    assert rows(models, "select ticket_id from pended") == [("1",)]
    broken = {model.name: model.broken for model in models.status().models}
    assert broken["pended"] is None
    assert said in str(broken["tickets"])


def test_only_changed_files_begin_anew(lines: Any, tickets: Path, models_dir: Path, opened: Any) -> None:
    pended = models_dir / "pended.sql"
    pended.write_text(PENDED)
    position = tell(lines)
    models = opened(lines)
    models.bring(["tickets", "pended"], position)
    models.close()
    tickets.write_text(TICKETS.replace("'solved' as status", "'done' as status"))
    pended.unlink()
    lines.add("ticket-0", TicketSolved(), NOON + timedelta(hours=2))
    models = opened(lines)
    assert models.names == ["tickets"]
    assert "pended_now" not in {row[0] for row in rows(models, "select table_name from duckdb_tables()")}
    models.bring(["tickets"], position + 1)
    assert rows(models, "select status from tickets where ticket_id = '0'") == [("done",)]
    assert models.check_rebuild() == []


def statuses(models: Models, position: int) -> list[Any]:
    models.bring(["tickets"], position)
    return rows(models, "select status, count(*) from tickets group by all order by all")


DONE = TICKETS.replace("'solved' as status", "'done' as status")


def test_a_changed_model_is_built_beside_and_switched(lines: Any, tickets: Path, opened: Any) -> None:
    """Whoever asks while it is built gets the old one, whole; afterwards the new one, whole."""
    position = tell(lines)
    models = opened(lines)
    models.bring([EVENTS], position)
    before = statuses(models, position)
    tickets.write_text(DONE)
    models.reread()
    assert statuses(models, position) == before
    meanwhile: list[Any] = []

    def ask(model: str, reached: int, until: int) -> None:
        lines.add("ticket-0", TicketSolved(), NOON + timedelta(hours=2))
        meanwhile.append(statuses(models, lines.head.position))

    models.rebuild(["tickets"], ask)
    assert meanwhile
    assert all("done" not in str(each) and "solved" in str(each) for each in meanwhile)
    after = statuses(models, lines.head.position)
    assert "done" in str(after)
    assert "solved" not in str(after)
    assert sum(count for _, count in after) == sum(count for _, count in meanwhile[-1])
    assert models.check_rebuild() == []
    notice = models.status().notices[-1]
    assert "the changed model tickets is in force" in notice
    models.close()
    again = opened(lines)
    assert statuses(again, lines.head.position) == after
    assert again.status().notices == []


def test_after_a_start_the_old_model_answers_until_the_changed_one_is_built(
    lines: Any, tickets: Path, opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(lines)
    position = lines.add("ticket-0", TicketSolved(), NOON + timedelta(hours=2))
    models = opened(lines)
    models.bring([EVENTS], position)
    before = statuses(models, position)
    models.close()
    tickets.write_text(DONE)
    monkeypatch.setattr("infra.models.engine.REBUILD_BATCH", -1)  # so that this is a long history
    models = opened(lines)
    assert statuses(models, position) == before
    monkeypatch.setattr("infra.models.engine.REBUILD_BATCH", 1)
    models.start()
    until(lambda: bool(models.status().notices))
    assert "done" in str(statuses(models, position))
    assert models.check_rebuild() == []


def test_new_and_removed_files_and_mistakes_while_it_runs(
    lines: Any, tickets: Path, models_dir: Path, opened: Any
) -> None:
    position = tell(lines)
    models = opened(lines)
    models.start()
    before = statuses(models, position)
    models_dir.joinpath("pended.sql").write_text(PENDED)
    models_dir.joinpath("wrong.sql").write_text(PENDED.replace("from ticket_pended", "from\nticket_pend"))
    tickets.write_text(TICKETS.replace("from ticket_solved", "from\nticket_solve"))
    with pytest.raises(Rejected) as refused:
        models.reread()
    assert refused.value.code == "MODEL_INVALID"
    line = tickets.read_text().splitlines().index("ticket_solve") + 1
    assert f"tickets.sql, line {line}" in refused.value.sentence
    models.rebuild(["tickets"])
    assert statuses(models, position) == before
    lines.add("ticket-0", TicketPended(), NOON + timedelta(hours=2))
    models.bring(["pended"], lines.head.position)
    assert ("0",) in rows(models, "select ticket_id from pended")
    tickets.write_text(TICKETS)
    models_dir.joinpath("wrong.sql").unlink()
    models_dir.joinpath("pended.sql").unlink()
    models.reread()
    assert models.names == ["tickets"]
    with pytest.raises(Rejected, match="UNKNOWN_MODEL"):
        models.bring(["pended"], position)
    assert models.check_rebuild() == []


def test_it_goes_on_where_it_stood(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    models.bring(["tickets"], tell(lines))
    models.close()
    lines.add("ticket-0", TicketSolved(), NOON + timedelta(minutes=30))
    models = opened(lines)
    assert models.position == lines.head.position - 1
    models.bring(["tickets"], lines.head.position)
    assert models.check_rebuild() == []
    assert models.status().notices == []


@pytest.mark.parametrize("same", [True, False])
def test_models_that_stand_further_than_the_archive_wait_for_a_log_that_is_away(
    lines: Any, tickets: Path, opened: Any, make_lines: Any, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    monkeypatch.setattr("infra.models.engine._START", 0.01)
    models = opened(lines)
    models.bring(["tickets"], tell(lines))
    models.close()
    late = make_lines()
    models = opened(late, look_back=False)
    assert models.position == 0
    assert models.row("tickets", ["1"], 0)[0].to_pylist()[0]["status"] == "new"
    for ask in (models.check_rebuild, models.rebuild, models.snapshot):
        with pytest.raises(Rejected, match="the log ends at position 0; 6 is not there yet"):
            ask()
    tell(late, 4)
    if same:
        late.rows[:6] = lines.rows
        rechain(late)
        models.bring(["tickets", "events"], 8)
        assert models.check_rebuild() == []
        return
    late.rows[0]["document"] += b" "
    rechain(late)
    for position in (6, 7, 8):
        with pytest.raises(Rejected, match="HISTORY_FORKED: event 6 is not the one in the read models"):
            models.bring(["tickets", "events"], position)


def rechain(lines: Any) -> None:
    """The hashes of what the log says now."""
    before = b""
    for row in lines.rows:
        row["hash"] = before = hashlib.sha256(before + row["document"]).digest()


def test_a_file_ahead_of_its_log_is_built_anew(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    models.bring(["tickets"], tell(lines))
    models.close()
    models = opened(lines.part(2))
    assert models.position == 0
    assert "HISTORY_FORKED" in models.status().notices[0]
    models.bring(["tickets"], 2)
    assert rows(models, "from tickets") == [("0", "new", 1)]


def test_a_file_of_another_history_is_built_anew(lines: Any, tickets: Path, opened: Any, make_lines: Any) -> None:
    models = opened(lines)
    models.bring(["tickets"], tell(lines, 2))
    models.close()
    other = make_lines()
    for ticket in "abcd":
        other.add(f"ticket-{ticket}", TicketOpened(opened_by="agent"), NOON)
    models = opened(other)
    assert "HISTORY_FORKED" in models.status().notices[0]
    models.bring(["tickets"], 4)
    assert [row[0] for row in rows(models, "from tickets order by 1")] == list("abcd")


def test_a_log_that_does_not_continue_is_never_mixed_in(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    position = tell(lines)
    models.bring(["tickets"], position)
    lines.rows[-1]["hash"] = b"\0" * 32
    lines.add("ticket-0", TicketSolved(), NOON)
    with pytest.raises(Rejected, match="HISTORY_FORKED"):
        models.bring(["tickets"], position + 1)
    assert models.position == position


def test_an_unreadable_file_is_moved_aside(lines: Any, tickets: Path, opened: Any, tmp_path: Path) -> None:
    position = tell(lines)
    tmp_path.joinpath("data").mkdir()
    tmp_path.joinpath("data", "models.duckdb").write_bytes(b"not a database" * 1000)
    models = opened(lines)
    assert "MODELS_UNREADABLE" in models.status().notices[0]
    assert len(list(tmp_path.joinpath("data").glob("*.unreadable-*"))) == 1
    models.bring(["tickets"], position)
    assert len(rows(models, "from tickets")) == 3


def test_a_wrong_row_is_found_by_a_rebuild_and_mended_by_it(
    lines: Any, tickets: Path, opened: Any, tmp_path: Path
) -> None:
    models = opened(lines)
    position = tell(lines)
    models.bring(["tickets"], position)
    models.close()
    with duckdb.connect(str(tmp_path / "data" / "models.duckdb")) as connection:
        connection.execute("update tickets_now set status = 'lost' where ticket_id = '1'")
    models = opened(lines)
    found = models.check_rebuild()
    assert [(finding.model, finding.code) for finding in found] == [("tickets", "MODEL_DIFFERS")]
    assert "ticket_id=1" in found[0].sentence
    models.rebuild(["tickets"])
    assert models.check_rebuild() == []
    assert rows(models, "select status from tickets_at(now(), 100) where ticket_id = '1'") == [("new",)]


def test_readers_cannot_write_and_reach_nothing_outside(lines: Any, tickets: Path, opened: Any, tmp_path: Path) -> None:
    models = opened(lines)
    for statement in (
        "insert into tickets_now values ('x', 'new', 1, now(), 1)",
        "create table mine as select 1",
        "set memory_limit = '9GB'",
        f"copy (select 1) to '{tmp_path / 'out.csv'}'",
        "select * from read_csv('/etc/passwd')",
        f"attach '{tmp_path / 'other.duckdb'}'",
    ):
        with models.transaction() as cursor, pytest.raises(duckdb.Error):
            cursor.execute(statement)


def test_every_column_has_a_comment(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    assert rows(models, 'select "table", "column" from columns where comment is null') == []
    assert rows(models, "select comment from columns where \"table\" = 'tickets' and \"column\" = 'status'") == [
        ("how it stands",)
    ]
    bare = "select table_name from duckdb_tables() where comment is null and not starts_with(table_name, 'annals_')"
    assert rows(models, bare) == []
    assert rows(models, "select view_name from duckdb_views() where comment is null and not internal") == []


def test_a_snapshot_can_be_opened_by_others(lines: Any, tickets: Path, opened: Any, tmp_path: Path) -> None:
    models = opened(lines)
    position = tell(lines)
    file = models.snapshot()
    manifest = json.loads(tmp_path.joinpath("data", "snapshots", "latest.json").read_text())
    assert (manifest["position"], manifest["hash"]) == (position, lines.head.hash.hex())
    assert manifest["file"] == file.name
    assert manifest["rows"]["tickets_now"] == 3
    with duckdb.connect(str(file), read_only=True) as connection:
        assert connection.execute("select count(*) from tickets_at(now(), 6)").fetchall() == [(3,)]
        assert connection.execute("select count(*) from events").fetchall() == [(position,)]
        assert connection.execute("select count(*) from columns where comment is null").fetchall() == [(0,)]
    lines.add("ticket-0", TicketSolved(), NOON)
    assert models.snapshot() != file
    assert file.exists()


@pytest.mark.slow
def test_a_snapshot_stands_at_one_position_whatever_goes_on(lines: Any, tickets: Path, opened: Any) -> None:
    models = opened(lines)
    tell(lines)
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            models.bring(["tickets"], lines.add(f"ticket-{lines.head.position}", TicketOpened(opened_by="agent")))

    going_on = threading.Thread(target=go_on)
    going_on.start()
    try:
        files = [models.snapshot() for _ in range(5)]
    finally:
        stop.set()
        going_on.join()
    assert len(set(files)) == 5
    for file in files:
        with duckdb.connect(str(file), read_only=True) as connection:
            stands = "select max(known_from), (select max(position) from events) from tickets_now"
            ((model, archive),) = connection.execute(stands).fetchall()
        assert file.name == f"crm-{archive}.duckdb"
        assert model == archive


@pytest.mark.slow
def test_the_follower_brings_all_up_and_rebuilds_go_on_beside_it(
    lines: Any, tickets: Path, models_dir: Path, opened: Any
) -> None:
    models_dir.joinpath("pended.sql").write_text(PENDED)
    models = opened(lines)
    models.start()
    for _ in range(3):
        tell(lines, 20)
        models.rebuild()
    position = lines.head.position
    until(lambda: all(model.lag == 0 for model in models.status().models))
    assert models.status().lag == 0
    assert models.status().last_error is None
    assert rows(models, "select count(*), sum(assignments) from tickets") == [(20, 60)]
    assert models.position == position
    assert models.check_rebuild() == []


def until(condition: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


CHILD = """
import sys
from datetime import timedelta
from pathlib import Path
sys.path[:0] = [{tests!r}]
from conftest import Lines
from test_engine import NOON, tell_much
from infra.models import Models
lines = Lines()
tell_much(lines)
folder = Path({folder!r})
models = Models(folder / "models.duckdb", lines, projections=Path({projections!r}), time_zone="UTC",
                memory="500MB", threads=2, snapshots=folder / "snapshots")
print("ready", flush=True)
while models.position < lines.head.position:
    models.bring(["tickets"], min(lines.head.position, models.position + 7))
print("done", flush=True)
"""


def tell_much(lines: Any) -> None:
    for n in range(600):
        event = (TicketOpened(opened_by="agent"), TicketAssigned(agent_id=f"a{n % 3}"), TicketSolved())[n % 3]
        lines.add(f"ticket-{n % 40}", event, NOON + timedelta(minutes=n - 50 * (n % 11 == 0)))


@pytest.mark.parametrize(
    "change",
    [
        "update ticket_assigned set agent_id = 'eve' where position = 4",
        "update ticket_assigned set occurred_at = occurred_at + interval 1 second where position = 4",
        "update ticket_assigned set hash = 'another'::blob where position = 4",
        "delete from ticket_assigned where position = 4",
        "insert into ticket_assigned from ticket_assigned where position = 4",
        "update ticket_assigned set position = 1 where position = 4",
        "update annals_unknown set position = 4 where position = 7",
        "insert into ticket_solved (position, stream, version, type, event_id, occurred_at, recorded_at, hash)"
        " select position, stream, version, 'crm.TicketSolved.v1', event_id, occurred_at, recorded_at, hash"
        " from ticket_assigned where position = 4",
    ],
)
def test_an_altered_archive_is_found_by_the_log(
    lines: Any, tickets: Path, opened: Any, tmp_path: Path, change: str
) -> None:
    models = opened(lines)
    tell(lines)
    lines.add("ticket-0", "eventsourcing:Exploded", NOON, why="nobody knows")
    models.bring(["events", "tickets"], 7)
    assert models.check_archive() == []
    models.close()
    with duckdb.connect(str(tmp_path / "data" / "models.duckdb")) as connection:
        connection.execute(change)
    models = opened(lines)
    models.rebuild()
    assert models.check_rebuild() == []  # it is built from the archive, so it is as wrong
    (found,) = models.check_archive()
    assert (found.model, found.code) == ("archive", "ARCHIVE_DIFFERS")
    first = 1 if "position = 1 " in change else 4
    assert f"another event {first} than the log" in found.sentence


@pytest.mark.slow
def test_a_killed_engine_ends_up_as_if_nothing_had_happened(
    lines: Any, tickets: Path, opened: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    script = CHILD.format(tests=str(Path(__file__).parent), folder=str(folder), projections=str(tickets.parents[1]))
    for patience in (0.15, 0.4):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(patience)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    tell_much(lines)
    killed, whole = opened(lines, "killed"), opened(lines, "whole")
    assert killed.status().notices == []
    for models in (killed, whole):
        models.bring(["tickets"], lines.head.position)
    history = "from tickets_history order by all"
    assert rows(killed, history) == rows(whole, history)
    assert killed.check_rebuild() == []

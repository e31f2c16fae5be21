from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.command import Command
from commands.rejected import Rejected
from infra.intake import Mapping, Wish
from infra.intake.mapping import kind_of

ZONE = "Europe/Berlin"
CSV = "id,day,origin,score\na,2020-07-01,web,5\nb,2020-07-02,,x\nc,,mail,3.7\n"
CAPTURE = "select 'CaptureLead' as command, id, day::date as occurred_at, row, origin as source from source"


class Desk:
    """A folder with files and a mapping in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = [self.write("leads.csv", CSV)]

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def wishes(self, sql: str, *, size: int = 500, name: str | None = None) -> list[Wish]:
        mapping = self.write("leads.sql", sql)
        with Mapping.open(mapping, self.files, time_zone=ZONE, name=name) as opened:
            wishes = [wish for batch in opened.batches(size) for wish in batch]
            assert len(wishes) == opened.count
            return wishes

    def refused(self, sql: str) -> Rejected:
        with pytest.raises(Rejected) as refusal:
            self.wishes(sql)
        return refusal.value


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_row_becomes_a_command_with_the_fields_that_are_given(desk: Desk) -> None:
    first, second = desk.wishes(CAPTURE + " where day is not null")
    assert first[:3] == ("CaptureLead", {"id": "a", "source": "web"}, datetime(2020, 6, 30, 22, tzinfo=UTC))
    assert second.fields == {"id": "b"}
    assert (second.file, second.row, second.step) == (1, 3, 0)


@pytest.mark.parametrize(
    ("sql", "instant"),
    [
        ("date '2020-07-01'", datetime(2020, 6, 30, 22, tzinfo=UTC)),
        ("timestamp '2020-01-01 12:00:00.000007'", datetime(2020, 1, 1, 11, 0, 0, 7, tzinfo=UTC)),
        ("timestamptz '2020-01-01 12:00:00+05'", datetime(2020, 1, 1, 7, tzinfo=UTC)),
        ("'2020-07-01 12:00'", datetime(2020, 7, 1, 10, tzinfo=UTC)),
        ("'1969-12-31T23:59:59Z'", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_an_instant_without_a_zone_is_the_office_s(desk: Desk, sql: str, instant: datetime) -> None:
    wishes = desk.wishes(f"select 'CaptureLead' as command, id, {sql} as occurred_at, row from source")
    assert {wish.occurred_at for wish in wishes} == {instant}


def test_values_get_the_type_of_their_field(desk: Desk) -> None:
    (score,) = desk.wishes(
        "select 'ScoreLead' as command, id, '2020-01-01' as occurred_at, row, score from source limit 1"
    )
    assert score.fields == {"id": "a", "score": 5}
    (clear,) = desk.wishes(
        "select 'CorrectLead' as command, id, '2020-01-01' as occurred_at, row, 'wrong' as reason,"
        " 'name, email' as clear, 7 as title from source limit 1"
    )
    assert clear.fields == {"id": "a", "reason": "wrong", "clear": ("name", "email"), "title": "7"}
    (reply,) = desk.wishes(
        "select 'ReplyToTicket' as command, id, '2020-01-01' as occurred_at, row, 'r1' as reply_id,"
        " 'false' as is_public from source limit 1"
    )
    assert reply.fields["is_public"] is False
    (consent,) = desk.wishes(
        "select 'GrantConsent' as command, id, '2020-01-01' as occurred_at, row, 'news' as purpose, 'email' as channel,"
        " date '2021-01-01' as expires_at from source limit 1"
    )
    assert consent.fields["expires_at"] == datetime(2020, 12, 31, 23, tzinfo=UTC)


def test_every_field_of_every_command_can_be_given() -> None:
    assert [kind_of(name, field) for name, command in Command.by_name.items() for field in command.model_fields]


def test_one_column_can_be_a_field_of_several_commands(desk: Desk) -> None:
    wishes = desk.wishes(
        "select 'AnswerSurvey' as command, id, '2020-01-01' as occurred_at, row, 1 as step, 'a' as answer_id,"
        " 'nps' as metric, '9' as score from source where row = 2 union all by name "
        "select 'ScoreLead' as command, id, '2020-01-01' as occurred_at, row, '8' as score from source where row = 2"
    )
    assert [(wish.command, wish.fields["score"]) for wish in wishes] == [("ScoreLead", 8), ("AnswerSurvey", 9)]


def test_a_value_that_its_field_cannot_take_refuses_its_row_alone(desk: Desk) -> None:
    wishes = desk.wishes("select 'ScoreLead' as command, id, '2020-01-01' as occurred_at, row, score from source")
    assert [(wish.row, wish.refusal and wish.refusal.field) for wish in wishes] == [
        (2, None),
        (3, "score"),
        (4, "score"),
    ]
    assert str(wishes[1].refusal) == "INVALID_FIELD: score must be a whole number"


@pytest.mark.parametrize("column", ["id", "occurred_at"])
def test_a_row_without_its_place_is_refused(desk: Desk, column: str) -> None:
    sql = CAPTURE.replace("id,", "if(row = 4, null, id) as id,") if column == "id" else CAPTURE
    (refused,) = [wish for wish in desk.wishes(sql) if wish.refusal is not None and wish.refusal.field == column]
    assert refused.row == 4


@pytest.mark.parametrize("sql", ["'infinity'::timestamptz", "timestamp '20000-01-01'", "'yesterday'"])
def test_what_is_no_instant_of_the_calendar_is_refused(desk: Desk, sql: str) -> None:
    wishes = desk.wishes(f"select 'CaptureLead' as command, id, {sql} as occurred_at, row from source")
    assert [str(wish.refusal) for wish in wishes] == ["INVALID_FIELD: occurred_at must be an instant"] * 3


def test_a_mapping_may_pivot(desk: Desk) -> None:
    desk.write("leads.csv", "id,what,value\na,source,web\na,name,Ada\nb,source,mail\n")
    sql = (
        "select 'CaptureLead' as command, id, date '2020-01-01' as occurred_at, 1 as row, name, source"
        " from (pivot (select id, what, value from source) on what in ('name', 'source') using first(value))"
    )
    assert sorted((wish.fields for wish in desk.wishes(sql)), key=lambda fields: str(fields["id"])) == [
        {"id": "a", "name": "Ada", "source": "web"},
        {"id": "b", "source": "mail"},
    ]


def test_an_unknown_time_zone_is_refused(desk: Desk) -> None:
    mapping = desk.write("leads.sql", CAPTURE)
    with pytest.raises(Rejected) as refusal:
        Mapping.open(mapping, desk.files, time_zone="Europe/Nowhere")
    assert refusal.value.code == "UNKNOWN_TIME_ZONE"


def test_commands_come_in_order_of_instant_file_row_and_step(desk: Desk) -> None:
    desk.files.append(desk.write("second.csv", "id\na\n"))
    wishes = desk.wishes(
        "select 'AssignLead' as command, id, '2020-01-01' as occurred_at, 2 as file, row, 'x' as agent_id from source2"
        " union all by name"
        " select 'QualifyLead' as command, id, '2020-01-01' as occurred_at, row, 1 as step from source1"
        " union all by name select 'NurtureLead' as command, id, '2020-01-01' as occurred_at, row from source1"
        " union all by name select 'CaptureLead' as command, id, '2019-01-01' as occurred_at, row from source1",
        size=4,
    )
    assert [(wish.command, wish.file, wish.row) for wish in wishes] == [
        *(("CaptureLead", 1, row) for row in (2, 3, 4)),
        *((command, 1, row) for row in (2, 3, 4) for command in ("NurtureLead", "QualifyLead")),
        ("AssignLead", 2, 2),
    ]


def test_a_request_id_is_made_of_import_command_id_instant_and_ordinal_alone(desk: Desk) -> None:
    sql = (
        "select 'AddNote' as command, id, day::date as occurred_at, row, origin as note_id"
        " from source where day is not null and origin is not null"
    )
    before = {wish.fields["note_id"]: wish.request_id for wish in desk.wishes(sql)}
    desk.write("leads.csv", "score,origin,day,id\n,first,2019-01-01,z\n,web,2020-07-01,a\n,again,2020-07-01,a\n")
    after = {wish.fields["note_id"]: wish.request_id for wish in desk.wishes(sql)}
    assert after["web"] == before["web"]
    assert len({*before.values(), *after.values()}) == 3
    other = {wish.request_id for wish in desk.wishes(sql, name="another import")}
    assert other.isdisjoint(after.values())


def test_equal_commands_of_one_row_keep_their_request_ids_in_every_run(desk: Desk) -> None:
    sql = (
        "select 'AddNote' as command, 'a' as id, '2020-01-01' as occurred_at, 2 as row,"
        " 'note-' || note as note_id from (select unnest({notes}) as note from source where row = 2)"
    )
    runs = [
        {(wish.request_id, wish.fields["note_id"]) for wish in desk.wishes(sql.format(notes=notes))}
        for notes in ("range(50)", "list_reverse(range(50))")
    ]
    assert runs[0] == runs[1]
    assert len({request_id for request_id, _ in runs[0]}) == 50


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("select 'CaptureLead' as command,\n  ids as id from source", "line 2, column 3"),
        ("selct 1", "line 1, column 1"),
        ("select 1\n  form source", "line 2"),
        ("select 'CaptureLead' as command, id, day as occurred_at, row,\n nothing(1) as x from source", "nothing"),
        ("select * from elsewhere", "line 1, column 15"),
        (CAPTURE + "; select 1", "exactly one SELECT"),
        ("drop table source1", "exactly one SELECT"),
        (CAPTURE.replace("row,", ""), "no column row"),
        (CAPTURE.replace("CaptureLead", "CatchLead"), "'CatchLead', which does not exist"),
        (CAPTURE.replace("'CaptureLead'", "null"), "without a command"),
        (CAPTURE.replace("as source", "as agent_id"), "CaptureLead has no field agent_id"),
        (CAPTURE.replace("as source", "as origin"), "no command has a field origin"),
        (CAPTURE.replace("origin as source", "null as sauce"), "sauce"),
    ],
)
def test_a_broken_mapping_is_refused_with_the_place(desk: Desk, sql: str, where: str) -> None:
    refusal = desk.refused(sql)
    assert refusal.code == "MAPPING_INVALID"
    assert where in refusal.sentence
    assert "\n" not in refusal.sentence


def test_a_mapping_that_fails_on_a_value_says_which(desk: Desk) -> None:
    refusal = desk.refused(CAPTURE.replace("day::date", "score::date"))
    assert refusal.code == "MAPPING_FAILED"
    assert '"5"' in refusal.sentence


def test_files_and_relations_must_agree(desk: Desk) -> None:
    assert desk.refused(CAPTURE.replace("from source", "from source1 join source2 using (id)")).code == "SOURCE_MISSING"
    desk.files.append(desk.write("second.csv", "id\na\n"))
    refusal = desk.refused(CAPTURE)
    assert refusal.code == "SOURCE_UNUSED"
    assert "second.csv" in refusal.sentence


def test_a_mapping_reads_its_files_alone(desk: Desk) -> None:
    secret = desk.write("secret.csv", "id\nz\n")
    sql = f"select 'CaptureLead' as command, id, '2020-01-01' as occurred_at, 1 as row from '{secret}', source"
    assert desk.refused(sql).code == "MAPPING_INVALID"


def test_a_mapping_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refusal:
        Mapping.open(tmp_path / "none.sql", [], time_zone=ZONE)
    assert refusal.value.code == "MAPPING_UNREADABLE"


def test_an_empty_file_means_no_commands(desk: Desk) -> None:
    desk.write("leads.csv", "id,day,origin,score\n")
    assert desk.wishes(CAPTURE) == []

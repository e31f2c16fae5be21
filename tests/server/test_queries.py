"""Questions through a real port: records, reports, SQL."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from crm.v1 import reading_pb2

MARCH = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def tickets(caller: Any) -> list[Any]:
    """Twelve tickets of March 2024, one a day; the even ones were solved a day later."""
    outcomes = []
    for day in range(12):
        opened = MARCH + timedelta(days=day)
        priority = "high" if day % 3 == 0 else None
        fields = {"subject": f"Subject {day}", "category": "print", "priority": priority, "occurred_at": opened}
        outcomes.append(caller("OpenTicket", id=f"q{day:02}", **fields))
        if day % 2 == 0:
            outcomes.append(caller("SolveTicket", id=f"q{day:02}", occurred_at=opened + timedelta(days=1)))
    return outcomes


@pytest.fixture(scope="module")
def last(tickets: list[Any]) -> int:
    return int(tickets[-1].position)


def ids(answer: Any) -> list[str]:
    return [each.ticket_id for each in answer.tickets]


def test_one_reads_what_one_wrote(caller: Any) -> None:
    for number in range(10):
        outcome = caller("OpenTicket", id=f"own-{number}", subject="Mine")
        ticket = caller("GetTicket", ticket_id=outcome.id, min_position=outcome.position)
        assert (ticket.ticket_id, ticket.status, ticket.etag) == (outcome.id, "new", "1")
        assert ticket.subject == "Mine"
        assert ticket.read_point.position >= outcome.position


def test_a_record_as_of_the_past(caller: Any, last: int) -> None:
    now = caller("GetTicket", ticket_id="q00", min_position=last)
    assert (now.status, now.solved_at.ToDatetime(UTC)) == ("solved", MARCH + timedelta(days=1))
    past = caller("GetTicket", ticket_id="q00", as_of=MARCH + timedelta(hours=1))
    assert past.status == "new"
    assert not past.HasField("solved_at")
    assert past.read_point.as_of.ToDatetime(UTC) == MARCH + timedelta(hours=1)


def test_a_record_as_known_at_a_position_or_an_instant(caller: Any, tickets: list[Any]) -> None:
    opened = tickets[0]
    by_position = caller("GetTicket", ticket_id="q00", known_at_position=opened.position)
    by_instant = caller("GetTicket", ticket_id="q00", known_at=opened.recorded_at)
    assert by_position.status == by_instant.status == "new"
    assert by_position.read_point.position == by_instant.read_point.position == opened.position


def test_the_etag_of_a_record_excludes_others(caller: Any, last: int) -> None:
    etag = caller("GetTicket", ticket_id="q01", min_position=last).etag
    caller("AssignTicket", id="q01", agent_id="x", etag=etag)
    assert caller.refused("AssignTicket", id="q01", agent_id="y", etag=etag).code == "VERSION_CONFLICT"


def test_a_mask_chooses_fields(caller: Any, last: int) -> None:
    ticket = caller("GetTicket", ticket_id="q00", read_mask={"paths": ["status", "etag"]}, min_position=last)
    assert sorted(field.name for field, _ in ticket.ListFields()) == ["etag", "read_point", "status"]
    page = caller("ListTickets", filter='ticket_id = "q00"', read_mask={"paths": ["subject"]})
    assert [field.name for field, _ in page.tickets[0].ListFields()] == ["subject"]
    whole = caller("GetTicket", ticket_id="q00", read_mask={"paths": ["*"]}, known_at_position=last)
    assert len(whole.ListFields()) > 5
    assert whole == caller("GetTicket", ticket_id="q00", as_of=whole.read_point.as_of, known_at_position=last)
    refused = caller.refused("ListTickets", read_mask={"paths": ["status", "*"]})
    assert (refused.code, refused.fields) == ("UNKNOWN_COLUMN", ["read_mask"])


def test_lists_filter_and_sort(caller: Any, last: int) -> None:
    where = 'category = "print" AND priority = "high" AND opened_at >= 2024-03-02'
    page = caller("ListTickets", filter=where, order_by="opened_at desc", min_position=last)
    assert ids(page) == ["q09", "q06", "q03"]
    assert [each.priority for each in page.tickets] == ["high"] * 3
    where = 'category = "print" (ticket_id = q03 OR ticket_id = "q0*") AND NOT (priority:low OR opened_at < 2024-03-08)'
    assert ids(caller("ListTickets", filter=where, order_by="priority desc, opened_at desc")) == ["q09", "q08", "q07"]
    assert page.next_page_token == ""


def test_pages_stay_at_the_point_of_the_first(caller: Any, last: int) -> None:
    question = {"filter": 'category = "print"', "order_by": "opened_at", "page_size": 5}
    page = caller("ListTickets", **question, min_position=last)
    seen, point = ids(page), page.read_point
    caller("OpenTicket", id="q000", category="print", occurred_at=MARCH)
    while page.next_page_token:
        page = caller("ListTickets", **question, page_token=page.next_page_token)
        seen += ids(page)
        assert page.read_point == point
    assert seen == [f"q{day:02}" for day in range(12)]


def test_rows_of_streams_are_listed_too(caller: Any) -> None:
    caller("OpenTicket", id="q-replies")
    for number in range(3):
        position = caller("ReplyToTicket", id="q-replies", reply_id=str(number), body=f"Reply {number}").position
    page = caller("ListTicketReplies", filter='ticket_id = "q-replies"', min_position=position)
    assert [(each.reply_id, each.body, each.is_bot) for each in page.ticket_replies] == [
        (str(number), f"Reply {number}", False) for number in range(3)
    ]
    one = caller("GetTicketReply", ticket_id="q-replies", reply_id="1")
    assert one.body == "Reply 1"


def test_personal_values_whose_key_is_gone_are_absent(caller: Any, node: Any) -> None:
    position = caller("RegisterCustomer", id="q-gone", name="Ann", country="DE").position
    assert caller("GetCustomer", customer_id="q-gone", min_position=position).name == "Ann"
    node.keys.destroy(["customer-q-gone"])
    customer = caller("GetCustomer", customer_id="q-gone")
    assert not customer.HasField("name")
    assert customer.country == "DE"


@pytest.mark.slow
def test_reports_describe_themselves(caller: Any) -> None:
    listed = caller("ListReports").reports
    assert {"backlog", "lead_conversion", "tickets_by_status", "ticket_times"} <= {each.name for each in listed}
    for each in listed:
        assert each.meaning
        assert each.clock in ("cohort", "flow", "state")
        assert not each.broken
        assert caller("GetReport", name=each.name) == each


@pytest.mark.slow
def test_every_report_runs_in_both_encodings(caller: Any, last: int) -> None:
    for about in caller("ListReports").reports:
        rows = caller("RunReport", name=about.name, as_of=MARCH + timedelta(days=20), min_position=last)
        arrow = caller(
            "RunReport",
            name=about.name,
            as_of=MARCH + timedelta(days=20),
            known_at_position=rows[0].read_point.position,
            encoding=reading_pb2.ENCODING_ARROW,
        )
        assert rows[0].report == about
        assert list(rows[0].chunk.columns) == list(arrow[0].chunk.columns) == list(about.columns)
        table = table_of(arrow)
        assert table.column_names == [column.name for column in about.columns]
        assert table.num_rows == sum(len(each.chunk.rows) for each in rows)


def test_a_report_as_a_series(caller: Any, last: int) -> None:
    ask = {"name": "backlog_movements", "period_from": MARCH, "as_of": MARCH + timedelta(days=6), "min_position": last}
    whole, parts = (
        [row for each in caller("RunReport", **ask, **every) for row in each.chunk.rows]
        for every in ({}, {"every": "day"})
    )
    assert len(parts) == 6
    opened = [int(list(row)[4]) for row in parts]
    assert sum(opened) == int(list(whole[0])[2]) > 0
    columns = caller("RunReport", **ask, every="day")[0].chunk.columns
    assert [column.name for column in columns][:3] == ["period_from", "period_to", "breakdown"]


def test_a_report_as_of_the_past_knows_nothing_of_the_future(caller: Any, last: int) -> None:
    def solved(**point: Any) -> int:
        rows = [row for each in caller("RunReport", name="tickets_by_status", **point) for row in each.chunk.rows]
        return sum(int(row[-1]) if isinstance(row[-1], str) else 0 for row in rows if "solved" in list(row))

    early = MARCH + timedelta(days=4, hours=1)
    assert caller("RunReport", name="tickets_by_status", min_position=last)
    assert solved(as_of=early) == 2
    caller("SolveTicket", id="q03", occurred_at=MARCH + timedelta(days=4))
    assert solved(as_of=early) == 3
    assert solved(as_of=early, known_at_position=last) == 2


def table_of(messages: list[Any]) -> pa.Table:
    return pa.concat_tables([pa.ipc.open_stream(io.BytesIO(each.chunk.arrow)).read_all() for each in messages])


KINDS = """
select 1::bigint as wide, 2::integer as narrow, 1.50::decimal(9,2) as money, true as truth, 'a' as text,
       timestamptz '2024-03-01 12:00:00.000001+02' as instant, date '2024-03-01' as day, ['a', 'b'] as list,
       null::varchar as none, 0.5::double as ratio, 'nan'::double as no_number, 'ab'::blob as bytes,
       {'a': 1::bigint} as struct
"""


def test_rows_keep_every_value_as_it_is(caller: Any) -> None:
    (message,) = caller("RunSql", sql=KINDS)
    assert [(column.name, column.type) for column in message.chunk.columns][:11] == [
        ("wide", "BIGINT"),
        ("narrow", "INTEGER"),
        ("money", "DECIMAL(9,2)"),
        ("truth", "BOOLEAN"),
        ("text", "VARCHAR"),
        ("instant", "TIMESTAMP WITH TIME ZONE"),
        ("day", "DATE"),
        ("list", "VARCHAR[]"),
        ("none", "VARCHAR"),
        ("ratio", "DOUBLE"),
        ("no_number", "DOUBLE"),
    ]
    row = list(message.chunk.rows[0])
    assert row[:7] == ["1", 2.0, "1.50", True, "a", "2024-03-01T10:00:00.000001Z", "2024-03-01"]
    assert list(row[7]) == ["a", "b"]
    assert row[8:12] == [None, 0.5, "nan", "YWI="]
    assert dict(row[12]) == {"a": 1.0}


@pytest.mark.parametrize("value", ["timestamp 'infinity'", "date '10000-01-01'", "[timestamptz '0044-03-15 (BC)']"])
def test_instants_that_rows_cannot_say(caller: Any, value: str) -> None:
    refused = caller.refused("RunSql", sql=f"select {value} as far")
    assert (refused.code, refused.fields) == ("SQL_INVALID", ["sql"])
    assert refused.sentence.startswith("far holds an instant that is not between the years 1 and 9999")
    assert table_of(caller("RunSql", sql=f"select {value} as far", encoding=reading_pb2.ENCODING_ARROW)).num_rows == 1


def test_sql_as_arrow_is_the_same(caller: Any) -> None:
    table = table_of(caller("RunSql", sql=KINDS, encoding=reading_pb2.ENCODING_ARROW))
    assert table.to_pylist()[0]["money"] == Decimal("1.50")
    assert table.to_pylist()[0]["instant"] == datetime(2024, 3, 1, 10, 0, 0, 1, UTC)


@pytest.mark.parametrize("encoding", [reading_pb2.ENCODING_ROWS, reading_pb2.ENCODING_ARROW])
def test_many_rows_come_in_chunks_and_none_in_one(caller: Any, encoding: int) -> None:
    sql = "select range as number, repeat('x', 100) as filler from range({})"
    messages = caller("RunSql", sql=sql.format(25_000), encoding=encoding)
    sizes = [len(each.chunk.rows) or table_of([each]).num_rows for each in messages]
    assert sum(sizes) == 25_000
    assert max(sizes) <= 10_000
    assert [bool(each.chunk.columns) for each in messages] == [True] + [False] * (len(messages) - 1)
    (nothing,) = caller("RunSql", sql=sql.format(0), encoding=encoding)
    assert [column.name for column in nothing.chunk.columns] == ["number", "filler"]


def test_sql_says_its_position_and_opens_only_on_demand(caller: Any) -> None:
    position = caller("CaptureLead", id="q-sql", name="Ann Other", country="sealed:1:no").position
    sql = "select name, country from leads where lead_id = 'q-sql'"
    (sealed,) = caller("RunSql", sql=sql, min_position=position)
    assert sealed.position >= position
    assert sealed.chunk.rows[0][0].startswith("sealed:1:")
    for encoding in (reading_pb2.ENCODING_ROWS, reading_pb2.ENCODING_ARROW):
        opened = caller("RunSql", sql=sql, open_personal=True, encoding=encoding)
        row = list(opened[0].chunk.rows[0]) if opened[0].chunk.rows else list(table_of(opened).to_pylist()[0].values())
        assert row == ["Ann Other", "sealed:1:no"]

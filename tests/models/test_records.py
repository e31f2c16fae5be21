"""Records and pages of them: what matches, in which order, and that a page token pins both clocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from commands.customer import AddContactPoint, GrantConsent, RegisterCustomer, RemoveContactPoint
from commands.fields import Priority
from commands.rejected import Rejected
from commands.ticket import AssignTicket, MergeTickets, OpenTicket, SolveTicket
from infra.models import records
from infra.models.point import at_point
from tests.laws.chance import EVENTS, any_event
from tests.models.company import PROJECTIONS, Company, company_in, day

PRIORITIES: tuple[Priority | None, ...] = ("low", "high", "critical", None)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company"), time_zone="America/New_York") as company:
        tell = company.tell
        tell_of_tickets(company)
        tell("03-24 09:00", RegisterCustomer(id="ada", name="Ada", email="ada@example.org"))
        tell("03-24 10:00", AddContactPoint(id="ada", contact_point_id="1", kind="email", value="ada@example.org"))
        tell("03-24 11:00", AddContactPoint(id="ada", contact_point_id="2", kind="phone", value="+49 1"))
        tell("03-25 09:00", RemoveContactPoint(id="ada", contact_point_id="1"))
        tell("03-25 10:00", GrantConsent(id="ada", purpose="news", channel="email", expires_at=day("06-01 00:00")))
        yield company


def tell_of_tickets(company: Company) -> None:
    for number in range(12):
        opened = OpenTicket(id=f"{number:02}", priority=PRIORITIES[number % 4], subject="grüße, 'quoted' \"twice\"")
        company.tell(f"03-{number + 1:02} 09:00", opened)
    company.tell("03-20 09:00", AssignTicket(id="03", agent_id="ann"))
    company.tell("03-22 09:00", SolveTicket(id="05"), occurred="03-08 09:00")
    company.tell("03-23 09:00", MergeTickets(id="00", merged_id="01", reason="the same"))


def ids(company: Company, filter: str = "", **question: Any) -> list[str]:
    page = records.list_(company.models, "tickets", filter=filter, page_size=1000, **question)
    return [row["ticket_id"] for row in page.rows]


def refused(company: Company, **question: Any) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        records.list_(company.models, "tickets", **question)
    return refusal.value


# One


def test_a_record_as_of_and_known_at(company: Company) -> None:
    def status(**question: Any) -> str:
        return str(records.get(company.models, "tickets", {"ticket_id": "05"}, **question).row["status"])

    assert status() == "solved"
    assert status(as_of=day("03-08 09:00")) == "solved"
    assert status(as_of=day("03-08 08:59")) == "new"
    assert status(as_of=day("03-08 09:00"), known_at=day("03-21 23:00")) == "new"


def test_a_record_says_where_it_went_and_stays_sealed(company: Company) -> None:
    found = records.get(company.models, "tickets", {"ticket_id": "01"})
    assert (found.row["status"], found.row["merged_into"]) == ("merged", "00")
    assert found.row["opened_at"] == day("03-02 09:00")
    assert company.keys.open_text(found.row["subject"]) == "grüße, 'quoted' \"twice\""
    assert found.position == company.log.head.position


def test_a_record_with_a_key_of_several_columns(company: Company) -> None:
    key = {"customer_id": "ada", "purpose": "news", "channel": "email"}
    assert records.get(company.models, "consents", key).row["expires_at"] == day("06-01 00:00")
    with pytest.raises(Rejected) as refusal:
        records.get(company.models, "consents", {"customer_id": "ada"})
    assert refusal.value.code == "INVALID_KEY"


def test_what_was_removed_is_not_there(company: Company) -> None:
    key = {"customer_id": "ada", "contact_point_id": "1"}
    assert records.get(company.models, "contact_points", key, as_of=day("03-24 12:00")).row["kind"] == "email"
    with pytest.raises(Rejected) as refusal:
        records.get(company.models, "contact_points", key)
    assert refusal.value.code == "NOT_FOUND"


# Which


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ('priority = "high"', ["01", "05", "09"]),
        ("priority = high AND opened_at >= 2024-03-06T09:00:00Z", ["05", "09"]),
        ('priority!="low" AND opened_at<"2024-03-05T09:00:00+00:00"', ["01", "02", "03"]),
        ("priority = null AND agent_id = null", ["07", "11"]),
        ("agent_id != null", ["03"]),
        ("status = 'solved'", ["05"]),
        ("agent_assignments > 0", ["03"]),
        ("opened_at >= 2024-03-12", ["11"]),
        ("opened_at < 2024-03-02", ["00"]),
        ("opened_at <= 2024-03-12 AND priority = null", ["03", "07"]),
        ('resolution = "x; drop table tickets"', []),
        ('category = "\\" or 1=1 --"', []),
        ("priority = low OR priority = high", ["00", "01", "04", "05", "08", "09"]),
        ("priority = low OR priority = high AND ticket_id < 05", ["00", "01", "04"]),
        ("priority = low OR (priority = high AND ticket_id < 05)", ["00", "01", "04", "08"]),
        ("(priority = low)", ["00", "04", "08"]),
        ("NOT (priority = low OR priority:*) AND ticket_id > 03", ["07", "11"]),
        ("-priority:* ticket_id > 03", ["07", "11"]),
        ("NOT agent_assignments > 0 AND ticket_id <= 04 AND -status:merged", ["00", "02", "04"]),
        ("NOT priority < low AND ticket_id >= 08", ["08", "11"]),
        ('ticket_id = "1*"', ["10", "11"]),
        ('ticket_id != "0*"', ["10", "11"]),
        ('ticket_id = "1\\*"', []),
        ("agent_assignments = 1.0", ["03"]),
        ("agent_assignments >= 1e0", ["03"]),
        ("  ", [f"{number:02}" for number in range(12)]),
    ],
)
def test_filters(company: Company, filter: str, expected: list[str]) -> None:
    assert ids(company, filter) == expected


def test_a_bare_date_begins_in_the_offices_time_zone(company: Company) -> None:
    assert ids(company, "opened_at < 2024-03-04") == ids(company, "opened_at < 2024-03-04T05:00:00Z")


def test_equal_and_unequal_are_opposites(company: Company) -> None:
    assert sorted(ids(company, "priority = low") + ids(company, "priority != low")) == ids(company)


@pytest.mark.parametrize(
    ("filter", "code", "named"),
    [
        ("priorty = low", "UNKNOWN_COLUMN", "priority"),
        ('subject = "x"', "FIELD_IS_PERSONAL", "subject"),
        ("priority", "INVALID_FILTER", "character 1, priority: expected =, !=, <"),
        ("priority =", "INVALID_FILTER", "character 11, the end"),
        ("priority = low AND statsu = new", "UNKNOWN_COLUMN", "character 20: there is no column statsu; did you mean"),
        ("priority = low and status = new", "INVALID_FILTER", "character 16, and: did you mean AND?"),
        ("priority = low AND", "INVALID_FILTER", "character 19, the end: expected a comparison"),
        ("priority = low OR", "INVALID_FILTER", "character 18, the end: expected a comparison"),
        ("AND priority = low", "INVALID_FILTER", "character 1, AND: expected a comparison"),
        ("NOT NOT priority = low", "INVALID_FILTER", "character 5, NOT: expected a comparison"),
        ("(priority = low", "INVALID_FILTER", "character 16, the end: expected ) for the parenthesis at character 1"),
        ("priority = low)", "INVALID_FILTER", "character 15, ): there is no parenthesis to close"),
        ("()", "INVALID_FILTER", "character 2, ): expected a comparison"),
        ("priority = low, status = new", "INVALID_FILTER", "character 15, ,: expected AND or OR"),
        ('"priority" = low', "INVALID_FILTER", "character 1"),
        ("lower(priority) = low", "INVALID_FILTER", "character 1, lower: there are no functions"),
        ("priority == low", "INVALID_FILTER", "character 11"),
        ("reopens > 2.5", "INVALID_FILTER", "character 11, 2.5: this is no BIGINT"),
        ("reopens > 1e999999", "INVALID_FILTER", "BIGINT"),
        ("reopens > nan", "INVALID_FILTER", "BIGINT"),
        ("(" * 51 + "priority = low" + ")" * 51, "INVALID_FILTER", "at most 50 parentheses"),
        (" OR ".join(["priority = low"] * 1001), "INVALID_FILTER", "at most 1000 comparisons"),
        ("reopens > many", "INVALID_FILTER", "BIGINT"),
        ("reopens > 99999999999999999999", "INVALID_FILTER", "BIGINT"),
        ("opened_at > yesterday", "INVALID_FILTER", "TIMESTAMP"),
        ("opened_at > 2024-03-01T10:00:00", "INVALID_FILTER", "TIMESTAMP"),
        ("opened_at > null", "INVALID_FILTER", "null"),
        ('status = "new', "INVALID_FILTER", "character 10"),
        ("1=1", "UNKNOWN_COLUMN", "1"),
        ("priority = (low OR high)", "INVALID_FILTER", "character 12, (: expected a value after ="),
    ],
)
def test_bad_filters(company: Company, filter: str, code: str, named: str) -> None:
    refusal = refused(company, filter=filter)
    assert (refusal.code, refusal.field) == (code, "filter")
    assert named in refusal.sentence


# In which order


def test_orders(company: Company) -> None:
    assert ids(company, order_by="priority, opened_at desc")[:4] == ["10", "06", "02", "09"]
    assert ids(company, order_by="priority desc")[:4] == ["00", "04", "08", "01"]
    assert ids(company, order_by="priority desc")[-1] == "11"
    for order_by, code in (
        ("subject", "FIELD_IS_PERSONAL"),
        ("prio", "UNKNOWN_COLUMN"),
        ("priority down", "INVALID_ORDER"),
        ("priority; drop table tickets", "INVALID_ORDER"),
        ("priority,,status", "INVALID_ORDER"),
        ("priority, priority desc", "INVALID_ORDER"),
        ("priority,", "INVALID_ORDER"),
    ):
        refusal = refused(company, order_by=order_by)
        assert (refusal.code, refusal.field) == (code, "order_by")
    assert (
        "at character 12, priority up: expected a column"
        in refused(company, order_by="status ,   priority up").sentence
    )
    assert "at character 10: there is no column statsu" in refused(company, order_by="priority,statsu desc").sentence


# Pages


def test_pages_join_to_the_whole(company: Company) -> None:
    question: dict[str, Any] = {"filter": "status != merged", "order_by": "priority desc", "page_size": 4}
    seen: list[str] = []
    token = ""
    while True:
        page = records.list_(company.models, "tickets", **question, page_token=token)
        seen += [row["ticket_id"] for row in page.rows]
        token = page.next_page_token
        if not token:
            break
        assert len(page.rows) == 4
    assert seen == ids(company, "status != merged", order_by="priority desc")


def test_a_page_token_pins_what_was_known(company: Company) -> None:
    first = records.list_(company.models, "tickets", page_size=5)
    company.tell("03-30 09:00", OpenTicket(id="00-new"))
    company.tell("03-30 10:00", SolveTicket(id="11"), occurred="03-30 09:00")
    second = records.list_(company.models, "tickets", page_size=100, page_token=first.next_page_token)
    assert (second.as_of, second.position) == (first.as_of, first.position)
    assert [row["ticket_id"] for row in (*first.rows, *second.rows)] == [f"{number:02}" for number in range(12)]
    assert {row["status"] for row in second.rows if row["ticket_id"] == "11"} == {"new"}
    assert "00-new" in ids(company)


def test_a_token_that_is_not_ours_is_refused(company: Company) -> None:
    token = records.list_(company.models, "tickets", page_size=3).next_page_token
    for place in range(len(token)):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert refused(company, page_token=changed).code == "INVALID_PAGE_TOKEN"
    for other in ("x", "é", token + "A", token[:-1]):
        assert refused(company, page_token=other).code == "INVALID_PAGE_TOKEN"
    assert refused(company, page_token=token, filter="status = new").code == "INVALID_PAGE_TOKEN"
    assert refused(company, page_token=token, order_by="status").code == "INVALID_PAGE_TOKEN"


def test_a_token_that_a_caller_made_says_what_ours_could(company: Company) -> None:
    """Its check needs no secret, so that every server takes it."""
    page = records.list_(company.models, "tickets", page_size=3)
    instant, position = page.as_of.isoformat(), page.position
    question = ["tickets", "", "", "None", "None"]

    def made(*said: Any) -> str:
        place = json.dumps(said).encode()
        return records._written(records._check(place, question) + place)

    assert made(instant, position, 3) == page.next_page_token
    for said in (
        (instant, position, "0; delete from tickets"),
        (instant, position, "(select count(*) from leads)"),
        (instant, position, -1),
        (instant, position, 1.5),
        (instant, position, 2**63),
        (instant, "1) --", 3),
        (instant, -1, 3),
        (instant, position, None),
        (instant, position),
        (instant[:19], position, 3),
        ("0001-01-01T00:00:00+10:00", position, 3),
        ("today", position, 3),
        (5, position, 3),
    ):
        assert refused(company, page_token=made(*said)).code == "INVALID_PAGE_TOKEN", said
    assert records.list_(company.models, "tickets", page_token=made(instant, position, 2**63 - 1)).rows == []
    assert refused(company, page_token=made("9999-12-31T00:00:00+00:00", position, 3)).code == "IN_THE_FUTURE"
    assert refused(company, page_token=made(instant, 2**62, 3)).code == "IN_THE_FUTURE"
    assert len(ids(company)) == 13


def test_page_sizes(company: Company) -> None:
    assert refused(company, page_size=-1).code == "INVALID_PAGE_SIZE"
    assert len(records.list_(company.models, "tickets", page_size=2).rows) == 2
    assert records.list_(company.models, "tickets", page_size=10_000).next_page_token == ""


def test_before_the_beginning_there_is_nothing(company: Company) -> None:
    page = records.list_(company.models, "tickets", as_of=datetime(1970, 1, 1, tzinfo=UTC))
    assert (page.rows, page.next_page_token) == ([], "")


# What is sealed


@pytest.mark.slow
def test_sealed_text_stands_in_personal_columns_alone(lines: Any, opened: Any) -> None:
    """Over events of every class, with every personal field filled."""
    chance = Random(1)
    for kind in EVENTS * 16:
        event = any_event(chance, kind)
        given = {name: getattr(event, name) for name in kind.annotations}
        sealed = {name: f"sealed:1:k:e:{name}:x" for name in kind.personal if given[name] is not None}
        lines.add(f"{kind.state.aggregate}-{chance.randint(1, 3)}", kind(**{**given, **sealed}))
    models = opened(lines, projections=PROJECTIONS)
    found: set[tuple[str, str]] = set()
    with at_point(models, models.definitions) as point:
        for name, model in models.definitions.items():
            for column in model.columns:
                sealed_rows = f"from {name}_history where starts_with(cast(\"{column}\" as varchar), 'sealed:')"
                if point.cursor.execute(f"select 1 {sealed_rows} limit 1").fetchall():
                    found.add((name, column))
    assert found == {(name, column) for name, model in models.definitions.items() for column in model.personal}

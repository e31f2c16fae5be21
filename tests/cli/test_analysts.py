"""The analysts' page: every question of it is asked of a simulated company, live and in a snapshot."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from crm.client import Client
from crm.v1 import system_pb2
from infra.cli.app import run
from infra.cli.connection import connected
from infra.cli.output import whole
from infra.cli.report import answer, request_of
from infra.cli.sql import asked
from infra.settings import Settings

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2].joinpath("docs", "analysts.md").read_text()
QUESTIONS: dict[int, str] = {
    int(number): sql for number, sql in re.findall(r"^\*\*(\d+)\. .*?```sql\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
}


class Company:
    """A simulated company with a server on it, and a snapshot."""

    def __init__(self, crm: Client, snapshot: Path) -> None:
        self.crm = crm
        self.snapshot = snapshot
        self.now = datetime.now(UTC)

    def question(self, number: int) -> str:
        """A question of the page, with one and the same present wherever it is asked."""
        return self.fixed(QUESTIONS[number])

    def fixed(self, sql: str) -> str:
        """A statement with that present."""
        return sql.replace("now()", f"timestamptz '{self.now.isoformat()}'")

    def live(self, sql: str) -> list[dict[str, Any]]:
        """What the server answers."""
        rows: list[dict[str, Any]] = whole(asked(self.crm, sql)).to_pylist()
        return rows

    def copied(self, sql: str) -> list[dict[str, Any]]:
        """What the snapshot answers."""
        with duckdb.connect(str(self.snapshot), read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
            return rows

    def report(self, name: str, **circumstances: Any) -> list[dict[str, Any]]:
        """A report's rows."""
        rows: list[dict[str, Any]] = whole(
            answer(self.crm, request_of("UTC", name, **circumstances), "UTC")
        ).to_pylist()
        return rows


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("analysts") / "annals-demo"
    assert run(["demo", "--data", str(folder)]) == 0
    with ExitStack() as owned:
        crm = owned.enter_context(connected(Settings.read(data=folder)))
        made = crm.system.CreateSnapshot(system_pb2.CreateSnapshotRequest())
        yield Company(crm, Path(made.file))


def test_there_are_twenty_questions() -> None:
    assert list(QUESTIONS) == list(range(1, 21))
    assert PAGE.count("```sql") == 20


@pytest.mark.parametrize("number", QUESTIONS)
def test_a_question_has_the_same_answer_live_and_in_a_snapshot(company: Company, number: int) -> None:
    rows = company.live(company.question(number))
    assert rows
    assert company.copied(company.question(number)) == rows


def test_the_backlog_is_the_reports_at_every_instant(company: Company) -> None:
    ((then,),) = (
        row.values() for row in company.live(company.fixed("select date_trunc('day', now()) - interval 90 day"))
    )
    for number, as_of in ((1, None), (2, then.isoformat())):
        rows = company.live(company.question(number))
        expected = company.report("backlog", as_of=as_of, by="priority")
        assert [(row["priority"], row["waiting"], row["oldest"]) for row in rows] == [
            (row["breakdown"], row["backlog"], row["oldest_opened_at"]) for row in expected
        ]
    for row in company.live(company.question(3)):
        expected = company.report("backlog", as_of=row["instant"].isoformat())
        assert row["waiting"] == sum(each["backlog"] for each in expected)


def test_as_of_joins_find_the_state_that_the_story_tells(company: Company) -> None:
    """Question 11 again, one ticket at a time, from the customers as of the instant when it was opened."""
    tickets = company.live(
        "select ticket_id, customer_id, opened_at from tickets where customer_id is not null limit 25"
    )
    joined = company.live(
        "select ticket.ticket_id, customer.status from tickets as ticket "
        "asof left join customers_intervals(now(), 1000000000) as customer "
        "on customer.customer_id = ticket.customer_id and customer.valid_from <= ticket.opened_at"
    )
    status = {row["ticket_id"]: row["status"] for row in joined}
    assert tickets
    for ticket in tickets:
        found = company.live(
            f"select status from customers_at(timestamptz '{ticket['opened_at'].isoformat()}', 1000000000) "
            f"where customer_id = '{ticket['customer_id']}'"
        )
        assert [status[ticket["ticket_id"]]] == ([row["status"] for row in found] or [None])


def test_no_question_counts_a_ticket_twice(company: Company) -> None:
    (all_of_them,) = company.live("select count(*) as tickets from tickets")[0].values()
    for number in (8, 11):
        assert sum(row["tickets"] for row in company.live(company.question(number))) == all_of_them
    (answers,) = company.live("select count(*) as answers from survey_answers")[0].values()
    assert sum(row["answers"] for row in company.live(company.question(12))) == answers


def test_a_snapshot_from_python(company: Company) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    folder = company.snapshot.parents[2]
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=folder, env=os.environ, capture_output=True, text=True, check=True
    )
    first, *rest = done.stdout.splitlines()
    newest = json.loads(company.snapshot.with_name("latest.json").read_text())
    assert first == f"as the log stood at position {newest['position']}"
    expected = company.live(
        "select status, coalesce(priority, 'none') as priority, count(*) as tickets from tickets group by all"
    )
    assert expected
    counted = [
        {"status": row["status"], "priority": priority, "tickets": int(row[priority])}
        for row in csv.DictReader(rest)
        for priority in row.keys() - {"status"}
        if row[priority] != "0"
    ]
    assert sorted(counted, key=str) == sorted(expected, key=str)

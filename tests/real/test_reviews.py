"""The marketplace's orders and reviews, imported into a log and followed by the read models."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from tests.real.company import Company, company_of
from tests.real.conftest import ZONE

pytestmark = pytest.mark.slow

SCORES = {5: 3354, 4: 1184, 3: 667, 2: 382, 1: 2638}


@pytest.fixture(scope="module")
def company(review_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_of(tmp_path_factory.mktemp("marketplace"), {"marketplace_reviews": review_files}) as company:
        yield company


@pytest.fixture(scope="module")
def plain(review_files: list[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The source files as they are: ``orders``, ``customers`` and ``reviews``."""
    with duckdb.connect() as connection:
        for table, file in zip(("orders", "customers", "reviews"), review_files, strict=True):
            connection.execute(
                f"create table {table} as from read_csv(?, all_varchar = true, header = true, parallel = false)",
                [str(file)],
            )
        yield connection


def test_every_row_is_admitted(company: Company) -> None:
    totals = company.totals["marketplace_reviews"]
    assert totals.refused == {}
    assert totals.changed == 2 * 8016 + 8135 + 8225  # people twice, orders, reviews


def test_the_scores_come_out(company: Company) -> None:
    found = company.sql("select metric, score, count(*) as answers from survey_answers group by all order by all desc")
    assert found == [("csat", score, answers) for score, answers in SCORES.items()]


def test_the_satisfaction_comes_out(company: Company) -> None:
    (row,) = company.report("survey_csat")
    answers, satisfied = sum(SCORES.values()), SCORES[5] + SCORES[4]
    assert (row["answers"], row["satisfied"]) == (answers, satisfied) == (8225, 4538)
    assert float(row["csat"]) == round(satisfied / answers, 6)


def test_a_review_of_several_orders_is_an_answer_for_each(company: Company) -> None:
    assert company.sql("select count(*) - count(distinct left(answer_id, 32)) as repeated from survey_answers") == [
        (34,)
    ]


def test_people_who_ordered_more_than_once_come_out(company: Company) -> None:
    assert company.sql("""
        select count(*) as people, sum(orders)::int as orders, count(*) filter (orders > 1) as came_back
        from (select customer_id, count(*) as orders from interactions where result = 'purchase' group by all)
    """) == [(8016, 8135, 73)]
    assert company.sql("select count(*) as people from customers where interactions > 1") == [(73,)]


def test_who_ordered_is_active(company: Company) -> None:
    assert [(row["status"], row["customers"]) for row in company.report("customers_by_status")] == [("active", 8016)]


@pytest.mark.parametrize("date", [datetime(2017, 1, 20), datetime(2018, 3, 1, 12)], ids=str)
def test_satisfaction_as_of_a_past_date_equals_plain_sql(
    company: Company, plain: duckdb.DuckDBPyConnection, date: datetime
) -> None:
    ((answers, satisfied),) = plain.execute(
        """
        select count(*), count(*) filter (review_score in ('4', '5'))
        from reviews join orders using (order_id)
        where review_answer_timestamp::timestamp <= $date and order_purchase_timestamp::timestamp <= $date
        """,
        {"date": date},
    ).fetchall()
    (row,) = company.report("survey_csat", date)
    assert (row["answers"], row["satisfied"]) == (answers, satisfied)
    assert 0 < answers < 8225


def test_months_of_orders_equal_plain_sql(company: Company, plain: duckdb.DuckDBPyConnection) -> None:
    counted = plain.execute("""
        select strftime(order_purchase_timestamp::timestamp, '%Y-%m') as month, count(*)
        from orders where order_purchase_timestamp < '2018-01-01' group by all order by all
    """).fetchall()
    months = company.report("visit_conversion", every="month", period_from="2016-09-01", period_to="2018-01-01")
    shown = [(row["period_from"].astimezone(ZoneInfo(ZONE)).strftime("%Y-%m"), row["purchases"]) for row in months]
    assert [each for each in shown if each[1]] == counted
    assert [each for each in shown if not each[1]] == [("2016-11", 0), ("2016-12", 0)]
    assert all(row["visits"] == row["purchases"] for row in months)


def test_what_people_said_is_kept_line_for_line(company: Company, review_files: list[Path]) -> None:
    """As Python reads the file: a comment may go on over several lines."""
    with gzip.open(review_files[2], "rt", encoding="utf-8", newline="") as stream:
        said = [(row["review_comment_title"], row["review_comment_message"]) for row in csv.DictReader(stream)]
    comments = Counter("\n".join(part.strip(" ") for part in parts if part.strip(" ")) for parts in said)
    del comments[""]
    assert any("\n" in message for _, message in said)
    rows = company.sql("select comment from survey_answers where comment is not null", open_personal=True)
    assert Counter(comment for (comment,) in rows) == comments

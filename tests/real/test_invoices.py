"""The retailer's invoices, imported into a log and followed by the read models."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from infra.intake.source import load
from tests.real.company import Company, company_of
from tests.real.conftest import ZONE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def company(invoice_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_of(tmp_path_factory.mktemp("retailer"), {"retailer": invoice_files}) as company:
        yield company


@pytest.fixture(scope="module")
def plain(invoice_files: list[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The source file as an import reads it: ``source``."""
    with duckdb.connect() as connection:
        load(connection, invoice_files[0], "source")
        yield connection


def counted(plain: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return plain.execute(sql).fetchall()


def test_the_file_is_read_whole(plain: duckdb.DuckDBPyConnection) -> None:
    assert counted(
        plain,
        """
        select count(*), count(*) filter (InvoiceNo like 'C%'), count(distinct InvoiceNo), count(distinct CustomerID)
        from source
        """,
    ) == [(541_909, 9288, 25_900, 4372)]


def test_every_invoice_is_an_interaction_or_refused_for_want_of_a_customer(
    company: Company, plain: duckdb.DuckDBPyConnection
) -> None:
    refused = list(csv.DictReader((company.folder / "retailer.refused.csv").open(encoding="utf-8")))
    assert {(row["command"], row["code"], row["field"]) for row in refused} == {
        ("LogInteraction", "INVALID_FIELD", "id")
    }
    ((interactions,),) = company.sql("select count(*) as interactions from interactions")
    assert interactions + len(refused) == 25_900
    assert counted(plain, "select count(distinct InvoiceNo) from source where CustomerID is null") == [(len(refused),)]
    rows = counted(plain, "select row from source where CustomerID is null")
    assert {int(row["row"]) for row in refused} <= {row for (row,) in rows}
    assert company.totals["retailer"].refused == {"INVALID_FIELD": len(refused)}


def test_the_customers_come_out(company: Company) -> None:
    shown = {row["status"]: row["customers"] for row in company.report("customers_by_status")}
    assert shown == {"active": 4339, "prospect": 33}
    assert sum(shown.values()) == 4372


def test_who_only_cancelled_is_a_prospect(company: Company, plain: duckdb.DuckDBPyConnection) -> None:
    cancelled = counted(
        plain,
        """
        select split_part(CustomerID, '.', 1) from source
        where CustomerID is not null group by all having bool_and(InvoiceNo like 'C%') order by all
        """,
    )
    assert company.sql("select customer_id from customers where status = 'prospect' order by all") == cancelled


def test_purchases_and_cancellations_equal_plain_sql(company: Company, plain: duckdb.DuckDBPyConnection) -> None:
    of_customers = counted(
        plain,
        """
        select
            split_part(CustomerID, '.', 1),
            if(InvoiceNo like 'C%', 'cancellation', 'purchase'),
            count(distinct InvoiceNo)
        from source where CustomerID is not null group by all order by all
        """,
    )
    found = company.sql("select customer_id, result, count(*) as invoices from interactions group by all order by all")
    assert found == of_customers
    assert company.sql("select result, count(*) as invoices from interactions group by all order by all") == [
        ("cancellation", 3654),
        ("purchase", 18_536),
    ]


def test_months_of_purchases_equal_plain_sql(company: Company, plain: duckdb.DuckDBPyConnection) -> None:
    months = company.report("visit_conversion", every="month", period_from="2010-12-01", period_to="2012-01-01")
    shown = [(row["period_from"].astimezone(ZoneInfo(ZONE)).strftime("%Y-%m"), row["visits"]) for row in months]
    assert shown == counted(
        plain,
        """
        select strftime(InvoiceDate::timestamp, '%Y-%m'), count(distinct InvoiceNo)
        from source where CustomerID is not null and InvoiceNo not like 'C%' group by all order by all
        """,
    )

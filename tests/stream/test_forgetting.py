"""A query node opens nothing of whoever was forgotten once it has the event, also where the keys are still there."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from commands.customer import ForgetCustomer, RegisterCustomer
from commands.lead import CaptureLead, ConvertLead
from crm.client import Client
from crm.v1 import customers_pb2, leads_pb2
from infra.log import Request
from infra.main import Node
from infra.parts import Part
from infra.settings import Settings
from tests.stream.company import ANN, Company

pytestmark = pytest.mark.slow


def names(client: Client, position: int) -> tuple[str, str, str]:
    """What the query node shows of the lead, of the customer that it became, and of somebody else."""
    customer, other = (
        client.customers.GetCustomer(customers_pb2.GetCustomerRequest(customer_id=id, min_position=position))
        for id in ("1", "2")
    )
    lead = client.leads.GetLead(leads_pb2.GetLeadRequest(lead_id="1", min_position=position))
    return lead.name, customer.name, other.name


def test_forgetting_reaches_a_query_node_with_the_event(company: Company, tmp_path: Path) -> None:
    for command in (
        CaptureLead(id="1", name="Ada"),
        ConvertLead(id="1", customer_id="1"),
        RegisterCustomer(id="2", name="Ben"),
    ):
        company.log.execute(Request(command, ANN))
    settings = Settings(
        data=tmp_path / "queries",
        only=Part.QUERIES,
        keys=f"sqlite:///{company.directory}/keys.db",
        master_key=b64encode(bytes(32)).decode(),
        kafka_bootstrap_servers=company.cluster.bootstrap_servers,
        kafka_prefix=company.cluster.prefix,
    )
    with company.publishing():
        with Node.open(settings) as node, Client(node.serve()) as client:
            known = company.log.head.position
            assert names(client, known) == ("Ada", "Ada", "Ben")
            keys = rows_of_keys(company.directory)
            company.log.execute(Request(ForgetCustomer(id="1", reason="asked"), ANN))
            # As if whoever forgets had been killed before the keys were destroyed.
            put_back(company.directory, keys)
            forgotten = company.log.head.position
            assert forgotten > known
            assert names(client, forgotten) == ("", "", "Ben")
        for _ in range(2):
            # From the archive in its file, and from the topics alone.
            with Node.open(settings) as node, Client(node.serve()) as client:
                assert names(client, forgotten) == ("", "", "Ben")
            for file in settings.data.glob("models.duckdb*"):
                file.unlink()


def rows_of_keys(directory: Path) -> list[Any]:
    with sqlite3.connect(directory / "keys.db") as connection:
        return connection.execute("select * from keys").fetchall()


def put_back(directory: Path, rows: list[Any]) -> None:
    with sqlite3.connect(directory / "keys.db") as connection:
        before = connection.execute("select count(*) from keys").fetchone()[0]
        connection.executemany("insert or ignore into keys values (?, ?, ?, ?)", rows)
        assert connection.execute("select count(*) from keys").fetchone()[0] > before

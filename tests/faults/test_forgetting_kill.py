"""kill -9 at random instants while people are being forgotten: each of them is wholly forgotten or not at all, whoever
starts next, and at every node that lives on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import pytest

from commands.customer import ForgetCustomer, RegisterCustomer
from commands.lead import CaptureLead, ConvertLead
from commands.ticket import OpenTicket
from domain.customer import CustomerForgotten
from infra.keys import Keys
from infra.log import Actor, Log, Request, decode
from tests.faults import sizes
from tests.faults.nodes import Node, nodes, opened
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
PEOPLE = 100


def forget(connection: Connection, urls: tuple[str, str], kill: int) -> None:
    """A node that forgets one person after the other, and says whom."""
    with opened(urls) as (log, _):
        tell = [command for number in range(PEOPLE) for command in person(f"{kill}-{number}")]
        log.submit([Request(command, ANN) for command in tell])
        connection.send("ready")
        for number in range(PEOPLE):
            log.execute(Request(ForgetCustomer(id=f"{kill}-{number}"), ANN, f"forget {kill}-{number}"))
            connection.send(f"{kill}-{number}")
        connection.recv()


def person(id: str) -> tuple[CaptureLead, ConvertLead, OpenTicket]:
    return (
        CaptureLead(id=id, name="Ada"),
        ConvertLead(id=id, customer_id=id),
        OpenTicket(id=id, customer_id=id, body="x"),
    )


def test_kill_while_forgetting(place: Place, figure: Callable[[str], None]) -> None:
    urls = place.url("log"), place.url("keys")
    chance, acknowledged = random.Random(), 0
    with opened(urls) as (log, keys):  # a node that lives on
        for kill in range(sizes.KILLS):
            node = Node(forget, urls, kill)
            with nodes(node):
                assert node.hear() == "ready"
                told = []
                deadline = time.monotonic() + chance.uniform(0, 0.4)
                while node.connection.poll(max(0.0, deadline - time.monotonic())):
                    told.append(node.hear())
                node.kill()
                told += node.rest()
            acknowledged += len(told)
            if chance.random() < 0.5:
                log.execute(Request(RegisterCustomer(id=f"after-{kill}"), ANN))
            else:
                with opened(urls) as (again, _):
                    assert again.head.position
                _ = log.head
            check(log, keys, place, told)
        again_answered(log)
    figure(f"{sizes.KILLS} kills while {acknowledged} people were forgotten")


def check(log: Log, keys: Keys, place: Place, told: list[str]) -> None:
    forgotten: set[str] = set()
    for row in log.rows():
        if row.type == CustomerForgotten.type_name:
            _, event = decode(row.document, None)
            id = row.stream.removeprefix("customer-")
            assert event.streams == (f"customer-{id}", f"lead-{id}", f"ticket-{id}")  # type: ignore[attr-defined]
            forgotten |= set(event.streams)  # type: ignore[attr-defined]
    assert {f"customer-{id}" for id in told} <= forgotten
    with_keys = {row.stream for row in place.run("keys", "SELECT stream FROM keys")}
    found = {row.stream for row in place.run("keys", "SELECT stream FROM people")}
    assert not forgotten & (with_keys | found)
    for row in log.rows():
        _, event = decode(row.document, keys)
        given = decode(row.document, None)[1]
        for name in event.personal:
            if getattr(given, name) is not None:
                assert (getattr(event, name) is None) == (row.stream in forgotten)
    assert log.verify() == []


def again_answered(log: Log) -> None:
    """Who asks again is told that it is done, and it is done once."""
    for row in list(log.rows()):
        if row.type == CustomerForgotten.type_name:
            id = row.stream.removeprefix("customer-")
            assert log.execute(Request(ForgetCustomer(id=id), ANN, f"forget {id}")).first_position == row.position

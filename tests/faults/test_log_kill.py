"""kill -9 at random instants, of nodes and of the database: what was acknowledged is there, nothing is half there, and
asking again, at another node, gives the original answer.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from threading import Event, Lock, Thread

import pytest

from commands.lead import CaptureLead, ConvertLead
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request
from tests.faults import sizes
from tests.faults.checker import insist
from tests.faults.nodes import Node, nodes, opened
from tests.places import Place
from tests.postgres import Server

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
CALLERS = 4

Answered = tuple[Request, Outcome]


def commands(caller: str) -> Iterator[Request]:
    """What a caller asks, one after the other."""
    turn = 0
    while True:
        id = f"{caller}-{turn}"
        yield Request(CaptureLead(id=id, name=id), ANN, f"capture {id}")
        yield Request(ConvertLead(id=id, customer_id=id), ANN, f"convert {id}")
        turn += 1


def ask(connection: Connection, urls: tuple[str, str], name: str) -> None:
    """A node with callers who say what they were answered."""
    speaking = Lock()

    def call(log: Log, caller: str) -> None:
        for request in commands(caller):
            outcome = log.execute(request)
            with speaking:
                connection.send((caller, request, outcome))

    with opened(urls) as (log, _):
        connection.send("ready")
        threads = [Thread(target=call, args=(log, f"{name}-{caller}")) for caller in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.soak
def test_kill_of_nodes(place: Place, figure: Callable[[str], None]) -> None:
    urls = place.url("log"), place.url("keys")
    chance = random.Random()
    answered: list[Answered] = []
    with opened(urls) as (log, keys):  # a node that lives on
        for kill in range(sizes.KILLS):
            node = Node(ask, urls, str(kill))
            with nodes(node):
                assert node.hear() == "ready"
                told = []
                deadline = time.monotonic() + chance.uniform(0, 0.3)
                while node.connection.poll(max(0.0, deadline - time.monotonic())):
                    told.append(node.hear())
                node.kill()
                told += node.rest()
            for caller in (f"{kill}-{number}" for number in range(CALLERS)):
                mine = [(request, outcome) for whose, request, outcome in told if whose == caller]
                asked = commands(caller)
                assert [request for request, _ in mine] == [next(asked) for _ in mine]
                last = next(asked)  # which it may have asked without being told the answer
                answered += [*mine, (last, log.execute(last))]
        check(log, keys, answered)
    figure(f"{sizes.KILLS} kills of nodes, {len(answered):,} commands")


@pytest.mark.soak
def test_kill_of_the_database(own_server: Server, own_place: Place, figure: Callable[[str], None]) -> None:
    urls = own_place.url("log"), own_place.url("keys")
    chance = random.Random()
    answered: list[Answered] = []
    stop = Event()
    with opened(urls) as (log, _), opened(urls) as (other, _), ThreadPoolExecutor() as pool:

        def call(caller: int) -> None:
            turns = [log, other]
            for request in commands(str(caller)):
                if stop.is_set():
                    return
                turns.reverse()
                answered.append((request, insist(lambda: turns[0], request, lambda _: None)))

        callers = [pool.submit(call, caller) for caller in range(CALLERS)]
        try:
            for _ in range(sizes.DATABASE_KILLS):
                until = len(answered) + chance.randrange(1, 100)
                while len(answered) < until and not any(caller.done() for caller in callers):
                    time.sleep(0.001)
                own_server.kill()
                own_server.start()
        finally:
            stop.set()
        for caller in callers:
            caller.result()
    with opened(urls) as (log, keys):
        check(log, keys, answered)
    figure(f"{sizes.DATABASE_KILLS} kills of the database, {len(answered):,} commands")


def check(log: Log, keys: Keys, answered: Iterable[Answered]) -> None:
    """Everything that is in the log was answered, and the answers are true."""
    assert log.verify() == []
    rows = {row.position: row for row in log.rows()}
    explained: set[int] = set()
    for request, outcome in answered:
        positions = set(range(outcome.first_position, outcome.last_position + 1))
        assert explained.isdisjoint(positions)
        explained |= positions
        home = rows[outcome.first_position]
        assert (home.stream, home.version) == (request.command.stream, outcome.version)
        if isinstance(request.command, ConvertLead):
            customer = log.state(f"customer-{request.command.customer_id}")[1]
            assert customer.name == request.command.id  # type: ignore[attr-defined]
        assert log.execute(request) == outcome
    assert explained == rows.keys() == set(range(1, log.head.position + 1))

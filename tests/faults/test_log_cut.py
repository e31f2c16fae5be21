"""Connections that are cut in the middle of a commit: was it committed? What is answered is true, and the same request
id says the rest.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from threading import Event, Lock

import psycopg
import pytest

from commands.lead import AssignLead, CaptureLead, ScoreLead
from commands.rejected import Rejected
from infra.database import database
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request
from tests.faults import proxy as faults
from tests.faults import sizes
from tests.faults.checker import SURELY_NOT, insist
from tests.faults.proxy import Connection, Proxy
from tests.places import Place

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")


class Company:
    """A log with two nodes: one behind a proxy, one that reaches the server directly."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.proxy = Proxy(place.url("log"))
        self.keys = Keys.open(place.url("keys"), bytes(32))
        self.looking = Lock()
        self.onlooker = psycopg.connect(place.url("log"), autocommit=True, application_name="onlooker")
        self.direct = Log.open(place.url("log"), self.keys)
        self.far = Log.open(self.proxy.url, self.keys)
        for node in (self.far, self.direct):  # so that there are connections, and statements that are prepared
            for turn in range(8):
                node.execute(capture(f"{id(node)}-{turn}"))

    def close(self) -> None:
        self.far.close()
        self.direct.close()
        self.keys.close()
        self.onlooker.close()
        self.proxy.close()

    def remembers(self, request: Request) -> bool:
        """Whether the request is recorded as answered."""
        with self.looking:
            found = self.onlooker.execute("SELECT FROM requests WHERE request_id = %s", [request.request_id])
            return found.fetchone() is not None

    def let_far_take_turns(self) -> None:
        """What the far node commits next, it commits when it has the turn: somebody else committed just before."""
        self.direct.execute(capture(f"direct-{self.direct.head.position}"))
        self.far.execute(capture(f"far-{self.direct.head.position}"))

    def let_far_commit_at_once(self) -> None:
        """The far node need not wait for its turn: nobody else commits."""
        for _ in range(2):
            self.far.execute(capture(f"far-{self.direct.head.position}"))

    def surely_not(self, request: Request) -> None:
        assert not self.remembers(request)


@pytest.fixture
def company(own_place: Place) -> Iterator[Company]:
    company = Company(own_place)
    yield company
    company.close()


def capture(id: str) -> Request:
    return Request(CaptureLead(id=id, name=id), ANN, f"r-{id}")


@pytest.mark.parametrize("there", [False, True])
def test_a_cut_at_the_commit(company: Company, there: bool) -> None:
    for turn in range(3):
        request = capture(str(turn))
        company.let_far_take_turns()
        company.proxy.at_commit = faults.before_its_answer if there else faults.before_it_arrives
        before = company.direct.head.position
        (answer,) = company.far.submit([request])
        assert company.remembers(request) is there
        assert company.direct.head.position == before + there
        if there:
            assert isinstance(answer, Outcome)
            assert company.direct.execute(request) == company.far.execute(request) == answer
        else:
            assert isinstance(answer, Rejected)
            assert answer.code == "LOG_UNAVAILABLE"
            assert SURELY_NOT in answer.sentence
            assert company.direct.execute(request) == company.far.execute(request)
        assert company.direct.head.position == before + 1
        assert company.far.state(f"lead-{turn}")[0] == 1
    assert company.direct.verify() == []


@pytest.mark.parametrize("there", [False, True])
def test_a_cut_of_what_is_committed_at_once(company: Company, there: bool) -> None:
    for turn in range(3):
        request = capture(str(turn))
        company.let_far_commit_at_once()
        company.proxy.at_commit = faults.before_its_answer if there else faults.before_it_arrives
        before = company.direct.head.position
        answer = company.far.execute(request)
        assert company.proxy.at_commit is None
        assert company.direct.execute(request) == company.far.execute(request) == answer
        assert company.direct.head.position == answer.position == before + 1
        assert company.far.state(f"lead-{turn}")[0] == 1
    assert company.direct.verify() == []


def test_what_was_lost_on_its_way_comes_too_late(company: Company) -> None:
    company.let_far_commit_at_once()
    go_on, request = (
        Event(),
        Request(ScoreLead(id="1", score=7), ANN),
    )  # no request id would tell the second from the first
    company.far.execute(capture("1"))
    before = company.direct.head.position

    def fault(connection: Connection, message: bytes, rest: Iterator[bytes]) -> None:
        sent = message + b"".join(faults.until_sync(rest))
        connection.answering = False
        connection.cut_client()
        go_on.wait()
        connection.server.sendall(sent)

    company.proxy.at_commit = fault
    assert company.far.execute(request).position == before + 1
    go_on.set()
    assert company.proxy.met.wait(60)
    company.direct.execute(capture("2"))
    assert company.direct.head.position == before + 2
    assert company.far.state("lead-1")[0] == 2
    assert company.direct.verify() == []


@pytest.mark.parametrize("at_once", [False, True])
def test_a_cut_as_the_commit_is_sent(company: Company, at_once: bool) -> None:
    for turn in range(10):
        request = capture(str(turn))
        (company.let_far_commit_at_once if at_once else company.let_far_take_turns)()
        company.proxy.at_commit = faults.as_it_is_sent
        (answer,) = company.far.submit([request])
        assert company.remembers(request) is isinstance(answer, Outcome)
        if isinstance(answer, Rejected):
            assert answer.code == "LOG_UNAVAILABLE"
            answer = company.direct.execute(request)
        assert company.direct.execute(request) == company.far.execute(request) == answer
    assert company.direct.verify() == []


@pytest.mark.parametrize("there", [False, True])
def test_a_cut_at_the_commit_of_an_answer_that_changed_nothing(company: Company, there: bool) -> None:
    company.far.execute(capture("1"))
    company.far.execute(Request(ScoreLead(id="1", score=7), ANN))
    request = Request(ScoreLead(id="1", score=7), ANN, "again")
    head = company.direct.head
    company.proxy.at_commit = faults.before_its_answer if there else faults.before_it_arrives
    assert code(company.far, request) == "LOG_UNCERTAIN"
    answer = company.direct.execute(request)
    assert (answer.version, answer.last_position, answer.position) == (2, 0, head.position)
    company.direct.execute(Request(ScoreLead(id="1", score=8), ANN))
    assert company.far.execute(request) == answer


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_a_cut_at_the_commit_after_which_nobody_can_be_asked(company: Company, there: bool, at_once: bool) -> None:
    request = capture("1")
    (company.let_far_commit_at_once if at_once else company.let_far_take_turns)()

    def fault(connection: Connection, message: bytes, rest: Iterator[bytes]) -> None:
        company.proxy.open = False
        (faults.before_its_answer if there else faults.before_it_arrives)(connection, message, rest)

    company.proxy.at_commit = fault
    assert code(company.far, request) == "LOG_UNCERTAIN"
    assert code(company.far, request) == "LOG_UNAVAILABLE"
    answer = company.direct.execute(request)
    company.proxy.open = True
    assert company.far.execute(request) == answer
    assert company.direct.head.position == answer.position
    assert company.direct.verify() == []


@pytest.mark.parametrize("arrives", [False, True])
def test_a_commit_that_is_on_its_way_for_long(own_place: Place, monkeypatch: pytest.MonkeyPatch, arrives: bool) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    company = Company(own_place)
    company.let_far_take_turns()
    go_on, request = Event(), capture("1")
    before = company.direct.head.position

    def fault(connection: Connection, message: bytes, rest: Iterator[bytes]) -> None:
        sent = message + b"".join(faults.until_sync(rest))
        connection.answering = False
        connection.cut_client()
        go_on.wait()
        if arrives:
            connection.server.sendall(sent)
        else:
            connection.cut_server()

    company.proxy.at_commit = fault
    assert code(company.far, request) == "LOG_UNCERTAIN"  # rather than no, which would be wrong later
    assert code(company.direct, request) == "LOG_UNAVAILABLE"
    assert company.direct.head.position == before
    go_on.set()
    answer = insist(lambda: company.direct, request, company.surely_not)
    assert answer.position == company.direct.head.position == before + 1
    assert company.far.execute(request) == answer
    assert company.direct.verify() == []
    company.close()


def test_a_connection_that_the_server_ends_between_the_commit_and_its_answer(company: Company) -> None:
    for turn in range(3):
        request = capture(str(turn))
        company.let_far_take_turns()

        def fault(connection: Connection, message: bytes, rest: Iterator[bytes], request: Request = request) -> None:
            process = company.far._database._writer_process  # type: ignore[attr-defined]
            execute = next(each for each in rest if each[:1] == b"E")
            connection.server.sendall(message + execute)
            while not company.remembers(request):
                pass
            terminate(company.place, f"pid = {process}")

        company.proxy.at_commit = fault
        answer = company.far.execute(request)
        assert company.direct.execute(request) == answer


@pytest.mark.parametrize("there", [False, True])
def test_a_cut_at_the_commit_of_a_key(own_place: Place, there: bool) -> None:
    proxy = Proxy(own_place.url("keys"))
    keys = Keys.open(proxy.url, bytes(32))
    log = Log.open(own_place.url("log"), keys)
    log.execute(capture("1"))
    proxy.at_commit = faults.before_its_answer if there else faults.before_it_arrives
    (answer,) = log.submit([capture("2")])
    assert isinstance(answer, Rejected)
    assert answer.code == "KEYS_UNCERTAIN"
    assert log.head.position == 1
    assert log.state("lead-2")[0] == 0
    assert log.execute(capture("2")).position == 2
    assert log.state("lead-2")[1].name == "2"  # type: ignore[attr-defined]
    assert log.verify() == []
    log.close()
    keys.close()
    proxy.close()


@pytest.mark.soak
def test_connections_that_end_at_random_moments(company: Company, figure: Callable[[str], None]) -> None:
    answers: dict[str, tuple[Request, Outcome]] = {}
    refused: list[Request] = []
    stop = Event()
    begin = company.direct.head.position

    def surely_not(request: Request) -> None:
        refused.append(request)
        assert not company.remembers(request)

    def ask(caller: int) -> None:
        turn, nodes = 0, cycle([company.far, company.direct, company.direct, company.far, company.direct])
        while not stop.is_set():
            turn += 1
            id = f"{caller}-{turn}"
            for request in (capture(id), Request(AssignLead(id=id, agent_id="bo"), ANN, f"a-{id}")):
                answers[str(request.request_id)] = request, insist(lambda: next(nodes), request, surely_not)

    with ThreadPoolExecutor() as pool:
        callers = [pool.submit(ask, caller) for caller in range(4)]
        try:
            cut_connections(company, lambda: len(answers), callers)
        finally:
            stop.set()
        for caller in callers:
            caller.result()

    for request, outcome in answers.values():
        assert insist(lambda: company.far, request, company.surely_not) == outcome
    positions = sorted(outcome.position for _, outcome in answers.values())
    assert positions == list(range(begin + 1, company.direct.head.position + 1))
    assert company.direct.verify() == []
    figure(f"{sizes.CUTS:,} cuts, {len(answers):,} commands, {len(refused):,} told that nothing was recorded")


def cut_connections(company: Company, answered: Callable[[], int], callers: list[Future[None]]) -> None:
    """Cut connections at random moments, each time when there was an answer since."""
    chance = random.Random()
    for cut in range(sizes.CUTS):
        seen = answered()
        if cut % 3:
            terminate(
                company.place,
                "pid = (SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                "AND pid <> pg_backend_pid() AND application_name <> 'onlooker' ORDER BY random() LIMIT 1)",
            )
        else:
            company.proxy.cut_all()
        time.sleep(chance.uniform(0, 0.05))
        while answered() == seen and not any(caller.done() for caller in callers):
            time.sleep(0.001)


def terminate(place: Place, which: str) -> None:
    """Have the server end connections."""
    with psycopg.connect(place.url("log"), autocommit=True) as connection:
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which}".encode())


def code(log: Log, request: Request) -> str:
    with pytest.raises(Rejected) as refused:
        log.execute(request)
    return refused.value.code

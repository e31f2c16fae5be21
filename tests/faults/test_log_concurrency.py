"""Many callers in many processes, one order: every answer is explained by it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from threading import Barrier, Thread

import pytest

from commands.command import Command
from commands.lead import AssignLead, CaptureLead, ConvertLead, DisqualifyLead, QualifyLead, RecycleLead, ScoreLead
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request
from tests.faults import sizes
from tests.faults.checker import Call, Order, Refused, call
from tests.faults.nodes import Node, nodes, opened
from tests.places import Place

ANN = Actor("user", "ann")
STREAMS = 3


@pytest.fixture
def urls(place: Place) -> tuple[str, str]:
    return place.url("log"), place.url("keys")


@pytest.mark.slow
def test_threads_of_one_process(urls: tuple[str, str]) -> None:
    with opened(urls) as (log, keys):
        begin(log)
        calls = together(8, lambda caller: turns(log, f"a{caller}", 40))
        explained(log, keys, calls)


@pytest.mark.slow
@pytest.mark.soak
def test_threads_of_several_processes(urls: tuple[str, str], figure: Callable[[str], None]) -> None:
    with opened(urls) as (log, keys):
        begin(log)
        answers = explained(log, keys, from_nodes(urls, "mixed"))
        kinds = Counter(code(each.answer) for each in answers)
        figure(f"{len(answers):,} answers of {sizes.NODES} nodes explained: {dict(kinds)}")


@pytest.mark.slow
@pytest.mark.soak
def test_a_storm_of_conflicts(urls: tuple[str, str], figure: Callable[[str], None]) -> None:
    with opened(urls) as (log, keys):
        begin(log)
        answers = explained(log, keys, from_nodes(urls, "storm"))
        kinds = Counter(code(each.answer) for each in answers)
        assert kinds["recorded"] == sizes.NODES * sizes.CALLERS * sizes.STORM_WINS
        assert kinds.keys() <= {"recorded", "VERSION_CONFLICT"}
        figure(f"storm: {dict(kinds)}")


def begin(log: Log) -> None:
    for stream in range(STREAMS):
        log.execute(Request(CaptureLead(id=str(stream), name="Ann", source="web"), ANN))


def together(callers: int, work: Callable[[int], list[Call]]) -> list[Call]:
    """What threads do at the same time."""
    ready = Barrier(callers)
    calls: list[Call] = []

    def run(caller: int) -> None:
        ready.wait()
        calls.extend(work(caller))

    threads = [Thread(target=run, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return calls


def from_nodes(urls: tuple[str, str], kind: str) -> list[Call]:
    made = [Node(ask, urls, kind, str(number)) for number in range(sizes.NODES)]
    with nodes(*made):
        for node in made:
            assert node.hear() == "ready"
        for node in made:
            node.tell()
        return [each for node in made for each in node.hear(3600)]


def ask(connection: Connection, urls: tuple[str, str], kind: str, name: str) -> None:
    with opened(urls) as (log, _):
        connection.send("ready")
        connection.recv()
        if kind == "mixed":
            calls = together(sizes.CALLERS, lambda caller: turns(log, f"{name}-{caller}", sizes.TURNS))
        else:
            calls = together(sizes.CALLERS, lambda caller: wins(log, f"{name}-{caller}", sizes.STORM_WINS))
        connection.send(calls)


def turns(log: Log, name: str, count: int) -> list[Call]:
    """Commands of all kinds, on few streams."""
    chance = random.Random(name)
    calls: list[Call] = []
    seen: dict[str, int] = {}
    for turn in range(count):
        for command in wishes(chance, f"{name}-{turn}"):
            expected = seen.get(command.stream) if chance.random() < 0.4 else None
            calls.append(call(log, Request(command, ANN, f"{name}-{turn}-{len(calls)}", expected_version=expected)))
            answer = calls[-1].answer
            if isinstance(answer, Outcome):
                seen[answer.stream] = answer.version
            elif answer.code == "VERSION_CONFLICT":
                seen[command.stream] = log.state(command.stream)[0]
    return calls


def wishes(chance: random.Random, new: str) -> list[Command]:
    id = str(chance.randrange(STREAMS))
    kinds: list[Callable[[], list[Command]]] = [
        lambda: [ScoreLead(id=id, score=chance.randrange(3))],
        lambda: [AssignLead(id=id, agent_id=chance.choice("ab"))],
        lambda: [QualifyLead(id=id)],
        lambda: [DisqualifyLead(id=id, reason="no")],
        lambda: [RecycleLead(id=id)],
        lambda: [CaptureLead(id=id)],
        lambda: [CaptureLead(id=new, name=new, company=new), ConvertLead(id=new, customer_id="shared")],
        lambda: [CaptureLead(id=new, phone=new), ConvertLead(id=new, customer_id="shared", overwrite=("phone",))],
    ]
    return chance.choice(kinds)()


def wins(log: Log, name: str, count: int) -> list[Call]:
    """Read, decide, and write what was expected, until that was won so many times."""
    chance = random.Random(name)
    calls: list[Call] = []
    won = 0
    while won < count:
        id = str(chance.randrange(STREAMS))
        version, lead = log.state(f"lead-{id}")
        score = ((lead.score or 0) + 1) % 100  # type: ignore[attr-defined]
        calls.append(call(log, Request(ScoreLead(id=id, score=score), ANN, expected_version=version)))
        won += isinstance(calls[-1].answer, Outcome)
    return calls


def explained(log: Log, keys: Keys, calls: list[Call]) -> list[Call]:
    order = Order(log, keys)
    assert order.explain(calls) == set(range(STREAMS + 1, log.head.position + 1))
    return calls


def code(answer: Outcome | Refused) -> str:
    if isinstance(answer, Refused):
        return answer.code
    return "recorded" if answer.last_position else "nothing to change"

"""What privacy costs: sealing in bulk, forgetting among many events, following the directory, another master key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from commands.command import Command
from commands.customer import ActivateCustomer, ForgetCustomer
from commands.lead import AssignLead, CaptureLead, ConvertLead
from commands.ticket import OpenTicket, SolveTicket
from domain.event import Event
from infra.intake import Simulation
from infra.keys import Keys
from infra.keys.rotation import rewrap
from infra.log import Actor, Log, Request, utc_now
from infra.log.document import shape_of
from infra.main import tune_python
from tests.intake.doors import command_of

ACTOR = Actor("service_account", "bench")
OLD, NEW = bytes(32), bytes(range(32))
BULK = 500
ROUNDS = 7
FORGOTTEN = 50
Result = dict[str, Any]


def run(scale: float) -> list[Result]:
    """The figures; at scale 1 among a million events."""
    tune_python()
    with TemporaryDirectory() as name:
        directory = Path(name)
        return [
            a_year(directory),
            sealing(directory, int(70_000 * scale)),
            *forgetting(directory, int(1_000_000 * scale)),
        ]


def a_year(directory: Path) -> Result:
    """What a simulated company does in a year, in bulk, with its personal fields sealed or in clear."""
    wishes = chain.from_iterable(Simulation(1, utc_now(), time_zone="UTC").batches(BULK))
    requests = [Request(command_of(each), ACTOR, occurred_at=each.occurred_at) for each in wishes]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(ROUNDS):
        for sealed in seconds:
            with nullcontext() if sealed else nothing_personal():
                keys, log = opened(directory / f"year-{turn}-{sealed}")
                seconds[sealed].append(submitted(log, requests))
                log.close()
                keys.close()
    return sealed_beside_clear("a simulated year in bulk, sealed", seconds)


@contextmanager
def nothing_personal() -> Iterator[None]:
    """Nothing is sealed inside."""
    personal = {event: event.personal for event in Event.by_name.values()}
    for event in personal:
        event.personal = frozenset()
    shape_of.cache_clear()
    yield
    for event, names in personal.items():
        event.personal = names
    shape_of.cache_clear()


def sealing(directory: Path, count: int) -> Result:
    """The worst there is: three new keys in five commands, their words in personal fields or in others."""
    logs = {sealed: opened(directory / f"sealing-{sealed}")[1] for sealed in (True, False)}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(ROUNDS):
        for sealed, log in logs.items():
            people = [person(f"{turn}-{number}", sealed=sealed) for number in range(count // ROUNDS // 5)]
            requests = [Request(command, ACTOR) for each in people for command in each]
            seconds[sealed].append(submitted(log, requests))
    return sealed_beside_clear("new people alone in bulk, sealed", seconds)


def submitted(log: Log, requests: list[Request]) -> float:
    """How long a command took, in seconds."""
    begin = perf_counter()
    for start in range(0, len(requests), BULK):
        log.submit(requests[start : start + BULK])
    return (perf_counter() - begin) / len(requests)


def sealed_beside_clear(name: str, seconds: dict[bool, list[float]]) -> Result:
    """The medians of the rounds, and the median of their ratios."""
    ratios = [plain / with_seals for with_seals, plain in zip(seconds[True], seconds[False], strict=True)]
    return {
        "name": name,
        "value": round(1 / median(seconds[True])),
        "unit": "commands/s",
        "baseline": round(1 / median(seconds[False])),
        "ratio": round(median(ratios), 3),
        "target": 0.85,
    }


def forgetting(directory: Path, count: int) -> list[Result]:
    """One person among many events; a lone command beside it."""
    keys, log = opened(directory / "forgetting")
    number = 0
    while log.head.position < count:
        people = [person(str(number + each), sealed=True) for each in range(BULK)]
        log.submit([Request(command, ACTOR) for each in people for command in each])
        number += BULK
    assert log.people is not None
    begin = perf_counter()
    log.people.follow(log.head.position)
    followed = log.head.position / (perf_counter() - begin)
    chosen = Random(1).sample(range(number), 2 * FORGOTTEN)
    forget = [timed(log, ForgetCustomer(id=str(id))) for id in chosen[:FORGOTTEN]]
    other = [timed(log, ActivateCustomer(id=str(id))) for id in chosen[FORGOTTEN:]]
    log.close()
    keys.close()
    begin = perf_counter()
    wrapped = rewrap(f"sqlite:///{directory}/forgetting/keys.db", OLD, NEW)
    rotation = wrapped / (perf_counter() - begin)
    about: Result = {"baseline": None, "ratio": None, "target": ""}
    return [
        {
            "name": f"forgetting one person among {count:,} events",
            "value": round(median(forget) * 1000, 2),
            "unit": "ms",
            "baseline": round(median(other) * 1000, 2),
            "ratio": round(median(forget) / median(other), 2),
            "target": "<= 20",
        },
        {"name": "following the directory", "value": round(followed), "unit": "events/s", **about},
        {"name": "another master key", "value": round(rotation), "unit": "keys/s", **about},
    ]


def person(id: str, *, sealed: bool) -> list[Command]:
    """What is recorded about a person."""
    # A customer takes over all three, from either: so there are as many values in as many events.
    told = ("name", "email", "phone") if sealed else ("company", "country", "source")
    words = dict(zip(told, (f"Ada Abel {id}", f"ada.{id}@example.org", f"+49 30 {id}"), strict=True))
    ticket = {"subject": "My parcel is late"} if sealed else {"category": "My parcel is late"}
    return [
        CaptureLead.model_validate({"id": id, **words}),
        AssignLead(id=id, agent_id="kim"),
        ConvertLead(id=id, customer_id=id),
        OpenTicket.model_validate({"id": id, "customer_id": id, **ticket}),
        SolveTicket(id=id, agent_id="kim"),
    ]


def timed(log: Log, command: Command) -> float:
    begin = perf_counter()
    log.execute(Request(command, ACTOR))
    return perf_counter() - begin


def opened(directory: Path) -> tuple[Keys, Log]:
    directory.mkdir()
    keys = Keys.open(f"sqlite:///{directory}/keys.db", OLD)
    return keys, Log.open(f"sqlite:///{directory}/log.db", keys)

"""What privacy costs: sealing in bulk, forgetting among many events, following the directory, another master key."""

from __future__ import annotations

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
from infra.keys import Keys
from infra.keys.rotation import rewrap
from infra.log import Actor, Log, Request
from infra.main import collect_less

ACTOR = Actor("service_account", "bench")
OLD, NEW = bytes(32), bytes(range(32))
BULK = 500
ROUNDS = 7
FORGOTTEN = 50
Result = dict[str, Any]


def run(scale: float) -> list[Result]:
    """The figures; at scale 1 among a million events."""
    collect_less()
    with TemporaryDirectory() as name:
        directory = Path(name)
        return [sealing(directory, int(70_000 * scale)), *forgetting(directory, int(1_000_000 * scale))]


def sealing(directory: Path, count: int) -> Result:
    """The same commands in bulk, on new people, their words in personal fields or in others."""
    logs = {sealed: opened(directory / f"sealing-{sealed}")[1] for sealed in (True, False)}
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(ROUNDS):
        for sealed, log in logs.items():
            people = [person(f"{turn}-{number}", sealed=sealed) for number in range(count // ROUNDS // 5)]
            requests = [Request(command, ACTOR) for each in people for command in each]
            begin = perf_counter()
            for start in range(0, len(requests), BULK):
                log.submit(requests[start : start + BULK])
            seconds[sealed].append((perf_counter() - begin) / len(requests))
    ratios = [plain / with_seals for with_seals, plain in zip(seconds[True], seconds[False], strict=True)]
    return {
        "name": "commands in bulk, sealed",
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

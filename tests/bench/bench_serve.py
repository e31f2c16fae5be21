"""A whole node on a million events: how soon it is ready, and how soon one reads what one wrote."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any

from commands.command import Command
from commands.lead import AssignLead, CaptureLead
from commands.ticket import AssignTicket, OpenTicket, PendTicket, ReplyToTicket, ResumeTicket, SolveTicket
from crm.client import Client
from crm.v1 import leads_pb2, system_pb2, tickets_pb2
from infra.keys import Keys, load_master_key
from infra.log import Actor, Log, Request
from infra.settings import Settings
from tests.bench.bench_grpc import processes, send_bulk

ACTOR = Actor("service_account", "bench")
COMMANDS_A_SECOND = 200
QUESTIONS = 400
BULK = 500
MESSAGES = 20


def run(scale: float) -> list[dict[str, Any]]:
    """The figures, at ``scale`` 1 on a million events."""
    with TemporaryDirectory() as name:
        data = Path(name)
        fill(data, int(1_000_000 * scale))
        with served(data) as (address, _), Client(address) as crm:
            wait_for_models(crm)
        bare = imports_alone()
        with served(data) as (address, seconds):
            waits = answers_to_what_was_just_written(address)
            alone = questions(address)
            with bulk_to(address):
                beside = questions(address)
        return [
            row("serve: start to ready", seconds, "s", "<= 2"),
            row("serve: of which Python's imports alone", bare, "s"),
            row("serve: wait for a position just answered, median", 1000 * median(waits), "ms"),
            row("serve: wait for a position just answered, p99", 1000 * quantiles(waits, n=100)[-1], "ms", "<= 50"),
            row("serve: a question for a record, median", 1000 * median(alone), "ms"),
            row("serve: the same while others send 500 commands a message", 1000 * median(beside), "ms"),
        ]


def row(name: str, value: float, unit: str, target: str | None = None) -> dict[str, Any]:
    return {"name": name, "value": round(value, 3), "unit": unit, "baseline": None, "ratio": None, "target": target}


def story(number: int) -> Iterator[Command]:
    """What happens to one ticket and one lead: ten events."""
    id = f"bench-{number}"
    yield OpenTicket(id=id, subject="Parcel", priority="high", channel="web", group_id=f"g-{number % 7}")
    yield AssignTicket(id=id, agent_id=f"a-{number % 50}")
    yield ReplyToTicket(id=id, reply_id="1", agent_id=f"a-{number % 50}")
    yield PendTicket(id=id)
    yield ResumeTicket(id=id)
    yield SolveTicket(id=id)
    yield CaptureLead(id=id, source=f"s-{number % 9}", name="Ada")
    yield AssignLead(id=id, agent_id=f"a-{number % 50}")
    yield AssignLead(id=id, agent_id=f"b-{number % 50}")


def fill(data: Path, events: int) -> None:
    """Bring a new data directory to so many events."""
    settings = Settings(data=data)
    keys = Keys.open(f"sqlite:///{settings.keys_file}", load_master_key(settings))
    log = Log.open(f"sqlite:///{settings.log_file}", keys)
    requests: list[Request] = []
    number = 0
    while log.head.position < events:
        requests += [Request(command, ACTOR) for command in story(number)]
        number += 1
        if len(requests) >= BULK:
            log.submit(requests)
            requests = []
    log.close()
    keys.close()


@contextmanager
def served(data: Path) -> Iterator[tuple[str, float]]:
    """The address of ``crm serve`` in a process of its own, and the seconds until it was ready."""
    begin = perf_counter()
    crm = Path(sys.executable).parent / "crm"
    command = [str(crm), "serve", "--data", str(data), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        yield address, perf_counter() - begin
        server.terminate()


def imports_alone() -> float:
    """Seconds for a Python process that imports what a node needs, and does nothing."""
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", "import infra.main"], check=True)
    return perf_counter() - begin


def wait_for_models(crm: Client) -> None:
    """Return when every read model has caught up."""
    while any(part.lag_events for part in crm.system.GetStatus(system_pb2.GetStatusRequest()).parts):
        sleep(0.5)


def answers_to_what_was_just_written(address: str) -> list[float]:
    """Seconds that a question for a record waits which asks for the position of a command just answered, while others
    send 200 commands a second.
    """
    stop = Event()
    load = Thread(target=keep_writing, args=(address, stop))
    load.start()
    waits = []
    with Client(address) as crm:
        for number in range(QUESTIONS):
            done = crm.tickets.AssignTicket(
                tickets_pb2.AssignTicketRequest(id=f"bench-{number}", agent_id=f"c-{number}")
            )
            begin = perf_counter()
            crm.tickets.GetTicket(tickets_pb2.GetTicketRequest(ticket_id=f"bench-{number}", min_position=done.position))
            waits.append(perf_counter() - begin)
    stop.set()
    load.join()
    return waits


def questions(address: str) -> list[float]:
    """Seconds that each of some questions for a record takes."""
    took = []
    with Client(address) as crm:
        for number in range(QUESTIONS):
            begin = perf_counter()
            crm.tickets.GetTicket(tickets_pb2.GetTicketRequest(ticket_id=f"bench-{number}"))
            took.append(perf_counter() - begin)
    return took


@contextmanager
def bulk_to(address: str) -> Iterator[None]:
    """Meanwhile another process sends commands in bulk."""
    sending = processes.Process(target=keep_sending, args=(address,))
    before = position(address)
    sending.start()
    try:
        while position(address) == before:
            sleep(0.1)
        yield
    finally:
        sending.terminate()
        sending.join()


def position(address: str) -> int:
    with Client(address) as crm:
        return int(crm.system.GetStatus(system_pb2.GetStatusRequest()).position)


def keep_sending(address: str) -> None:
    for turn in count(1):
        send_bulk(address, MESSAGES, turn=turn)


def keep_writing(address: str, stop: Event) -> None:
    """A steady load of single commands."""
    begin = perf_counter()
    number = 0
    with Client(address) as crm:
        while not stop.is_set():
            id = f"load-{number // 4}"
            if number % 4 == 0:
                crm.leads.CaptureLead(leads_pb2.CaptureLeadRequest(id=id, source="load"))
            else:
                crm.leads.AssignLead(leads_pb2.AssignLeadRequest(id=id, agent_id=f"a-{number}"))
            number += 1
            sleep(max(0.0, begin + number / COMMANDS_A_SECOND - perf_counter()))

"""The whole service, as it is in use: every command by chance on few streams, alone and in bulk, questions, feeds that
are read slowly, while the server is killed and restarted; then every answer is explained by the order in the log.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from commands.ticket import OpenTicket
from crm.client import Client, CrmError
from crm.errors import NotFound
from crm.v1 import commands_pb2, customers_pb2, leads_pb2, log_pb2, reports_pb2, sql_pb2, system_pb2, tickets_pb2
from infra.keys import Keys, load_master_key
from infra.log import Actor, Log, Outcome, Request
from infra.server.contract import bulk_commands, message_class, services
from infra.settings import Settings
from tests.cli.conftest import Process
from tests.faults import sizes
from tests.faults.checker import Call, Order, Refused
from tests.laws.chance import COMMANDS, any_command

ACTOR = Actor("unauthenticated", "soak")
CALLERS, ASKERS, SLOW_READERS = 6, 2, 3
STEMS = {method.name: Path(service.file.name).stem for service in services() for method in service.methods}
ARMS = {kind: field.name for field, kind in bulk_commands(commands_pb2.Command.DESCRIPTOR)}
MESSAGES = {kind: message_class(field.message_type) for field, kind in bulk_commands(commands_pb2.Command.DESCRIPTOR)}

SPOKEN = [kind for kind in COMMANDS if not kind.__name__.startswith("Forget")]
"""What was forgotten cannot be decided anew."""

PATIENCE = 120.0
"""Seconds after which a reader gives up on a server that does not come back."""

LAST = Request(OpenTicket(id="last"), ACTOR, "last")

REPORT = "backlog"
SQL = "select count(*) from tickets"

PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


class Service:
    """A server that is killed or stopped, and comes back at the same address."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ends: Counter[str] = Counter()
        self._server = self._started()

    @property
    def address(self) -> str:
        return f"unix:{self.data / 'crm.sock'}"

    def end(self, number: signal.Signals) -> None:
        self._server.send(number)
        ended = self._server.end()
        assert ended.status == (0 if number == signal.SIGTERM else -number), ended
        self.ends[number.name] += 1

    def begin(self) -> None:
        self._server = self._started()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.popen.kill()
        self._server.popen.wait()

    def _started(self) -> Process:
        server = Process("serve", "--listen", "127.0.0.1:0", "--data", self.data)
        assert server.line().startswith("127.0.0.1:")
        return server


class Office:
    """What all who use the service know together, and when they go home."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.closing = threading.Event()
        self.calls: list[Call] = []
        self.asked = 0
        self.known = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Office:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()

    def client(self) -> Client:
        return Client(self.service.address, actor=ACTOR.id)

    def learn(self, position: int) -> None:
        with self._lock:
            self.known = max(self.known, position)


def insist(ask: Callable[[], Any]) -> Any:
    """The answer, however often the server has to be asked for it."""
    while True:
        try:
            return ask()
        except CrmError as error:
            if error.status not in PASSING:
                raise
            time.sleep(0.02)


def outcome_of(answer: Any) -> Outcome:
    return Outcome(
        answer.stream,
        answer.id,
        int(answer.etag),
        answer.first_position,
        answer.last_position,
        answer.position,
        answer.recorded_at.ToDatetime(tzinfo=UTC),
    )


def message_of(request: Request) -> Message:
    command = request.command
    said = {**command.model_dump(mode="json", exclude_none=True), "request_id": request.request_id}
    if request.expected_version is not None:
        said["etag"] = str(request.expected_version)
    return ParseDict(said, MESSAGES[type(command)]())


class Caller:
    """Sends commands, alone or several in one message, some of them twice."""

    def __init__(self, office: Office, name: str) -> None:
        self._office = office
        self._name = name
        self._chance = random.Random(f"{name} {random.random()}")
        self._asked = 0
        self._versions: dict[str, int] = {}

    def work(self) -> None:
        with self._office.client() as crm:
            while not self._office.closing.is_set():
                self.say(crm, [self._request() for _ in range(self._chance.choice((1, 1, 1, 2, 8)))])

    def say(self, crm: Client, requests: list[Request]) -> None:
        """Ask for the commands until they are answered."""
        before = self._office.known
        send = self._alone if len(requests) == 1 else self._together
        answers = insist(lambda: send(crm, requests))
        after = insist(lambda: crm.system.GetStatus(system_pb2.GetStatusRequest())).position
        self._office.learn(after)
        for request, answer in zip(requests, answers, strict=True):
            self._office.calls.append(Call(request, before, answer, after))
            if isinstance(answer, Outcome):
                self._versions[answer.stream] = answer.version
                if self._chance.random() < 0.05:
                    assert insist(partial(self._alone, crm, [request])) == [answer]

    def _request(self) -> Request:
        command = any_command(self._chance, self._chance.choice(SPOKEN))
        # There are always some about which nothing is settled yet.
        command = command.model_copy(update={"id": str(self._chance.randrange(3 + self._office.known // 20))})
        self._asked += 1
        expected = self._versions.get(command.stream) if self._chance.random() < 0.3 else None
        return Request(command, ACTOR, f"{self._name}-{self._asked}", expected_version=expected)

    def _alone(self, crm: Client, requests: list[Request]) -> list[Outcome | Refused]:
        (request,) = requests
        name = type(request.command).__name__
        try:
            return [outcome_of(getattr(getattr(crm, STEMS[name]), name)(message_of(request)))]
        except CrmError as error:
            if error.status in PASSING:
                raise
            return [Refused(error.code, error.sentence)]

    def _together(self, crm: Client, requests: list[Request]) -> list[Outcome | Refused]:
        said = commands_pb2.ExecuteCommandsRequest()
        for request in requests:
            getattr(said.commands.add(), ARMS[type(request.command)]).CopyFrom(message_of(request))
        (answer,) = crm.commands.ExecuteCommands(iter([said]))
        return [
            Refused(each.refusal.code, each.refusal.sentence) if each.HasField("refusal") else outcome_of(each.outcome)
            for each in answer.results
        ]


def ask(office: Office) -> None:
    """Questions of all kinds, each of which has to see what was known before it."""
    chance = random.Random()
    with office.client() as crm:
        questions: list[Callable[[str, int], Any]] = [
            lambda of, seen: crm.leads.GetLead(leads_pb2.GetLeadRequest(lead_id=of, min_position=seen)),
            lambda of, seen: crm.tickets.GetTicket(tickets_pb2.GetTicketRequest(ticket_id=of, min_position=seen)),
            lambda _, seen: crm.customers.ListCustomers(customers_pb2.ListCustomersRequest(min_position=seen)),
            lambda _, seen: list(crm.reports.RunReport(reports_pb2.RunReportRequest(name=REPORT, min_position=seen))),
            lambda _, seen: list(crm.sql.RunSql(sql_pb2.RunSqlRequest(sql=SQL, min_position=seen))),
        ]
        while not office.closing.is_set():
            question, seen = chance.choice(questions), office.known
            try:
                answer = insist(partial(question, str(chance.randrange(9)), seen))
            except NotFound:
                continue
            about = answer[0] if isinstance(answer, list) else answer
            stands = about.position if isinstance(about, sql_pb2.RunSqlResponse) else about.read_point.position
            assert stands >= seen
            office.asked += 1


def read(office: Office, pause: float) -> list[tuple[int, str]]:
    """Follow the log from its beginning until the last event; who pauses after each goes home with the others."""
    seen = []
    with office.client() as crm, crm.feed(log_pb2.ReadEventsRequest(follow=True), patience=PATIENCE) as feed:
        for event in feed:
            seen.append((event.position, event.stream))
            if event.stream == LAST.command.stream or (pause and office.closing.is_set()):
                break
            time.sleep(pause)
    return seen


@pytest.mark.slow
@pytest.mark.soak
def test_whatever_happens_every_answer_is_explained(tmp_path: Path, figure: Callable[[str], None]) -> None:
    chance = random.Random()
    # Where something goes wrong, the office closes, the server ends, and so all who wait in the pool.
    with (
        ThreadPoolExecutor(CALLERS + ASKERS + SLOW_READERS + 1) as pool,
        Service(tmp_path / "company") as service,
        Office(service) as office,
    ):
        working = [pool.submit(Caller(office, str(number)).work) for number in range(CALLERS)]
        working += [pool.submit(ask, office) for _ in range(ASKERS)]
        reading = pool.submit(read, office, 0)
        slowly = [pool.submit(read, office, 0.05) for _ in range(SLOW_READERS)]
        until = time.monotonic() + sizes.SERVICE_SECONDS
        while time.monotonic() < until and not any(each.done() for each in working):
            time.sleep(chance.uniform(0.1, 3))
            service.end(chance.choice((signal.SIGKILL, signal.SIGTERM)))
            service.begin()
        before = office.known
        while office.known == before and not any(each.done() for each in working):
            time.sleep(0.1)
        office.closing.set()
        for each in working:
            each.result()
        with office.client() as crm:
            Caller(office, "last").say(crm, [LAST])
        read_fast, read_slowly = reading.result(), [each.result() for each in slowly]
        service.end(signal.SIGTERM)

    settings = Settings(data=service.data)
    keys = Keys.open(settings.keys_url, load_master_key(settings))
    log = Log.open(settings.log_url, keys)
    try:
        order = Order(log, keys)
        assert order.explain(office.calls) == set(range(1, order.head.position + 1))
    finally:
        log.close()
        keys.close()
    happened = [(position, stream) for position, (stream, _) in enumerate(order.facts, 1)]
    assert read_fast == happened
    for seen in read_slowly:
        assert seen == happened[: len(seen)]
    checked = Process("verify", "--rebuild", "--data", service.data).end()
    assert (checked.status, checked.out) == (0, ""), checked
    codes = Counter(each.answer.code if isinstance(each.answer, Refused) else "accepted" for each in office.calls)
    figure(
        f"{sizes.SERVICE_SECONDS} s: {dict(service.ends)}, {len(office.calls):,} commands ({codes['accepted']:,} "
        f"accepted, {len(codes) - 1} reasons to refuse), {office.asked:,} questions, {order.head.position:,} events"
    )

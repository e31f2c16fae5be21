"""How fast commands are through gRPC, against empty calls to a bare grpcio server in the same run.

Server and callers are processes of their own, the callers threads of one process, as in life.
"""

from __future__ import annotations

import cProfile
import multiprocessing
import os
import pstats
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, thread_time
from typing import Any

import grpc

from commands.command import Command
from commands.ticket import AssignTicket, OpenTicket
from crm.v1 import commands_pb2, tickets_pb2
from infra.keys import Keys
from infra.log import Actor, Log, Request
from infra.main import Node, tune_python
from infra.server.commands import Reader, outcome_message
from infra.server.tokens import PublicKeys, Tokens
from infra.settings import Settings
from tests.bench.bench_log import bare_database, bare_insert, stored
from tests.signing import Issuer

CALLERS = 16
WORKERS = 40
ROUNDS = 7
"""Ours and the baseline take turns, because the neighbours vary more than the difference."""
BULK_ROUNDS = 5
STREAMS = 500
IN_BULK = 500
MASTER_KEY = b64encode(bytes(32)).decode()
EMPTY = "/bare.Bare/Call"
ASSIGN = "/crm.v1.TicketService/AssignTicket"
BULK = "/crm.v1.CommandService/ExecuteCommands"
Result = dict[str, Any]

processes = multiprocessing.get_context("spawn")


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in about a minute. Python is tuned as in a running node."""
    tune_python()
    with TemporaryDirectory() as name:
        directory = Path(name)
        return [
            *unary(directory, max(CALLERS * ROUNDS, int(20_000 * scale))),
            *with_tokens(directory, max(CALLERS * ROUNDS, int(10_000 * scale))),
            *checking_tokens(directory, max(10, int(1_000 * scale))),
            *bulk(directory, max(1, int(40 * scale))),
            *where_it_goes(directory / "handler", max(100, int(3_000 * scale))),
        ]


def unary(directory: Path, count: int) -> list[Result]:
    """Each of 16 callers asks for one command at a time, on existing streams, in turn with empty calls. Medians."""
    count //= ROUNDS
    with serving(bare) as (bare_address, bare_pid), serving(whole, str(directory / "unary")) as (address, pid):
        in_process(open_tickets, address)
        ours, theirs, our_cpu, their_cpu = [], [], [], []
        for turn in range(ROUNDS):
            before = cpu_seconds(bare_pid)
            theirs.append(count / in_process(call_many, bare_address, EMPTY, turn, count))
            their_cpu.append((cpu_seconds(bare_pid) - before) / count)
            before = cpu_seconds(pid)
            ours.append(count / in_process(call_many, address, ASSIGN, turn, count))
            our_cpu.append((cpu_seconds(pid) - before) / count)
    ours_cpu, theirs_cpu = median(our_cpu) * 1e6, median(their_cpu) * 1e6
    return [
        ratio_row("grpc: 16 callers, a command a call / empty calls", ours, theirs, 0.4),
        row("grpc: CPU of the server per command / per empty call", ours_cpu, "µs", theirs_cpu),
        row("grpc: of that beyond an empty call", ours_cpu - theirs_cpu, "µs"),
    ]


def with_tokens(directory: Path, count: int) -> list[Result]:
    """The same unary commands from callers with a token each, in turn with callers of a server that takes none.
    Medians.
    """
    count //= ROUNDS
    keys = directory / "token.pub"
    issuer = Issuer()
    keys.write_bytes(issuer.public)
    tokens = [issuer.token("service", subject=f"caller-{own}") for own in range(CALLERS)]
    with (
        serving(whole, str(directory / "open")) as (open_address, open_pid),
        serving(whole, str(directory / "guarded"), str(keys)) as (address, pid),
    ):
        in_process(open_tickets, open_address)
        in_process(open_tickets, address, tokens[0])
        ours, theirs, our_cpu, their_cpu = [], [], [], []
        for turn in range(ROUNDS):
            before = cpu_seconds(open_pid)
            theirs.append(count / in_process(call_many, open_address, ASSIGN, turn, count))
            their_cpu.append((cpu_seconds(open_pid) - before) / count)
            before = cpu_seconds(pid)
            ours.append(count / in_process(call_many, address, ASSIGN, turn, count, tokens))
            our_cpu.append((cpu_seconds(pid) - before) / count)
    cpu = (median(our_cpu) * 1e6, "µs", median(their_cpu) * 1e6)
    return [
        ratio_row("grpc: 16 callers, a command a call, with tokens / without", ours, theirs),
        row("grpc: CPU per command, with tokens / without", *cpu),
    ]


def checking_tokens(directory: Path, count: int) -> Iterator[Result]:
    """What a token costs when it is met first, and after that."""
    for algorithm in ("EdDSA", "RS256"):
        issuer = Issuer(algorithm)
        keys = directory / f"{algorithm}.pub"
        keys.write_bytes(issuer.public)
        believed = Tokens(PublicKeys(str(keys)), audience="crm", issuer=None, roles="roles", skew=0)
        sent = [issuer.token("service", subject=f"caller-{number}") for number in range(count)]
        spent = []
        for _ in range(2):
            begin = thread_time()
            for token in sent:
                believed.caller(token)
            spent.append((thread_time() - begin) / count * 1e6)
        yield row(f"token: {algorithm}, checked at first", spent[0], "µs CPU")
        yield row(f"token: {algorithm}, known", spent[1], "µs CPU")


def bulk(directory: Path, messages: int) -> list[Result]:
    """One caller sends messages of 500 commands, in turn with the same commands handed to a log in this process and
    with a bare insert of the rows that they left there, in as many transactions. Each command opens a ticket, whose
    subject is sealed with a key of its own. Medians.
    """
    through, direct, inserted = [], [], []
    bare = bare_database(directory / "bulk-bare")
    with serving(whole, str(directory / "bulk")) as (address, _), log_and_keys(directory / "log") as (log, keys):
        read = reader(OpenTicket, keys)
        for turn in range(BULK_ROUNDS):
            sent = bulk_messages(messages, first=turn * messages * IN_BULK)
            through.append(messages * IN_BULK / in_process(send_bulk, address, messages, None, turn))
            requests = [[read(command.open_ticket) for command in each.commands] for each in sent]
            before = log.head.position
            begin = perf_counter()
            for asked in requests:
                log.submit(asked)
            direct.append(messages * IN_BULK / (perf_counter() - begin))
            rows = stored(log, before)
            inserted.append(len(rows) / bare_insert(bare, rows, IN_BULK))
    bare.close()
    return [
        ratio_row("grpc: 500 commands a message / straight into the log", through, direct),
        ratio_row("grpc: 500 commands a message / bare batched inserts", through, inserted, 0.2),
        ratio_row("log: 500 commands at once / bare batched inserts", direct, inserted),
    ]


def ratio_row(name: str, ours: list[float], theirs: list[float], target: float | None = None) -> Result:
    """The medians of the rounds, and the median of their ratios."""
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return row(name, median(ours), "commands/s", median(theirs), target) | {"ratio": round(ratio, 3)}


def where_it_goes(directory: Path, count: int) -> list[Result]:
    """The handler's CPU time per command, step by step, on one thread; then what a profile of it shows."""
    with log_and_keys(directory) as (log, keys):
        steps = handler_steps(log, keys)
        sent = [assignment(0, number) for number in range(count)]
        log.submit([reader(OpenTicket, keys)(ticket(number)) for number in range(STREAMS)])
        spent = dict.fromkeys(steps, 0.0)
        for content in sent:
            value: Any = content
            for name, step in steps.items():
                begin = thread_time()
                value = step(value)
                spent[name] += thread_time() - begin
        profile = cProfile.Profile(thread_time)
        profile.runcall(follow, steps, [assignment(1, number) for number in range(count)])
    rows = [row(f"handler: {name}", seconds / count * 1e6, "µs CPU") for name, seconds in spent.items()]
    return [row("handler: in all", sum(spent.values()) / count * 1e6, "µs CPU"), *rows, *profiled(profile, count)]


def profiled(profile: cProfile.Profile, count: int) -> Iterator[Result]:
    """The eight functions that a profile found most time in, their own alone."""
    stats: Any = pstats.Stats(profile)
    heaviest = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:8]
    for (file, line, function), (_, calls, own, _, _) in heaviest:
        place = function if file == "~" else f"{Path(file).parent.name}/{Path(file).name}:{line} {function}"
        yield row(f"profile: {place}, {calls / count:.1f} calls", own / count * 1e6, "µs CPU, own")


def row(name: str, value: float, unit: str, baseline: float | None = None, target: float | None = None) -> Result:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "baseline": None if baseline is None else round(baseline, 2),
        "ratio": None if baseline is None else round(value / baseline, 3),
        "target": target,
    }


# What is asked.


def ticket(number: int) -> tickets_pb2.OpenTicketRequest:
    return tickets_pb2.OpenTicketRequest(id=str(number), subject=f"Ticket {number}", priority="high")


def assignment(turn: int, number: int) -> bytes:
    request = tickets_pb2.AssignTicketRequest(id=str(number % STREAMS), agent_id=f"agent-{turn}-{number}")
    content: bytes = request.SerializeToString()
    return content


def bulk_messages(messages: int, first: int = 0) -> list[commands_pb2.ExecuteCommandsRequest]:
    def message(begin: int) -> commands_pb2.ExecuteCommandsRequest:
        commands = [commands_pb2.Command(open_ticket=ticket(number)) for number in range(begin, begin + IN_BULK)]
        return commands_pb2.ExecuteCommandsRequest(commands=commands)

    return [message(first + number * IN_BULK) for number in range(messages)]


# The servers.


def bare(pipe: Connection) -> None:
    """A grpcio server that answers nothing to anything."""

    call = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
    handler = grpc.method_handlers_generic_handler("bare.Bare", {"Call": call})
    server = grpc.server(ThreadPoolExecutor(WORKERS), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    pipe.send((f"127.0.0.1:{port}", os.getpid()))
    pipe.recv()
    server.stop(1).wait()


def whole(pipe: Connection, directory: str, token_keys: str | None = None) -> None:
    """Everything, as ``crm serve`` runs it, perhaps for callers with tokens alone."""
    with node(Path(directory), token_keys) as opened:
        pipe.send((opened.serve("127.0.0.1:0"), os.getpid()))
        pipe.recv()


@contextmanager
def node(directory: Path, token_keys: str | None = None) -> Iterator[Node]:
    given: dict[str, Any] = {"data": directory, "workers": WORKERS, "master_key": MASTER_KEY, "_env_file": None}
    given["token_keys"] = token_keys
    with Node.open(Settings(**given)) as opened:
        yield opened


@contextmanager
def serving(server: Callable[..., None], *given: str) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its address and process id."""
    here, there = processes.Pipe()
    process = processes.Process(target=server, args=(there, *given))
    process.start()
    yield here.recv()
    here.send(None)
    process.join()


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


# The callers.


def in_process(work: Callable[..., float], *given: Any) -> float:
    """The seconds that work takes in a process of its own, as it says itself."""
    here, there = processes.Pipe()
    process = processes.Process(target=tell, args=(there, work, *given))
    process.start()
    seconds: float = here.recv()
    process.join()
    return seconds


def tell(pipe: Connection, work: Callable[..., float], *given: Any) -> None:
    pipe.send(work(*given))


def call_many(address: str, method: str, turn: int, count: int, tokens: list[str] | None = None) -> float:
    """Calls from 16 threads, each waiting for its answer before the next call, perhaps with a token each."""
    proofs = [authorization(token) for token in tokens] if tokens else [None] * CALLERS
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(method)
        call(assignment(turn, 0), metadata=proofs[0], wait_for_ready=True)

        def caller(own: int) -> None:
            proof = proofs[own]
            for number in range(own, count, CALLERS):
                call(assignment(turn, number) if method == ASSIGN else b"", metadata=proof)

        with ThreadPoolExecutor(CALLERS) as pool:
            begin = perf_counter()
            list(pool.map(caller, range(CALLERS)))
            return perf_counter() - begin


def authorization(token: str | None) -> list[tuple[str, str]] | None:
    return None if token is None else [("authorization", f"Bearer {token}")]


def open_tickets(address: str, token: str | None = None) -> float:
    return send_bulk(address, STREAMS // IN_BULK, token)


def send_bulk(address: str, messages: int, token: str | None = None, turn: int = 0) -> float:
    """Messages of 500 commands on one stream, each sent when the one before was."""
    sent = bulk_messages(messages, first=turn * messages * IN_BULK)
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream(
            BULK,
            request_serializer=commands_pb2.ExecuteCommandsRequest.SerializeToString,
            response_deserializer=commands_pb2.ExecuteCommandsResponse.FromString,
        )
        begin = perf_counter()
        answers = list(call(iter(sent), metadata=authorization(token), wait_for_ready=True))
        seconds = perf_counter() - begin
    refused = [result for answer in answers for result in answer.results if result.HasField("refusal")]
    assert len(answers) == messages, answers
    assert not refused, refused[0]
    return seconds


# The handler, without the wire.


def handler_steps(log: Log, keys: Keys) -> dict[str, Callable[[Any], Any]]:
    """What happens between the bytes of a request and the bytes of its answer."""
    return {
        "parse the message": tickets_pb2.AssignTicketRequest.FromString,
        "read it as a command": reader(AssignTicket, keys),
        "decide and commit it": log.execute,
        "make the answer": outcome_message,
        "serialize the answer": lambda message: message.SerializeToString(),
    }


def follow(steps: dict[str, Callable[[Any], Any]], requests: list[bytes]) -> None:
    for request in requests:
        value: Any = request
        for step in steps.values():
            value = step(value)


def reader(kind: type[Command], keys: Keys) -> Callable[[Any], Request]:
    """Reads requests for a command of the tickets."""
    descriptor = tickets_pb2.DESCRIPTOR.message_types_by_name[f"{kind.__name__}Request"]
    return partial(Reader(kind, descriptor, keys).read, actor=Actor("user", "bench"))


@contextmanager
def log_and_keys(directory: Path) -> Iterator[tuple[Log, Keys]]:
    directory.mkdir()
    keys = Keys.open(f"sqlite:///{directory / 'keys.db'}", bytes(32))
    log = Log.open(f"sqlite:///{directory / 'log.db'}", keys)
    yield log, keys
    log.close()
    keys.close()

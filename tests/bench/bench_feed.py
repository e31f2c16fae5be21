"""How fast the feed is, what idle subscribers cost commands, and commands against empty calls on the same server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Barrier, Thread
from time import perf_counter
from typing import Any

import grpc

from crm.v1 import log_pb2
from tests.bench.bench_grpc import (
    ASSIGN,
    IN_BULK,
    Result,
    assignment,
    in_process,
    processes,
    row,
    send_bulk,
    serving,
    whole,
)

MANY = 64
IDLE = 100
ROUNDS = 5
EMPTY = "/grpc.health.v1.Health/Check"
READ = "/crm.v1.LogService/ReadEvents"


def run(scale: float) -> list[Result]:
    """The figures; at ``scale`` 1 in about two minutes."""
    count = max(MANY * 2, int(3_000 * scale))
    with TemporaryDirectory() as name, serving(whole, str(Path(name, "company"))) as (address, _):
        # The feed first: its log holds the tickets that the others assign.
        return [feed(address, max(10, int(200 * scale))), same_server(address, count), idle(address, count)]


def same_server(address: str, count: int) -> Result:
    """64 callers ask for a command each, in turn with empty calls. Medians."""
    ours, theirs = [], []
    for turn in range(ROUNDS):
        theirs.append(count / in_process(call_many, address, EMPTY, turn, count))
        ours.append(count / in_process(call_many, address, ASSIGN, turn, count))
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    name = "grpc: 64 callers, a command a call / an empty call, same server"
    return row(name, median(ours), "commands/s", median(theirs), 0.5) | {"ratio": round(ratio, 3)}


def idle(address: str, count: int) -> Result:
    """The same commands with a hundred subscribers who wait for something else, in turn with none. Medians."""
    alone, beside = [], []
    for turn in range(ROUNDS, 2 * ROUNDS):
        alone.append(count / in_process(call_many, address, ASSIGN, 2 * turn, count))
        with subscribed(address):
            beside.append(count / in_process(call_many, address, ASSIGN, 2 * turn + 1, count))
    ratio = median(mine / other for mine, other in zip(beside, alone, strict=True))
    name = "feed: commands beside 100 idle subscribers / alone"
    return row(name, median(beside), "commands/s", median(alone), 0.95) | {"ratio": round(ratio, 3)}


def feed(address: str, messages: int) -> Result:
    """One reader reads the whole log. Median."""
    in_process(send_bulk, address, messages)
    rates = [in_process(read_all, address, messages * IN_BULK) for _ in range(ROUNDS)]
    return row("feed: events to one reader", median(rates), "events/s", target=50_000)


def call_many(address: str, method: str, turn: int, count: int) -> float:
    """Calls from 64 threads, each waiting for its answer before the next call."""
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary(method)
        call(assignment(turn, 0) if method == ASSIGN else b"", wait_for_ready=True)

        def caller(own: int) -> None:
            for number in range(own, count, MANY):
                call(assignment(turn, number) if method == ASSIGN else b"")

        with ThreadPoolExecutor(MANY) as pool:
            begin = perf_counter()
            list(pool.map(caller, range(MANY)))
            return perf_counter() - begin


def read_all(address: str, least: int) -> float:
    """Events a second."""
    with grpc.insecure_channel(address) as channel:
        begin = perf_counter()
        read = sum(len(answer.events) for answer in reading(channel, log_pb2.ReadEventsRequest()))
        seconds = perf_counter() - begin
    assert read >= least, read
    return read / seconds


def reading(channel: grpc.Channel, request: log_pb2.ReadEventsRequest) -> Any:
    call = channel.unary_stream(
        READ,
        request_serializer=log_pb2.ReadEventsRequest.SerializeToString,
        response_deserializer=log_pb2.ReadEventsResponse.FromString,
    )
    return call(request, wait_for_ready=True)


@contextmanager
def subscribed(address: str) -> Iterator[None]:
    """A hundred subscribers, in a process of their own."""
    here, there = processes.Pipe()
    process = processes.Process(target=subscribe, args=(there, address))
    process.start()
    here.recv()
    yield
    here.send(None)
    process.join()


def subscribe(pipe: Any, address: str) -> None:
    listening = Barrier(IDLE + 1)
    with grpc.insecure_channel(address) as channel:
        # From the end on, of a type that does not come.
        end = next(iter(reading(channel, log_pb2.ReadEventsRequest(follow=True, types=["CalendarPublished"]))))

        def listen() -> None:
            request = log_pb2.ReadEventsRequest(
                follow=True, types=["CalendarPublished"], after_position=end.position, after_hash=end.hash
            )
            try:
                for number, _ in enumerate(reading(channel, request)):
                    if number == 0:
                        listening.wait()
            except grpc.RpcError:
                return

        for _ in range(IDLE):
            Thread(target=listen, daemon=True).start()
        listening.wait()
        pipe.send(None)
        pipe.recv()

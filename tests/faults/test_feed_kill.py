"""A feed while the server is killed, and readers who do not read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest

from crm.client import Client
from crm.errors import Unavailable
from crm.v1 import commands_pb2, log_pb2, tickets_pb2
from infra.directory import find_server
from infra.settings import Settings
from tests.cli.conftest import Process

pytestmark = pytest.mark.slow

KILLS = 2
READERS = 20
NOTES, NOTE_BYTES = 4_000, 5_000


@contextmanager
def serving(data: Path) -> Iterator[Process]:
    server = Process("serve", "--listen", "127.0.0.1:0", "--data", data)
    assert server.line().startswith("127.0.0.1:")
    yield server
    server.popen.terminate()
    server.end()


def write(crm: Client, position: list[int], stop: Flag) -> None:
    """Open tickets, each asked for until it is answered."""
    for number in count():
        request = tickets_pb2.OpenTicketRequest(id=str(number), request_id=str(number))
        while not stop.is_set():
            try:
                position.append(crm.tickets.OpenTicket(request).position)
                break
            except Unavailable:
                continue
        if stop.is_set():
            return


def follow(crm: Client, seen: list[int], position: list[int], stop: Flag) -> None:
    """Read until everything was seen that was written."""
    with crm.feed(log_pb2.ReadEventsRequest(follow=True), patience=None) as feed:
        for event in feed:
            seen.append(event.position)
            if stop.is_set() and event.position >= position[-1]:
                return


def test_a_feed_outlives_every_kill_of_the_server(tmp_path: Path) -> None:
    data, position, seen = tmp_path / "company", [0], [0]
    stop, stopped = Flag(), Flag()
    with serving(data) as server:
        address = find_server(Settings.read(data=data))
        assert address is not None
        with Client(address) as writer, Client(address) as reader:
            writing = Thread(target=write, args=(writer, position, stop))
            following = Thread(target=follow, args=(reader, seen, position, stopped))
            for each in (writing, following):
                each.start()
            for _ in range(KILLS):
                wait_for(lambda before=seen[-1]: seen[-1] >= before + 20)
                server.popen.kill()
                server.end()
                server = Process("serve", "--listen", "127.0.0.1:0", "--data", data)
                assert server.line()
            wait_for(lambda before=seen[-1]: seen[-1] >= before + 20)
            stop.set()
            writing.join()
            stopped.set()
            # One more, for whoever has seen all of them already.
            writer.tickets.OpenTicket(tickets_pb2.OpenTicketRequest())
            following.join(60)
            assert not following.is_alive()
        server.popen.terminate()
        assert server.end().status == 0
    assert seen == list(range(len(seen)))
    assert seen[-1] >= position[-1]
    assert len(position) > KILLS * 20


def wait_for(holds: Any) -> None:
    turn = Flag()
    for _ in range(6_000):
        if holds():
            return
        turn.wait(0.01)
    raise AssertionError("it did not happen within a minute")


def test_readers_who_do_not_read_cost_the_server_nothing(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "company") as server,
        Client(str(find_server(Settings.read(data=tmp_path / "company")))) as crm,
    ):
        crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(id="1"))
        notes = (
            [
                {"add_note": {"id": "1", "note_id": str(note), "body": "x" * NOTE_BYTES}}
                for note in range(begin, begin + 500)
            ]
            for begin in range(0, NOTES, 500)
        )
        for answer in crm.commands.ExecuteCommands(
            commands_pb2.ExecuteCommandsRequest(commands=commands) for commands in notes
        ):
            assert not any(result.HasField("refusal") for result in answer.results)
        before = memory(server)
        calls = [crm.log.ReadEvents(log_pb2.ReadEventsRequest(follow=index % 2 == 0)) for index in range(READERS)]
        first = [next(call) for call in calls]
        # They hold still, and commands go on.
        for number in range(20):
            crm.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(id=f"on-{number}"))
        assert memory(server) - before < 250 << 20, "the whole log for each reader would be more than 560 MB"
        # One of them goes on where it was.
        position = first[1].events[-1].position
        for answer in calls[1]:
            for event in answer.events:
                position += 1
                assert event.position == position
        assert position >= NOTES + 1
        for call in calls:
            call.cancel()


def memory(server: Process) -> int:
    """What a process holds, in bytes."""
    status = Path(f"/proc/{server.popen.pid}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) << 10

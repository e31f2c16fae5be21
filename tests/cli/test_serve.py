"""A server and those who talk to it, each a process of its own."""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, log_pb2, system_pb2
from infra.cli.app import app
from infra.cli.options import settings_of
from infra.cli.serve import told_to_stop
from infra.directory import STAYS, lock
from tests.cli.conftest import Crm, Process

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_server_stops_whichever_of_its_threads_is_told(
    process: Callable[..., Process], company: Path, number: signal.Signals
) -> None:
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    assert server.line()
    pid = server.popen.pid
    others = [int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir() if thread.name != str(pid)]
    assert ctypes.CDLL(None).tgkill(pid, others[-1], number) == 0
    assert server.end().status == 0


def test_a_server_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with told_to_stop() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.wait(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.wait(60)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_who_asks_whether_a_server_is_up_is_not_in_its_way(process: Callable[..., Process], company: Path) -> None:
    company.joinpath("crm.lock").write_bytes(STAYS)  # as one leaves it that was killed
    with lock(settings_of(company)) as asking:
        server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
        while asking.name not in open_files(server.popen.pid):
            time.sleep(0.01)
        time.sleep(0.5)
    assert server.line().startswith("127.0.0.1:")


def open_files(pid: int) -> set[str]:
    found = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed just now
            found.add(str(file.readlink()))
    return found


def test_a_server_answers_commands_from_elsewhere_until_it_is_told_to_stop(
    crm: Crm, process: Callable[..., Process], company: Path, source: tuple[Path, Path]
) -> None:
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    address = server.line()
    follower = process(
        "log", "--from", "1", "--type", "LeadAssigned", "--follow", "--format", "json", "--data", company
    )

    second = crm("serve", "--data", company)
    assert (second.status, second.out) == (1, "")
    assert "error: ALREADY_SERVED: " in second.err

    with Client(address, actor="shop") as client:
        outcome = client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="4", agent_id="agent-1"))
        told = json.loads(follower.line())
        assert (int(told["sequence"]), told["subject"]) == (outcome.position, "lead-4")
        assert (told["authtype"], told["authid"]) == ("unauthenticated", "shop")

        request = leads_pb2.AssignLeadRequest(id="4", agent_id="agent-2", request_id="again")
        assert client.leads.AssignLead(request) == client.leads.AssignLead(request)

        with pytest.raises(CrmError) as refusal:
            client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="nobody", agent_id="agent-1"))
        assert (refusal.value.code, refusal.value.field) == ("NOT_FOUND", "id")
        assert refusal.value.status is grpc.StatusCode.NOT_FOUND
        with pytest.raises(CrmError) as stream_refusal:
            list(client.log.ReplayStream(log_pb2.ReplayStreamRequest(stream="lead-nobody")))
        assert stream_refusal.value.code == "NOT_FOUND"

    assert "1 of 1 commands" not in crm("import", *source, "--data", company).err
    assert crm("sql", "select count(*) as n from leads", "--format", "csv", "--data", company).out == "n\n4\n"

    follower.send(signal.SIGINT)
    followed = follower.end()
    assert (followed.status, followed.err.splitlines()[-1]) == (130, "stopped")
    server.send(signal.SIGTERM)
    assert server.end().status == 0
    assert crm("status", "--data", company).status == 0


def test_a_command_serves_the_directory_meanwhile_and_gives_it_back(
    crm: Crm, process: Callable[..., Process], company: Path
) -> None:
    follower = process("log", "--follow", "--format", "json", "--data", company)
    assert json.loads(follower.line())["sequence"] == "00000000000000000001"
    ended = crm("sql", "select count(*) as n from leads", "--format", "csv", "--data", company)
    assert (ended.status, ended.out) == (0, "n\n4\n")
    assert crm("verify", "--data", company).status == 0
    follower.send(signal.SIGINT)
    assert follower.end().status == 130
    assert crm("serve", "--listen", "example.org:50551", "--data", company).status == 1


def test_commands_at_once_share_a_directory_without_a_server(process: Callable[..., Process], company: Path) -> None:
    asking = [process("sql", f"select {n} as n", "--format", "csv", "--data", company) for n in range(4)]
    ended = [each.end() for each in asking]
    assert [(each.status, each.out) for each in ended] == [(0, f"n\n{n}\n") for n in range(4)], ended


def test_an_import_that_was_interrupted_goes_on(
    crm: Crm, process: Callable[..., Process], source: tuple[Path, Path], tmp_path: Path
) -> None:
    count = 4_000
    with source[1].open("w") as file:
        file.write("lead,name,source,captured,converted,score\n")
        file.writelines(f"{number},Nobody,list,2024-01-01,,\n" for number in range(count))
    importing = process("import", *source, "--data", tmp_path / "d")
    address = tmp_path / "d" / "crm.address"
    while not address.exists():
        assert importing.popen.poll() is None
        time.sleep(0.01)
    with Client(address.read_text()) as client:
        following = client.log.ReadEvents(log_pb2.ReadEventsRequest(follow=True))
        while not next(following).events:
            pass
        importing.send(signal.SIGINT)
        following.cancel()
    stopped = importing.end()
    assert (stopped.status, stopped.err.splitlines()[-1]) == (130, "stopped")
    done = int(
        crm("sql", "select count(*) as n from leads", "--format", "csv", "--data", tmp_path / "d").out.split()[1]
    )
    assert 0 < done < count
    again = crm("import", *source, "--data", tmp_path / "d")
    assert again.status == 0
    assert f"{count - done:,} changed something" in again.err
    assert f"{done:,} were done by an earlier run" in again.err


def test_a_server_that_does_not_answer_is_told_apart(crm: Crm, company: Path) -> None:
    with (company / "crm.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (company / "crm.address").write_text(f"unix:{company}/nobody.sock")
        ended = crm("report", "--data", company)
    assert ended.status == 3
    assert ended.err.startswith("error: UNAVAILABLE: the server cannot be reached")


def test_a_reader_that_hangs_up_is_no_error(served: Path) -> None:
    main = f"{sys.executable} -c 'from infra.cli import main; main()'"
    shell = f"{main} sql 'from range(300000)' --format csv --data {served} | head -n 1"
    ended = subprocess.run(shell, shell=True, capture_output=True, text=True, check=False)
    assert ended.stdout == "range\n"
    assert "Traceback" not in ended.stderr
    assert "error" not in ended.stderr


def test_a_demo_is_labelled_and_can_be_taken_again(crm: Crm, tmp_path: Path) -> None:
    first = crm("demo", "--data", tmp_path / "demo")
    assert first.status == 0, first.err
    assert "SIMULATED" in first.err
    assert "0 of them refused" in first.err
    assert "$ crm report lead_conversion --as-of" in first.err
    again = crm("demo", "--data", tmp_path / "demo")
    assert again.out == first.out


def test_every_command_has_help_with_an_example(crm: Crm) -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert {"serve", "demo", "import", "report", "sql", "replay", "log"} <= set(names)
    assert {"verify", "rebuild", "snapshot", "status"} <= set(names)
    for name in names:
        ended = crm(name, "--help")
        assert ended.status == 0
        assert f"crm {name}" in ended.out.partition("For example:")[2], name
        assert "crm-." not in ended.out  # what stands in angle brackets is taken for a tag, and left out


def test_help_needs_nothing_heavy() -> None:
    heavy = ("duckdb", "pyarrow", "grpc", "pydantic", "sqlalchemy", "rich.progress")
    loaded = "import infra.cli, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert set(heavy).isdisjoint(modules)


def test_the_clients_request_ids_leave_the_callers_request_alone(served: Path) -> None:
    address = (served / "crm.address").read_text()
    request = leads_pb2.CaptureLeadRequest(id="6", source="test", validate_only=True)
    with Client(address) as client:
        client.leads.CaptureLead(request)
        assert not request.HasField("request_id")
        assert client.system.GetStatus(system_pb2.GetStatusRequest()).well

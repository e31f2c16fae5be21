"""What `crm serve` writes down."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, log_pb2
from tests.authority import Authority
from tests.cli.conftest import Process
from tests.test_readme import BIN

pytestmark = pytest.mark.slow


def lines(err: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in err.splitlines() if line.startswith("{")]


def test_a_line_of_json_for_every_call(process: Callable[..., Process], company: Path) -> None:
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    with Client(server.line(), actor="shop") as client:
        client.leads.CaptureLead(leads_pb2.CaptureLeadRequest(id="9", name="Zoe Zimt", request_id="r-1"))
        with pytest.raises(CrmError):
            client.leads.AssignLead(leads_pb2.AssignLeadRequest(id="Zoe", agent_id="kim", request_id="r-2"))
        list(client.log.ReplayStream(log_pb2.ReplayStreamRequest(stream="lead-9")))
    server.send(signal.SIGTERM)
    ended = server.end()
    assert ended.status == 0
    told = lines(ended.err)
    assert [line["event"] for line in told] == ["serving", "call", "call", "call", "stopping", "stopped"]
    captured, refused, replayed = told[1:4]
    assert captured.pop("milliseconds") > 0
    assert captured.pop("timestamp").endswith("Z")
    assert captured == {
        "event": "call",
        "level": "info",
        "rpc": "crm.v1.LeadService/CaptureLead",
        "code": "OK",
        "request_id": "r-1",
        "caller": "unauthenticated:shop",
    }
    assert (refused["code"], refused["reason"]) == ("NOT_FOUND", "NOT_FOUND")
    assert (replayed["rpc"], replayed["code"]) == ("crm.v1.LogService/ReplayStream", "OK")
    assert "Zoe" not in ended.err


def test_a_connection_that_fails_is_no_line_that_nobody_can_read(
    process: Callable[..., Process], company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Authority(tmp_path).pair("server")
    monkeypatch.setenv("CRM_TLS_CERTIFICATE", str(pair.certificate))
    monkeypatch.setenv("CRM_TLS_KEY", str(pair.key))
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    with socket.create_connection(("127.0.0.1", int(server.line().rpartition(":")[2]))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            while connection.recv(1024):
                pass
    server.send(signal.SIGTERM)
    assert [json.loads(line)["event"] for line in server.end().err.splitlines()] == ["serving", "stopping", "stopped"]


def test_only_what_is_wrong(process: Callable[..., Process], company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_LOG_LEVEL", "warning")
    server = process("serve", "--listen", "127.0.0.1:0", "--data", company)
    with Client(server.line()) as client:
        client.leads.CaptureLead(leads_pb2.CaptureLeadRequest(id="9"))
    server.send(signal.SIGTERM)
    assert lines(server.end().err) == []


def test_lines_for_people_on_a_terminal(company: Path) -> None:
    ours, terminal = pty.openpty()
    server = subprocess.Popen(
        [BIN / "crm", "serve", "--listen", "127.0.0.1:0", "--data", str(company)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "NO_COLOR": "1"},
    )
    os.close(terminal)
    assert server.stdout is not None
    server.stdout.readline()
    server.terminate()
    assert server.wait(timeout=60) == 0
    said = b""
    with suppress(OSError):  # how Linux says that the other end is closed
        while part := os.read(ours, 4096):
            said += part
    os.close(ours)
    server.stdout.close()
    assert b"serving" in said
    assert b'{"' not in said


def served(company: Path, **given: Any) -> tuple[subprocess.Popen[bytes], str]:
    """A server that takes calls, and its address."""
    command = [str(BIN / "crm"), "serve", "--listen", "127.0.0.1:0", "--data", str(company)]
    server: subprocess.Popen[bytes] = subprocess.Popen(command, stdout=subprocess.PIPE, text=False, **given)
    assert server.stdout is not None
    return server, server.stdout.readline().decode().strip()


def capture(address: str, request_id: str) -> None:
    with Client(address) as client:
        client.leads.CaptureLead(leads_pb2.CaptureLeadRequest(request_id=request_id))


@pytest.mark.parametrize("stderr", ["gone", "full", "closed"])
def test_a_journal_that_cannot_be_written_is_no_reason_to_fail(company: Path, stderr: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY)
    given: dict[str, Any] = {"stderr": full if stderr == "full" else writing}
    if stderr == "closed":
        given = {"preexec_fn": lambda: os.close(2)}
    server, address = served(company, **given)
    os.close(writing)
    os.close(full)
    try:
        for number in range(3):
            capture(address, f"r-{number}")
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert server.returncode == 0


def test_no_caller_steers_the_terminal(company: Path) -> None:
    ours, terminal = pty.openpty()
    server, address = served(company, stderr=terminal, env={**os.environ, "NO_COLOR": "1"})
    os.close(terminal)
    capture(address, "r\x1b[2J\u202ecall")
    server.terminate()
    server.communicate(timeout=60)
    said = b""
    with suppress(OSError):  # how Linux says that the other end is closed
        while part := os.read(ours, 4096):
            said += part
    os.close(ours)
    assert b"\x1b[2J" not in said
    assert "\u202e".encode() not in said
    assert rb"r\x1b[2J\u202ecall" in said

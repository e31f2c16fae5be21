"""A server whose disk is full: it refuses, loses nothing, answers questions, and goes on when there is room again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm.client import Client, CrmError
from crm.v1 import leads_pb2, reports_pb2, system_pb2

pytestmark = pytest.mark.slow

NO_ROOM = ("LOG_FULL", "LOG_UNAVAILABLE", "KEYS_FULL", "KEYS_UNAVAILABLE")

LIMITED = """
import resource, signal, sys
from pathlib import Path

# A file may not grow beyond the limit, as if the disk were full; SIGUSR1 makes room.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, unlimited))
signal.signal(signal.SIGUSR2, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY)))

from infra.cli.app import run

sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [
            sys.executable,
            "-c",
            LIMITED,
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            "d",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as server:
        yield server
        if server.poll() is None:
            server.kill()


def capture(crm: Client, number: int) -> bool:
    """Capture a lead; whether there was room."""
    try:
        crm.leads.CaptureLead(
            leads_pb2.CaptureLeadRequest(id=str(number), company="x" * 200, request_id=f"r{number}"), timeout=20
        )
    except CrmError as refused:
        if refused.code not in NO_ROOM:
            raise
        return False
    return True


def test_a_full_disk_is_outlived(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    with Client(server.stdout.readline().strip()) as crm:
        assert capture(crm, 0)
        server.send_signal(signal.SIGUSR2)
        asked = accepted = 1
        while asked - accepted < 3:
            accepted += capture(crm, asked)
            asked += 1
        status = crm.system.GetStatus(system_pb2.GetStatusRequest())
        assert status.position == accepted
        server.send_signal(signal.SIGUSR1)
        assert all(capture(crm, number) for number in range(asked))
        assert crm.system.GetStatus(system_pb2.GetStatusRequest()).position == asked
        told = list(crm.reports.RunReport(reports_pb2.RunReportRequest(name="leads_by_status", min_position=asked)))
        assert told[0].read_point.position == asked
        checked = crm.system.Verify(system_pb2.VerifyRequest(rebuild=True))
        assert [each for each in checked if each.HasField("finding")] == []
    server.terminate()
    assert server.wait(timeout=30) == 0

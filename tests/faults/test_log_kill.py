"""kill -9 at random instants: what was acknowledged is there, nothing is half there, and asking again is safe."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands.command import Command
from commands.lead import CaptureLead, ConvertLead
from infra.keys import Keys
from infra.log import Actor, Log, Request

KILLS = int(os.environ.get("ANNALS_KILLS", "10"))
ANN = Actor("user", "ann")

CHILD = """
import sys
from threading import Thread
from commands.lead import CaptureLead, ConvertLead
from infra.keys import Keys
from infra.log import Actor, Log, Request

directory, kill = sys.argv[1:]
log = Log.open(f"sqlite:///{directory}/log.db", Keys.open(f"sqlite:///{directory}/keys.db", bytes(32)))

def call(caller):
    turn = 0
    while True:
        id = f"{kill}-{caller}-{turn}"
        for command in (CaptureLead(id=id, name=id), ConvertLead(id=id, customer_id=id)):
            request_id = f"{type(command).__name__} {id}"
            outcome = log.execute(Request(command, Actor("user", "ann"), request_id))
            answer = f"{request_id} {outcome.version} {outcome.first_position} {outcome.last_position}"
            sys.stdout.write(answer + chr(10))
            sys.stdout.flush()
        turn += 1

print("ready", flush=True)
for caller in range(4):
    Thread(target=call, args=(caller,)).start()
"""


@pytest.mark.slow
def test_kill_at_random_instants(tmp_path: Path) -> None:
    chance = random.Random()
    acknowledged: dict[str, tuple[int, int, int]] = {}
    for kill in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(kill)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0, 0.2))
        child.kill()
        out, _ = child.communicate()
        for line in out.splitlines(keepends=True):
            if line.endswith("\n"):
                name, id, *answer = line.split()
                version, first, last = map(int, answer)
                acknowledged[f"{name} {id}"] = version, first, last
        check(tmp_path, acknowledged)


def check(directory: Path, acknowledged: dict[str, tuple[int, int, int]]) -> None:
    keys = Keys.open(f"sqlite:///{directory}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{directory}/log.db", keys)
    assert log.verify() == []
    rows = {row.position: row for row in log.rows()}
    assert list(rows) == list(range(1, len(rows) + 1))
    for request_id, (version, first, last) in acknowledged.items():
        name, id = request_id.split()
        assert (rows[first].stream, rows[first].version) == (f"lead-{id}", version)
        command: Command = CaptureLead(id=id, name=id) if name == "CaptureLead" else ConvertLead(id=id, customer_id=id)
        again = log.execute(Request(command, ANN, request_id))
        assert (again.version, again.first_position, again.last_position) == (version, first, last)
    converted = {row.stream.removeprefix("lead-") for row in rows.values() if row.type == "crm.LeadConverted.v1"}
    registered = {row.stream.removeprefix("customer-") for row in rows.values() if row.stream.startswith("customer-")}
    assert converted == registered
    for id in converted:
        assert log.state(f"customer-{id}")[1].name == id  # type: ignore[attr-defined]
    assert log.head.position == len(rows)
    log.close()
    keys.close()

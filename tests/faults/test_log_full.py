"""A file system that is really full, under SQLite and under PostgreSQL: everybody is refused, nothing is lost, and the
log goes on when there is room again.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from commands.lead import CaptureLead, ConvertLead
from commands.rejected import Rejected
from infra.log import Actor, Outcome, Request
from tests.faults.conftest import SmallDisk
from tests.faults.nodes import opened
from tests.places import Place, run
from tests.postgres import Server

pytestmark = pytest.mark.slow

ANN = Actor("user", "ann")
CALLERS, IN_A_SUBMIT = 4, 10
BALLAST_BYTES = 6_500_000


def test_sqlite(tmp_path: Path, mount_small_disk: SmallDisk) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount_small_disk(disk)
    fill_and_make_room((f"sqlite:///{disk}/log.db", f"sqlite:///{tmp_path}/keys.db"), disk)


def test_postgresql(own_server: Server, own_place: Place, mount_small_disk: SmallDisk) -> None:
    disk = Path(tempfile.mkdtemp(prefix="disk-", dir=own_server.folder))
    os.chown(disk, own_server.folder.stat().st_uid, own_server.folder.stat().st_gid)
    mount_small_disk(disk)
    tables = disk / "tables"
    tables.mkdir(mode=0o700)
    os.chown(tables, disk.stat().st_uid, disk.stat().st_gid)
    with psycopg.connect(own_server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE TABLESPACE small LOCATION '{tables}'".encode())
        url = own_place.url("log")
        try:
            fill_and_make_room((f"{url}%20-cdefault_tablespace%3Dsmall", own_place.url("keys")), disk)
        finally:
            admin.execute(f"DROP SCHEMA {url.rpartition('%3D')[2]} CASCADE".encode())
            admin.execute("DROP TABLESPACE small")


def fill_and_make_room(urls: tuple[str, str], disk: Path) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_BYTES))
    with opened(urls) as (log, _), ThreadPoolExecutor(CALLERS) as pool:

        def fill(caller: int) -> list[tuple[Request, Outcome | Rejected]]:
            asked: list[tuple[Request, Outcome | Rejected]] = []
            refused = 0
            while refused < 3:
                requests = [capture(f"{caller}-{len(asked) + number}") for number in range(IN_A_SUBMIT)]
                answers = log.submit(requests)
                asked += zip(requests, answers, strict=True)
                refused += isinstance(answers[0], Rejected)
            return asked

        asked = [each for some in pool.map(fill, range(CALLERS)) for each in some]
        refused = {answer.code for _, answer in asked if isinstance(answer, Rejected)}
        accepted = [answer for _, answer in asked if isinstance(answer, Outcome)]
        assert refused == {"LOG_FULL"}
        assert log.head.position == len(accepted) == len({answer.position for answer in accepted})
        assert log.verify() == []
        remembered = run(urls[0], "SELECT request_id FROM requests")
        assert {id for (id,) in remembered} == {r.request_id for r, answer in asked if isinstance(answer, Outcome)}
        assert all(log.state(request.command.stream)[0] == isinstance(answer, Outcome) for request, answer in asked)

        ballast.unlink()
        again = [log.execute(request) for request, _ in asked]
        assert [before for before in again if before in accepted] == accepted
        assert sorted(answer.position for answer in again) == list(range(1, len(asked) + 1))
        assert log.execute(Request(ConvertLead(id="0-0", customer_id="1"), ANN)).version == 2
        assert log.verify() == []


def capture(id: str) -> Request:
    return Request(CaptureLead(id=id, company="x" * 200), ANN, f"r-{id}")

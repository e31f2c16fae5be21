"""A PostgreSQL server that may be hurt, and figures for whoever runs `make soak`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.faults import sizes
from tests.places import Place

SmallDisk = Callable[..., None]
DISK_BYTES = 8_000_000


@pytest.fixture
def mount_small_disk() -> Iterator[SmallDisk]:
    """Mounts a small file system at a folder, which belongs to the folder's owner."""
    mounted: list[Path] = []
    become = [] if os.getuid() == 0 else ["sudo", "-n"]

    def mount(folder: Path, size: int = DISK_BYTES) -> None:
        owner = folder.stat()
        options = f"size={size},uid={owner.st_uid},gid={owner.st_gid},mode=700"
        command = [*become, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as reason:
            pytest.skip(f"nothing may be mounted here: {reason}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run([*become, "umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def own_server() -> Iterator[postgres.Server]:
    """A server of the tests of faults alone; who kills it starts it again."""
    try:
        server = postgres.Server()
    except postgres.Unavailable as reason:
        pytest.skip(str(reason))
    yield server
    server.close()


@pytest.fixture
def own_place(own_server: postgres.Server) -> Place:
    """Where databases can be made on that server."""
    return Place("postgresql", postgres.databases(own_server.url()))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Notes a sentence that is printed at the end of `make soak`."""
    return lambda sentence: record_property("figure", sentence)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not sizes.SOAK:
        return
    terminalreporter.section("figures")
    for report in terminalreporter.getreports("passed"):
        for name, sentence in report.user_properties:
            if name == "figure":
                terminalreporter.write_line(f"{report.nodeid.rpartition('/')[2]}: {sentence} ({report.duration:.1f} s)")

"""A small company, the command in this process, and the command as a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import pytest

from infra.cli.app import run

LEADS = """\
lead,name,source,captured,converted,score
1,Ada Abel,paid search,2024-01-10,2024-02-20,
2,Ben Brandt,referral,2024-01-15,,55
3,Chiara Costa,paid search,2024-02-01,2024-05-03,
4,Dina Demir,social,2024-03-01,,3000000000
"""

MAPPING = """\
-- Four leads, two of which became customers. The last score is more than a message can say.
select 'CaptureLead' as command, lead as id, captured::date as occurred_at, row, 0 as step, name, source,
       null as customer_id, null as score
from source
union all
select 'ScoreLead', lead, captured::date, row, 1, null, null, null, score from source where score is not null
union all
select 'ConvertLead', lead, converted::date, row, 2, null, null, 'c' || lead, null
from source where converted is not null
"""


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Crm = Callable[..., Ended]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor a .env file of the caller says anything."""
    for name in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def crm(capfd: pytest.CaptureFixture[str]) -> Crm:
    """Runs the command in this process."""

    def crm(*arguments: object) -> Ended:
        capfd.readouterr()
        status = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ended(status, out, err)

    return crm


@pytest.fixture
def source(tmp_path: Path) -> tuple[Path, Path]:
    """A mapping and its file."""
    return written(tmp_path)


def written(folder: Path) -> tuple[Path, Path]:
    """The mapping and its file, in the folder."""
    mapping, file = folder / "leads.sql", folder / "leads.csv"
    mapping.write_text(MAPPING)
    file.write_text(LEADS)
    return mapping, file


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the four leads, which nobody changes."""
    folder = tmp_path_factory.mktemp("imported")
    arguments = ["import", *map(str, written(folder)), "--data", str(folder / "company")]
    assert run(arguments) == 0
    return folder / "company"


@pytest.fixture
def company(imported: Path, tmp_path: Path) -> Path:
    """A copy of it, to do anything with."""
    return Path(shutil.copytree(imported, tmp_path / "company"))


@pytest.fixture(scope="session")
def served(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Another copy, with a server on it."""
    folder = tmp_path_factory.mktemp("served") / "company"
    shutil.copytree(imported, folder)
    server = Process("serve", "--listen", "127.0.0.1:0", "--data", folder)
    assert server.line().startswith("127.0.0.1:")
    yield folder
    server.send(signal.SIGTERM)
    assert server.end().status == 0


class Process:
    """The command as a process of its own."""

    def __init__(self, *arguments: object) -> None:
        # A pipe that nobody reads is full some day, and whoever writes then waits.
        self._said = TemporaryFile("w+")  # noqa: SIM115
        self.popen = subprocess.Popen(
            [sys.executable, "-c", "from infra.cli import main; main()", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def line(self) -> str:
        """The next line on stdout; empty where the process ended."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline().rstrip("\n")
        if not line and self.popen.wait(60):
            print(f"ended with {self.popen.returncode}: {self._err()}")
        return line

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.popen.send_signal(number)

    def end(self) -> Ended:
        """Wait for the end."""
        out, _ = self.popen.communicate(timeout=60)
        return Ended(self.popen.returncode, out, self._err())

    def _err(self) -> str:
        self._said.seek(0)
        return self._said.read()


@pytest.fixture
def process() -> Iterator[Callable[..., Process]]:
    """Starts processes; none outlives the test."""
    started: list[Process] = []

    def start(*arguments: object) -> Process:
        started.append(Process(*arguments))
        return started[-1]

    yield start
    for each in started:
        if each.popen.poll() is None:
            each.popen.kill()
        each.popen.communicate()

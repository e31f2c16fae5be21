"""What all tests share."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, settings

from infra.deploy import Broker, Unavailable
from tests import postgres
from tests.places import Place

# A busy machine must not make a law fail, so nothing here is judged by the clock.
settings.register_profile("annals", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("annals")

# Whoever starts the tests in the background may have them ignore it, and all that they start would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests start hundreds of processes; each would compile everything anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server that the tests of this process share."""
    if given := os.environ.get("ANNALS_POSTGRES"):
        yield given
        return
    try:
        server = postgres.Server()
    except postgres.Unavailable as reason:
        pytest.skip(str(reason))
    yield server.url()
    server.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where databases can be made, of each kind in turn."""
    if request.param == "sqlite":
        return Place("sqlite", lambda name: f"sqlite:///{tmp_path}/{name}.db")
    url: str = request.getfixturevalue("postgres_url")
    return Place("postgresql", postgres.databases(url))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The name of bytes in that of a test. They may hold the second in which they were made, and every process must
    give a test the same name.
    """
    return f"{argname} of {len(val)} bytes" if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that cannot run where everything must be there (CI=true) has failed."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must not be skipped under CI: {reason}"
    return report


@pytest.fixture(scope="session")
def kafka_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Kafka answers: as ANNALS_KAFKA says, otherwise one broker for all workers of the run, which the first that
    needs it starts and the last that leaves ends. Whoever uses it shares the lock of its users.
    """
    if address := os.environ.get("ANNALS_KAFKA"):
        yield address
        return
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")
    shared = tmp_path_factory.getbasetemp().parent / f"kafka-{run}"
    shared.mkdir(exist_ok=True)
    with shared.joinpath("users.lock").open("w") as users:
        with alone(shared / "starting.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            told = shared / "address"
            if not told.exists():
                broker = started(shared / "broker")
                told.write_text(f"{broker.address} {broker.pid}")
            address, pid = told.read_text().split()
        yield address
        fcntl.flock(users, fcntl.LOCK_UN)
        with alone(shared / "starting.lock"):
            if told.exists() and locked(users):
                os.kill(int(pid), signal.SIGTERM)
                told.unlink()


def started(directory: Path) -> Broker:
    """A broker that runs; where none can be had the test is skipped, with the reason."""
    try:
        broker = Broker(directory)
        broker.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of the module's own, which a test may kill, if it starts it again."""
    broker = started(tmp_path_factory.mktemp("kafka"))
    yield broker
    broker.stop()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other worker is inside at the same time."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def locked(file: IO[str]) -> bool:
    """Whether nobody else holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

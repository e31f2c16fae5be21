"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres
from tests.places import Place

# A busy machine must not make a law fail, so nothing here is judged by the clock.
settings.register_profile("annals", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("annals")


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI nothing is left out: what cannot be had there is a failure."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"left out, which CI does not allow: {report.longrepr}"
    return report

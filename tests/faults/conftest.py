"""A PostgreSQL server that may be hurt, and figures for whoever runs `make soak`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import postgres
from tests.faults import sizes
from tests.places import Place


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

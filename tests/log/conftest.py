from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.keys import Keys
from infra.log import Log


class Clock:
    """Shows the time it was set to, and goes on by a millisecond whenever somebody looks."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/log.db"


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    keys = Keys.open(f"sqlite:///{tmp_path}/keys.db", bytes(32))
    yield keys
    keys.close()


@pytest.fixture
def log(log_url: str, keys: Keys, clock: Clock) -> Iterator[Log]:
    log = Log.open(log_url, keys, clock=clock)
    yield log
    log.close()

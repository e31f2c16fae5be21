from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from infra.keys import Keys
from infra.log import Log
from tests.places import Place


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
def log_url(place: Place) -> str:
    return place.url("log")


@pytest.fixture
def keys(place: Place) -> Iterator[Keys]:
    keys = Keys.open(place.url("keys"), bytes(32))
    yield keys
    keys.close()


@pytest.fixture
def log(log_url: str, keys: Keys, clock: Clock) -> Iterator[Log]:
    log = Log.open(log_url, keys, clock=clock)
    yield log
    log.close()

"""A log of random documents, and a Models over it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from domain.event import Event
from infra.models import Models

START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class End:
    position: int
    hash: bytes
    recorded_at: datetime


class Lines:
    """A log in memory, with what a reader of logs asks for: documents in order, each chained to the one before."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.versions: dict[str, int] = {}
        self.grown = threading.Condition()

    @property
    def head(self) -> End:
        if not self.rows:
            return End(0, b"", START)
        last = self.rows[-1]
        return End(last["position"], last["hash"], last["recorded_at"])

    def add(self, stream: str, event: Event[Any] | str, occurred_at: datetime | None = None, **given: Any) -> int:
        """Append an event, or one of an unknown class by its stored type; its position."""
        position = len(self.rows) + 1
        recorded_at = START + timedelta(days=365, seconds=position)
        type = event if isinstance(event, str) else event.type_name
        data = (
            given
            if isinstance(event, str)
            else {n: v for n in event.annotations if (v := getattr(event, n)) is not None}
        )
        version = self.versions[stream] = self.versions.get(stream, 0) + 1
        document = orjson.dumps(
            {
                "specversion": "1.0",
                "id": f"id-{position}",
                "source": "/crm",
                "type": type,
                "subject": stream,
                "time": stamp(occurred_at or recorded_at),
                "recordedtime": stamp(recorded_at),
                "sequence": f"{position:020}",
                "version": version,
                "authtype": "user",
                "authid": "ann",
                "data": {name: stamp(value) if isinstance(value, datetime) else value for name, value in data.items()},
            }
        )
        with self.grown:
            self.rows.append(
                {
                    "position": position,
                    "stream": stream,
                    "version": version,
                    "type": type,
                    "recorded_at": recorded_at,
                    "document": document,
                    "hash": hashlib.sha256(self.head.hash + document).digest(),
                }
            )
            self.grown.notify_all()
        return position

    def batches(self, after: int, until: int | None = None, size: int = 10_000) -> Iterator[pa.RecordBatch]:
        rows = self.rows[after:until]
        for start in range(0, len(rows), size):
            yield pa.RecordBatch.from_pylist(rows[start : start + size], schema=SCHEMA)

    def wait(self, after: int, timeout: float | None, given_up: threading.Event | None = None) -> int:
        with self.grown:
            self.grown.wait_for(lambda: len(self.rows) > after or (given_up and given_up.is_set()), timeout)
        return len(self.rows)

    def wake(self) -> None:
        with self.grown:
            self.grown.notify_all()

    def part(self, until: int) -> Lines:
        """The same log, cut off after a position."""
        part = Lines()
        part.rows = self.rows[:until]
        return part


SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("stream", pa.string()),
        ("version", pa.int32()),
        ("type", pa.string()),
        ("recorded_at", pa.timestamp("us", "UTC")),
        ("document", pa.binary()),
        ("hash", pa.binary()),
    ]
)


def stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Open = Callable[..., Models]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture(scope="session")
def make_lines() -> Callable[[], Lines]:
    """Makes logs, for fixtures that outlive one test."""
    return Lines


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "projections" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def opened(tmp_path: Path, models_dir: Path) -> Iterator[Open]:
    """Opens Models over a log; closed at the end."""
    made: list[Models] = []

    def open_models(log: Any, folder: str = "data", **changes: Any) -> Models:
        data = tmp_path / folder
        settings: dict[str, Any] = {
            "projections": models_dir.parent,
            "time_zone": "UTC",
            "memory": "500MB",
            "threads": 2,
            "snapshots": data / "snapshots",
        }
        models = Models(data / "models.duckdb", log, **(settings | changes))
        made.append(models)
        return models

    yield open_models
    for models in made:
        models.close()

"""Every shape of every event that was ever released, as it was stored, must be readable for ever.

``events.jsonl`` holds one document of each shape, ``keys.db`` the keys that open its sealed fields; neither is ever
changed. ``ANNALS_GOLDEN=append pytest tests/golden`` appends the shapes that are missing, before they are released.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest

from domain.event import Event
from infra.keys import Keys
from infra.log import Actor, Envelope, decode, encode
from tests.laws.chance import EVENTS, any_value

GOLDEN = Path(__file__).with_name("events.jsonl")
KEYS = Path(__file__).with_name("keys.db")
MASTER_KEY = bytes(range(32))
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def released() -> list[bytes]:
    """The stored documents, one of each shape."""
    return GOLDEN.read_bytes().splitlines() if GOLDEN.exists() else []


def append_missing_shapes() -> None:
    """Append a document of every shape that has none yet."""
    lines = released()
    known = {orjson.loads(line)["type"] for line in lines}
    keys = Keys.open(f"sqlite:///{KEYS}", MASTER_KEY)
    missing = [kind for kind in EVENTS if kind.type_name not in known]
    new = [example(kind, position, keys) for position, kind in enumerate(missing, start=len(lines) + 1)]
    keys.close()
    GOLDEN.write_bytes(b"".join(line + b"\n" for line in [*lines, *new]))


def example(kind: type[Event[Any]], position: int, keys: Keys) -> bytes:
    """A document in which every field of the event is given."""
    chance = Random(kind.type_name)
    event = kind(**{name: given(name, hint, name in kind.personal, chance) for name, hint in kind.annotations.items()})
    envelope = Envelope(
        id=f"019b7600-0000-7000-8000-{position:012x}",
        stream=f"{kind.state.aggregate}-1",
        version=position,
        position=position,
        type=kind.type_name,
        occurred_at=BEGINNING + timedelta(hours=position),
        recorded_at=BEGINNING + timedelta(hours=position, microseconds=1),
        actor=Actor("service_account", "shop", '{"sub":"ann"}'),
        reason="so that there is one",
        correlation_id="golden",
        causation_id="019b7600-0000-7000-8000-000000000000",
    )
    return encode(event, envelope, keys)


def given(name: str, hint: Any, personal: bool, chance: Random) -> Any:
    """A value that is not missing; a personal one says which field it is in."""
    if personal:
        return clear_text(name)
    while (value := any_value(chance, hint)) in (None, ()):
        pass
    return value


def clear_text(name: str) -> str:
    return f"{name} of a person"


if os.environ.get("ANNALS_GOLDEN") == "append":
    append_missing_shapes()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    """The keys, in a copy, for opening a database may write to it."""
    copy = shutil.copy(KEYS, tmp_path_factory.mktemp("keys"))
    opened = Keys.open(f"sqlite:///{copy}", MASTER_KEY)
    yield opened
    opened.close()


@pytest.mark.parametrize("line", released(), ids=lambda line: orjson.loads(line)["type"])
def test_what_was_released_is_readable(line: bytes, keys: Keys) -> None:
    stored = orjson.loads(line)
    envelope, event = decode(line, keys)
    assert envelope.type == stored["type"]
    assert envelope.stream == f"{event.state.aggregate}-1"
    assert envelope.reason == stored["data"]["reason"]
    assert (envelope.occurred_at - BEGINNING) == timedelta(hours=envelope.position)
    for name in event.personal & stored["data"].keys():
        assert getattr(event, name) == clear_text(name)
    today = envelope._replace(type=event.type_name)
    assert decode(encode(event, today, keys), keys) == (today, event)


def test_every_shape_that_is_written_today_has_a_line() -> None:
    types = [orjson.loads(line)["type"] for line in released()]
    assert {kind.type_name for kind in EVENTS} <= set(types)
    assert len(types) == len(set(types))

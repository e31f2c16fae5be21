"""What holds for every event when it is written down and read again."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.event import Event
from infra.keys import Keys
from infra.log import Actor, Envelope, decode, encode
from tests.laws.chance import EVENTS, any_event

chances = st.randoms(use_true_random=False)
of_every_event = pytest.mark.parametrize("kind", EVENTS)
of_every_event_with_secrets = pytest.mark.parametrize("kind", [kind for kind in EVENTS if kind.personal])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    opened = open_keys(tmp_path_factory.mktemp("keys"))
    yield opened
    opened.close()


def open_keys(directory: Path) -> Keys:
    return Keys.open(f"sqlite:///{directory / 'keys.db'}", bytes(range(32)))


def envelope(event: Event[Any], chance: Random) -> Envelope:
    """An envelope as the log makes it, with everything in it that may be missing now and then."""
    return Envelope(
        id=f"01920000-0000-7000-8000-{chance.randint(0, 2**48 - 1):012x}",
        stream=f"{event.state.aggregate}-{chance.randint(1, 9)}",
        version=chance.randint(1, 9),
        position=chance.randint(1, 10**12),
        type=event.type_name,
        occurred_at=datetime(2024, 1, 2, 3, 4, 5, chance.randint(0, 999_999), UTC),
        recorded_at=datetime(2024, 1, 2, 3, 4, 6, chance.randint(0, 999_999), UTC),
        actor=Actor("user", "ann", chance.choice((None, '{"sub":"bob"}'))),
        reason=chance.choice((None, "because ☕")),
        correlation_id=chance.choice((None, "import-1")),
        causation_id=chance.choice((None, "01920000-0000-7000-8000-000000000000")),
    )


@of_every_event
@settings(max_examples=10)
@given(chance=chances)
def test_every_event_survives_being_written_and_read(kind: type[Event[Any]], chance: Random, keys: Keys) -> None:
    event = any_event(chance, kind)
    around = envelope(event, chance)
    assert decode(encode(event, around, keys), keys) == (around, event)


@of_every_event
def test_the_document_says_what_the_envelope_says(kind: type[Event[Any]], keys: Keys) -> None:
    event = any_event(Random(2), kind)
    around = envelope(event, Random(2))
    document = orjson.loads(encode(event, around, keys))
    assert document["specversion"] == "1.0"
    assert document["type"] == f"crm.{kind.__name__}.v{kind.schema_version}"
    assert document["subject"] == around.stream
    assert int(document["sequence"]) == around.position
    assert len(document["sequence"]) == 20
    given = {field.name for field in fields(event) if getattr(event, field.name) is not None}  # type: ignore[arg-type]
    assert document["data"].keys() - {"reason"} == given


SECRET = "A. A. Lovelace, née Byron"


@of_every_event_with_secrets
def test_what_is_personal_is_never_in_the_clear(kind: type[Event[Any]], keys: Keys) -> None:
    event: Any = any_event(Random(4), kind)
    secret = replace(event, **dict.fromkeys(kind.personal, SECRET))
    document = encode(secret, envelope(secret, Random(4)), keys)
    assert SECRET.encode() not in document
    sealed: Any = decode(document, None)[1]
    assert all(str(getattr(sealed, name)).startswith("sealed:1:") for name in kind.personal)
    assert replace(sealed, **dict.fromkeys(kind.personal, SECRET)) == secret


@of_every_event_with_secrets
def test_what_is_personal_is_gone_with_its_key_and_the_rest_stays(kind: type[Event[Any]], keys: Keys) -> None:
    event: Any = any_event(Random(6), kind)
    secret = replace(event, **dict.fromkeys(kind.personal, SECRET))
    around = envelope(secret, Random(6))._replace(stream=f"{kind.state.aggregate}-forgotten")
    document = encode(secret, around, keys)
    assert decode(document, keys) == (around, secret)
    keys.destroy([around.stream])
    assert decode(document, keys) == (around, replace(secret, **dict.fromkeys(kind.personal)))


@of_every_event_with_secrets
def test_what_was_copied_is_gone_with_the_key_of_its_source(kind: type[Event[Any]], keys: Keys) -> None:
    event: Any = any_event(Random(8), kind)
    secret = replace(event, **dict.fromkeys(kind.personal, SECRET))
    around = envelope(secret, Random(8))
    source = f"lead-source-of-{kind.relation}"
    copied = frozenset(sorted(kind.personal)[:1])
    document = encode(secret, around, keys, dict.fromkeys(copied, source))
    assert decode(document, keys) == (around, secret)
    keys.destroy([source])
    assert decode(document, keys) == (around, replace(secret, **dict.fromkeys(copied)))

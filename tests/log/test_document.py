from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import commands
from commands.rejected import Rejected
from domain.customer import Customer, CustomerRegistered
from domain.event import Event
from domain.lead import Lead, LeadCaptured, LeadScored
from infra.keys import Keys
from infra.log import Actor, Envelope, decode, encode
from infra.log.document import shape_of

assert commands
AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
REGISTERED = sorted(Event.by_name.values(), key=lambda event: event.type_name)


def envelope(event: type[Event[Any]], **changes: Any) -> Envelope:
    return Envelope(
        id="0192f0c1-2345-7abc-8def-0123456789ab",
        stream=f"{event.state.aggregate}-7",
        version=3,
        position=42,
        type=event.type_name,
        occurred_at=AT,
        recorded_at=AT.replace(microsecond=0),
        actor=Actor("user", "ann"),
        reason=None,
        correlation_id=None,
        causation_id=None,
    )._replace(**changes)


TEXTS = st.text(st.characters(codec="utf-8"))
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS,
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    tuple[str, ...]: st.lists(TEXTS, max_size=3).map(tuple),
}


def value_of(hint: Any) -> st.SearchStrategy[Any]:
    hint = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
    if hint in VALUES:
        return VALUES[hint]
    choices = hint.__args__
    return st.one_of(*[st.none() if choice is type(None) else VALUES[choice] for choice in choices])


@pytest.mark.parametrize("event", REGISTERED, ids=lambda event: event.__name__)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_event_survives_its_document(event: type[Event[Any]], keys: Keys, data: st.DataObject) -> None:
    original = event(**{name: data.draw(value_of(hint), name) for name, hint in event.annotations.items()})
    around = envelope(event, reason=data.draw(st.none() | TEXTS), correlation_id=data.draw(st.none() | TEXTS))

    document = encode(original, around, keys)

    assert decode(document, keys) == (around, original)
    for name in event.personal:
        sealed = orjson.loads(document)["data"].get(name)
        assert (sealed is None) == (getattr(original, name) is None)
        assert sealed is None or sealed.startswith("sealed:1:")


class Everything(Event[Lead]):
    """One field of every type."""

    text: str
    number: int
    truth: bool
    instant: datetime
    day: date
    amount: Decimal
    texts: tuple[str, ...]
    maybe: int | None = None

    def evolve(self, lead: Lead) -> Lead:
        return lead


del Event.by_name["Everything"]

EVERYTHING: dict[str, Any] = {
    "text": "é\u0000\n",
    "number": -5,
    "truth": False,
    "instant": datetime(1, 1, 1, tzinfo=UTC),
    "day": date(2024, 2, 29),
    "amount": Decimal("-1E+3"),
    "texts": ("a", ""),
}


def test_the_document_is_cloudevents_in_one_order(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Event.by_name, "Everything", Everything)
    event = Everything(**EVERYTHING)
    around = envelope(
        Everything,
        reason="why",
        correlation_id="c",
        causation_id="d",
        actor=Actor("service_account", "x", '{"for":"y"}'),
    )

    document = encode(event, around, keys)

    assert orjson.dumps(orjson.loads(document)) == document
    assert list(orjson.loads(document).items()) == [
        ("specversion", "1.0"),
        ("datacontenttype", "application/json"),
        ("id", "0192f0c1-2345-7abc-8def-0123456789ab"),
        ("source", "/crm"),
        ("type", "crm.Everything.v1"),
        ("subject", "lead-7"),
        ("time", "2026-01-02T03:04:05.000006Z"),
        ("recordedtime", "2026-01-02T03:04:05.000000Z"),
        ("sequence", "00000000000000000042"),
        ("version", 3),
        ("authtype", "service_account"),
        ("authid", "x"),
        ("authclaims", '{"for":"y"}'),
        ("correlationid", "c"),
        ("causationid", "d"),
        ("dataschema", "urn:crm:schema:Everything.v1"),
        (
            "data",
            {
                "text": "é\u0000\n",
                "number": -5,
                "truth": False,
                "instant": "0001-01-01T00:00:00.000000Z",
                "day": "2024-02-29",
                "amount": "-1000",
                "texts": ["a", ""],
                "reason": "why",
            },
        ),
    ]
    assert decode(document, keys) == (around, event)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("instant", datetime(2024, 1, 1)),
        ("amount", Decimal("NaN")),
        ("number", 2**70),
        ("text", "\ud800"),
    ],
)
def test_what_cannot_be_kept_is_not_written(field: str, value: Any, keys: Keys) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode(Everything(**{**EVERYTHING, field: value}), envelope(Everything), keys)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 1),
        ("number", "1"),
        ("number", True),
        ("truth", 1),
        ("instant", "2024-01-01T00:00:00"),
        ("day", "yesterday"),
        ("amount", 1.5),
        ("amount", "many"),
        ("texts", "a"),
        ("texts", [1]),
        ("unheard_of", 1),
    ],
)
def test_what_is_wrong_in_a_document_is_said(
    field: str, value: Any, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Event.by_name, "Everything", Everything)
    document = orjson.loads(encode(Everything(**EVERYTHING), envelope(Everything), keys))
    document["data"][field] = value
    with pytest.raises(Rejected, match=r"42 holds an event .* that cannot be read") as refused:
        decode(orjson.dumps(document), keys)
    assert refused.value.code == "UNREADABLE_EVENT"


@pytest.mark.parametrize("document", [b"", b"[]", b'{"type": "crm.LeadScored.v1"}', b'{"type": 5}', b"\xff"])
def test_what_is_no_document_is_said(document: bytes, keys: Keys) -> None:
    with pytest.raises(Rejected) as refused:
        decode(document, keys)
    assert refused.value.code == "UNREADABLE_EVENT"


@pytest.mark.parametrize("type", ["crm.LeadEvaporated.v1", "crm.LeadScored.v99"])
def test_an_unknown_type_is_said(type: str, keys: Keys) -> None:
    document = encode(LeadScored(score=1), envelope(LeadScored, type=type), keys)
    with pytest.raises(Rejected, match=type) as refused:
        decode(document, keys)
    assert refused.value.code == "UNKNOWN_EVENT_TYPE"


def lead_scored_of_tomorrow() -> Any:
    class LeadScored(Event[Lead]):
        """A score in tenths."""

        schema_version = 2
        tenths: int

        @classmethod
        def upcast(cls, version: int, data: dict[str, Any]) -> dict[str, Any]:
            return {"tenths": data["score"] * 10 + version}

        def evolve(self, lead: Lead) -> Lead:
            return lead

    return LeadScored


def test_an_older_shape_is_brought_up_to_date(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    old = encode(LeadScored(score=7), envelope(LeadScored), keys)
    monkeypatch.setitem(Event.by_name, "LeadScored", LeadScored)
    tomorrow = lead_scored_of_tomorrow()
    around, event = decode(old, keys)
    assert (around.type, event) == ("crm.LeadScored.v1", tomorrow(tenths=71))


def test_absent_fields_are_not_given(keys: Keys) -> None:
    document = encode(LeadCaptured(source="web"), envelope(LeadCaptured), keys)
    assert orjson.loads(document)["data"] == {"source": "web"}
    assert decode(document, keys)[1] == LeadCaptured(source="web")


def test_what_was_copied_is_sealed_with_the_key_of_its_source(keys: Keys) -> None:
    event = CustomerRegistered(name="Ann", email="ann@example.org")
    document = encode(event, envelope(CustomerRegistered), keys, {"name": "lead-1"})
    keys.destroy(["lead-1"])
    assert decode(document, keys)[1] == CustomerRegistered(email="ann@example.org")
    keys.destroy(["customer-7"])
    assert decode(document, keys)[1] == CustomerRegistered()
    assert decode(document, keys)[1].evolve(Customer()) == Customer(status="prospect")


def test_without_keys_what_is_sealed_stays_sealed(keys: Keys) -> None:
    document = encode(LeadCaptured(name="Ann", source="web"), envelope(LeadCaptured), keys)
    _, event = decode(document, None)
    assert isinstance(event, LeadCaptured)
    assert event.source == "web"
    assert event.name is not None
    assert keys.open_text(event.name) == "Ann"
    assert b"Ann" not in document


def test_a_type_no_document_can_hold_is_refused_when_its_shape_is_made() -> None:
    class Odd(Event[Lead]):
        field: float

    class Reasoned(Event[Lead]):
        reason: str

    for event in (Odd, Reasoned):
        del Event.by_name[event.__name__]
        with pytest.raises(TypeError):
            shape_of(event)

"""One event, one document: an event as a CloudEvents 1.0 JSON document, complete in itself, and back again.

The attributes always come in the same order, and up to ``version`` always at the places that ``stands_in`` looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from types import NoneType
from typing import Annotated, Any, NamedTuple, Protocol, get_args, get_origin

import orjson

from commands.rejected import Rejected
from domain.customer import CustomerForgotten
from domain.event import Event
from domain.lead import LeadForgotten
from infra.keys import Keys
from infra.log.request import Actor
from infra.log.states import NOWHERE

SOURCE = "/crm"
SCHEMAS = "urn:crm:schema:"


class Envelope(NamedTuple):
    """Everything about an event but its data."""

    id: str
    stream: str
    version: int
    position: int
    type: str
    occurred_at: datetime
    recorded_at: datetime
    actor: Actor
    reason: str | None
    correlation_id: str | None
    causation_id: str | None


class Field(NamedTuple):
    """How one field is written and read. ``write`` is None where the value is JSON as it is."""

    name: str
    write: Callable[[Any], Any] | None
    read: Callable[[Any], Any]
    personal: bool


class Sealer(Protocol):
    """What seals texts, as ``Keys`` do."""

    def seal(self, stream: str, event_id: str, field: str, clear: str) -> str: ...


class Opener(Protocol):
    """Opens sealed texts."""

    def open_text(self, sealed: str) -> str | None:
        """The clear text; None when its key is gone."""


Shape = dict[str, Field]
"""How the events of one class are written and read, field by field."""


def encode(
    event: Event[Any],
    envelope: Envelope,
    keys: Sealer,
    sources: Mapping[str, str] = NOWHERE,
) -> bytes:
    """The document of an event. Personal fields are sealed with the key of its stream, or of the one among ``sources``
    that they came from.
    """
    shape = shape_of(type(event))  # type: ignore[arg-type]  # a class is hashable
    data: dict[str, Any] = {}
    for name, value in vars(event).items():
        if value is None:
            continue
        _, write, _, personal = shape[name]
        if personal:
            data[name] = keys.seal(sources.get(name, envelope.stream), envelope.id, name, value)
        else:
            data[name] = value if write is None else write(value)
    if envelope.reason is not None:
        data["reason"] = envelope.reason
    return written(envelope, data, f"{SCHEMAS}{envelope.type[4:]}")


def written(envelope: Envelope, data: dict[str, Any], schema: str | None) -> bytes:
    """The document that says this, with data that is JSON."""
    actor = envelope.actor
    document: dict[str, Any] = {
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "id": envelope.id,
        "source": SOURCE,
        "type": envelope.type,
        "subject": envelope.stream,
        "time": instant_text(envelope.occurred_at),
        "recordedtime": instant_text(envelope.recorded_at),
        "sequence": str(envelope.position).zfill(20),
        "version": envelope.version,
        "authtype": actor.type,
        "authid": actor.id,
    }
    if actor.claims is not None:
        document["authclaims"] = actor.claims
    if envelope.correlation_id is not None:
        document["correlationid"] = envelope.correlation_id
    if envelope.causation_id is not None:
        document["causationid"] = envelope.causation_id
    if schema is not None:
        document["dataschema"] = schema
    document["data"] = data
    return orjson.dumps(document)


def decode(document: bytes, keys: Opener | None) -> tuple[Envelope, Event[Any]]:
    """The envelope and the event of a document. A personal field whose key is gone is None; without ``keys`` personal
    fields stay sealed.

    :raises Rejected: UNREADABLE_EVENT, or UNKNOWN_EVENT_TYPE for a type this version does not know.
    """
    attributes = attributes_of(document)
    return envelope_of(attributes), event_of(attributes, keys)


def attributes_of(document: bytes) -> dict[str, Any]:
    """The CloudEvents attributes of a document.

    :raises Rejected: UNREADABLE_EVENT.
    """
    try:
        attributes = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise Rejected("UNREADABLE_EVENT", f"a stored event is not JSON ({error})") from error
    if not isinstance(attributes, dict):
        raise Rejected("UNREADABLE_EVENT", "a stored event is not a JSON object")
    return attributes


def envelope_of(attributes: dict[str, Any]) -> Envelope:
    """Everything but the data.

    :raises Rejected: UNREADABLE_EVENT.
    """
    try:
        return Envelope(
            id=read_text(attributes["id"]),
            stream=read_text(attributes["subject"]),
            version=read_integer(attributes["version"]),
            position=int(attributes["sequence"]),
            type=read_text(attributes["type"]),
            occurred_at=read_instant(attributes["time"]),
            recorded_at=read_instant(attributes["recordedtime"]),
            actor=Actor(
                read_text(attributes["authtype"]),
                read_text(attributes["authid"]),
                read_given(attributes.get("authclaims")),
            ),
            reason=read_given(attributes["data"].get("reason")),
            correlation_id=read_given(attributes.get("correlationid")),
            causation_id=read_given(attributes.get("causationid")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise unreadable(attributes, error) from error


def event_of(attributes: dict[str, Any], keys: Opener | None) -> Event[Any]:
    """The event in the attributes, in today's shape.

    :raises Rejected: UNREADABLE_EVENT or UNKNOWN_EVENT_TYPE.
    """
    try:
        name, version = named(attributes["type"])
        known = Event.by_name.get(name)
        if known is None or version > known.schema_version:
            raise Rejected(
                "UNKNOWN_EVENT_TYPE",
                f"position {attributes.get('sequence')} holds an event {attributes['type']}, "
                "which this version does not know; use a newer one",
            )
        shape = shape_of(known)  # type: ignore[arg-type]  # a class is hashable
        data = attributes["data"]
        if version < known.schema_version:
            data = known.upcast(version, data)
        given = {name: read_field(shape, name, value, keys) for name, value in data.items() if name != "reason"}
        return known(**given)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise unreadable(attributes, error) from error


def sealing_streams(event: Event[Any], stream: str, sources: Mapping[str, str]) -> set[str]:
    """The streams whose keys are needed to seal what is personal in an event."""
    return {sources.get(name, stream) for name in type(event).personal if getattr(event, name) is not None}


class OpenedFor:
    """Opens what is sealed in an event of a stream; ``sources`` are the streams, by field, that values came from which
    were sealed with the key of another one.
    """

    def __init__(self, stream: str, keys: Keys) -> None:
        self._stream = stream
        self._keys = keys
        self.sources: dict[str, str] = {}

    def open_text(self, sealed: str) -> str | None:
        """The clear text; None when its key is gone.

        :raises Rejected: NOT_SEALED or SEAL_BROKEN.
        """
        found = self._keys.opened(sealed)
        if found is None:
            return None
        clear, source = found
        if source != self._stream:
            self.sources[sealed.split(":", 5)[4]] = source
        return clear


FORGETTINGS = (CustomerForgotten.type_name, LeadForgotten.type_name)
"""The types of the events that forget somebody. Each has an index of its own, for their newest is often asked for."""


def forgotten_streams(document: bytes) -> set[str]:
    """The streams that the document of a forgetting names, its own included.

    :raises Rejected: UNREADABLE_EVENT.
    """
    attributes = attributes_of(document)
    try:
        return {attributes["subject"], *attributes["data"].get("streams", ())}
    except (KeyError, TypeError, AttributeError) as error:
        raise unreadable(attributes, error) from error


def stands_in(document: bytes, position: int, stream: str, version: int, type: str, recorded_at: str) -> bool:
    """Whether the document says the same as the columns beside it, attribute by attribute at the usual places."""
    middle = f'","source":"{SOURCE}","type":"{type}","subject":"{stream}","time":"'.encode()
    # zfill takes a third of the time of a format with a width.
    end = f'","recordedtime":"{recorded_at}","sequence":"{str(position).zfill(20)}","version":{version},"'.encode()
    return (
        document.startswith(BEGIN)
        and document.startswith(middle, AFTER_ID)
        and document.startswith(end, AFTER_ID + len(middle) + INSTANT_LENGTH)
    )


BEGIN = b'{"specversion":"1.0","datacontenttype":"application/json","id":"'
AFTER_ID = len(BEGIN) + 36
INSTANT_LENGTH = len("2024-01-02T03:04:05.000006Z")


@lru_cache(maxsize=10_000)  # what happened is recorded together, and often happened together
def instant_text(instant: datetime) -> str:
    """An instant in RFC 3339, in UTC, always with microseconds.

    :raises ValueError: without a time zone.
    """
    if instant.tzinfo is not UTC:
        if instant.utcoffset() is None:
            raise ValueError(f"{instant} has no time zone")
        instant = instant.astimezone(UTC)
    return f"{instant.isoformat(timespec='microseconds')[:-6]}Z"


def unreadable(attributes: dict[str, Any], error: Exception) -> Rejected:
    """The refusal of a document with something wrong in it."""
    return Rejected(
        "UNREADABLE_EVENT",
        f"position {attributes.get('sequence')} holds an event {attributes.get('type')} that cannot be read "
        f"({type(error).__name__}: {error})",
    )


def read_field(shape: Shape, name: str, value: Any, keys: Opener | None) -> Any:
    """The value of a field of an event, from JSON; a personal one opened."""
    field = shape.get(name)
    if field is None:
        raise ValueError(f"it has no field {name}")
    if field.personal and keys is not None:
        return keys.open_text(read_text(value))
    return field.read(value)


@lru_cache(maxsize=10_000)
def named(type_name: str) -> tuple[str, int]:
    """The class name and the schema version in the stored name of an event: ``crm.TicketAssigned.v1``."""
    _, name, version = type_name.split(".")
    number = int(version[1:])
    if type_name != f"crm.{name}.v{number}":
        raise ValueError(f"{type_name} is not the name of an event")
    return name, number


@cache
def shape_of(event: type[Event[Any]]) -> Shape:
    """How the events of a class are written and read."""
    return {
        field.name: field_of(field.name, event.annotations[field.name], field.name in event.personal)
        for field in fields(event)  # type: ignore[arg-type]
    }


def field_of(name: str, hint: Any, personal: bool) -> Field:
    """How a field with this annotation is written and read.

    :raises TypeError: where the annotation is none that an event may have.
    """
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    if NoneType in get_args(hint) and len(choices) == 1:
        hint = choices[0]
    if hint not in CONVERSIONS:
        raise TypeError(f"the field {name} has a type that an event cannot have: {hint}")
    if name == "reason":
        raise TypeError("the reason of an event is not one of its fields")
    write, read = CONVERSIONS[hint]
    return Field(name, write, read, personal)


def write_decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that can be kept")
    return format(value, "f")


def read_text(value: Any) -> str:
    if type(value) is str:
        return value
    raise TypeError(f"{value!r} is not a text")


def read_given(value: Any) -> str | None:
    return None if value is None else read_text(value)


def read_integer(value: Any) -> int:
    if type(value) is int:
        return value
    raise TypeError(f"{value!r} is not an integer")


def read_truth(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise TypeError(f"{value!r} is not true or false")


def read_instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return instant


def read_texts(value: Any) -> tuple[str, ...]:
    if type(value) is list:
        return tuple(map(read_text, value))
    raise TypeError(f"{value!r} is not a list of texts")


CONVERSIONS: dict[Any, tuple[Callable[[Any], Any] | None, Callable[[Any], Any]]] = {
    str: (None, read_text),
    int: (None, read_integer),
    bool: (None, read_truth),
    datetime: (instant_text, read_instant),
    date: (date.isoformat, date.fromisoformat),
    Decimal: (write_decimal, lambda value: Decimal(read_text(value))),
    tuple[str, ...]: (None, read_texts),
}
"""For each type that a field of an event may have: how it is written as JSON (None: as it is) and read from it."""

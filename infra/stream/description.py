"""What is on the topics, for those who read them without us: AsyncAPI, and a JSON Schema for every event type. All of
it is made from the event classes.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import orjson

from domain.event import Event, State
from infra.log.document import SCHEMAS, SOURCE
from infra.stream.cluster import LIBRARY
from infra.stream.record import CONTENT_TYPE
from infra.stream.topics import CREATED_WITH, DEAD_LETTERS

LIBRARY_EVENT = "LibraryEvent"
INSTANT = {"type": "string", "format": "date-time"}
SEALED = "sealed:1:<key id>:<event id>:<field>:<base64>"
"""How a personal field looks wherever it is kept."""

TYPES: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    datetime: INSTANT,
    date: {"type": "string", "format": "date"},
    Decimal: {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"},
    tuple[str, ...]: {"type": "array", "items": {"type": "string"}},
}
"""How each type that a field of an event may have looks in JSON."""

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "specversion": {"const": "1.0"},
    "datacontenttype": {"const": "application/json"},
    "id": {"type": "string", "format": "uuid", "description": "the event's own id"},
    "source": {"const": SOURCE},
    "type": {"type": "string", "description": "the name of the event and the version of its shape"},
    "subject": {"type": "string", "description": "the stream: the aggregate, a hyphen, the id"},
    "time": INSTANT | {"description": "when it was so"},
    "recordedtime": INSTANT | {"description": "when it was recorded"},
    "sequence": {"type": "string", "pattern": r"^\d{20}$", "description": "the position in the log: 1, 2, 3, … of all"},
    "version": {"type": "integer", "minimum": 1, "description": "the version in the stream: 1, 2, 3, …"},
    "authtype": {"type": "string", "description": "what kind of actor acted"},
    "authid": {"type": "string", "description": "who acted, an opaque id"},
    "authclaims": {"type": "string", "description": "JSON text, for example on whose behalf a service acted"},
    "correlationid": {"type": "string", "description": "the request or import"},
    "causationid": {"type": "string", "description": "the event that caused this one"},
    "dataschema": {"type": "string", "description": "the name of this schema"},
}
"""The attributes of every document in their order, as CloudEvents and its extensions name them."""

OPTIONAL = ("authclaims", "correlationid", "causationid")
REASON = {"type": "string", "description": "why, where a reason was given"}


def data_schema(event: type[Event[Any]]) -> dict[str, Any]:
    """The JSON Schema of the data of an event class, under the name that its documents give."""
    fields = {name: field_schema(hint, name in event.personal) for name, hint in event.annotations.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": schema_name(event),
        "title": event.__name__,
        "description": meaning(event),
        "type": "object",
        "properties": fields | {"reason": REASON},
        "required": [name for name, hint in event.annotations.items() if not is_optional(hint)],
        "additionalProperties": False,
    }


def envelope_schema() -> dict[str, Any]:
    """The JSON Schema of what all documents have."""
    return {
        "type": "object",
        "properties": ATTRIBUTES,
        "required": [name for name in (*ATTRIBUTES, "data") if name not in OPTIONAL],
    }


def schema_name(event: type[Event[Any]]) -> str:
    """What documents call the schema of their data."""
    return f"{SCHEMAS}{event.type_name.removeprefix('crm.')}"


def meaning(event: type[Event[Any]]) -> str:
    """What the event says of itself."""
    return " ".join((event.__doc__ or "").split())


def field_schema(hint: Any, personal: bool) -> dict[str, Any]:
    """The JSON Schema of one field."""
    if personal:
        return {"type": "string", "pattern": "^sealed:1:", "description": f"personal, sealed: {SEALED}"}
    return TYPES[bare(hint)]


def bare(hint: Any) -> Any:
    """The type of a field without its mark and without None."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    return choices[0] if NoneType in get_args(hint) else hint


def is_optional(hint: Any) -> bool:
    """Whether a field may be left out, as every field without a value is."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return NoneType in get_args(hint)


def asyncapi() -> str:
    """The description of the topics, as the page docs/asyncapi.yaml."""
    import yaml  # for development only

    # Written out, what is said in several places stands there in full.
    plain = orjson.loads(orjson.dumps(description()))
    page: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    return "# Made from the event classes by make proto.\n" + page


def description() -> dict[str, Any]:
    """The topics in the words of AsyncAPI 3.0."""
    events = sorted(Event.by_name.values(), key=lambda event: event.__name__)
    aggregates = sorted(State.by_aggregate)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Annals",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0"},
            "description": (
                "Every event of the company, on one topic per aggregate, exactly once, in order per stream, kept for "
                "ever. Read with isolation_level=read_committed. The key of a record is the stream; its timestamp is "
                "when the event was recorded; its value is a CloudEvents 1.0 document in structured mode. Positions "
                "are 1, 2, 3, … over all topics together, without a gap, so whoever has seen all up to one knows that "
                "nothing is missing. The hash is SHA-256 of the hash before and the document; before the first it is "
                "32 zero bytes. Fields without a value are left out."
            ),
        },
        "defaultContentType": CONTENT_TYPE.decode(),
        "channels": {name: channel(name, events) for name in sorted([*aggregates, LIBRARY])},
        "operations": {
            f"send_{aggregate}": {"action": "send", "channel": {"$ref": f"#/channels/{aggregate}"}}
            for aggregate in sorted([*aggregates, LIBRARY])
        },
        "components": {
            "messages": {event.__name__: message(event) for event in events} | {LIBRARY_EVENT: library_message()},
            "messageTraits": {"event": trait()},
            "schemas": {"Event": envelope_schema()} | {event.__name__: data_schema(event) for event in events},
        },
    }


def channel(aggregate: str, events: list[type[Event[Any]]]) -> dict[str, Any]:
    """One topic. How many partitions it has is a setting, so it is not said here."""
    topic = f"crm.{aggregate}"
    of_library = aggregate == LIBRARY
    whose = "applications of the eventsourcing library on this log" if of_library else f"every {aggregate}"
    names = [LIBRARY_EVENT] if of_library else [each.__name__ for each in events if each.state.aggregate == aggregate]
    return {
        "address": topic,
        "description": (
            f"Every event of {whose}. Notices of records that are none, and of events that a reader of ours "
            f"holds back, are on {topic}{DEAD_LETTERS}."
        ),
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic,
                "topicConfiguration": {
                    "cleanup.policy": [CREATED_WITH["cleanup.policy"]],
                    "retention.ms": int(CREATED_WITH["retention.ms"]),
                    "retention.bytes": int(CREATED_WITH["retention.bytes"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def message(event: type[Event[Any]]) -> dict[str, Any]:
    """One event type."""
    own = {
        "properties": {
            "type": {"const": event.type_name},
            "subject": {"pattern": f"^{event.state.aggregate}-"},
            "dataschema": {"const": schema_name(event)},
            "data": {"$ref": f"#/components/schemas/{event.__name__}"},
        }
    }
    return {
        "name": event.type_name,
        "summary": meaning(event),
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"allOf": [{"$ref": "#/components/schemas/Event"}, own]},
    }


def library_message() -> dict[str, Any]:
    """What every event of an application of the library is; what its state means, the application knows."""
    data = {"originator_version": {"type": "integer"}, "state": {"type": "string", "contentEncoding": "base64"}}
    own = {
        "properties": {
            "type": {"pattern": "^eventsourcing:"},
            "subject": {"pattern": "^eventsourcing:[^-]+-"},
            "data": {"type": "object", "properties": data, "required": [*data], "additionalProperties": False},
        }
    }
    # There is no schema for a document of these to name.
    envelope = envelope_schema()
    envelope["required"].remove("dataschema")
    return {
        "name": LIBRARY_EVENT,
        "summary": "Something happened in an application of the eventsourcing library.",
        "traits": [{"$ref": "#/components/messageTraits/event"}],
        "payload": {"allOf": [envelope, own]},
    }


def trait() -> dict[str, Any]:
    """What every message has."""
    return {
        "contentType": CONTENT_TYPE.decode(),
        "headers": {
            "type": "object",
            "properties": {
                "content-type": {"const": CONTENT_TYPE.decode()},
                "position": {"type": "string", "pattern": r"^\d+$", "description": "the position, in decimal"},
                "hash": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "the hash, in hexadecimal"},
            },
            "required": ["content-type", "position", "hash"],
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": "the stream"}, "bindingVersion": "0.5.0"}},
    }

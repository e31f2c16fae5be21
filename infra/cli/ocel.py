"""The history as an object-centric event log (OCEL 2.0, JSON) for process mining: events, the streams that they are
about as objects, and the links between these. What is personal is left out.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from types import NoneType
from typing import IO, Annotated, Any, get_args, get_origin

import orjson

from domain.event import Event
from infra.log import attributes_of, event_of

KINDS: dict[Any, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    datetime: "time",
    date: "string",
    Decimal: "float",
    tuple[str, ...]: "string",
}
"""How OCEL calls the type of a field."""

ALWAYS = [
    {"name": "position", "type": "integer"},
    {"name": "recorded_at", "type": "time"},
    {"name": "actor", "type": "string"},
    {"name": "reason", "type": "string"},
]
"""The attributes that every event has besides those of its type; ``reason`` where one was given."""


class Ocel:
    """Writes events as they come, and what they are about at the end. ``objects`` are the streams, each with the ids
    that it is linked with and by which field.
    """

    def __init__(self, out: IO[bytes]) -> None:
        self.objects: dict[str, dict[str, str]] = {}
        self._out = out
        self._types: dict[str, list[dict[str, str]]] = {}
        self._separator = b'{"events":[\n'

    def add(self, document: bytes) -> None:
        """Write an event.

        :raises Rejected: UNREADABLE_EVENT or UNKNOWN_EVENT_TYPE.
        """
        attributes = attributes_of(document)
        stream = attributes["subject"]
        linked = self.objects.setdefault(stream, {})
        relationships = [{"objectId": stream, "qualifier": "subject"}]
        if attributes["type"].startswith("crm."):
            event = event_of(attributes, None)
            type, own = event.__class__.__name__, facts(event)
            for field, link in event.links.items():
                if (id := getattr(event, field)) is not None:
                    other = f"{link.aggregate}-{id}"
                    self.objects.setdefault(other, {})
                    relationships.append({"objectId": other, "qualifier": field})
                    if link.ends:
                        linked.pop(other, None)
                    else:
                        linked[other] = field
            self._types.setdefault(type, fields_of(event.__class__))
        else:
            type, own = attributes["type"], []
            self._types.setdefault(type, [])
        about = {
            "position": int(attributes["sequence"]),
            "recorded_at": attributes["recordedtime"],
            "actor": f"{attributes['authtype']}:{attributes['authid']}",
        }
        if "reason" in attributes["data"]:
            about["reason"] = attributes["data"]["reason"]
        own += [{"name": name, "value": value} for name, value in about.items()]
        self._write(
            {
                "id": attributes["id"],
                "type": type,
                "time": attributes["time"],
                "attributes": own,
                "relationships": relationships,
            }
        )

    def close(self) -> None:
        """Write the objects and the types."""
        self._out.write(b'{"events":[' if not self.objects else b"")
        self._separator = b'\n],"objects":[\n'
        for stream, linked in self.objects.items():
            links = [{"objectId": other, "qualifier": field} for other, field in linked.items()]
            self._write({"id": stream, "type": kind_of(stream), "attributes": [], "relationships": links})
        self._out.write(b'\n],"objects":[' if not self.objects else b"")
        types = {
            "eventTypes": [{"name": name, "attributes": ALWAYS + own} for name, own in sorted(self._types.items())],
            "objectTypes": [
                {"name": name, "attributes": []} for name in sorted({kind_of(stream) for stream in self.objects})
            ],
        }
        self._out.write(b"\n]," + orjson.dumps(types)[1:] + b"\n")

    def _write(self, what: dict[str, Any]) -> None:
        self._out.write(self._separator + orjson.dumps(what, default=digits))
        self._separator = b",\n"


def kind_of(stream: str) -> str:
    """The type of the object that a stream is."""
    return stream.partition("-")[0]


def fields_of(event: type[Event[Any]]) -> list[dict[str, str]]:
    """The attributes of the events of a class."""
    return [
        {"name": name, "type": KINDS[bare(hint)]}
        for name, hint in event.annotations.items()
        if name not in event.personal
    ]


def bare(hint: Any) -> Any:
    """An annotation without marks and None."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    choices = [choice for choice in get_args(hint) if choice is not NoneType]
    return choices[0] if NoneType in get_args(hint) else hint


def facts(event: Event[Any]) -> list[dict[str, Any]]:
    """What an event says that is not personal."""
    return [
        {"name": name, "value": orjson.dumps(value).decode() if isinstance(value, tuple) else value}
        for name, value in vars(event).items()
        if value is not None and name not in event.personal
    ]


def digits(value: Any) -> orjson.Fragment:
    """A decimal with all of its digits."""
    return orjson.Fragment(format(value, "f"))

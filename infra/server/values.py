"""How single values cross the wire."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from commands.rejected import Rejected
from infra.log import instant_text, microseconds

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_EXACT = 2**53


def instant_in(name: str, sent: Timestamp) -> datetime:
    """The instant in a field of a request.

    :raises Rejected: INVALID_FIELD.
    """
    nanos = sent.nanos
    try:
        if 0 <= nanos < 1_000_000_000:
            return EPOCH + timedelta(seconds=sent.seconds, microseconds=nanos // 1_000)
    except OverflowError:
        pass
    raise Rejected("INVALID_FIELD", f"{name} is no instant between the years 1 and 9999", field=name)


def write_instant(instant: datetime, message: Timestamp) -> None:
    """Write an instant where it stays."""
    since = instant - EPOCH
    message.seconds = since.days * 86_400 + since.seconds
    message.nanos = since.microseconds * 1_000


def instant_out(instant: datetime) -> Timestamp:
    """An instant for an answer; a fraction of the work that protobuf makes of it."""
    seconds, rest = divmod(microseconds(instant), 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


TEXTS: dict[type, Callable[[Any], str]] = {
    bytes: lambda content: b64encode(content).decode(),
    date: date.isoformat,
    datetime: instant_text,
    Decimal: lambda number: format(number, "f"),
}
"""How values are written that JSON has no form for; others as Python writes them."""


def json_value(value: Any, *, exact: bool = False) -> Value:
    """A value as JSON has it: instants in RFC 3339 in UTC, decimals as text, bytes in base64, sets in order.

    :param exact: integers are text.
    """
    match value:
        case None:
            return Value(null_value=NULL_VALUE)
        case bool():
            return Value(bool_value=value)
        case int() | float():
            return _number(value, exact)
        case list() | tuple():
            return Value(list_value=ListValue(values=[json_value(each, exact=exact) for each in value]))
        case set() | frozenset():
            return json_value(sorted(value), exact=exact)
        case Mapping():
            return Value(struct_value=struct(value, exact=exact))
        case _:
            return Value(string_value=TEXTS.get(type(value), str)(value))


def _number(value: float, exact: bool) -> Value:
    """A number, as text where JSON would not keep it as it is."""
    if exact or not isfinite(value) or abs(value) > LARGEST_EXACT:
        return Value(string_value=str(value))
    return Value(number_value=value)


def struct(values: Mapping[str, Any], *, exact: bool = False) -> Struct:
    """Named values as a JSON object."""
    return Struct(fields={str(name): json_value(value, exact=exact) for name, value in values.items()})


def given(thing: Any) -> dict[str, Any]:
    """The fields of a dataclass that are not None."""
    named = ((field.name, getattr(thing, field.name)) for field in fields(thing))
    return {name: value for name, value in named if value is not None}

"""The contract as a page for people, in Markdown, from its descriptors with their comments."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

from commands.command import Command
from commands.fields import ID_PATTERN
from infra.server.commands import LONGEST_TAG, TAGS
from infra.server.contract import FIRST_SHARED

PACKAGE = "crm.v1"
LARGEST = 2**31 - 1
"""What an int32 holds, and no limit of a command's own."""
SHARED = {
    "request_id": ("What every command carries", "reason", "CaptureLeadRequest"),
    "as_of": ("What every question carries", "as_of", "GetLeadRequest"),
}
"""The fields that whole kinds of requests share, told once: the heading, the first of them, and a message to show."""

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """Something in a file of the contract, with its comment; ``path`` is where it stands, as descriptors count."""

    name: str
    thing: Any
    comment: str
    path: Path


def described(files: FileDescriptorSet) -> dict[str, list[Described]]:
    """Everything that the contract's files define, by file: services, rpcs, messages, fields, oneofs, enums and values.

    :param files: with imports and comments, as ``protoc --include_source_info`` writes them.
    """
    ours = (file for file in files.file if file.package == PACKAGE)
    return {file.name: list(_things(file)) for file in ours}


def _things(file: FileDescriptorProto) -> Iterator[Described]:
    comments = {tuple(each.path): " ".join(each.leading_comments.split()) for each in file.source_code_info.location}
    for name, thing, path in _named(file):
        yield Described(name, thing, comments.get(path, ""), path)


def _named(file: FileDescriptorProto) -> Iterator[tuple[str, Any, Path]]:
    for number, service in enumerate(file.service):
        yield service.name, service, (6, number)
        for index, method in enumerate(service.method):
            yield f"{service.name}.{method.name}", method, (6, number, 2, index)
    for number, message in enumerate(file.message_type):
        yield from _in_message("", message, (4, number))
    for number, enum in enumerate(file.enum_type):
        yield enum.name, enum, (5, number)
        for index, value in enumerate(enum.value):
            yield f"{enum.name}.{value.name}", value, (5, number, 2, index)


def _in_message(prefix: str, message: DescriptorProto, path: Path) -> Iterator[tuple[str, Any, Path]]:
    if message.options.map_entry:
        return
    name = f"{prefix}{message.name}"
    yield name, message, path
    for number, field in enumerate(message.field):
        yield f"{name}.{field.name}", field, (*path, 2, number)
    for number, oneof in enumerate(message.oneof_decl):
        if _is_real(message, number):
            yield f"{name}.{oneof.name}", oneof, (*path, 8, number)
    for number, nested in enumerate(message.nested_type):
        yield from _in_message(f"{name}.", nested, (*path, 3, number))


def behaviors(field: FieldDescriptorProto) -> list[str]:
    """How a field behaves, for example ``REQUIRED``."""
    given = field.options.Extensions[field_behavior_pb2.field_behavior]
    return [field_behavior_pb2.FieldBehavior.Name(each) for each in given]


def page(files: FileDescriptorSet) -> str:
    """All of it as a page."""
    things = described(files)
    messages = {each.name: each for found in things.values() for each in found if _is(each, DescriptorProto)}
    fields = {name: _fields(each.thing, _all(things), each.name, limits(name)) for name, each in messages.items()}
    lines = [
        "# Reference",
        "",
        "The contract, `proto/crm/v1`, rpc by rpc. Made from it by `make proto`. The refusals have",
        "[a page of their own](errors.md), and so has [the Python client](client.md).",
    ]
    for heading, first, example in SHARED.values():
        said = f"As a `{example}` says it, and all others of its kind."
        lines += ["", f"## {heading}", "", said, "", *_table(_from(fields[example], first))]
    told: set[str] = set()
    for found in things.values():
        for service in (each for each in found if _is(each, ServiceDescriptorProto)):
            lines += ["", f"## {service.name}", "", service.comment]
            for method in (each for each in found if each.name.startswith(f"{service.name}.")):
                request = method.thing.input_type.removeprefix(f".{PACKAGE}.")
                told.add(request)
                lines += ["", f"### {method.name.partition('.')[2]}", "", _signature(method.thing), "", method.comment]
                lines += _request(messages[request], fields[request])
    for file, found in things.items():
        rest = [each for each in found if _is(each, DescriptorProto) and each.name not in told]
        enums = [each for each in found if each.path[0] == 5 and len(each.path) == 2]
        if rest or enums:
            lines += ["", f"## Messages of `{file.rpartition('/')[2]}`"]
        for each in rest:
            lines += ["", f"### {each.name}", "", each.comment, *_table(fields[each.name], before=[""])]
        for enum in enums:
            values = [each for each in found if each.name.startswith(f"{enum.name}.")]
            lines += ["", f"### {enum.name}", "", enum.comment, "", "| value | means |", "|---|---|"]
            lines += [f"| `{each.thing.name}` = {each.thing.number} | {each.comment} |" for each in values]
    return "\n".join(lines) + "\n"


def _is(each: Described, kind: type) -> bool:
    return isinstance(each.thing, kind)


def _all(things: dict[str, list[Described]]) -> dict[str, Described]:
    return {each.name: each for found in things.values() for each in found}


Row = tuple[FieldDescriptorProto, str, str]
"""A field, its type and its comment."""


def limits(request: str) -> dict[str, str]:
    """How much a command takes in each of its fields, by the name of its request; nothing of other messages."""
    command = Command.by_name.get(request.removesuffix("Request"))
    if command is None:
        return {}
    found = {name: _limit(schema) for name, schema in command.model_json_schema()["properties"].items()}
    return {**found, **dict.fromkeys(TAGS, _at_most(LONGEST_TAG))}


def _limit(schema: dict[str, Any]) -> str:
    for each in schema.get("anyOf", [schema]):
        if each.get("pattern") == ID_PATTERN:
            return "At most 64 characters of A-Z a-z 0-9 . _ ~ -."
        if "maxLength" in each:
            return _at_most(each["maxLength"])
        if each.get("maximum", LARGEST) < LARGEST:
            return f"From {each['minimum']} to {each['maximum']:,}."
    return ""


def _at_most(characters: int) -> str:
    return f"At most {characters:,} characters."


def _fields(message: DescriptorProto, things: dict[str, Described], name: str, limits: Mapping[str, str]) -> list[Row]:
    maps = {each.name: each for each in message.nested_type if each.options.map_entry}
    rows = []
    for field in message.field:
        said = things[f"{name}.{field.name}"].comment
        if field.HasField("oneof_index") and not field.proto3_optional:
            said = f"{said} *One of `{message.oneof_decl[field.oneof_index].name}`.*"
        limit = limits.get(field.name, "")
        if limit not in said:
            said = f"{said} {limit}"
        rows.append((field, _type(field, maps), said))
    return rows


def _from(rows: Sequence[Row], first: str) -> list[Row]:
    names = [field.name for field, _, _ in rows]
    return list(rows[names.index(first) :])


def _request(message: Described, rows: list[Row]) -> Iterator[str]:
    """What a request takes, but for what all of its kind take."""
    names = {field.name for field, _, _ in rows}
    heading = next((heading for name, (heading, _, _) in SHARED.items() if name in names), None)
    own = [row for row in rows if heading is None or row[0].number < FIRST_SHARED or "REQUIRED" in behaviors(row[0])]
    yield from _table(own, before=[""])
    if heading is not None:
        yield from ("", f"And [{heading[0].lower()}{heading[1:]}](#{heading.lower().replace(' ', '-')}).")


def _table(rows: Sequence[Row], before: Sequence[str] = ()) -> Iterator[str]:
    if rows:
        yield from (*before, "| field | type | means |", "|---|---|---|")
    for field, type, said in rows:
        name = f"**`{field.name}`**" if "REQUIRED" in behaviors(field) else f"`{field.name}`"
        yield f"| {name} | {type} | {said.replace('|', chr(92) + '|')} |"


def _signature(method: Any) -> str:
    def named(type: str, is_stream: bool) -> str:
        return f"{'stream ' if is_stream else ''}{type.rpartition('.')[2]}"

    takes = named(method.input_type, method.client_streaming)
    return f"`rpc {method.name}({takes}) returns ({named(method.output_type, method.server_streaming)})`"


def _type(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> str:
    kind = field.type_name.removeprefix(f".{PACKAGE}.").removeprefix(".google.protobuf.")
    if (entry := maps.get(kind.rpartition(".")[2])) is not None:
        return f"map of {_type(entry.field[0], {})} to {_type(entry.field[1], {})}"
    name = kind or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    return f"list of {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def _is_real(message: DescriptorProto, oneof: int) -> bool:
    """Whether a oneof stands in the file; protoc makes one of its own for each optional field."""
    fields = (field for field in message.field if field.HasField("oneof_index") and field.oneof_index == oneof)
    return any(not field.proto3_optional for field in fields)


def main() -> None:
    """Print the page of the contract whose descriptors come in."""
    print(page(FileDescriptorSet.FromString(sys.stdin.buffer.read())), end="")


if __name__ == "__main__":
    main()

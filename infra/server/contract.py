"""What the contract offers, read from the generated descriptors: nothing is registered by hand."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import crm.v1
from commands.command import Command
from domain.event import snake_case

CIRCUMSTANCES = frozenset({"occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id"})
"""The fields that every command's request has besides those of the command."""

FIRST_SHARED = 100
"""Fields of a request from this number on are shared by all of its kind; those below are its own."""


def services() -> list[ServiceDescriptor]:
    """Every service of the contract."""
    modules = [import_module(f"crm.v1.{found.name}") for found in iter_modules(crm.v1.__path__)]
    files = [module.DESCRIPTOR for module in modules if module.__name__.endswith("_pb2")]
    return [service for file in files for service in file.services_by_name.values()]


def message_class(descriptor: Descriptor) -> type[Message]:
    """The class of the messages that a descriptor describes."""
    found: type[Message] = GetMessageClass(descriptor)
    return found


def command_of(request: Descriptor) -> type[Command] | None:
    """The command that a request stands for, or none."""
    return Command.by_name.get(request.name.removesuffix("Request"))


def listed_field(method: MethodDescriptor) -> FieldDescriptor | None:
    """The repeated field that a List rpc answers with; it has the name of the read model."""
    if not method.name.startswith("List"):
        return None
    return method.output_type.fields_by_name.get(snake_case(method.name.removeprefix("List")))


def resources(service: ServiceDescriptor) -> dict[Descriptor, str]:
    """The read model that each resource of a service shows, by the resource's message."""
    listed = (listed_field(method) for method in service.methods)
    return {field.message_type: field.name for field in listed if field is not None}


def bulk_commands(command: Descriptor) -> Iterator[tuple[FieldDescriptor, type[Command]]]:
    """Each arm of the bulk message with the command that it stands for."""
    for field in command.oneofs_by_name["command"].fields:
        kind = command_of(field.message_type)
        assert kind is not None, f"{field.full_name} stands for no command"
        yield field, kind

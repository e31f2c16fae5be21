"""Whatever bytes arrive at whatever rpc: an answer or a refusal with a code, never a failure; the server goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from infra.server.contract import message_class, services
from tests.faults import sizes
from tests.server.conftest import Caller, Node, refusal, running

pytestmark = [pytest.mark.slow, pytest.mark.soak]

REQUESTS = sizes.size("REQUESTS", 600, 100_000)
"""About how many are sent; ANNALS_REQUESTS=5000 for a longer look."""

STREAM_SECONDS = 2 if REQUESTS < 5_000 else 0.2
"""How long a stream is listened to; some would never end."""

METHODS = [method for service in services() for method in service.methods]
STRANGE = (
    "",
    "\0",
    "x" * 5000,
    "🜚",
    "' or 1=1 --",
    "-1",
    "99999999999999999999",
    "name",
    "lead-1",
    "2024-13-45",
    "%s{}",
)
NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))
OWN_WORDS = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""What gRPC says by itself, without a code of ours."""


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running(tmp_path_factory.mktemp("victim")) as node:
        yield node


@pytest.fixture(scope="module")
def attacker(victim: Node) -> Iterator[Caller]:
    caller = Caller(victim.address)
    for number in range(3):
        caller("CaptureLead", id=f"lead-{number}", name="Ada")
        caller("OpenTicket", id=str(number), subject="Help")
    yield caller
    caller.close()


def strange(described: Descriptor, chance: random.Random, depth: int = 0) -> Message:
    """A message with strange values in some of its fields."""
    message = message_class(described)()
    for field in described.fields:
        if chance.random() < 0.5:
            fill(message, field, chance, depth)
    return message


def fill(message: Any, field: FieldDescriptor, chance: random.Random, depth: int) -> None:
    if field.message_type is not None:
        if depth < 2 and not field.message_type.GetOptions().map_entry:
            values = [strange(field.message_type, chance, depth + 1)]
            if field.is_repeated:
                getattr(message, field.name).extend(values)
            else:
                getattr(message, field.name).CopyFrom(values[0])
        return
    value = strange_value(field, chance)
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def strange_value(field: FieldDescriptor, chance: random.Random) -> Any:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        text = chance.choice(STRANGE)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.3
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e300))
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return chance.choice((0, 1, 77))
    wide = field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
    number = chance.choice(NUMBERS if wide else NUMBERS[:5])
    unsigned = field.cpp_type in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64)
    return abs(number) if unsigned else number


def attacks(method: MethodDescriptor) -> Iterator[bytes]:
    chance = random.Random(method.full_name)
    yield chance.randbytes(40)
    yield b"\x0a\xff\xff\xff\xff\x0f"
    for _ in range(max(1, round((REQUESTS / len(METHODS) - 2) / 2))):
        sent = strange(method.input_type, chance).SerializeToString()
        yield sent
        if sent:
            place = chance.randrange(len(sent))
            yield sent[:place] + chance.randbytes(1) + sent[place + 1 :]


def send(caller: Caller, method: MethodDescriptor, sent: bytes) -> None:
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.client_streaming:
        list(caller.channel.stream_stream(path)(iter([sent]), timeout=STREAM_SECONDS))
    elif method.server_streaming:
        list(caller.channel.unary_stream(path)(sent, timeout=STREAM_SECONDS))
    else:
        caller.channel.unary_unary(path)(sent, timeout=2)


def test_nothing_that_arrives_makes_the_server_fail(
    victim: Node, attacker: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    failed = []
    for method in METHODS:
        for sent in attacks(method):
            try:
                send(attacker, method, sent)
            except grpc.RpcError as error:
                if error.code() in OWN_WORDS:
                    continue
                said = refusal(error)
                if said.status in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN) or not said.sentence:
                    failed.append((method.name, sent, said))
    assert failed == []
    assert capfd.readouterr().out == ""
    assert attacker("GetStatus").well
    assert victim.log.verify() == []
    assert victim.models.check_rebuild() == []

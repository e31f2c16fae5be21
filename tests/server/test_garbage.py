"""Whatever bytes arrive at whatever rpc: an answer or a refusal with a code, never a failure; the server goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from infra.server.contract import command_of, message_class, services
from tests.faults import sizes
from tests.server.conftest import Caller, Node, refusal, running

pytestmark = [pytest.mark.slow, pytest.mark.soak]

REQUESTS = sizes.size("REQUESTS", 5_000, 100_000)
"""About how many are sent."""

CALLERS = 8

STREAM_SECONDS = 0.2
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
    "status = open AND NOT opened_at > 0001-01-01",
    "id desc, status",
    "id,status",
)
MARKER = "marked-by-{}-alone"
EDGES = (-62_135_596_800, 253_402_300_799)
"""The first and the last second that a Timestamp can say."""

NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), *EDGES)
OWN_WORDS = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED)
"""What gRPC says by itself, without a code of ours."""
FAILURES = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with running(tmp_path_factory.mktemp("victim")) as node:
        yield node


@pytest.fixture(scope="module")
def attackers(victim: Node) -> Iterator[list[Caller]]:
    callers = [Caller(victim.address) for _ in range(CALLERS)]
    for number, caller in enumerate(callers):
        caller("CaptureLead", id=f"lead-{number}", name="Ada")
        caller("OpenTicket", id=f"own-{number}", subject=MARKER.format(number))
    yield callers
    for caller in callers:
        caller.close()


def strange(described: Descriptor, chance: random.Random, marker: str, depth: int = 0) -> Message:
    """A message with strange values in some of its fields."""
    message = message_class(described)()
    for field in described.fields:
        if chance.random() < 0.5:
            fill(message, field, chance, marker, depth)
    return message


def fill(message: Any, field: FieldDescriptor, chance: random.Random, marker: str, depth: int) -> None:
    if field.message_type is not None:
        if depth < 2 and not field.message_type.GetOptions().map_entry:
            values = [strange(field.message_type, chance, marker, depth + 1)]
            if field.is_repeated:
                getattr(message, field.name).extend(values)
            else:
                getattr(message, field.name).CopyFrom(values[0])
        return
    value = strange_value(field, chance, marker)
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def strange_value(field: FieldDescriptor, chance: random.Random, marker: str) -> Any:
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        text = chance.choice((*STRANGE, marker))
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


def attacks(number: int) -> Iterator[tuple[MethodDescriptor, bytes]]:
    """What one of the callers sends: every rpc in turn, with its marker in some of the texts."""
    chance, marker = random.Random(number), MARKER.format(number)
    for _ in range(max(1, round(REQUESTS / len(METHODS) / CALLERS / 4))):
        for method in chance.sample(METHODS, len(METHODS)):
            yield method, chance.randbytes(40)
            yield method, b"\x0a\xff\xff\xff\xff\x0f"
            sent = strange(method.input_type, chance, marker).SerializeToString()
            yield method, sent
            place = chance.randrange(len(sent) + 1)
            yield method, sent[:place] + chance.randbytes(1) + sent[place + 1 :]


def send(caller: Caller, method: MethodDescriptor, sent: bytes) -> bytes:
    path = f"/{method.containing_service.full_name}/{method.name}"
    if method.client_streaming:
        return b"".join(caller.channel.stream_stream(path)(iter([sent]), timeout=STREAM_SECONDS))
    if method.server_streaming:
        return b"".join(caller.channel.unary_stream(path)(sent, timeout=STREAM_SECONDS))
    return bytes(caller.channel.unary_unary(path)(sent, timeout=30))


def attack(number: int, caller: Caller) -> list[object]:
    """What went wrong: failures of the server, and anything of another caller in an answer."""
    others = [MARKER.format(other) for other in range(CALLERS) if other != number]
    wrong: list[object] = []
    for method, sent in attacks(number):
        try:
            answer = send(caller, method, sent)
            # Everybody may see what everybody recorded; what came of a command is its caller's alone.
            said = repr(answer) if command_of(method.input_type) else ""
        except grpc.RpcError as error:
            said = f"{error.code()} {error.details()}"
            if error.code() not in OWN_WORDS:
                refused = refusal(error)
                said += repr(refused)
                if refused.status in FAILURES or not refused.sentence:
                    wrong.append((method.name, sent, refused))
        if any(marker in said for marker in others):
            wrong.append((method.name, sent, said))
        if caller("GetTicket", ticket_id=f"own-{number}").ticket_id != f"own-{number}":
            wrong.append((method.name, "another ticket"))
    return wrong


def test_nothing_that_arrives_makes_the_server_fail_or_tells_what_is_anothers(
    victim: Node, attackers: list[Caller], capfd: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        assert list(chain.from_iterable(pool.map(attack, range(CALLERS), attackers))) == []
    assert capfd.readouterr().out == ""
    assert attackers[0]("GetStatus").well
    assert victim.log.verify() == []
    assert victim.models.check_rebuild() == []

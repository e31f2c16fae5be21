"""The contract and the code agree, field by field."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from shutil import which
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet
from pydantic import AwareDatetime

from commands.command import Command
from commands.fields import Position
from crm.v1 import commands_pb2
from domain.event import snake_case
from infra.server.admission import required_fields
from infra.server.codes import OFFLINE, STATUSES
from infra.server.contract import CIRCUMSTANCES, bulk_commands, command_of, listed_field, resources, services
from infra.server.reference import behaviors, described, limits, page

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
KNOWN = ROOT / "tests/golden/contract.binpb"
REQUESTS = {method.input_type.name: method for service in services() for method in service.methods}
KINDS = {
    str: FieldDescriptor.CPPTYPE_STRING,
    int: FieldDescriptor.CPPTYPE_INT32,
    bool: FieldDescriptor.CPPTYPE_BOOL,
}
CIRCUMSTANCE_KINDS = {
    "occurred_at": "google.protobuf.Timestamp",
    "request_id": FieldDescriptor.CPPTYPE_STRING,
    "etag": FieldDescriptor.CPPTYPE_STRING,
    "validate_only": FieldDescriptor.CPPTYPE_BOOL,
    "correlation_id": FieldDescriptor.CPPTYPE_STRING,
    "causation_id": FieldDescriptor.CPPTYPE_STRING,
}
SQL_KINDS = {
    "VARCHAR": FieldDescriptor.CPPTYPE_STRING,
    "BIGINT": FieldDescriptor.CPPTYPE_INT64,
    "INTEGER": FieldDescriptor.CPPTYPE_INT32,
    "BOOLEAN": FieldDescriptor.CPPTYPE_BOOL,
    "TIMESTAMP WITH TIME ZONE": "google.protobuf.Timestamp",
}
LISTED = [
    (service, method, field)
    for service in services()
    for method in service.methods
    if (field := listed_field(method)) is not None and service.name not in ("ReportService", "ModelService")
]


def kind_of(hint: Any) -> tuple[bool, Any]:
    """Whether a command's field is repeated, and the kind of its values."""
    if hint == Position:
        return False, FieldDescriptor.CPPTYPE_INT64
    if get_origin(hint) is Annotated and AwareDatetime not in get_args(hint):
        return kind_of(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return kind_of(next(part for part in get_args(hint) if part is not type(None)))
    if get_origin(hint) is tuple:
        return True, kind_of(get_args(hint)[0])[1]
    if get_origin(hint) is Literal:
        return False, KINDS[str]
    return False, KINDS.get(hint, "google.protobuf.Timestamp")


def kind_in(field: FieldDescriptor) -> tuple[bool, Any]:
    return field.is_repeated, field.message_type.full_name if field.message_type else field.cpp_type


@pytest.mark.parametrize("kind", Command.by_name.values(), ids=lambda kind: kind.__name__)
def test_every_command_has_an_rpc_with_exactly_its_fields(kind: type[Command]) -> None:
    method = REQUESTS[f"{kind.__name__}Request"]
    assert method.name == kind.__name__
    assert method.output_type.full_name == "crm.v1.Outcome"
    assert method.containing_service.name == f"{kind.state.__name__}Service"
    hints = get_type_hints(kind, include_extras=True)
    expected = {name: kind_of(hints[name]) for name in kind.model_fields}
    expected |= {name: (False, CIRCUMSTANCE_KINDS[name]) for name in CIRCUMSTANCES}
    assert {field.name: kind_in(field) for field in method.input_type.fields} == expected
    assert all(field.has_presence for field in method.input_type.fields if not field.is_repeated)


def test_every_rpc_of_a_command_has_a_command() -> None:
    answered = {method.input_type for method in REQUESTS.values() if method.output_type.full_name == "crm.v1.Outcome"}
    assert {command_of(request) for request in answered} == set(Command.by_name.values())


def test_every_command_can_be_sent_in_bulk() -> None:
    arms = {field.name: kind for field, kind in bulk_commands(commands_pb2.Command.DESCRIPTOR)}
    assert arms == {snake_case(name): kind for name, kind in Command.by_name.items()}


def test_every_command_tells_which_of_its_fields_are_required_and_allowed() -> None:
    text = "\n".join(path.read_text("utf-8") for path in PROTO.rglob("*.proto"))
    for name, kind in Command.by_name.items():
        message = re.search(rf"^message {name}Request \{{\n(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
        assert message is not None
        for field, about in kind.model_fields.items():
            comment = re.search(rf"((?:  //[^\n]*\n)+)[^\n/]* {field} = \d+\b", message[1])
            assert comment is not None, f"{name}.{field} has no comment"
            said = " ".join(line.strip(" /") for line in comment[1].splitlines())
            required = about.is_required() and not (field == "id" and kind.creates)
            assert ("Required." in said) == required, f"{name}.{field}: {said}"
            for choice in choices(about.annotation):
                assert choice in said, f"{name}.{field} does not say that {choice} is allowed"


def choices(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return next((found for part in get_args(hint) if (found := choices(part))), ())


def test_every_shipped_model_has_messages_of_its_own(node: Any) -> None:
    assert sorted(field.name for _, _, field in LISTED) == sorted(node.models.names)


@pytest.mark.parametrize(("service", "method", "field"), LISTED, ids=[method.name for _, method, _ in LISTED])
def test_every_resource_has_exactly_the_columns_of_its_model(service: Any, method: Any, field: Any, node: Any) -> None:
    model = node.models.model(field.name)
    shown = {
        column.name: (column.type.endswith("[]"), SQL_KINDS[column.type.removesuffix("[]")]) for column in model.shown
    }
    key = [column.name for column in model.keys]
    if "version" in shown and "version" not in key:
        del shown["version"]
        shown["etag"] = (False, FieldDescriptor.CPPTYPE_STRING)
    resource = {each.name: kind_in(each) for each in field.message_type.fields}
    assert resource.pop("read_point") == (False, "crm.v1.ReadPoint")
    assert resource == shown
    assert all(each.has_presence for each in field.message_type.fields if not each.is_repeated)
    get = next(each for each in service.methods if each.output_type == field.message_type)
    assert get.name == f"Get{field.message_type.name}"
    assert [each.name for each in get.input_type.fields if each.number < 100] == key
    assert {each.name: kind_in(each) for each in get.input_type.fields if each.number < 100} == {
        name: shown[name] for name in key
    }
    assert resources(service)[field.message_type] == field.name


def test_personal_columns_say_so_in_the_contract(node: Any) -> None:
    for _, _, field in LISTED:
        file = PROTO / field.file.name
        message = re.search(rf"^message {field.message_type.name} \{{\n(.*?)^\}}", file.read_text("utf-8"), re.M | re.S)
        assert message is not None
        said = set(re.findall(r"// Personal:[^\n]*\n(?:  //[^\n]*\n)*  optional string (\w+) =", message[1]))
        assert said == node.models.model(field.name).personal


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    """The contract with its comments, as protoc reads it."""
    image = tmp_path_factory.mktemp("contract") / "contract.binpb"
    protoc("--include_imports", "--include_source_info", f"--descriptor_set_out={image}")
    return FileDescriptorSet.FromString(image.read_bytes())


def protoc(*options: str) -> None:
    protos = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    folders = ["-I.", f"-I{sysconfig.get_path('purelib')}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *folders, *options, *protos], cwd=PROTO, check=True)


def buf(*arguments: str, image: FileDescriptorSet, tmp_path: Path) -> tuple[int, str]:
    """What buf says of a contract, and its exit status."""
    found = which("buf", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        assert not os.environ.get("CI"), "buf is missing"
        pytest.skip("buf is not installed")
    file = tmp_path / "image.binpb"
    file.write_bytes(image.SerializeToString())
    command = [found, arguments[0], str(file), "--path", "crm", *arguments[1:]]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.slow
def test_generated_code_is_what_the_contract_says(tmp_path: Path) -> None:
    protoc(*(f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")))
    fresh = {path.relative_to(tmp_path): path.read_text("utf-8") for path in tmp_path.rglob("*.py*")}
    sources = [path for path in PROTO.rglob("*_pb2*.py*") if "__pycache__" not in path.parts]
    there = {path.relative_to(PROTO): path.read_text("utf-8") for path in sources}
    assert fresh.keys() == there.keys()
    assert [str(path) for path in fresh if fresh[path] != there[path]] == [], "run make proto"


@pytest.mark.slow
def test_everything_in_the_contract_is_documented(contract: FileDescriptorSet) -> None:
    things = described(contract)
    assert len(things) == len(list(PROTO.rglob("*.proto")))
    assert [each.name for found in things.values() for each in found if len(each.comment) < 5] == []


@pytest.mark.slow
def test_every_field_of_a_request_says_whether_it_is_required(contract: FileDescriptorSet) -> None:
    requests = set(REQUESTS) | {"Command"}
    seen = 0
    for each in (each for found in described(contract).values() for each in found):
        if each.name.partition(".")[0] in requests and isinstance(each.thing, FieldDescriptorProto):
            seen += 1
            is_alternative = each.thing.HasField("oneof_index") and not each.thing.proto3_optional
            says = ["REQUIRED"] if "Required." in each.comment else ["OPTIONAL"]
            assert behaviors(each.thing) == ([] if is_alternative else says), each.name
    assert seen > 500


def test_the_reference_says_how_much_a_field_takes(caller: Any) -> None:
    said = limits("CaptureLeadRequest")
    assert (said["name"], said["request_id"]) == ("At most 200 characters.", "At most 200 characters.")
    assert said["id"].startswith("At most 64 characters of A-Z")
    assert limits("EscalateTicketRequest")["level"] == "From 1 to 9."
    assert limits("GetLeadRequest") == {}
    caller("CaptureLead", id="x" * 64, name="x" * 200, request_id="x" * 200)
    refused = caller.refused("CaptureLead", id="x" * 65, name="x" * 201)
    assert refused.fields == ["id", "name"]
    assert caller.refused("CaptureLead", request_id="x" * 201).fields == ["request_id"]
    reference = (ROOT / "docs/reference.md").read_text("utf-8")
    assert "| `name` | string | Personal: the name. At most 200 characters. |" in reference


@pytest.mark.parametrize("method", REQUESTS.values(), ids=list(REQUESTS))
def test_what_is_required_is_refused_where_it_is_missing(method: Any, caller: Any) -> None:
    required = required_fields(method.input_type)
    if required:
        refused = caller.refused(method.name)
        assert (refused.code, sorted(refused.fields)) == ("INVALID_FIELD", sorted(required))


def test_names_and_types_are_those_of_the_aips() -> None:
    def has(message: Any, **fields: Any) -> bool:
        return all(kind_in(message.fields_by_name[name])[1] == kind for name, kind in fields.items())

    text, mask = FieldDescriptor.CPPTYPE_STRING, "google.protobuf.FieldMask"
    for service, method, field in LISTED:
        asked, answer = method.input_type, method.output_type
        page = {"filter": text, "order_by": text, "page_size": FieldDescriptor.CPPTYPE_INT32, "page_token": text}
        assert has(asked, **page, read_mask=mask)
        assert (answer.name, answer.fields[0]) == (f"{method.name}Response", field)
        assert has(answer, next_page_token=text)
        (get,) = (each for each in service.methods if each.name == f"Get{field.message_type.name}")
        assert get.output_type == field.message_type
        assert has(get.input_type, read_mask=mask)
    for method in REQUESTS.values():
        assert method.input_type.name == f"{method.name}Request"
        if method.output_type.full_name == "crm.v1.Outcome":
            assert has(method.input_type, request_id=text, validate_only=FieldDescriptor.CPPTYPE_BOOL, etag=text)


@pytest.mark.slow
def test_the_contract_is_clean_and_breaks_nobody(contract: FileDescriptorSet, tmp_path: Path) -> None:
    assert buf("lint", image=contract, tmp_path=tmp_path) == (0, "")
    assert buf("breaking", "--against", str(KNOWN), image=contract, tmp_path=tmp_path) == (0, "")


@pytest.mark.slow
def test_what_is_not_documented_or_breaks_somebody_is_noticed(contract: FileDescriptorSet, tmp_path: Path) -> None:
    altered = FileDescriptorSet()
    altered.CopyFrom(contract)
    (outcome,) = (file for file in altered.file if file.name == "crm/v1/outcome.proto")
    del outcome.message_type[0].field[1:2]
    for place in outcome.source_code_info.location:
        place.leading_comments = ""
    assert "non-empty comment" in buf("lint", image=altered, tmp_path=tmp_path)[1]
    status, said = buf("breaking", "--against", str(KNOWN), image=altered, tmp_path=tmp_path)
    assert status
    assert 'Previously present field "2"' in said


@pytest.mark.slow
def test_what_is_made_of_the_contract_is_up_to_date(contract: FileDescriptorSet) -> None:
    assert (ROOT / "docs/reference.md").read_text("utf-8") == page(contract), "run make proto"
    known = {file.name: file for file in FileDescriptorSet.FromString(KNOWN.read_bytes()).file}
    for file in contract.file:
        if file.package == "crm.v1":
            file.ClearField("source_code_info")
            assert known[file.name] == file, "run make proto, so that nobody takes away what was added"


def codes_in(source: str) -> set[str]:
    """The codes that a module refuses with; of a code made at run time, its end."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            place = {"Rejected": 0, "Unusable": 0, "Uncertain": 0, "Busy": 0, "require": 1}.get(str(name))
            if place is not None and len(node.args) > place:
                code = node.args[place]
                found |= {str(each.value) for each in ast.walk(code) if isinstance(each, ast.Constant)}
    return found


@pytest.mark.slow
def test_every_code_has_its_place_in_the_table_and_every_place_its_code() -> None:
    used: set[str] = set()
    for folder in ("domain", "commands", "infra"):
        for path in (ROOT / folder).rglob("*.py"):
            used |= codes_in(path.read_text("utf-8"))
    ends = {code for code in used if code.startswith("_")}
    tabled = [code for codes in (*STATUSES.values(), OFFLINE) for code in codes]
    assert len(tabled) == len(set(tabled)), "a code stands twice"
    assert used - ends - set(tabled) == set(), "codes without a status"
    unused = {code for code in set(tabled) - used if not code.endswith(tuple(ends))}
    assert unused == set(), "codes that nothing refuses with"

"""Who may call what: every rpc, with every role, with none and without a token, through a real port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from infra.models import Models
from infra.roles import Role
from infra.server import gate
from infra.server.contract import command_of, listed_field, resources, services
from infra.server.gate import require_complete
from infra.server.permissions import BESIDES, PERMISSIONS, TABLE, page, read
from tests.signing import Issuer

pytestmark = pytest.mark.slow

RPCS = {method.name: method for service in services() for method in service.methods}
ADMINS = {Role.ADMIN}
WRITERS = {Role.SERVICE, Role.AGENT, Role.ADMIN}
REFUSALS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
PAGE = Path(__file__).parents[2] / "docs" / "security.md"

ISSUER = Issuer()


@pytest.fixture(scope="module")
def guarded(serve_again: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that takes tokens."""
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "token.pub"
    keys.write_bytes(ISSUER.public)
    with serve_again(folder, token_keys=keys) as (address, _):
        yield address


@pytest.fixture
def with_roles(guarded: str, make_caller: Any) -> Any:
    """Makes a caller with a token that names roles."""
    return lambda *roles, **claims: make_caller(guarded, ISSUER.token(*roles, **claims))


def status(caller: Any, rpc: str) -> tuple[grpc.StatusCode, str, str]:
    """How an rpc that is sent nothing ends: the status, the code and the sentence."""
    try:
        caller(rpc)
    except grpc.RpcError as error:
        refused = caller.refusal(error)
        return refused.status, refused.code, refused.sentence
    return grpc.StatusCode.OK, "", ""


@pytest.mark.parametrize("rpc", sorted(RPCS))
def test_every_rpc_answers_those_roles_alone_that_the_table_names(with_roles: Any, rpc: str) -> None:
    allowed = PERMISSIONS[rpc].allowed
    for role in Role:
        ended, code, sentence = status(with_roles(role), rpc)
        if role in allowed:
            assert ended not in REFUSALS, (role, sentence)
        else:
            assert (ended, code) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
            assert sentence.startswith(f"{role} may not call {rpc}; ")
            assert all(each in sentence for each in allowed)


@pytest.mark.parametrize("rpc", sorted(RPCS))
def test_no_rpc_answers_without_a_token_or_without_a_role(
    guarded: str, make_caller: Any, with_roles: Any, rpc: str
) -> None:
    ended, code, sentence = status(make_caller(guarded), rpc)
    assert (ended, code) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")
    assert "authorization: Bearer TOKEN" in sentence
    for named in ((), ("boss", "ADMIN")):
        ended, code, _ = status(with_roles(*named), rpc)
        assert (ended, code) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")


def test_every_rpc_has_one_row_and_every_row_an_rpc() -> None:
    rows = [(row.service, row.name) for row in read(TABLE)]
    contract = [(method.containing_service.name, name) for name, method in RPCS.items()]
    assert sorted(rows) == sorted([*contract, *(("besides", name) for name in BESIDES)])


def test_no_server_starts_with_an_rpc_that_has_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    require_complete(services())
    monkeypatch.setattr(gate, "PERMISSIONS", {name: row for name, row in PERMISSIONS.items() if name != "GetLead"})
    with pytest.raises(ValueError, match="no row for GetLead under LeadService"):
        require_complete(services())


def test_who_may_command() -> None:
    for name, method in RPCS.items():
        if command_of(method.input_type) is not None:
            keeps = name.startswith("Publish") or name in ("ForgetCustomer", "ForgetLead")
            assert PERMISSIONS[name].allowed == (ADMINS if keeps else WRITERS), name
    assert PERMISSIONS["ExecuteCommands"].allowed == PERMISSIONS["occurred_at"].allowed == {Role.SERVICE, Role.ADMIN}
    assert PERMISSIONS["crm-actor"].allowed == {Role.SERVICE}


def test_who_sees_personal_values_is_said_wherever_there_are_any(node: Any) -> None:
    models: Models = node.models
    checked = set()
    for service in services():
        shown = resources(service)
        for method in service.methods:
            listed = listed_field(method)
            model = shown.get(method.output_type) if listed is None else listed.name
            if model in models.names:
                assert bool(PERMISSIONS[method.name].opened) == bool(models.model(model).personal), method.name
                checked.add(model)
    assert checked == set(models.names)
    opened = {name for name, row in PERMISSIONS.items() if row.opened}
    assert opened >= {"GetRecord", "ListRecords", "RunSql", "ReplayStream", "FindPeople", "DescribeSubject"}
    assert all(Role.ANALYST not in row.opened and Role.AUDITOR not in row.opened for row in PERMISSIONS.values())


def test_who_has_several_roles_may_what_any_of_them_may(with_roles: Any) -> None:
    caller = with_roles("analyst", "agent")
    opened = caller("OpenTicket", subject="late")
    assert caller("RunSql", sql="select 1")
    assert caller("GetTicket", ticket_id=opened.id, min_position=opened.position).subject == "late"


@pytest.mark.parametrize(
    "table",
    ["service agent\n", f"{' '.join(Role)}\nX\n  Y yes no yes yes yes\n", f"{' '.join(Role)}\nX\n  Y yes yes\n"],
)
def test_a_table_that_is_written_wrongly_is_not_read(table: str) -> None:
    with pytest.raises(ValueError, match=r"columns are|needs yes"):
        list(read(table))


def test_the_page_has_the_table() -> None:
    written = PAGE.read_text()
    assert written == page(written), "run make proto"
    assert all(written.count(f"\n| `{name}`") == 1 for name in PERMISSIONS)


# What is refused within a call that may be made.


def test_the_past_is_for_those_who_may_tell_it(with_roles: Any) -> None:
    long_ago = {"seconds": 1_700_000_000}
    refused = with_roles("agent").refused("OpenTicket", occurred_at=long_ago)
    assert (refused.code, refused.fields) == ("NOT_ALLOWED", ["occurred_at"])
    assert refused.sentence.endswith("service or admin may")
    for role in ("service", "admin"):
        caller = with_roles(role)
        assert (
            caller("ReplayStream", stream=caller("OpenTicket", occurred_at=long_ago).stream)[0].occurred_at.seconds
            == long_ago["seconds"]
        )


def test_in_bulk_every_command_needs_the_same_right_as_alone(with_roles: Any, node: Any) -> None:
    commands = [
        {"register_customer": {"id": "bulk"}},
        {"forget_customer": {"id": "bulk"}},
        {"publish_retention": {"id": "r", "prospect_days": 365}},
        {"open_ticket": {"occurred_at": {"seconds": 1_700_000_000}}},
    ]
    (answer,) = with_roles("service")("ExecuteCommands", commands=commands)
    assert [result.refusal.code for result in answer.results] == ["", "NOT_ALLOWED", "NOT_ALLOWED", ""]
    head = node.log.head.position
    (answer,) = with_roles("admin")("ExecuteCommands", commands=commands[1:3])
    assert [result.refusal.code for result in answer.results] == ["", ""]
    assert node.log.head.position == head + 2


def test_the_actor_is_whom_the_token_names(with_roles: Any) -> None:
    def actor(caller: Any, **claimed: str) -> tuple[str, str]:
        metadata = [("crm-actor", claimed["as_"])] if claimed else None
        made = caller("OpenTicket", metadata=metadata)
        (step,) = with_roles("admin")("ReplayStream", stream=made.stream)
        return step.actor, step.event.document

    assert actor(with_roles("agent", subject="kim"))[0] == "user:kim"
    who, document = actor(with_roles("service", subject="shop"))
    assert who == "service_account:shop"
    assert "authclaims" not in document
    who, document = actor(with_roles("service", subject="shop"), as_="ann")
    assert who == "service_account:shop"
    assert '"authid":"shop","authclaims":"{\\"on_behalf_of\\": \\"ann\\"}"' in document


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVICE])
def test_nobody_but_a_service_acts_for_somebody_else(with_roles: Any, role: Role) -> None:
    refused = with_roles(role).refused("GetStatus", metadata=[("crm-actor", "ann")])
    assert (refused.status, refused.code) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
    assert refused.fields == ["crm-actor"]
    assert refused.sentence.endswith("service may")


@pytest.mark.parametrize("name", ["user:ann", "system:x", "a b", "", "x" * 65, "ann@example.org"])
def test_for_whom_a_service_acts_is_a_bare_name(with_roles: Any, name: str) -> None:
    refused = with_roles("service").refused("OpenTicket", metadata=[("crm-actor", name)])
    assert (refused.code, refused.fields) == ("INVALID_FIELD", ["crm-actor"])


def test_a_service_acts_for_one_alone(with_roles: Any) -> None:
    refused = with_roles("service").refused("OpenTicket", metadata=[("crm-actor", "ann"), ("crm-actor", "bob")])
    assert (refused.code, refused.fields) == ("INVALID_FIELD", ["crm-actor"])

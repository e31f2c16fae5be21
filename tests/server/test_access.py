"""Who sees personal values opened, and that it is written down, through a real port."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from infra.log import Actor, utc_now
from infra.roles import Role
from infra.server.actor import Call, Caller
from infra.server.opening import AccessLog
from infra.server.permissions import PERMISSIONS
from tests.signing import Issuer

ISSUER = Issuer()
SEALED = "sealed:1:"
OPENS, SEES_SEALED = (Role.SERVICE, Role.AGENT, Role.ADMIN), (Role.ANALYST, Role.AUDITOR)


class Guarded:
    """A server that takes tokens, and its access log."""

    def __init__(self, address: str, folder: Path, make_caller: Any) -> None:
        self.folder = folder / "access"
        self._address = address
        self._make_caller = make_caller

    def caller(self, *roles: str, **claims: Any) -> Any:
        return self._make_caller(self._address, ISSUER.token(*roles, **claims))

    def lines(self) -> list[dict[str, Any]]:
        """All lines of the access log."""
        files = sorted(self.folder.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    def told(self, call: Callable[[], Any]) -> list[dict[str, Any]]:
        """The lines that a call adds, without their time."""
        before = len(self.lines())
        call()
        return [{name: value for name, value in line.items() if name != "time"} for line in self.lines()[before:]]


@pytest.fixture(scope="module")
def server(serve_again: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("guarded")
    keys = folder / "token.pub"
    keys.write_bytes(ISSUER.public)
    with serve_again(folder, token_keys=keys) as (address, _):
        yield address, folder


@pytest.fixture
def guarded(server: tuple[str, Path], make_caller: Any) -> Guarded:
    return Guarded(*server, make_caller)


@pytest.fixture(scope="module", autouse=True)
def position(caller: Any) -> int:
    """A lead that became a customer, and the customer's ticket."""
    caller("CaptureLead", id="a-1", name="Olga Orlow", email="olga@example.net", company="Engines")
    caller("ConvertLead", id="a-1", customer_id="a-1")
    caller("RegisterCustomer", id="a-2", name="Piet Prins")
    return int(caller("OpenTicket", id="a-1", customer_id="a-1", subject="late").position)


@pytest.mark.parametrize("role", Role)
def test_a_record_is_opened_for_those_who_may(guarded: Guarded, position: int, role: Role) -> None:
    caller = guarded.caller(role, subject="kim")
    got: list[Any] = []
    lines = guarded.told(lambda: got.append(caller("GetLead", lead_id="a-1", min_position=position)))
    lines += guarded.told(lambda: got.append(caller("GetRecord", model="leads", key={"lead_id": "a-1"})))
    names = (got[0].name, got[1].values.fields["name"].string_value)
    assert got[0].company == "Engines"
    if role in OPENS:
        assert names == ("Olga Orlow", "Olga Orlow")
        kind = "service_account" if role is Role.SERVICE else "user"
        who = {"caller": f"{kind}:kim", "streams": ["lead-a-1"]}
        assert lines == [who | {"rpc": "crm.v1.LeadService/GetLead"}, who | {"rpc": "crm.v1.ModelService/GetRecord"}]
    else:
        assert all(name.startswith(SEALED) for name in names)
        assert got[0].email.startswith(SEALED)
        assert lines == []


def test_a_list_tells_every_stream_that_it_opens(guarded: Guarded, position: int) -> None:
    service = guarded.caller("service", subject="shop")
    asked = {"filter": 'customer_id >= "a-1" AND customer_id <= "a-2"', "min_position": position}
    pages: list[Any] = []
    (line,) = guarded.told(lambda: pages.append(service("ListCustomers", metadata=[("crm-actor", "ann")], **asked)))
    assert [row.name for row in pages[0].customers] == ["Olga Orlow", "Piet Prins"]
    assert (line["caller"], line["on_behalf_of"]) == ("service_account:shop", "ann")
    assert line["streams"] == ["customer-a-2", "lead-a-1"], "what was copied is sealed with the key of its source"
    records = {"model": "customers", "page_size": 50, **asked}
    (line,) = guarded.told(lambda: service("ListRecords", **records))
    assert line["streams"] == ["customer-a-2", "lead-a-1"]
    assert guarded.told(lambda: service("ListCustomers", read_mask={"paths": ["status"]}, **asked)) == []
    for row in guarded.caller("auditor")("ListCustomers", **asked).customers:
        assert row.name.startswith(SEALED)


@pytest.mark.parametrize("role", Role)
def test_a_replay_is_opened_for_those_who_may(guarded: Guarded, role: Role) -> None:
    steps: list[Any] = []
    caller = guarded.caller(role)
    lines = guarded.told(lambda: steps.extend(caller("ReplayStream", stream="lead-a-1")))
    texts = [step.data.fields["name"].string_value for step in steps if "name" in step.data.fields]
    states = [step.after.fields["name"].string_value for step in steps]
    assert [text.startswith(SEALED) for text in texts + states] == [role in SEES_SEALED] * len(texts + states)
    assert [line["streams"] for line in lines] == ([] if role in SEES_SEALED else [["lead-a-1"]])


def test_sql_opens_for_those_who_may_and_ask(guarded: Guarded, position: int) -> None:
    sql = "select name from customers where customer_id like 'a-_' order by customer_id"
    asked: dict[str, Any] = {"sql": sql, "min_position": position}

    def names(role: str, **given: Any) -> list[str]:
        chunks = guarded.caller(role)("RunSql", **asked, **given)
        return [row.values[0].string_value for chunk in chunks for row in chunk.chunk.rows]

    assert guarded.told(lambda: names("admin")) == []
    assert all(name.startswith(SEALED) for role in ("analyst", "auditor", "admin") for name in names(role))
    assert names("admin", open_personal=True) == ["Olga Orlow", "Piet Prins"]
    (line,) = guarded.told(lambda: names("admin", open_personal=True))
    assert line["streams"] == ["customer-a-2", "lead-a-1"]
    refused = guarded.caller("analyst").refused("RunSql", **asked, open_personal=True)
    assert (refused.status, refused.code) == (grpc.StatusCode.PERMISSION_DENIED, "NOT_ALLOWED")
    assert (refused.fields, refused.sentence.endswith("admin may open them")) == (["open_personal"], True)


def test_finding_and_describing_people_is_told(guarded: Guarded) -> None:
    agent, admin = guarded.caller("agent"), guarded.caller("admin")
    (line,) = guarded.told(lambda: agent("FindPeople", email="olga@example.net"))
    assert line["streams"] == ["customer-a-1", "lead-a-1"]
    assert guarded.told(lambda: agent("FindPeople", email="nobody@example.net")) == []
    (line,) = guarded.told(lambda: admin("DescribeSubject", customer_id="a-1"))
    assert line["streams"] == ["customer-a-1", "lead-a-1", "ticket-a-1"]


def test_events_and_reports_hold_nothing_opened(guarded: Guarded) -> None:
    service = guarded.caller("service")
    told: list[Any] = []
    assert guarded.told(lambda: told.extend(service("ReadEvents", stream="lead-a-1"))) == []
    assert "Olga" not in str(told)
    assert SEALED in str(told)


def test_what_a_forgotten_person_had_is_opened_by_nobody(guarded: Guarded) -> None:
    admin = guarded.caller("admin")
    made = admin("RegisterCustomer", name="Quinn")
    done = admin("ForgetCustomer", id=made.id)
    asked = {"customer_id": made.id, "min_position": done.position}
    assert guarded.told(lambda: MessageToDict(admin("GetCustomer", **asked))) == []
    assert not admin("GetCustomer", **asked).HasField("name")


def test_the_access_log_holds_nothing_personal_and_is_for_its_owner(guarded: Guarded) -> None:
    guarded.caller("agent")("GetLead", lead_id="a-1")
    content = "".join(file.read_text() for file in guarded.folder.iterdir())
    assert "Olga" not in content
    assert "example.net" not in content
    assert stat.S_IMODE(guarded.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in guarded.folder.iterdir()} == {0o600}
    assert datetime.fromisoformat(guarded.lines()[-1]["time"]) <= utc_now()


def test_callers_without_tokens_are_told_as_well(node: Any, caller: Any, local_caller: Any) -> None:
    caller("GetLead", lead_id="a-1", metadata=[("crm-actor", "shop")])
    local_caller("GetLead", lead_id="a-1", metadata=[("crm-actor", "user:ann")])
    lines = [json.loads(line) for file in sorted(node.settings.access.iterdir()) for line in file.open()]
    assert [line["caller"] for line in lines[-2:]] == ["unauthenticated:shop", "user:ann"]


# The file.


ASKED = Call("crm.v1.LeadService/GetLead", Caller(Actor("user", "kim"), frozenset()), PERMISSIONS["GetLead"])


def test_nothing_is_opened_that_cannot_be_written_down(serve_again: Any, make_caller: Any, tmp_path: Path) -> None:
    tmp_path.joinpath("access").write_text("in the way")
    with serve_again(tmp_path) as (address, _):
        caller = make_caller(address)
        refused = caller.refused("GetLead", lead_id="a-1")
        assert (refused.status, refused.code) == (grpc.StatusCode.UNAVAILABLE, "ACCESS_NOT_LOGGED")
        assert "RetryInfo" in refused.details
        assert caller("GetLead", lead_id="a-1", read_mask={"paths": ["company"]}).company == "Engines"
        tmp_path.joinpath("access").unlink()
        assert caller("GetLead", lead_id="a-1").name == "Olga Orlow"


def test_a_line_that_a_kill_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    log = AccessLog(tmp_path)
    log.tell(ASKED, {"lead-1"})
    log.close()
    (file,) = tmp_path.iterdir()
    with file.open("a") as torn:
        torn.write('{"time":"20')
    log = AccessLog(tmp_path)
    log.tell(ASKED, {"lead-2"})
    log.close()
    first, broken, last = file.read_text().splitlines()
    assert (json.loads(first)["streams"], broken, json.loads(last)["streams"]) == (
        ["lead-1"],
        '{"time":"20',
        ["lead-2"],
    )


FULL = """
import os, resource, signal, sys
from pathlib import Path

from commands.rejected import Rejected
from infra.server.opening import AccessLog
from tests.server.test_access import ASKED

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder = Path(sys.argv[1])
log = AccessLog(folder)
log.tell(ASKED, {"lead-1"})
(file,) = folder.iterdir()
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 20, unlimited[1]))
try:
    log.tell(ASKED, {"lead-2"})
except Rejected as refused:
    print(refused.code)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
log.tell(ASKED, {"lead-3"})
"""


@pytest.mark.slow
def test_a_line_for_which_there_is_no_room_is_not_half_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "ACCESS_NOT_LOGGED\n", done.stderr
    (file,) = tmp_path.iterdir()
    assert [json.loads(line)["streams"] for line in file.open()] == [["lead-1"], ["lead-3"]]


def test_every_month_has_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AccessLog(tmp_path)
    for month in (1, 2, 2):
        monkeypatch.setattr("infra.server.opening.utc_now", lambda month=month: utc_now().replace(2030, month, 3))
        log.tell(ASKED, {"lead-1"})
    log.close()
    assert {file.name: len(file.read_text().splitlines()) for file in tmp_path.iterdir()} == {
        "2030-01.jsonl": 1,
        "2030-02.jsonl": 2,
    }

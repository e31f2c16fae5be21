"""Tokens, TLS and the access log at the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from tests.authority import Authority
from tests.signing import Issuer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("source")]  # the command runs beside mapping and leads

Crm = Callable[..., Any]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def key(tmp_path: Path, issuer: Issuer) -> Path:
    """The private key; the public one lies beside it."""
    file = tmp_path / "token.key"
    file.write_bytes(issuer.private)
    file.with_suffix(".pub").write_bytes(issuer.public)
    return file


@pytest.fixture
def serving(process: Any, monkeypatch: pytest.MonkeyPatch, key: Path) -> Callable[..., str]:
    """Starts a server that takes tokens; its address."""

    def serve(data: Path, **settings: Any) -> str:
        with monkeypatch.context() as patched:
            for name, value in {"CRM_TOKEN_KEYS": key.with_suffix(".pub"), **settings}.items():
                patched.setenv(name, str(value))
            server = process("serve", "--listen", "127.0.0.1:0", "--data", data)
            address: str = server.line()
        assert address.startswith("127.0.0.1:")
        return address

    return serve


@pytest.fixture
def made(crm: Crm, key: Path) -> Callable[..., str]:
    """A token for a name and roles."""

    def make(subject: str, *roles: str) -> str:
        ended = crm("token", subject, "--key", key, *(part for role in roles for part in ("--role", role)))
        assert ended.status == 0, ended.err
        return str(ended.out).strip()

    return make


def test_a_token_says_what_was_asked_for(crm: Crm, key: Path, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN_AUDIENCE", "annals")
    monkeypatch.setenv("CRM_TOKEN_ISSUER", "us")
    monkeypatch.setenv("CRM_TOKEN_ROLES", "groups")
    ended = crm("token", "kim", "--role", "agent", "--role", "analyst", "--key", key, "--hours", "2")
    said = jwt.decode(ended.out.strip(), issuer.key.public_key(), ["EdDSA"], audience="annals", issuer="us")
    assert (said["sub"], said["groups"], said["exp"] - said["iat"]) == ("kim", ["agent", "analyst"], 7200)


@pytest.mark.parametrize(
    ("subject", "content", "code"),
    [
        ("kim@example.org", None, "INVALID_SUBJECT"),
        ("kim", b"nonsense", "KEY_UNUSABLE"),
        ("kim", "public", "KEY_UNUSABLE"),
        ("kim", "missing", "KEY_UNUSABLE"),
    ],
)
def test_what_no_token_is_made_of(crm: Crm, key: Path, issuer: Issuer, subject: str, content: Any, code: str) -> None:
    if content == "missing":
        key.unlink()
    elif content is not None:
        key.write_bytes(issuer.public if content == "public" else content)
    ended = crm("token", subject, "--role", "agent", "--key", key)
    assert (ended.status, ended.out) == (1, "")
    assert f"error: {code}: " in ended.err


def test_the_command_acts_as_its_token_says(
    crm: Crm, company: Path, serving: Any, made: Any, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SERVER", serving(company))
    elsewhere = ("--data", tmp_path / "nothing")

    def as_(*roles: str) -> None:
        monkeypatch.setenv("CRM_TOKEN", made("kim", *roles))

    refused = crm("status", *elsewhere)
    assert (refused.status, "error: TOKEN_MISSING: " in refused.err) == (1, True)

    as_("analyst")
    asked = crm("sql", "select name from leads where lead_id = '1'", "--format", "json", *elsewhere)
    assert "sealed:1:" in asked.out
    refused = crm("sql", "select 1", "--open", *elsewhere)
    assert (refused.status, "error: NOT_ALLOWED: personal values stay sealed for analyst" in refused.err) == (1, True)
    for arguments in (["rebuild"], ["forget", "c1"], ["subject", "c1"], ["find", "--name", "Ada"], ["snapshot"]):
        refused = crm(*arguments, *elsewhere)
        assert (refused.status, refused.out) == (1, "")
        assert "error: NOT_ALLOWED: analyst may not call " in refused.err

    as_("agent")
    assert "lead-1" in crm("find", "--name", "Ada", *elsewhere).out
    refused = crm("import", "leads.sql", "leads.csv", *elsewhere)
    assert "error: NOT_ALLOWED: agent may not call ExecuteCommands" in refused.err

    monkeypatch.delenv("CRM_TOKEN")
    monkeypatch.setenv("CRM_TOKEN_FILE", str(tmp_path / "token"))
    assert "INVALID_SETTING" in crm("status", *elsewhere).err
    tmp_path.joinpath("token").write_text(made("robot", "service") + "\n")
    tmp_path.joinpath("more.csv").write_text("lead,name,source,captured,converted,score\n5,Eva,social,2024-04-01,,\n")
    ended = crm("import", "leads.sql", "more.csv", *elsewhere)
    assert "1 changed something" in ended.err, ended.err
    told = crm("replay", "lead-5", *elsewhere)
    assert "by service_account:robot" in told.out
    assert "Eva" in told.out
    assert crm("verify", *elsewhere).status == 1
    tmp_path.joinpath("token").write_text(made("ann", "auditor"))
    assert crm("verify", *elsewhere).status == 0
    assert "Eva" not in crm("replay", "lead-5", *elsewhere).out

    rows = json.loads(crm("access", "--data", company, "--stream", "lead-5", "--format", "json").out)["rows"]
    assert [(row["caller"], row["rpc"], row["streams"]) for row in rows] == [
        ("service_account:robot", "crm.v1.LogService/ReplayStream", ["lead-5"])
    ]
    everybody = crm("access", "--data", company, "--format", "csv").out
    assert "user:kim" in everybody
    assert "Eva" not in everybody
    only = crm("access", "--data", company, "--caller", "user:kim", "--format", "csv").out
    assert "robot" not in only


def test_the_owner_of_the_directory_needs_no_token(
    crm: Crm, company: Path, serving: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a server and without one, whatever the environment says of tokens."""
    monkeypatch.setenv("CRM_TOKEN", "not.for.here")
    sql = ("sql", "select name from leads where lead_id = '1'", "--open", "--format", "csv", "--data", company)
    assert "Ada Abel" in crm(*sql).out
    serving(company)
    assert "Ada Abel" in crm(*sql).out


def test_a_schedule_needs_no_token(company: Path, serving: Any) -> None:
    serving(company, CRM_SNAPSHOT_HOURS="1")
    manifests = company / "snapshots" / "latest.json"
    wait_for(manifests.exists)


def wait_for(so: Callable[[], bool]) -> None:
    from time import monotonic, sleep

    until = monotonic() + 60
    while not so():
        assert monotonic() < until, "it never came to be"
        sleep(0.05)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_the_command_speaks_tls_and_shows_its_certificate(
    crm: Crm, company: Path, serving: Any, made: Any, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, kim = authority.pair("server"), authority.pair("kim")
    address = serving(
        company,
        CRM_TLS_CERTIFICATE=server.certificate,
        CRM_TLS_KEY=server.key,
        CRM_TLS_CLIENT_CA=authority.certificate,
    )
    monkeypatch.setenv("CRM_SERVER", address)
    monkeypatch.setenv("CRM_TOKEN", made("kim", "auditor"))
    monkeypatch.setenv("CRM_CA", str(authority.certificate))
    refused = crm("status")
    assert refused.status == 3, "without a certificate there is no connection"
    monkeypatch.setenv("CRM_CERTIFICATE", str(kim.certificate))
    refused = crm("status")
    assert (refused.status, "INVALID_SETTING" in refused.err) == (1, True)
    monkeypatch.setenv("CRM_CERTIFICATE_KEY", str(kim.key))
    assert crm("status").status == 0
    monkeypatch.setenv("CRM_CA", "nowhere.pem")
    assert "error: INVALID_SETTING: CRM_CA: nowhere.pem cannot be read" in crm("status").err


def test_other_machines_are_not_answered_without_tokens_and_tls(
    crm: Crm, company: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = crm("serve", "--listen", "0.0.0.0:0", "--data", company)
    assert (refused.status, "error: ADDRESS_NOT_LOCAL: 0.0.0.0:0 is not this machine alone" in refused.err) == (1, True)
    monkeypatch.setenv("CRM_TOKEN_KEYS", str(key.with_suffix(".pub")))
    refused = crm("serve", "--listen", "0.0.0.0:0", "--data", company)
    assert (refused.status, "error: ADDRESS_NEEDS_TLS: 0.0.0.0:0 is not this" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"CRM_TLS_KEY": "x"}, "go together"),
        ({"CRM_TLS_CLIENT_CA": "x"}, "needs CRM_TLS_CERTIFICATE"),
        ({"CRM_CERTIFICATE": "x"}, "go together"),
        ({"CRM_TOKEN": "x", "CRM_TOKEN_FILE": "y"}, "exclude each other"),
        ({"CRM_TOKEN_KEYS": "http://example.org/jwks"}, "must be an https address"),
        ({"CRM_SERVER": "127.0.0.1:1", "CRM_TOKEN": "two words"}, "there is no token"),
    ],
)
def test_settings_that_do_not_fit(
    crm: Crm, company: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], said: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    ended = crm("status", "--data", company)
    assert ended.status in (1, 4)
    assert "error: INVALID_SETTING: " in ended.err
    assert said in ended.err


def test_a_line_that_was_cut_off_is_told(crm: Crm, company: Path) -> None:
    folder = company / "access"
    folder.mkdir()
    folder.joinpath("2026-01.jsonl").write_text('{"time":"2026-01-02T03:04:05Z","caller":"user:ann","str\n')
    ended = crm("access", "--data", company)
    assert (ended.status, "2026-01.jsonl, line 1, was cut off" in ended.err) == (0, True)

"""TLS and mTLS, with a small authority of our own, and on which addresses a server answers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from commands.rejected import Rejected
from infra.server import Server
from tests.authority import Authority, Pair
from tests.signing import Issuer

ISSUER = Issuer()
Make = Callable[..., Any]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def token_keys(tmp_path: Path) -> Path:
    file = tmp_path / "token.pub"
    file.write_bytes(ISSUER.public)
    return file


@pytest.fixture
def over_tls(make_caller: Any) -> Callable[..., Any]:
    """A caller that knows the server by an authority, and perhaps shows a certificate."""

    def make(address: str, authority: Authority, shown: Pair | None = None, token: str | None = None) -> Any:
        credentials = grpc.ssl_channel_credentials(
            authority.certificate.read_bytes(),
            shown and shown.key.read_bytes(),
            shown and shown.certificate.read_bytes(),
        )
        return make_caller(address, token or ISSUER.token("admin"), credentials)

    return make


def unreachable(caller: Any) -> bool:
    with pytest.raises(grpc.RpcError) as error:
        caller("GetStatus")
    return bool(error.value.code() is grpc.StatusCode.UNAVAILABLE)


def settings(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"tls_certificate": pair.certificate, "tls_key": pair.key, **more}


def test_callers_know_the_server_by_its_authority(
    serve_again: Any, make_caller: Any, over_tls: Make, authority: Authority, token_keys: Path, tmp_path: Path
) -> None:
    given = settings(authority.pair("server"), token_keys=token_keys)
    with serve_again(tmp_path, **given) as (address, socket):
        assert over_tls(address, authority)("GetStatus").well
        assert unreachable(over_tls(address, Authority(tmp_path, "stranger")))
        assert unreachable(make_caller(address, ISSUER.token("admin"))), "nothing is said in clear"
        assert over_tls(address, authority, token=ISSUER.token()).refused("GetStatus").code == "NOT_ALLOWED"
        assert make_caller(socket)("GetStatus").well, "the socket needs no TLS"


def test_the_server_knows_callers_by_theirs(
    serve_again: Any, over_tls: Make, authority: Authority, token_keys: Path, tmp_path: Path
) -> None:
    callers = Authority(tmp_path, "callers")
    given = settings(authority.pair("server"), tls_client_ca=callers.certificate, token_keys=token_keys)
    with serve_again(tmp_path, **given) as (address, _):
        assert over_tls(address, authority, callers.pair("shop"))("GetStatus").well
        assert unreachable(over_tls(address, authority))
        assert unreachable(over_tls(address, authority, authority.pair("other")))
        nobody = over_tls(address, authority, callers.pair("known"), token="x")
        assert nobody.refused("GetStatus").code == "TOKEN_INVALID", "a certificate is no token"


def test_tls_without_tokens_stays_on_this_machine(
    serve_again: Any, make_caller: Any, authority: Authority, tmp_path: Path
) -> None:
    with serve_again(tmp_path, **settings(authority.pair("server"))) as (address, _):
        credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        assert make_caller(address, None, credentials)("GetStatus").well


def test_a_certificate_is_renewed_without_a_restart(
    serve_again: Any, over_tls: Make, authority: Authority, token_keys: Path, tmp_path: Path
) -> None:
    pair = authority.pair("server")
    with serve_again(tmp_path, **settings(pair, token_keys=token_keys)) as (address, _):
        assert over_tls(address, authority)("GetStatus").well
        later = Authority(tmp_path, "later")
        new = later.pair("renewed")
        shutil.move(new.certificate, pair.certificate)
        assert over_tls(address, authority, authority.pair("x"))("GetStatus").well, "half of it is not taken"
        shutil.move(new.key, pair.key)
        assert over_tls(address, later)("GetStatus").well
        assert unreachable(over_tls(address, authority, authority.pair("y")))


def test_beyond_this_machine_a_server_needs_tokens_and_tls(
    node: Any, over_tls: Make, authority: Authority, token_keys: Path, tmp_path: Path
) -> None:
    pair = authority.pair("server")

    def refused(**given: Any) -> Rejected:
        own = node.settings.model_copy(update={"data": tmp_path, **given})
        with pytest.raises(Rejected) as refused:
            Server(log=node.log, models=node.models, keys=node.keys, settings=own).start("0.0.0.0:0")
        return refused.value

    keys = str(token_keys)
    for given in ({}, settings(pair)):
        assert refused(**given).code == "ADDRESS_NOT_LOCAL"
        assert "CRM_TOKEN_KEYS" in refused(**given).sentence
    assert refused(token_keys=keys).code == "ADDRESS_NEEDS_TLS"
    assert "CRM_TLS_CERTIFICATE" in refused(token_keys=keys).sentence

    own = node.settings.model_copy(update={"data": tmp_path, "token_keys": keys, **settings(pair)})
    server = Server(log=node.log, models=node.models, keys=node.keys, settings=own)
    port = server.start("0.0.0.0:0").rpartition(":")[2]
    assert over_tls(f"127.0.0.1:{port}", authority)("GetStatus").well
    server.stop(5)


ODD_CURVE = b"""\
-----BEGIN PRIVATE KEY-----
MGQCAQAwFAYHKoZIzj0CAQYJKyQDAwIIAQEBBEkwRwIBAQQUU0R6xvOTyCJW7bER
C5Rs1NmkqX6hLAMqAASQn+PhK40WydLGB0IrOYyZa7Zv4VyoLveXL/O+y3INLwhX
zpN/WkPn
-----END PRIVATE KEY-----
"""
"""A key on brainpoolP160r1, made for this test, of which nobody here can make anything."""


def test_a_server_does_not_start_with_certificates_that_are_none(
    serve_again: Any, authority: Authority, tmp_path: Path
) -> None:
    pair, other = authority.pair("server"), authority.pair("other")
    empty = tmp_path / "empty"
    empty.touch()
    odd = tmp_path / "odd"
    odd.write_bytes(ODD_CURVE)
    wrong: list[tuple[dict[str, Any], str, str]] = [
        (settings(Pair(tmp_path / "none", pair.key)), "CRM_TLS_CERTIFICATE", "cannot be read"),
        (settings(Pair(empty, pair.key)), "CRM_TLS_CERTIFICATE", "no certificate"),
        (settings(Pair(pair.certificate, empty)), "CRM_TLS_KEY", "no private key"),
        (settings(Pair(pair.certificate, odd)), "CRM_TLS_KEY", "no private key"),
        (settings(Pair(pair.certificate, other.key)), "CRM_TLS_KEY", "not that of the first certificate"),
        (settings(pair, tls_client_ca=empty), "CRM_TLS_CLIENT_CA", "no certificate"),
    ]
    for given, setting, said in wrong:
        with pytest.raises(Rejected) as refused, serve_again(tmp_path, **given):
            pass
        assert (refused.value.code, refused.value.field) == ("INVALID_SETTING", setting)
        assert said in refused.value.sentence

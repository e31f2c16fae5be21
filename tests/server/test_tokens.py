"""Which tokens are believed, through a real port."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import time
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from commands.rejected import Rejected
from commands.ticket import OpenTicket
from infra.log import Actor, Request
from infra.server import actor, tokens
from infra.server.tokens import PublicKeys, Tokens, named_roles, require_safe
from tests.server.conftest import refusal as refusal_of
from tests.signing import Issuer, jwks

EDDSA, RS256, STRANGER = Issuer(), Issuer("RS256"), Issuer()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two public keys."""
    file = tmp_path_factory.mktemp("keys") / "token.pub"
    file.write_bytes(EDDSA.public + RS256.public)
    return file


@pytest.fixture(scope="module")
def addresses(serve_again: Any, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("data")
    with serve_again(folder, token_keys=keys, token_issuer="https://id.example.org", token_skew=60.0) as found:
        yield found


@pytest.fixture
def call(addresses: tuple[str, str], make_caller: Any) -> Callable[[str], Any]:
    """A caller with a token."""
    return lambda token: make_caller(addresses[0], token)


def token(issuer: Issuer = EDDSA, *roles: str, **claims: Any) -> str:
    return issuer.token(*(roles or ("agent",)), **{"iss": "https://id.example.org", **claims})


@pytest.mark.parametrize("issuer", [EDDSA, RS256], ids=["EdDSA", "RS256"])
def test_a_token_of_either_kind_is_believed(call: Any, issuer: Issuer) -> None:
    made = call(token(issuer, subject="auth0|7f3a"))("OpenTicket")
    (step,) = call(token(issuer))("ReplayStream", stream=made.stream)
    assert step.actor == "user:auth0|7f3a"


@pytest.mark.parametrize(
    "make",
    [
        lambda: token(lasts=-1),
        lambda: token(nbf=int(time()) + 20),
        lambda: token(aud=["other", "crm"]),
        lambda: token(roles="openid agent"),
        lambda: token(iat=1),
        lambda: token(exp=10**400),
    ],
)
def test_what_is_believed_as_well(call: Any, make: Callable[[], str]) -> None:
    call(make())("GetStatus")


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"x" * 64) -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


GOOD = {"sub": "kim", "aud": "crm", "iss": "https://id.example.org", "exp": int(time()) + 3600, "roles": ["admin"]}


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda: token(lasts=-120), "TOKEN_EXPIRED", "get a new one"),
        (lambda: token(nbf=int(time()) + 600), "TOKEN_INVALID", "not valid yet"),
        (lambda: token(aud="other"), "TOKEN_INVALID", "audience (aud) must be crm"),
        (lambda: token(aud=None), "TOKEN_INVALID", "no aud"),
        (lambda: token(iss="https://elsewhere"), "TOKEN_INVALID", "issuer (iss) must be https://id.example.org"),
        (lambda: token(iss=None), "TOKEN_INVALID", "no iss"),
        (lambda: token(exp=None), "TOKEN_INVALID", "no exp"),
        (lambda: token(exp="soon"), "TOKEN_INVALID", "no JSON Web Token"),
        (lambda: token(subject=None), "TOKEN_INVALID", "no sub"),
        (lambda: token(subject="kim@example.org"), "TOKEN_INVALID", "never an e-mail address"),
        (lambda: token(subject="x" * 129), "TOKEN_INVALID", "1 to 128"),
        (lambda: token(subject=""), "TOKEN_INVALID", "1 to 128"),
        (lambda: token(subject=7), "TOKEN_INVALID", "no JSON Web Token"),
        (lambda: token(STRANGER), "TOKEN_INVALID", "signature is wrong"),
        (lambda: forged({"alg": "none"}, GOOD, b""), "TOKEN_INVALID", "RS256 or EdDSA"),
        (lambda: forged({"alg": "EdDSA"}, GOOD), "TOKEN_INVALID", "signature is wrong"),
        (lambda: forged({"alg": ["EdDSA"]}, GOOD), "TOKEN_INVALID", "RS256 or EdDSA"),
        (lambda: jwt.encode(GOOD, RS256.key, "RS512"), "TOKEN_INVALID", "RS256 or EdDSA"),
        (lambda: jwt.encode(GOOD, RS256.key, "PS256"), "TOKEN_INVALID", "RS256 or EdDSA"),
        (lambda: jwt.encode(GOOD, ec.generate_private_key(ec.SECP256R1()), "ES256"), "TOKEN_INVALID", "RS256 or EdDSA"),
        (lambda: jwt.encode(GOOD, ed448.Ed448PrivateKey.generate(), "EdDSA"), "TOKEN_INVALID", "signature is wrong"),
        (
            lambda: jwt.encode(GOOD, "a public key is no secret, so it signs nothing"),
            "TOKEN_INVALID",
            "RS256",
        ),
        (lambda: "nonsense", "TOKEN_INVALID", "no JSON Web Token"),
        (lambda: "", "TOKEN_INVALID", "no JSON Web Token"),
        (lambda: "a.b.c", "TOKEN_INVALID", "no JSON Web Token"),
        (lambda: f"{urlsafe_b64encode(b'[' * 4000).decode()}.e30.x", "TOKEN_INVALID", "no JSON Web Token"),
        (lambda: token()[:-8], "TOKEN_INVALID", ""),
    ],
)
def test_what_is_not_believed(call: Any, make: Callable[[], str], code: str, said: str) -> None:
    refused = call(make()).refused("GetStatus")
    assert (refused.status, refused.code) == (grpc.StatusCode.UNAUTHENTICATED, code)
    assert said in refused.sentence


@pytest.mark.parametrize("authorization", [["Basic a2ltOnNlY3JldA=="], ["Bearer"], ["token"], ["Bearer a", "Bearer b"]])
def test_other_authorizations_are_refused(addresses: tuple[str, str], make_caller: Any, authorization: Any) -> None:
    metadata = [("authorization", value) for value in authorization]
    refused = make_caller(addresses[0]).refused("GetStatus", metadata=metadata)
    assert (refused.status, refused.code) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


def test_the_scheme_is_written_as_one_likes(addresses: tuple[str, str], make_caller: Any) -> None:
    make_caller(addresses[0])("GetStatus", metadata=[("authorization", f"bearer {token()}")])


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock by which tokens expire."""
    return lambda seconds: monkeypatch.setattr(actor, "time", lambda: time() + seconds)


def test_a_token_is_refused_once_it_has_expired_though_it_was_believed(keys: Path, later: Any) -> None:
    believed = Tokens(PublicKeys(str(keys)), audience="crm", issuer=None, roles="roles", skew=5)
    sent = token(lasts=3600)
    assert believed.caller(sent) is believed.caller(sent), "it is not checked twice"
    later(3600)
    believed.caller(sent)
    later(3606)
    with pytest.raises(Rejected) as refused:
        believed.caller(sent)
    assert refused.value.code == "TOKEN_EXPIRED"


def test_a_stream_ends_when_the_token_expires(call: Any, node: Any, later: Any) -> None:
    follower = call(token(EDDSA, "auditor"))
    following = follower.request("ReadEvents", follow=True, after_position=node.log.head.position)
    answers = follower.streaming("ReadEvents", following, timeout=60)
    next(answers)
    bulk = call(token(EDDSA, "service"))
    sent: SimpleQueue[Any] = SimpleQueue()
    done = bulk.streaming("ExecuteCommands", iter(sent.get, None), timeout=60)
    sent.put(bulk.request("ExecuteCommands", commands=[{"open_ticket": {}}]))
    assert next(done).results[0].outcome.position == next(answers).position
    later(4000)
    head = node.log.head.position
    sent.put(bulk.request("ExecuteCommands", commands=[{"open_ticket": {}}]))
    assert ended(done) == "TOKEN_EXPIRED"
    sent.put(None)
    after = node.log.execute(Request(OpenTicket(id="after-expiry"), Actor("user", "ann")))
    assert after.position == head + 1, "what was sent with an expired token did not happen"
    assert ended(answers) == "TOKEN_EXPIRED"


def ended(call: Any) -> str:
    """The code with which a stream ends that has nothing more to tell."""
    with pytest.raises(grpc.RpcError) as error:
        next(call)
    return str(refusal_of(error.value).code)


def test_no_more_tokens_are_remembered_than_allowed(keys: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 3)
    believed = Tokens(PublicKeys(str(keys)), audience="crm", issuer=None, roles="roles", skew=0)
    for number in range(10):
        assert believed.caller(token(subject=f"kim-{number}")).actor.id == f"kim-{number}"
    assert len(believed._known) <= 3


@pytest.mark.parametrize(
    ("claims", "name", "roles"),
    [
        ({"roles": ["agent", 7, None]}, "roles", ["agent"]),
        ({"https://example.org/roles": ["admin"]}, "https://example.org/roles", ["admin"]),
        ({"realm_access": {"roles": ["agent", "offline_access"]}}, "realm_access.roles", ["agent", "offline_access"]),
        ({"realm_access": "agent"}, "realm_access.roles", []),
        ({"roles": {"agent": True}}, "roles", []),
        ({}, "roles", []),
    ],
)
def test_where_roles_stand(claims: dict[str, Any], name: str, roles: list[str]) -> None:
    assert list(named_roles(claims, name)) == roles


# Where the keys come from.


class Published:
    """A JWKS at an address on this machine."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.breaks_off = False
        self.redirects_to: str | None = None
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                if outer.redirects_to is not None:
                    self.send_response(302)
                    self.send_header("Location", outer.redirects_to)
                    self.end_headers()
                    return
                if outer.breaks_off:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{")
                    return
                self.send_response(503 if outer.content is None else 200)
                self.end_headers()
                self.wfile.write(outer.content or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def published() -> Iterator[Published]:
    published = Published()
    yield published
    published.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock by which keys grow old."""
    now = [1_000.0]
    monkeypatch.setattr(tokens, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def believing(place: object) -> Tokens:
    return Tokens(PublicKeys(str(place)), audience="crm", issuer=None, roles="roles", skew=0)


def refusal(believed: Tokens, sent: str) -> str:
    with pytest.raises(Rejected) as refused:
        believed.caller(sent)
    return refused.value.code


def test_keys_are_fetched_when_they_are_needed_and_when_a_new_one_is_met(published: Published, clock: Any) -> None:
    first, second = Issuer(id="1"), Issuer("RS256", id="2")
    believed = believing(published.address)
    assert published.asked == 0, "a server starts also where the keys cannot be had"
    assert refusal(believed, first.token()) == "TOKEN_KEYS_UNAVAILABLE"
    published.content = jwks(first)
    assert refusal(believed, first.token()) == "TOKEN_KEYS_UNAVAILABLE", "not asked again at once"
    clock(10)
    assert believed.caller(first.token()).actor.id == "kim"
    assert published.asked == 2
    published.content = jwks(first, second)
    assert refusal(believed, second.token()) == "TOKEN_INVALID"
    clock(10)
    assert believed.caller(second.token()).actor.id == "kim"
    assert published.asked == 3
    for _ in range(5):
        assert refusal(believed, Issuer(id="3").token()) == "TOKEN_INVALID"
    assert published.asked == 3, "unknown keys do not make it ask again and again"


def test_a_caller_is_told_that_the_keys_cannot_be_had(
    serve_again: Any, make_caller: Any, published: Published, tmp_path: Path
) -> None:
    with serve_again(tmp_path, token_keys=published.address) as (address, socket):
        refused = make_caller(address, token()).refused("GetStatus")
        assert (refused.status, refused.code) == (grpc.StatusCode.UNAVAILABLE, "TOKEN_KEYS_UNAVAILABLE")
        assert "RetryInfo" in refused.details
        assert make_caller(socket)("GetStatus").well


def test_an_address_that_breaks_off_is_one_that_does_not_answer(published: Published, clock: Any) -> None:
    published.breaks_off = True
    believed = believing(published.address)
    sent = Issuer(id="1")
    assert refusal(believed, sent.token()) == "TOKEN_KEYS_UNAVAILABLE"
    published.breaks_off, published.content = False, jwks(sent)
    clock(10)
    believed.caller(sent.token())
    published.breaks_off = True
    clock(300)
    assert believed.caller(sent.token()).actor.id == "kim", "the keys last read stay in force"


def test_no_redirect_leads_to_where_somebody_could_alter_the_keys(published: Published) -> None:
    published.redirects_to = "http://192.0.2.1/jwks"
    with pytest.raises(Rejected, match=r"http://192\.0\.2\.1/jwks must be an https address"):
        PublicKeys(published.address)._read()


def test_a_key_that_was_withdrawn_is_soon_not_believed(published: Published, clock: Any) -> None:
    first, second = Issuer(id="1"), Issuer(id="2")
    published.content = jwks(first, second)
    believed = believing(published.address)
    sent = first.token()
    believed.caller(sent)
    published.content = jwks(second)
    believed.caller(sent)
    clock(300)
    assert refusal(believed, sent) == "TOKEN_INVALID"
    published.content = None
    clock(300)
    believed.caller(second.token())


def test_a_key_file_that_was_replaced_is_read_anew(tmp_path: Path, clock: Any) -> None:
    file = tmp_path / "keys.json"
    old, new = Issuer(), Issuer()
    file.write_bytes(old.public)
    believed = believing(file)
    believed.caller(old.token())
    file.write_bytes(new.public)
    clock(10)
    believed.caller(new.token())
    assert refusal(believed, old.token()) == "TOKEN_INVALID"


ODD_CURVE = b"""\
-----BEGIN PUBLIC KEY-----
MEIwFAYHKoZIzj0CAQYJKyQDAwIIAQEBAyoABI7Bt7zpF8D0PxQdLsgwqCVaUZmV
QglkIHHU2n4zwjG4pNY6QRRsRyY=
-----END PUBLIC KEY-----
"""
"""A public key on brainpoolP160r1, of which nobody here can make anything."""


@pytest.mark.parametrize("broken", [ODD_CURVE, b"[" * 100_000, b"-----BEGIN PUBLIC KEY-----", b""])
def test_a_key_file_that_was_replaced_by_what_is_none_leaves_the_keys_in_force(
    tmp_path: Path, clock: Any, broken: bytes
) -> None:
    file, issuer = tmp_path / "token.pub", Issuer()
    file.write_bytes(ODD_CURVE + issuer.public)
    believed = believing(file)
    file.write_bytes(broken)
    clock(300)
    assert believed.caller(issuer.token()).actor.id == "kim"
    clock(10)
    assert refusal(believed, Issuer().token()) == "TOKEN_INVALID"


def test_of_a_jwks_only_what_signs_tokens_counts(tmp_path: Path) -> None:
    good, small = Issuer(id="good"), Issuer("RS256", id="small", key=rsa.generate_private_key(65537, 1024))
    secret = "a secret that both sides would have to know, which is none"
    symmetric = {"kty": "oct", "k": urlsafe_b64encode(secret.encode()).decode(), "kid": "secret", "alg": "HS256"}
    encrypts = {**Issuer("RS256", id="enc").jwk, "use": "enc"}
    others = [
        {**good.jwk, "crv": "X25519", "kid": "x"},
        {**good.jwk, "crv": "Ed448", "kid": "y"},
        {**Issuer("RS256", id="oaep").jwk, "alg": "RSA-OAEP"},
        {"kty": "RSA", "n": 7, "e": "AQAB"},
        {"kty": "OKP"},
    ]
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [symmetric, encrypts, *others, small.jwk, good.jwk]}))
    believed = believing(file)
    assert believed.caller(good.token()).actor.id == "kim"
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        signed = small.token()
    assert refusal(believed, signed) == "TOKEN_INVALID"
    assert refusal(believed, jwt.encode(GOOD, secret, headers={"kid": "secret"})) == "TOKEN_INVALID"
    assert refusal(believed, Issuer(id="good").token()) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "neither PEM nor a JSON Web Key Set"),
        (b'{"keys": [7]}', "neither PEM nor a JSON Web Key Set"),
        (b'{"keys": []}', "no public key for RS256"),
        (EDDSA.private, "holds a private key"),
        (Issuer("RS256", key=rsa.generate_private_key(65537, 1024)).public, "no public key for RS256"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "something else than public keys"),
    ],
    ids=["missing", "empty", "odd", "none", "private", "small", "no key"],
)
def test_a_server_does_not_start_with_keys_that_are_none(
    serve_again: Any, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Rejected, match=said) as refused, serve_again(tmp_path, token_keys=file):
        pass
    assert (refused.value.code, refused.value.field) == ("INVALID_SETTING", "CRM_TOKEN_KEYS")


@pytest.mark.parametrize("address", ["http://id.example.org/jwks", "http://192.0.2.1/jwks", "https:///jwks"])
def test_keys_come_from_no_address_that_somebody_could_alter(address: str) -> None:
    with pytest.raises(Rejected, match="must be an https address"):
        PublicKeys(address)


@pytest.mark.parametrize("address", ["https://id.example.org/jwks", "http://localhost:8080/jwks", "http://[::1]/jwks"])
def test_where_keys_may_be_fetched(address: str) -> None:
    require_safe(address)


# Who needs none.


def test_the_socket_is_the_servers_own_user(addresses: tuple[str, str], make_caller: Any) -> None:
    caller = make_caller(addresses[1])
    made = caller("OpenTicket", metadata=[("crm-actor", "user:root")])
    assert caller("ReplayStream", stream=made.stream)[0].actor == "user:root"
    caller("ForgetCustomer", id=caller("RegisterCustomer").id)
    refused = make_caller(addresses[1], token(EDDSA, "analyst")).refused("OpenTicket")
    assert refused.code == "NOT_ALLOWED", "a token that is sent counts there, too"
    assert make_caller(addresses[1], "x").refused("OpenTicket").code == "TOKEN_INVALID"


def test_a_server_that_takes_no_tokens_says_so(node: Any, make_caller: Any) -> None:
    for address in (node.address, node.socket):
        refused = make_caller(address, token()).refused("GetStatus")
        assert (refused.status, refused.code) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_NOT_TAKEN")


def test_health_and_reflection_need_none(addresses: tuple[str, str], make_caller: Any) -> None:
    channel = make_caller(addresses[0]).channel
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    ask = reflection_pb2.ServerReflectionRequest(file_containing_symbol="crm.v1.TicketService")
    (told,) = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask]), timeout=10)
    files = told.file_descriptor_response.file_descriptor_proto
    assert "crm/v1/tickets.proto" in {FileDescriptorProto.FromString(file).name for file in files}


def test_who_has_no_token_is_refused_before_a_message_comes(
    serve_again: Any, make_caller: Any, tmp_path: Path, keys: Path
) -> None:
    with serve_again(tmp_path, token_keys=keys, workers=1, message_seconds=600) as (address, _):
        caller, gone = make_caller(address), Event()
        calls = [
            caller.channel.stream_unary("/crm.v1.TicketService/OpenTicket").future(iter(gone.wait, True), timeout=60)
            for _ in range(5)
        ]
        assert {caller.refusal(call.exception()).code for call in calls} == {"TOKEN_MISSING"}
        gone.set()


def test_who_only_asks_for_the_contract_takes_nobodys_stream(
    serve_again: Any, make_caller: Any, tmp_path: Path
) -> None:
    with serve_again(tmp_path, streams=2, message_seconds=0.5) as (address, _):
        caller, gone = make_caller(address), Event()
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        calls = [caller.channel.stream_stream(path)(iter(gone.wait, True), timeout=60) for _ in range(10)]
        assert caller("RunSql", sql="select 1")
        for call in calls:
            with pytest.raises(grpc.RpcError) as cut_off:
                next(call)
            assert cut_off.value.code() is grpc.StatusCode.CANCELLED
        gone.set()

"""Bearer tokens: JSON Web Tokens, signed with RS256 or EdDSA by somebody whose public key we have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from commands.rejected import Rejected, require
from infra.log import Actor
from infra.roles import Role
from infra.server.actor import Caller
from infra.server.journal import journal
from infra.settings import Settings

RS256, EDDSA = "RS256", "EdDSA"
SMALLEST_RSA_KEY = 2048
PEM = re.compile(rb"-----BEGIN (?P<kind>[A-Z ]+)-----.*?-----END (?P=kind)-----", re.DOTALL)
SUBJECT = re.compile(r"[A-Za-z0-9._~:|/+=-]{1,128}")
SUBJECTS = "opaque, 1 to 128 of A-Z a-z 0-9 . _ ~ : | / + = -, and never an e-mail address"

KEYS_LAST = 300.0
"""Seconds after which the keys are read anew, so that one that was withdrawn is soon not believed any more."""

KEYS_REST = 10.0
"""Seconds between two attempts to read them, however many tokens with unknown keys come."""

FETCH_SECONDS = 5.0
NEVER = 2**53
"""Seconds since 1970, of which a float has every single one."""
LARGEST_JWKS = 1 << 20
MOST_REMEMBERED = 5_000
"""Tokens that were found good, so that their signatures need not be checked again."""


class PublicKey(NamedTuple):
    """Whose signature is believed. ``id`` is what a token calls it (``kid``), where it has a name."""

    id: str | None
    algorithm: str
    key: Any


class Known(NamedTuple):
    """A token that was found good, with the keys that it was checked with."""

    caller: Caller
    keys: tuple[PublicKey, ...]


class Tokens:
    """Tells from a token who calls. Safe to use from any thread."""

    def __init__(self, keys: PublicKeys, *, audience: str, issuer: str | None, roles: str, skew: float) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._roles = roles
        self._skew = skew
        self._known: dict[str, Known] = {}

    @classmethod
    def named_by(cls, settings: Settings) -> Tokens | None:
        """What the settings say to believe; None where no tokens are taken.

        :raises Rejected: INVALID_SETTING.
        """
        if settings.token_keys is None:
            return None
        return cls(
            PublicKeys(settings.token_keys),
            audience=settings.token_audience,
            issuer=settings.token_issuer,
            roles=settings.token_roles,
            skew=settings.token_skew,
        )

    def caller(self, token: str) -> Caller:
        """Who is behind a token.

        :raises Rejected: TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_KEYS_UNAVAILABLE.
        """
        keys = self._keys.current()
        known = self._known.get(token)
        if known is not None and known.keys is keys:
            known.caller.require_good()
            return known.caller
        try:
            claims = self._claims(token, keys)
        except _UnknownKey as unknown:
            keys = self._keys.current(missed=True)
            try:
                claims = self._claims(token, keys)
            except _UnknownKey:
                raise unknown.refusal from None
        caller = self._caller(claims)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[token] = Known(caller, keys)
        return caller

    def _claims(self, token: str, keys: tuple[PublicKey, ...]) -> dict[str, Any]:
        """What a token says, once its signature and its circumstances are in order."""
        import jwt

        try:
            header = jwt.get_unverified_header(token)
            fitting = [
                key
                for key in keys
                if key.algorithm == header.get("alg") and (key.id is None or header.get("kid") in (None, key.id))
            ]
            if not fitting:
                raise _UnknownKey("it is signed with a key that this server does not know, or not with RS256 or EdDSA")
            for key in fitting:
                try:
                    return jwt.decode(
                        token,
                        key.key,
                        algorithms=[key.algorithm],
                        audience=self._audience,
                        issuer=self._issuer,
                        leeway=self._skew,
                        options={"require": ["exp", "sub", "aud"]},
                    )
                except jwt.InvalidSignatureError:
                    continue
            raise _UnknownKey("its signature is wrong")
        except jwt.ExpiredSignatureError as error:
            raise Rejected("TOKEN_EXPIRED", "the token has expired; get a new one, and go on from here") from error
        except (jwt.InvalidTokenError, RecursionError) as error:
            raise invalid(self._wrong(error)) from error

    def _wrong(self, error: Exception) -> str:
        import jwt

        match error:
            case jwt.InvalidAudienceError():
                return f"its audience (aud) must be {self._audience}"
            case jwt.InvalidIssuerError():
                return f"its issuer (iss) must be {self._issuer}"
            case jwt.MissingRequiredClaimError():
                return f"it has no {error.claim}"
            case jwt.ImmatureSignatureError():
                return "it is not valid yet"
        return "it is no JSON Web Token"

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        subject = claims["sub"]
        if not SUBJECT.fullmatch(subject):
            raise invalid(f"its subject (sub) must be {SUBJECTS}")
        named = set(named_roles(claims, self._roles))
        roles = frozenset(role for role in Role if role in named)
        kind = "service_account" if Role.SERVICE in roles else "user"
        return Caller(Actor(kind, subject), roles, min(int(claims["exp"]), NEVER) + self._skew)


class _UnknownKey(Exception):
    """Perhaps the key is new, and the keys have to be read anew."""

    def __init__(self, wrong: str) -> None:
        super().__init__(wrong)
        self.refusal = invalid(wrong)


def invalid(wrong: str) -> Rejected:
    """The refusal of a token."""
    return Rejected("TOKEN_INVALID", f"the token is not believed: {wrong}")


def named_roles(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    """The roles in a claim, be it a list or a text with spaces. Where no claim has the name, dots in it lead inwards,
    as in ``realm_access.roles``.
    """
    found: Any = claims
    if name in claims:
        found = claims[name]
    else:
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
    values = found.split() if isinstance(found, str) else found if isinstance(found, list) else ()
    return (value for value in values if isinstance(value, str))


class PublicKeys:
    """The public keys of those who sign, in a file or at an address.

    :raises Rejected: INVALID_SETTING where the file cannot be used.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._is_address = re.match(r"https?:", place) is not None
        self._lock = Lock()
        self._keys: tuple[PublicKey, ...] = ()
        self._read_at = self._tried_at = -KEYS_LAST
        if self._is_address:
            require_safe(place)
        else:
            self._keys = self._read()
            self._read_at = self._tried_at = monotonic()

    def current(self, *, missed: bool = False) -> tuple[PublicKey, ...]:
        """The keys as they are now, or were up to five minutes ago. Those who ``missed`` one have them read anew, but
        not more often than every ten seconds.

        :raises Rejected: TOKEN_KEYS_UNAVAILABLE where they were never read.
        """
        if not missed and monotonic() < self._read_at + KEYS_LAST:
            return self._keys
        # While one reads, the others go on with what there is; they wait only where there is nothing yet.
        if self._lock.acquire(blocking=not self._keys):
            try:
                if monotonic() >= self._tried_at + KEYS_REST:
                    self._renew()
            finally:
                self._lock.release()
        if not self._keys:
            raise Rejected(
                "TOKEN_KEYS_UNAVAILABLE", "the keys of those who sign tokens cannot be had now; try again later"
            )
        return self._keys

    def _renew(self) -> None:
        self._tried_at = monotonic()
        try:
            keys = self._read()
        except Rejected as refusal:
            journal().warning("token_keys_not_read", sentence=refusal.sentence)
            return
        self._read_at = monotonic()
        if keys != self._keys:  # the same ones stay the same object, so that tokens checked with them stay known
            self._keys = keys

    def _read(self) -> tuple[PublicKey, ...]:
        try:
            content = self._fetched() if self._is_address else Path(self._place).read_bytes()
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise unusable(f"{self._place} cannot be read: {reason}") from error
        keys = tuple(in_pem(content) if b"-----BEGIN" in content else in_jwks(content))
        require(
            keys,
            "INVALID_SETTING",
            f"CRM_TOKEN_KEYS: {self._place} has no public key for RS256 (RSA of at least {SMALLEST_RSA_KEY} bits) or "
            "EdDSA (Ed25519)",
            field="CRM_TOKEN_KEYS",
        )
        return keys

    def _fetched(self) -> bytes:
        with build_opener(SafeRedirects).open(self._place, timeout=FETCH_SECONDS) as response:
            content: bytes = response.read(LARGEST_JWKS)
            return content


class SafeRedirects(HTTPRedirectHandler):
    """Follows redirects as long as nobody could alter where they lead."""

    def redirect_request(self, *asked: Any) -> Request | None:
        """Where to go on.

        :raises Rejected: INVALID_SETTING.
        """
        require_safe(asked[-1])
        return super().redirect_request(*asked)


def require_safe(address: str) -> None:
    """Refuse an address whose answer somebody else could alter.

    :raises Rejected: INVALID_SETTING.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    try:
        if ip_address(parts.hostname or "").is_loopback:
            return
    except ValueError:
        if parts.hostname == "localhost":
            return
    raise unusable(f"{address} must be an https address, or on this machine")


def in_pem(content: bytes) -> Iterator[PublicKey]:
    """The keys in a PEM file; one of ours without a name."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    for found in PEM.finditer(content):
        if b"PRIVATE" in found["kind"]:
            raise unusable("the file holds a private key; give the public one alone")
        try:
            key = load_pem_public_key(found[0])
        except UnsupportedAlgorithm:
            continue  # of a kind that nobody takes, no reason to believe none of the others
        except ValueError as error:
            raise unusable("the file holds something else than public keys in PEM") from error
        if (algorithm := algorithm_of(key)) is not None:
            yield PublicKey(None, algorithm, key)


def in_jwks(content: bytes) -> Iterator[PublicKey]:
    """The keys in a JSON Web Key Set; others than for RS256 and EdDSA are left out."""
    import jwt

    try:
        described = json.loads(content)["keys"]
        for each in described:
            if each.get("use", "sig") != "sig" or each.get("kty") not in ("RSA", "OKP") or "d" in each:
                continue
            try:
                key = jwt.PyJWK(each)
            except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
                continue  # of a kind that we do not take, or damaged: no reason to believe none of the others
            algorithm = algorithm_of(key.key)
            if algorithm is not None and algorithm == key.algorithm_name:
                yield PublicKey(key.key_id, algorithm, key.key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise unusable("what is there is neither PEM nor a JSON Web Key Set") from error


def algorithm_of(key: Any) -> str | None:
    """The algorithm that a public key is for, where we take it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, Ed25519PublicKey):
        return EDDSA
    if isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_RSA_KEY:
        return RS256
    return None


def unusable(wrong: str) -> Rejected:
    """The refusal of a setting."""
    return Rejected("INVALID_SETTING", f"CRM_TOKEN_KEYS: {wrong}", field="CRM_TOKEN_KEYS")


def signed(private_key: bytes, claims: Mapping[str, Any]) -> str:
    """A token with these claims, signed with a private key in PEM.

    :raises Rejected: KEY_UNUSABLE where the key is none for RS256 or EdDSA.
    """
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(private_key, None)
        algorithm = algorithm_of(key.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Rejected("KEY_UNUSABLE", "the key must be a private key in PEM, without a password") from error
    if algorithm is None:
        raise Rejected(
            "INVALID_SETTING",
            f"the key must be Ed25519, or RSA of at least {SMALLEST_RSA_KEY} bits; this one is neither",
        )
    return jwt.encode(dict(claims), key, algorithm)  # type: ignore[arg-type]

"""Whoever signs tokens, as another program does it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa


class Issuer:
    """Signs tokens with a key of its own."""

    def __init__(self, algorithm: str = "EdDSA", id: str | None = None, key: Any = None) -> None:
        self.algorithm = algorithm
        self.id = id
        made = (
            ed25519.Ed25519PrivateKey.generate
            if algorithm == "EdDSA"
            else lambda: rsa.generate_private_key(65537, 2048)
        )
        self.key: Any = key or made()

    @property
    def public(self) -> bytes:
        """The public key in PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        content: bytes = self.key.public_key().public_bytes(serialization.Encoding.PEM, form)
        return content

    @property
    def private(self) -> bytes:
        """The private key in PEM."""
        content: bytes = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return content

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as a JSON Web Key."""
        algorithm: Any = jwt.get_algorithm_by_name(self.algorithm)
        return {**algorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": self.id, "use": "sig"}

    def token(self, *roles: str, subject: Any = "kim", lasts: float = 3600, **claims: Any) -> str:
        """A token; a claim that is None is left out."""
        now = datetime.now(UTC)
        said = {"sub": subject, "aud": "crm", "exp": now + timedelta(seconds=lasts), "roles": list(roles), **claims}
        return self.signed({name: value for name, value in said.items() if value is not None})

    def signed(self, claims: dict[str, Any], **header: Any) -> str:
        """A token with exactly these claims."""
        return jwt.encode(claims, self.key, self.algorithm, {"kid": self.id, **header} if self.id else header)


def jwks(*issuers: Issuer) -> bytes:
    """Their public keys as a JSON Web Key Set."""
    return json.dumps({"keys": [issuer.jwk for issuer in issuers]}).encode()

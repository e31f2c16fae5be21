"""``crm token``: who somebody is, signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import settings_of
from infra.roles import Role


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(token)


def token(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="Who it is for: an opaque name, never an e-mail address.")
    ],
    role: Annotated[list[Role], typer.Option("--role", help="What for; may be repeated.")],
    key: Annotated[
        Path, typer.Option("--key", metavar="FILE", help="The private key that signs it: Ed25519 or RSA, PEM.")
    ],
    hours: Annotated[float, typer.Option("--hours", min=0.001, max=24 * 366, help="How long it is good for.")] = 1.0,
) -> None:
    """Make a token, for small installations and for tests; larger ones have them made by what keeps their users. The
    audience, the issuer and the claim of the roles are those of CRM_TOKEN_AUDIENCE, CRM_TOKEN_ISSUER and
    CRM_TOKEN_ROLES, as the server has them.

    For example:

        openssl genpkey -algorithm ed25519 -out token.key

        openssl pkey -in token.key -pubout -out token.pub

        CRM_TOKEN_KEYS=token.pub crm serve

        crm token kim --role agent --key token.key
    """
    from time import time

    from commands.rejected import Rejected, require
    from infra.server.tokens import SUBJECT, SUBJECTS, signed

    settings = settings_of(None)
    require(SUBJECT.fullmatch(subject), "INVALID_SUBJECT", f"{subject!r} is no subject; it must be {SUBJECTS}")
    try:
        private_key = key.read_bytes()
    except OSError as error:
        raise Rejected("KEY_UNUSABLE", f"{key} cannot be read: {error.strerror}") from error
    now = int(time())
    claims = {
        "sub": subject,
        "aud": settings.token_audience,
        "iat": now,
        "exp": now + int(hours * 3600),
        settings.token_roles: [each.value for each in role],
    }
    if settings.token_issuer is not None:
        claims["iss"] = settings.token_issuer
    print(signed(private_key, claims))

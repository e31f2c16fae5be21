"""Who is calling."""

from __future__ import annotations

import re

import grpc

from commands.rejected import require
from infra.log import Actor

HEADER = "crm-actor"
ANONYMOUS = Actor("unauthenticated", "anonymous")
CLAIM = re.compile(r"(?:(user|system):)?([A-Za-z0-9._~-]{1,64})")


def actor_of(context: grpc.ServicerContext) -> Actor:
    """Who the caller says to be in the metadata ``crm-actor``. Over the Unix socket, which only the server's own user
    may open, ``user:NAME`` and ``system:NAME`` are believed; everybody else is unauthenticated under the name claimed.

    :raises Rejected: INVALID_FIELD.
    """
    claim = next((value for key, value in context.invocation_metadata() if key == HEADER), None)
    if claim is None:
        return ANONYMOUS
    match = CLAIM.fullmatch(claim) if isinstance(claim, str) else None
    require(
        match,
        "INVALID_FIELD",
        "the metadata crm-actor must be a name of at most 64 characters of A-Z a-z 0-9 . _ ~ -, after user: or system: "
        "where that is so",
        field=HEADER,
    )
    assert match is not None
    kind, name = match.groups()
    require(
        kind is None or context.peer().startswith("unix:"),
        "INVALID_FIELD",
        "only a caller on the server's Unix socket is believed to be a user or the system; send the bare name",
        field=HEADER,
    )
    return Actor(kind or "unauthenticated", name)

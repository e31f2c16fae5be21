"""Who is calling, and what for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextvars import ContextVar
from time import time
from typing import NamedTuple

from commands.rejected import Rejected, require
from infra.log import Actor
from infra.roles import Role
from infra.server.permissions import EVERYTHING, PERMISSIONS, Permission

HEADER = "crm-actor"
CLAIM = re.compile(r"(?:(user|system):)?([A-Za-z0-9._~-]{1,64})")
ON_BEHALF_OF = "on_behalf_of"
"""Where in the claims of an actor stands for whom it acted."""


class Caller(NamedTuple):
    """Who calls, what they are here for, and until when that is good (seconds since 1970), where it ends at all."""

    actor: Actor
    roles: frozenset[Role]
    until: float | None = None

    def require_good(self) -> None:
        """Refuse a caller whose token has expired meanwhile.

        :raises Rejected: TOKEN_EXPIRED.
        """
        require(
            self.until is None or time() < self.until,
            "TOKEN_EXPIRED",
            "the token has expired; get a new one, and go on from here",
        )


class Call(NamedTuple):
    """A call under way."""

    rpc: str
    caller: Caller
    permission: Permission

    @property
    def opens(self) -> bool:
        """Whether the caller sees personal values opened."""
        return not self.permission.opened.isdisjoint(self.caller.roles)


UNDER_WAY: ContextVar[Call] = ContextVar("call")
"""gRPC handles every call in a context of its own."""

ANYBODY = Caller(Actor("unauthenticated", "anonymous"), EVERYTHING)


def claimed(claim: str | bytes | None, *, believed: Callable[[], bool]) -> Caller:
    """A caller without a token, under the name that the metadata ``crm-actor`` claims. ``user:NAME`` and
    ``system:NAME`` are ``believed`` on the Unix socket, which only the server's own user may open; anybody else is
    unauthenticated.

    :raises Rejected: INVALID_FIELD.
    """
    if claim is None:
        return ANYBODY
    match = CLAIM.fullmatch(claim) if isinstance(claim, str) else None
    if match is None:
        raise Rejected(
            "INVALID_FIELD",
            "the metadata crm-actor must be a name of at most 64 characters of A-Z a-z 0-9 . _ ~ -, after user: or "
            "system: where that is so",
            field=HEADER,
        )
    kind, name = match.groups()
    require(
        kind is None or believed(),
        "INVALID_FIELD",
        "only a caller on the server's Unix socket is believed to be a user or the system; send the bare name",
        field=HEADER,
    )
    return Caller(Actor(kind or "unauthenticated", name), EVERYTHING)


def on_behalf(caller: Caller, claim: str | bytes) -> Caller:
    """A service that acts for somebody: it stays the actor, and for whom stands in its claims.

    :raises Rejected: NOT_ALLOWED for anybody else, INVALID_FIELD.
    """
    PERMISSIONS[HEADER].require(caller.roles, field=HEADER)
    match = CLAIM.fullmatch(claim) if isinstance(claim, str) else None
    if match is None or match[1] is not None:
        raise Rejected(
            "INVALID_FIELD",
            "the metadata crm-actor must be the bare name of the one for whom the service acts, at most 64 characters "
            "of A-Z a-z 0-9 . _ ~ -",
            field=HEADER,
        )
    actor = caller.actor
    return caller._replace(actor=Actor(actor.type, actor.id, json.dumps({ON_BEHALF_OF: match[2]})))

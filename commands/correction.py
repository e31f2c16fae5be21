"""What correcting the details of a lead or a customer has in common."""

from __future__ import annotations

from typing import Any

from commands.command import Command, differing
from commands.rejected import require
from domain.event import State


def correction(command: Command, state: State, names: tuple[str, ...], clear: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a correction event, from what to what; empty where nothing would change.

    :raises Rejected: UNKNOWN_FIELD or CONTRADICTION.
    """
    for name in clear:
        require(
            name in names, "UNKNOWN_FIELD", f"{name} cannot be cleared; allowed are {', '.join(names)}", field="clear"
        )
        require(
            getattr(command, name) is None,
            "CONTRADICTION",
            f"{name} is given and cleared at once; do one of the two",
            field="clear",
        )
    changes = differing(command, state, names)
    cleared = tuple(name for name in clear if getattr(state, name) is not None)
    if not changes and not cleared:
        return {}
    before = {f"{name}_was": getattr(state, name) for name in (*changes, *cleared)}
    return {**changes, **before, "cleared": cleared}

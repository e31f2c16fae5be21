"""What merging has in common for leads, customers and tickets."""

from __future__ import annotations

from commands.rejected import require
from domain.event import State


def require_other(id: str, merged_id: str) -> None:
    """Refuse merging a stream with itself.

    :raises Rejected: SAME_STREAM.
    """
    require(id != merged_id, "SAME_STREAM", f"{id} cannot be merged with itself; name another one", field="merged_id")


def can_unmerge(id: str, survivor: State, merged_id: str, merged: State) -> bool:
    """Whether there is a merge to take back; false where there is none (any more).

    :raises Rejected: NOT_FOUND where the other one never existed, NOT_LATEST_MERGE where a later merge comes first.
    """
    aggregate = survivor.aggregate
    require(merged.exists, "NOT_FOUND", f"there is no {aggregate}-{merged_id}", field="merged_id")
    if merged.merged_into != id:
        return False
    require(
        survivor.absorbed[-1] == merged_id,
        "NOT_LATEST_MERGE",
        f"{aggregate}-{id} absorbed {aggregate}-{survivor.absorbed[-1]} later; unmerge that one first",
        field="merged_id",
    )
    return True

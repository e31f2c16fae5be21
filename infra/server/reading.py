"""What every question says about the instant and the position that it wants an answer for."""

from __future__ import annotations

from datetime import datetime
from time import monotonic, sleep
from typing import Any

import grpc

from commands.rejected import Rejected, require
from crm.v1 import reading_pb2
from infra.asker import ASKER
from infra.models import Models, Source
from infra.server.values import instant_in

LONGEST_WAIT = 10.0
"""Seconds that a question waits for the position it asks for, where the caller sets no nearer deadline."""

NEAR = 100_000
"""So many events at most are read and folded while a question about a position is answered. Where more are missing, it
waits until the read models have caught up by themselves.
"""
LOOK_SECONDS = 0.05


def point_in(request: Any, context: grpc.ServicerContext, log: Source, models: Models, *names: str) -> dict[str, Any]:
    """The ``as_of``, ``known_at`` and ``min_position`` of a question to the named models, after waiting for the last.

    :raises Rejected: INVALID_FIELD, POSITION_BEYOND_LOG or MIN_POSITION_NOT_REACHED.
    """
    at_instant = request.HasField("known_at")
    return {
        "as_of": instant_in("as_of", request.as_of) if request.HasField("as_of") else None,
        "known_at": instant_in("known_at", request.known_at) if at_instant else known_position_in(request, log),
        "min_position": reached_position(request, context, log, models, *names),
    }


def known_position_in(request: Any, log: Source) -> int | None:
    """The position up to which a question wants to know, where it says one, be it by an instant.

    :raises Rejected: INVALID_FIELD or POSITION_BEYOND_LOG.
    """
    if request.HasField("known_at"):
        return log.position_at(instant_in("known_at", request.known_at))
    if request.HasField("known_at_position"):
        return existing_position(request.known_at_position, log, "known_at_position")
    return None


def existing_position(position: int, log: Source, field: str) -> int:
    """The position, where the log has it already; 0 is before the first.

    :raises Rejected: POSITION_BEYOND_LOG.
    """
    head = log.head.position
    require(
        0 <= position <= head,
        "POSITION_BEYOND_LOG",
        f"there is no position {position}; the log stands at {head}",
        field=field,
    )
    return position


def reached_position(
    request: Any, context: grpc.ServicerContext, log: Source, models: Models | None = None, *names: str
) -> int | None:
    """The ``min_position`` of a question, once the log has reached it, and the archive and the named models are near.

    :raises Rejected: MIN_POSITION_NOT_REACHED, a little before the caller's deadline or after ten seconds.
    """
    if not request.HasField("min_position"):
        return None
    wanted: int = request.min_position
    remaining = context.time_remaining()
    patience = LONGEST_WAIT if remaining is None else min(LONGEST_WAIT, remaining * 0.8)
    until = monotonic() + patience
    asker = ASKER.get()
    head = log.head.position
    while head < wanted:
        left = until - monotonic()
        if left <= 0 or not context.is_active():
            raise Rejected(
                "MIN_POSITION_NOT_REACHED",
                f"the log stands at {head}, and did not reach {wanted} in {patience:.1f} seconds; ask again later",
                field="min_position",
            )
        with asker.runs(log.wake):
            head = log.wait(head, left, asker.gone)
    while models is not None and wanted - (stand := models.brought_to(names)) > NEAR:
        left = until - monotonic()
        if left <= 0 or not context.is_active():
            raise Rejected(
                "MIN_POSITION_NOT_REACHED",
                f"these read models stand at {stand}, and did not come near {wanted} in {patience:.1f} seconds; "
                "ask again later",
                field="min_position",
            )
        sleep(min(left, LOOK_SECONDS))
    return wanted


def newest_point(
    request: Any, context: grpc.ServicerContext, log: Source, models: Models, *names: str
) -> dict[str, Any]:
    """The ``min_position`` of a question to the named models about what stands now, after waiting for it.

    :raises Rejected: MIN_POSITION_NOT_REACHED.
    """
    return {"min_position": reached_position(request, context, log, models, *names)}


def read_point(as_of: datetime, position: int, held_back: int) -> reading_pb2.ReadPoint:
    """Where an answer stands, and how many streams it does not count to their ends."""
    return reading_pb2.ReadPoint(as_of=as_of, position=position, held_back_streams=held_back)

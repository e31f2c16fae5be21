"""The history of one stream, step by step."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from commands.rejected import require
from crm.v1 import log_pb2
from domain.event import State
from infra.log import Log, decode
from infra.server.feed import event_message
from infra.server.opening import Edge
from infra.server.reading import known_position_in
from infra.server.values import given, instant_in, struct


class Replay:
    """Replays streams for callers."""

    def __init__(self, log: Log, edge: Edge) -> None:
        self._log = log
        self._edge = edge

    def replay_stream(
        self, request: log_pb2.ReplayStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[log_pb2.ReplayStreamResponse]:
        """Every event of a stream with the state before and after it.

        :raises Rejected: INVALID_FIELD, NOT_FOUND or POSITION_BEYOND_LOG.
        """
        aggregate, dash, id = request.stream.partition("-")
        require(
            aggregate in State.by_aggregate and dash and id,
            "INVALID_FIELD",
            f"a stream is named AGGREGATE-ID, with one of the aggregates {', '.join(State.by_aggregate)}",
            field="stream",
        )
        as_of = instant_in("as_of", request.as_of) if request.HasField("as_of") else None
        state = State.by_aggregate[aggregate]()
        rows = list(self._log.rows(stream=request.stream, until=known_position_in(request, self._log)))
        require(rows, "NOT_FOUND", f"nothing is known of {request.stream}", field="stream")
        with self._edge.opening() as opening:
            for row in rows:
                envelope, event = decode(row.document, opening if opening.opens else None)
                if as_of is not None and envelope.occurred_at > as_of:
                    continue
                before, state = state, event.evolve(state)
                opening.tell()
                yield log_pb2.ReplayStreamResponse(
                    event=event_message(row),
                    occurred_at=envelope.occurred_at,
                    actor=f"{envelope.actor.type}:{envelope.actor.id}",
                    reason=envelope.reason,
                    data=struct(given(event)),
                    before=struct(given(before)),
                    after=struct(given(state)),
                )

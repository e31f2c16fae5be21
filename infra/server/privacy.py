"""Who is who, and what we hold about a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import grpc

from commands.rejected import require
from crm.v1 import privacy_pb2
from domain.customer import ConsentGranted, ConsentWithdrawn, Customer
from domain.event import Event, State
from domain.lead import LeadConverted
from domain.ticket import TicketReplied
from infra.keys import Keys
from infra.log import Envelope, Log, People, decode
from infra.server.errors import InvalidFields
from infra.server.opening import Edge, Opening
from infra.server.reading import reached_position
from infra.server.values import given, struct

MOST_MATCHES = 500
KINDS = ("email", "phone", "name")


class Happened(NamedTuple):
    """An event with its circumstances, opened."""

    envelope: Envelope
    event: Event[Any]


class Own(NamedTuple):
    """Opens what is sealed with the keys of a person's streams. What was copied from somebody else reads as null."""

    opening: Opening
    streams: tuple[str, ...]

    def open_text(self, sealed: str) -> str | None:
        """The clear text; None where it is somebody else's, or its key is gone.

        :raises Rejected: NOT_SEALED or SEAL_BROKEN.
        """
        return self.opening.open_text(sealed, self.streams)


class Privacy:
    """Finds people and tells what is held about them."""

    def __init__(self, log: Log, people: People, keys: Keys, edge: Edge) -> None:
        self._log = log
        self._people = people
        self._keys = keys
        self._edge = edge

    def find_people(
        self, request: privacy_pb2.FindPeopleRequest, context: grpc.ServicerContext
    ) -> privacy_pb2.FindPeopleResponse:
        """The leads and customers that fit now.

        :raises Rejected: INVALID_FIELD.
        """
        directory = self._keys.directory
        known = [(kind, getattr(request, kind)) for kind in KINDS if request.HasField(kind)]
        require(known, "INVALID_FIELD", f"give at least one of {', '.join(KINDS)}", field="email")
        terms: set[str] = set()
        for kind, text in known:
            found = directory.terms(kind, text)
            require(found, "INVALID_FIELD", f"{kind} has nothing in it to look for", field=kind)
            terms |= found
        position = self._followed(request, context)
        matches = [
            privacy_pb2.FindPeopleResponse.Match(stream=stream, slots=sorted(slots))
            for stream, slots in directory.find(terms).items()
        ]
        with self._edge.opening() as opening:
            opening.names({match.stream for match in matches[:MOST_MATCHES]})
            return privacy_pb2.FindPeopleResponse(
                matches=matches[:MOST_MATCHES], is_cut=len(matches) > MOST_MATCHES, position=position
            )

    def describe_subject(
        self, request: privacy_pb2.DescribeSubjectRequest, context: grpc.ServicerContext
    ) -> Iterator[privacy_pb2.DescribeSubjectResponse]:
        """Everything that is held about the person of a customer or a lead.

        :raises Rejected: INVALID_FIELD or NOT_FOUND.
        """
        known = [name for name in ("customer_id", "lead_id") if request.HasField(name)]
        if len(known) != 1:
            raise InvalidFields([("customer_id", "is required, or lead_id; not both")])
        position = self._followed(request, context)
        asked = f"{known[0].removesuffix('_id')}-{getattr(request, known[0])}"
        streams = self._keys.directory.person(asked)
        with self._edge.opening() as opening:
            own = Own(opening, streams)
            history = {stream: self._history(stream, position, own) for stream in streams}
            require(history[asked], "NOT_FOUND", f"there is no {asked}", field=known[0])
            copies = list(self._copies(history, position, own))
            opening.names(set(streams))
        yield privacy_pb2.DescribeSubjectResponse(streams=streams, position=position)
        for stream, happened in history.items():
            state = State.by_aggregate[stream.partition("-")[0]]()
            for each in happened:
                state = each.event.evolve(state)
            values = struct(given(state))
            yield privacy_pb2.DescribeSubjectResponse(
                state=privacy_pb2.DescribeSubjectResponse.State(stream=stream, values=values)
            )
        everything = sorted((each for happened in history.values() for each in happened), key=position_of)
        consents = {
            stream: [each for each in happened if isinstance(each.event, ConsentGranted | ConsentWithdrawn)]
            for stream, happened in history.items()
        }
        for each in sorted([*everything, *copies], key=position_of):
            yield privacy_pb2.DescribeSubjectResponse(
                event=event_message(each, is_copy=each.envelope.stream not in history)
            )
        for each in everything:
            if is_sending(each.event):
                yield privacy_pb2.DescribeSubjectResponse(sending=sending_message(each, consents))

    def _followed(self, request: Any, context: grpc.ServicerContext) -> int:
        """The position of the log, to which the directory was brought."""
        reached_position(request, context, self._log)
        position = self._log.head.position
        self._people.follow(position)
        return position

    def _history(self, stream: str, position: int, own: Own) -> list[Happened]:
        return [Happened(*decode(row.document, own)) for row in self._log.rows(stream=stream, until=position)]

    def _copies(self, history: dict[str, list[Happened]], position: int, own: Own) -> Iterator[Happened]:
        """The events that hold values of the person in somebody else's stream: a conversion that was reversed leaves
        them there.
        """
        converted = [each.event for happened in history.values() for each in happened]
        once = {f"customer-{event.customer_id}" for event in converted if isinstance(event, LeadConverted)}
        for stream in sorted(once - history.keys()):
            yield from (each for each in self._history(stream, position, own) if personal_in(each.event))


def position_of(happened: Happened) -> int:
    """Where in the log an event stands."""
    return happened.envelope.position


def is_sending(event: Event[Any]) -> bool:
    """Whether something of ours went to the person."""
    if isinstance(event, TicketReplied):
        return event.is_public
    return getattr(event, "direction", None) == "outbound"


def personal_in(event: Event[Any]) -> dict[str, Any]:
    """The personal values of an event, as far as they could be opened."""
    return {name: value for name, value in given(event).items() if name in event.personal}


def event_message(happened: Happened, *, is_copy: bool) -> privacy_pb2.DescribeSubjectResponse.Event:
    """An event of the person; of one in somebody else's stream only the values that are the person's."""
    envelope, event = happened
    return privacy_pb2.DescribeSubjectResponse.Event(
        position=envelope.position,
        stream=envelope.stream,
        type=type(event).__name__,
        occurred_at=envelope.occurred_at,
        recorded_at=envelope.recorded_at,
        actor=f"{envelope.actor.type}:{envelope.actor.id}",
        reason=envelope.reason,
        data=struct(personal_in(event) if is_copy else given(event)),
    )


def sending_message(
    happened: Happened, consents: dict[str, list[Happened]]
) -> privacy_pb2.DescribeSubjectResponse.Sending:
    """What was sent, and what every customer of the person allowed at that moment, as we know now."""
    at = happened.envelope.occurred_at
    return privacy_pb2.DescribeSubjectResponse.Sending(
        position=happened.envelope.position,
        occurred_at=at,
        channel=getattr(happened.event, "channel", None),
        consents=[each for stream, said in consents.items() for each in allowed(stream, said, at)],
    )


def allowed(stream: str, said: list[Happened], at: datetime) -> Iterator[privacy_pb2.DescribeSubjectResponse.Consent]:
    """What a customer allowed at an instant."""
    customer = Customer()
    for envelope, event in said:
        if envelope.occurred_at <= at:
            customer = event.evolve(customer)
    for purpose, channel, expires_at in sorted(customer.consents, key=lambda consent: consent[:2]):
        if expires_at is None or expires_at > at:
            yield privacy_pb2.DescribeSubjectResponse.Consent(
                customer_id=stream.partition("-")[2], purpose=purpose, channel=channel, expires_at=expires_at
            )

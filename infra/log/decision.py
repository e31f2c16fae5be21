"""Deciding the commands of one transaction, one after the other, each on what the one before left.

Nothing here reads or writes: what was decided is told as ``Decisions.facts`` and ``Decisions.answers``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from commands.command import Elsewhere
from commands.rejected import Rejected
from domain.event import Event
from infra.keys import Keys
from infra.log.document import Envelope, instant_text
from infra.log.request import MICROSECOND, Head, Outcome, Request
from infra.log.states import Known

GRACE = timedelta(seconds=5)
"""How far ahead of its recording a fact may say that it happened; it is then taken as happening when recorded."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far the log's last instant may lie ahead of the clock."""


class Asked:
    """One request on its way: what it needs, and in the end its answer, a refusal, or the error of a command that is
    broken. ``alone`` says that it needs a transaction of its own.
    """

    __slots__ = ("alone", "answer", "fingerprint", "request", "streams")

    def __init__(self, request: Request, keys: Keys) -> None:
        self.request = request
        self.alone = request.command.of_person
        self.streams = (request.command.stream, *request.command.named_streams)
        self.fingerprint = None if request.request_id is None else keys.fingerprint(content(request))
        self.answer: Outcome | BaseException | None = None


class Fact(NamedTuple):
    """An event that was decided on, with its place and circumstances, and from which other streams the personal values
    of its fields came, where they did.
    """

    event: Event[Any]
    stream: str
    version: int
    occurred_at: datetime
    request: Request
    sources: Mapping[str, str]

    def envelope(self, id: str, position: int, recorded_at: datetime) -> Envelope:
        """Everything but the data."""
        request = self.request
        return Envelope(
            id,
            self.stream,
            self.version,
            position,
            self.event.type_name,
            self.occurred_at,
            recorded_at,
            request.actor,
            request.command.reason,
            request.correlation_id if request.correlation_id is not None else request.request_id,
            request.causation_id,
        )


class Answered(NamedTuple):
    """What a request id was answered with, and a keyed hash of what was asked."""

    fingerprint: bytes
    outcome: Outcome


class Decisions:
    """The decisions of one transaction. ``states`` and ``answered`` hold what is committed, and grow with what is
    decided; ``load`` fetches the state of a stream that is not among ``states``. ``person`` tells all streams of the
    person that a stream is about, as committed, and the position of the newest event in them; ``forgotten`` are all
    streams whose persons were forgotten.
    """

    def __init__(
        self,
        head: Head,
        now: datetime,
        states: dict[str, Known],
        answered: dict[str, Answered],
        load: Callable[[str], Known],
        person: Callable[[str], tuple[tuple[str, ...], int]],
        forgotten: Set[str],
    ) -> None:
        self.recorded_at = max(now, head.recorded_at + MICROSECOND)
        self.position = head.position
        self.facts: list[Fact] = []
        self.answers: dict[str, Answered] = {}
        self.changed: dict[str, Known] = {}
        self._states = states
        self._answered = answered
        self._load = load
        self._person = person
        self._forgotten = forgotten
        self._ahead = head.recorded_at - now

    def decide(self, asked: Asked) -> Outcome:
        """Decide one command; what it brings about is there for the next one.

        :raises Rejected: where it is refused; anything else where it is broken. Nothing changes then.
        """
        request = asked.request
        original = self._original(asked)
        if original is not None:
            return original
        require_clock(self._ahead)
        known = [self._known(stream) for stream in asked.streams]
        home = asked.streams[0]
        version = known[0].version
        states: list[Any] = [each.state for each in known]
        if request.command.of_person and known[0].state.exists:
            states += self._person(home)
        if request.expected_version is not None and request.expected_version != version:
            raise Rejected(
                "VERSION_CONFLICT",
                f"{home} is at version {version}, not at the expected version {request.expected_version}; "
                "read it again and decide anew",
            )
        occurred_at = self._occurred_at(request)
        facts: list[Fact] = []
        changed: dict[str, Known] = {}
        for yielded in request.command.outcome(*states):
            if isinstance(yielded, Elsewhere):
                stream, event, copied = yielded.stream, yielded.event, yielded.copied
            else:
                stream, event, copied = home, yielded, frozenset()
            before = changed.get(stream) or self._known(stream)
            require_place(event, stream, before, occurred_at)
            sources = before.sources_of(event)
            if copied:
                sources = {**sources, **{name: known[0].sources.get(name, home) for name in copied}}
            if self._forgotten:
                self._require_remembered(request, event, stream, sources)
            after = before.after(event, occurred_at, sources)
            changed[stream] = after
            facts.append(Fact(event, stream, after.version, occurred_at, request, sources))
        if home in changed:
            version = changed[home].version
        if request.validate_only:
            return Outcome(home, request.command.id, version, 0, 0, self.position, self.recorded_at)
        return self._accept(asked, facts, changed, version)

    def _accept(self, asked: Asked, facts: list[Fact], changed: dict[str, Known], version: int) -> Outcome:
        first, last = (self.position + 1, self.position + len(facts)) if facts else (0, 0)
        self.position += len(facts)
        self.facts += facts
        self._states.update(changed)
        self.changed.update(changed)
        outcome = Outcome(
            asked.streams[0], asked.request.command.id, version, first, last, self.position, self.recorded_at
        )
        if asked.request.request_id is not None and asked.fingerprint is not None:
            self.answers[asked.request.request_id] = Answered(asked.fingerprint, outcome)
        return outcome

    def _original(self, asked: Asked) -> Outcome | None:
        id = asked.request.request_id
        if id is None:
            return None
        answered = self.answers.get(id) or self._answered.get(id)
        if answered is None:
            return None
        if answered.fingerprint != asked.fingerprint:
            raise Rejected(
                "REQUEST_ID_REUSED",
                f"the request id {id} was used before for another request; a new request needs a new one",
                field="request_id",
            )
        return answered.outcome

    def _known(self, stream: str) -> Known:
        known = self._states.get(stream)
        if known is None:
            known = self._states[stream] = self._load(stream)
        return known

    def _require_remembered(self, request: Request, event: Event[Any], stream: str, sources: Mapping[str, str]) -> None:
        """Refuse to tell something personal about somebody who was forgotten, or to link anything with them.

        :raises Rejected: FORGOTTEN.
        """
        known = type(request.command).model_fields
        for name in sorted(event.personal):
            owner = sources.get(name, stream)
            if owner in self._forgotten and getattr(event, name) is not None:
                raise Rejected(
                    "FORGOTTEN",
                    f"the person of {owner} was forgotten; nothing personal can be recorded there; leave out {name}",
                    field=name if name in known else None,
                )
        for name, link in event.links.items():
            other = f"{link.aggregate}-{getattr(event, name)}"
            if not link.ends and (other in self._forgotten or stream in self._forgotten):
                who = other if other in self._forgotten else stream
                raise Rejected(
                    "FORGOTTEN",
                    f"the person of {who} was forgotten; nothing can be linked with it; leave it out, or name another",
                    field=name if name in known else None,
                )

    def _occurred_at(self, request: Request) -> datetime:
        said = request.occurred_at
        if said is None:
            return self.recorded_at
        if said.utcoffset() is None:
            raise Rejected("NO_TIME_ZONE", f"{said} has no time zone", field="occurred_at")
        if said <= self.recorded_at:
            return said.astimezone(UTC)
        if said - self.recorded_at <= GRACE:
            return self.recorded_at
        raise Rejected(
            "IN_THE_FUTURE",
            f"{instant_text(said)} is yet to come: it is {instant_text(self.recorded_at)}",
            field="occurred_at",
        )


def require_place(event: Event[Any], stream: str, before: Known, occurred_at: datetime) -> None:
    """Refuse an event before the beginning of its stream.

    :raises Rejected: BEFORE_BEGINNING.
    """
    if type(before.state) is not event.state:
        raise TypeError(f"{type(event).__name__} is no event of {stream}")
    if before.began is not None and occurred_at < before.began:
        raise Rejected(
            "BEFORE_BEGINNING",
            f"{stream} begins at {instant_text(before.began)}; nothing can have happened to it "
            f"at {instant_text(occurred_at)}",
            field="occurred_at",
        )


def require_clock(ahead: timedelta) -> None:
    """Refuse to record anything while the log's last instant lies so far ahead of the clock.

    :raises Rejected: CLOCK_WENT_BACK.
    """
    if ahead > CLOCK_TOLERANCE:
        raise Rejected(
            "CLOCK_WENT_BACK",
            f"the log's last event was recorded {ahead} after the time the clock shows; set the clock right",
        )


def content(request: Request) -> bytes:
    """What makes two requests the same: the command with every field that differs from its default (so that a field
    added later changes nothing), when it happened, and the expected version.
    """
    given = request.command.model_dump(exclude_defaults=True)
    occurred_at = None if request.occurred_at is None else canonical(request.occurred_at)
    return orjson.dumps(
        [type(request.command).__name__, given, occurred_at, request.expected_version],
        default=canonical,
        option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME,
    )


def canonical(value: Any) -> Any:
    """A value that JSON has no form for, in the one form that equal values share."""
    if isinstance(value, datetime):
        return value.isoformat() if value.utcoffset() is None else instant_text(value)
    return str(value)

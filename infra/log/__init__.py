"""The log: every event, in one order; the only place where commands are decided."""

from infra.log.document import Envelope, attributes_of, decode, encode, envelope_of, event_of, instant_text
from infra.log.follower import Follower
from infra.log.log import Log
from infra.log.people import People
from infra.log.request import Actor, Head, Outcome, Request, Row, from_microseconds, microseconds, utc_now
from infra.log.tables import migrate
from infra.log.verification import Finding, verify
from infra.log.witness import Witness, contradictions, contradictions_in, forgotten_in, sealed_with

__all__ = [
    "Actor",
    "Envelope",
    "Finding",
    "Follower",
    "Head",
    "Log",
    "Outcome",
    "People",
    "Request",
    "Row",
    "Witness",
    "attributes_of",
    "contradictions",
    "contradictions_in",
    "decode",
    "encode",
    "envelope_of",
    "event_of",
    "forgotten_in",
    "from_microseconds",
    "instant_text",
    "microseconds",
    "migrate",
    "sealed_with",
    "utc_now",
    "verify",
]

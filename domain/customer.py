"""A customer: a person or an organisation that we deal with.

prospect ──► active ──► at_risk ──► churned ──► active   (reactivated; steps may be skipped)

Independent of that: merged (into another customer, until unmerged) and forgotten (for ever).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from domain.event import Event, Link, Personal, State, evolved, put_on

PROSPECT, ACTIVE, AT_RISK, CHURNED = "prospect", "active", "at_risk", "churned"

STATUS_TYPES = {PROSPECT: "open", ACTIVE: "ongoing", AT_RISK: "on_hold", CHURNED: "lost"}
"""Every status of a customer with its type, which outlives a renamed status."""

DETAILS = (
    "name",
    "email",
    "phone",
    "title",
    "address",
    "company",
    "country",
    "postcode_area",
    "age_band",
    "gender",
    "source",
)
"""The fields of a customer that can be registered and corrected."""


@dataclass(frozen=True, kw_only=True)
class CustomerDetails:
    """What is known about a customer."""

    name: Personal[str | None] = None
    email: Personal[str | None] = None
    phone: Personal[str | None] = None
    title: Personal[str | None] = None
    address: Personal[str | None] = None
    company: str | None = None
    country: str | None = None
    postcode_area: str | None = None
    age_band: str | None = None
    gender: str | None = None
    source: str | None = None


class Customer(CustomerDetails, State):
    """A customer as decisions see it."""

    status: str | None = None
    forgotten: bool = False
    owner_id: str | None = None
    priority: str | None = None
    contact_points: tuple[tuple[str, bool], ...] = ()
    removed_contact_point_ids: frozenset[str] = frozenset()
    preferences: tuple[tuple[str, str | None], ...] = ()
    consents: tuple[tuple[str, str, datetime | None], ...] = ()
    overlay_ids: frozenset[str] = frozenset()
    withdrawn_overlay_ids: frozenset[str] = frozenset()
    interaction_ids: frozenset[str] = frozenset()
    answer_ids: frozenset[str] = frozenset()

    @property
    def exists(self) -> bool:
        """Whether the customer was ever registered."""
        return self.status is not None

    @property
    def is_over(self) -> bool:
        """Whether the person was forgotten."""
        return self.forgotten


class CustomerRegistered(CustomerDetails, Event[Customer]):
    """We know this customer from now on."""

    def evolve(self, customer: Customer) -> Customer:
        return put_on(customer, self, DETAILS, status=PROSPECT)


class CustomerCorrected(CustomerDetails, Event[Customer]):
    """What was known about the customer was wrong or incomplete. Given fields are the new values, ``<field>_was`` what
    stood there before; the fields in ``cleared`` are empty from now on.
    """

    cleared: tuple[str, ...] = ()
    name_was: Personal[str | None] = None
    email_was: Personal[str | None] = None
    phone_was: Personal[str | None] = None
    title_was: Personal[str | None] = None
    address_was: Personal[str | None] = None
    company_was: str | None = None
    country_was: str | None = None
    postcode_area_was: str | None = None
    age_band_was: str | None = None
    gender_was: str | None = None
    source_was: str | None = None

    def evolve(self, customer: Customer) -> Customer:
        return put_on(customer, self, DETAILS, self.cleared)


class ContactPointAdded(Event[Customer]):
    """A way to reach the customer: an e-mail address, a telephone number, a postal or a social address."""

    contact_point_id: str
    kind: str
    value: Personal[str | None] = None
    label: str | None = None

    def evolve(self, customer: Customer) -> Customer:
        others = tuple(point for point in customer.contact_points if point[0] != self.contact_point_id)
        return evolved(customer, contact_points=(*others, (self.contact_point_id, False)))


class ContactPointVerified(Event[Customer]):
    """The customer was reached there."""

    contact_point_id: str

    def evolve(self, customer: Customer) -> Customer:
        others = tuple(point for point in customer.contact_points if point[0] != self.contact_point_id)
        return evolved(customer, contact_points=(*others, (self.contact_point_id, True)))


class ContactPointRemoved(Event[Customer]):
    """The customer can no longer be reached there."""

    contact_point_id: str

    def evolve(self, customer: Customer) -> Customer:
        return evolved(
            customer,
            contact_points=tuple(point for point in customer.contact_points if point[0] != self.contact_point_id),
            removed_contact_point_ids=customer.removed_contact_point_ids | {self.contact_point_id},
        )


class PreferenceStated(Event[Customer]):
    """The customer said what they like: a topic and a wish."""

    topic: str
    preference: Personal[str | None] = None

    def evolve(self, customer: Customer) -> Customer:
        others = tuple(known for known in customer.preferences if known[0] != self.topic)
        return evolved(customer, preferences=(*others, (self.topic, self.preference)))


class ConsentGranted(Event[Customer]):
    """The customer allows a purpose over a channel, until it is withdrawn or expires."""

    purpose: str
    channel: str
    expires_at: datetime | None = None

    def evolve(self, customer: Customer) -> Customer:
        others = tuple(known for known in customer.consents if known[:2] != (self.purpose, self.channel))
        return evolved(customer, consents=(*others, (self.purpose, self.channel, self.expires_at)))


class ConsentWithdrawn(Event[Customer]):
    """The customer no longer allows it."""

    purpose: str
    channel: str

    def evolve(self, customer: Customer) -> Customer:
        others = tuple(known for known in customer.consents if known[:2] != (self.purpose, self.channel))
        return evolved(customer, consents=others)


class OverlayAppended(Event[Customer]):
    """Bought or rented data about the customer was laid beside what the customer said; it never overwrites it.
    ``confidence`` is a percentage; after ``expires_at`` the licence has ended.
    """

    overlay_id: str
    field: str
    value: Personal[str | None] = None
    source: str
    confidence: int | None = None
    expires_at: datetime | None = None

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, overlay_ids=customer.overlay_ids | {self.overlay_id})


class OverlayWithdrawn(Event[Customer]):
    """The overlay must no longer be used."""

    overlay_id: str

    def evolve(self, customer: Customer) -> Customer:
        return evolved(
            customer,
            overlay_ids=customer.overlay_ids - {self.overlay_id},
            withdrawn_overlay_ids=customer.withdrawn_overlay_ids | {self.overlay_id},
        )


class CustomerOwnerChanged(Event[Customer]):
    """Another agent looks after the customer."""

    owner_id: str
    owner_id_was: str | None = None

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, owner_id=self.owner_id)


class CustomerPriorityChanged(Event[Customer]):
    """The customer's priority is A, B or C."""

    priority: str
    priority_was: str | None = None
    policy_version: int | None = None

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, priority=self.priority)


class InteractionLogged(Event[Customer]):
    """The customer and we met, spoke or wrote. ``seconds`` is how long it took."""

    interaction_id: str
    channel: str
    direction: str
    agent_id: str | None = None
    touchpoint: str | None = None
    result: str | None = None
    seconds: int | None = None
    subject: Personal[str | None] = None
    note: Personal[str | None] = None

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, interaction_ids=customer.interaction_ids | {self.interaction_id})


class SurveyAnswered(Event[Customer]):
    """The customer answered a survey; ``metric`` is csat (1 to 5), nps (0 to 10) or ces (1 to 7)."""

    answer_id: str
    metric: str
    score: int
    survey_id: str | None = None
    ticket_id: str | None = None
    comment: Personal[str | None] = None

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, answer_ids=customer.answer_ids | {self.answer_id})


class CustomerActivated(Event[Customer]):
    """The prospect does business with us."""

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, status=ACTIVE)


class CustomerMarkedAtRisk(Event[Customer]):
    """The customer may leave."""

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, status=AT_RISK)


class CustomerChurned(Event[Customer]):
    """The customer left."""

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, status=CHURNED)


class CustomerReactivated(Event[Customer]):
    """The customer came back."""

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, status=ACTIVE)


class CustomerMerged(Event[Customer]):
    """The customer was the same as another one, which lives on as ``into_id``."""

    into_id: Annotated[str, Link("customer")]

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, merged_into=self.into_id)


class CustomerAbsorbed(Event[Customer]):
    """Another customer was the same as this one, which lives on."""

    merged_id: str

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, absorbed=(*customer.absorbed, self.merged_id))


class CustomerUnmerged(Event[Customer]):
    """The merge was a mistake; the customer stands on its own again."""

    survivor_id: Annotated[str, Link("customer", ends=True)]

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, merged_into=None)


class CustomerReleased(Event[Customer]):
    """The survivor of a mistaken merge gave the other customer back."""

    merged_id: str

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, absorbed=tuple(id for id in customer.absorbed if id != self.merged_id))


class CustomerForgotten(Event[Customer]):
    """The person was forgotten: what is personal in ``streams``, all that were this person's, is lost for ever."""

    streams: tuple[str, ...] = ()

    def evolve(self, customer: Customer) -> Customer:
        return evolved(customer, forgotten=True)

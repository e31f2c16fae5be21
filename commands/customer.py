"""What may be asked of a customer. The states are drawn in ``domain/customer.py``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from commands.command import Command, Elsewhere, Fact, Names, admit_existing, require_unchanged
from commands.correction import correction
from commands.fields import Channel, Direction, Id, Instant, Position, Seconds, Text, Version, Word
from commands.merging import can_unmerge, require_other
from commands.rejected import require
from domain import customer as customers
from domain.customer import (
    ConsentGranted,
    ConsentWithdrawn,
    ContactPointAdded,
    ContactPointRemoved,
    ContactPointVerified,
    Customer,
    CustomerAbsorbed,
    CustomerActivated,
    CustomerChurned,
    CustomerCorrected,
    CustomerForgotten,
    CustomerMarkedAtRisk,
    CustomerMerged,
    CustomerOwnerChanged,
    CustomerPriorityChanged,
    CustomerReactivated,
    CustomerRegistered,
    CustomerReleased,
    CustomerUnmerged,
    InteractionLogged,
    OverlayAppended,
    OverlayWithdrawn,
    PreferenceStated,
    SurveyAnswered,
)
from domain.event import State

SCORES = {"csat": (1, 5), "nps": (0, 10), "ces": (1, 7)}
"""The lowest and the highest score of every survey metric."""


class CustomerCommand(Command):
    """A wish for a customer."""

    state: ClassVar[type[State]] = Customer


class CustomerDetailsCommand(CustomerCommand):
    """A wish that tells what is known about a customer."""

    name: Word | None = None
    email: Word | None = None
    phone: Word | None = None
    title: Word | None = None
    address: Word | None = None
    company: Word | None = None
    country: Word | None = None
    postcode_area: Word | None = None
    age_band: Word | None = None
    gender: Word | None = None
    source: Word | None = None

    @property
    def details(self) -> dict[str, Any]:
        """The details that are given."""
        return {name: value for name in customers.DETAILS if (value := getattr(self, name)) is not None}


class RegisterCustomer(CustomerDetailsCommand):
    """Begin a customer, as a prospect."""

    creates: ClassVar[bool] = True

    def decide(self, customer: Customer) -> Iterator[Fact]:
        yield CustomerRegistered(**self.details)


class CorrectCustomer(CustomerDetailsCommand):
    """Correct or complete what is known about a customer; ``clear`` names the fields to empty."""

    reason: Text
    clear: tuple[Word, ...] = ()

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if changes := correction(self, customer, customers.DETAILS, self.clear):
            yield CustomerCorrected(**changes)


class AddContactPoint(CustomerCommand):
    """Add a way to reach a customer."""

    contact_point_id: Id
    kind: Literal["email", "phone", "postal", "social", "other"]
    value: Word
    label: Word | None = None

    def decide(self, customer: Customer) -> Iterator[Fact]:
        seen = {known for known, _ in customer.contact_points} | customer.removed_contact_point_ids
        if self.contact_point_id not in seen:
            yield ContactPointAdded(
                contact_point_id=self.contact_point_id, kind=self.kind, value=self.value, label=self.label
            )


class VerifyContactPoint(CustomerCommand):
    """Record that a customer was reached at a contact point."""

    contact_point_id: Id

    def decide(self, customer: Customer) -> Iterator[Fact]:
        verified = dict(customer.contact_points)
        require_known_contact_point(self.contact_point_id, verified)
        if not verified[self.contact_point_id]:
            yield ContactPointVerified(contact_point_id=self.contact_point_id)


class RemoveContactPoint(CustomerCommand):
    """Record that a customer can no longer be reached at a contact point."""

    contact_point_id: Id

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if self.contact_point_id in customer.removed_contact_point_ids:
            return
        require_known_contact_point(self.contact_point_id, dict(customer.contact_points))
        yield ContactPointRemoved(contact_point_id=self.contact_point_id)


class StatePreference(CustomerCommand):
    """Record what a customer likes: a topic and a wish."""

    topic: Word
    preference: Word

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if (self.topic, self.preference) not in customer.preferences:
            yield PreferenceStated(topic=self.topic, preference=self.preference)


class GrantConsent(CustomerCommand):
    """Record that a customer allows a purpose over a channel, for ever or until an instant; a later grant replaces an
    earlier one.
    """

    purpose: Word
    channel: Channel
    expires_at: Instant | None = None

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if (self.purpose, self.channel, self.expires_at) not in customer.consents:
            yield ConsentGranted(purpose=self.purpose, channel=self.channel, expires_at=self.expires_at)


class WithdrawConsent(CustomerCommand):
    """Record that a customer no longer allows a purpose over a channel."""

    purpose: Word
    channel: Channel

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if any(granted[:2] == (self.purpose, self.channel) for granted in customer.consents):
            yield ConsentWithdrawn(purpose=self.purpose, channel=self.channel)


class AppendOverlay(CustomerCommand):
    """Lay bought or rented data beside what a customer said. It never overwrites that; it carries its source, a
    confidence in percent, and the instant at which the licence ends.
    """

    overlay_id: Id
    field: Word
    value: Word
    source: Word
    confidence: Annotated[int, Field(ge=0, le=100)] | None = None
    expires_at: Instant | None = None

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if self.overlay_id not in customer.overlay_ids | customer.withdrawn_overlay_ids:
            yield OverlayAppended(
                overlay_id=self.overlay_id,
                field=self.field,
                value=self.value,
                source=self.source,
                confidence=self.confidence,
                expires_at=self.expires_at,
            )


class WithdrawOverlay(CustomerCommand):
    """Say that an overlay must no longer be used."""

    overlay_id: Id

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if self.overlay_id in customer.withdrawn_overlay_ids:
            return
        require(
            self.overlay_id in customer.overlay_ids,
            "NO_SUCH_OVERLAY",
            f"the customer has no overlay {self.overlay_id}; it has {listed(customer.overlay_ids)}",
            field="overlay_id",
        )
        yield OverlayWithdrawn(overlay_id=self.overlay_id)


class ChangeOwner(CustomerCommand):
    """Let an agent look after a customer from now on."""

    owner_id: Id

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if customer.owner_id != self.owner_id:
            yield CustomerOwnerChanged(owner_id=self.owner_id, owner_id_was=customer.owner_id)


class ChangePriority(CustomerCommand):
    """Give a customer the priority A, B or C."""

    priority: Literal["A", "B", "C"]
    policy_version: Version | None = None

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if customer.priority != self.priority:
            yield CustomerPriorityChanged(
                priority=self.priority, priority_was=customer.priority, policy_version=self.policy_version
            )


class LogInteraction(CustomerCommand):
    """Record that a customer and somebody of us met, spoke or wrote; ``seconds`` is how long it took."""

    interaction_id: Id
    channel: Channel
    direction: Direction
    agent_id: Id | None = None
    touchpoint: Word | None = None
    result: Word | None = None
    seconds: Seconds | None = None
    subject: Word | None = None
    note: Text | None = None

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if self.interaction_id not in customer.interaction_ids:
            yield InteractionLogged(
                interaction_id=self.interaction_id,
                channel=self.channel,
                direction=self.direction,
                agent_id=self.agent_id,
                touchpoint=self.touchpoint,
                result=self.result,
                seconds=self.seconds,
                subject=self.subject,
                note=self.note,
            )


class AnswerSurvey(CustomerCommand):
    """Record a customer's answer to a survey: csat from 1 to 5, nps from 0 to 10, or ces from 1 to 7."""

    answer_id: Id
    metric: Literal["csat", "nps", "ces"]
    score: int
    survey_id: Id | None = None
    ticket_id: Id | None = None
    comment: Text | None = None

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if self.answer_id in customer.answer_ids:
            return
        lowest, highest = SCORES[self.metric]
        require(
            lowest <= self.score <= highest,
            "SCORE_OUT_OF_RANGE",
            f"{self.score} is no {self.metric} score; allowed are {lowest} to {highest}",
            field="score",
        )
        yield SurveyAnswered(
            answer_id=self.answer_id,
            metric=self.metric,
            score=self.score,
            survey_id=self.survey_id,
            ticket_id=self.ticket_id,
            comment=self.comment,
        )


class ActivateCustomer(CustomerCommand):
    """Record that a prospect does business with us."""

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if customer.status == customers.ACTIVE:
            return
        require(
            customer.status == customers.PROSPECT,
            "NOT_PROSPECT",
            f"the customer is {customer.status}; only a prospect can be activated; use ReactivateCustomer",
        )
        yield CustomerActivated()


class MarkAtRisk(CustomerCommand):
    """Record that a customer may leave."""

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if customer.status == customers.AT_RISK:
            return
        require(
            customer.status != customers.CHURNED,
            "CHURNED",
            "the customer is churned; only a prospect or an active one can be at risk; use ReactivateCustomer first",
        )
        yield CustomerMarkedAtRisk()


class DeclareChurn(CustomerCommand):
    """Record that a customer left."""

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if customer.status != customers.CHURNED:
            yield CustomerChurned()


class ReactivateCustomer(CustomerCommand):
    """Record that a customer who was at risk or had left is back."""

    def decide(self, customer: Customer) -> Iterator[Fact]:
        if customer.status == customers.ACTIVE:
            return
        require(
            customer.status in (customers.AT_RISK, customers.CHURNED),
            "NOT_CHURNED",
            f"the customer is {customer.status}; only an at_risk or churned one can be reactivated; "
            "use ActivateCustomer",
        )
        yield CustomerReactivated()


class MergeCustomers(CustomerCommand):
    """Say that two customers are one; this one survives."""

    reason: Text
    merged_id: Annotated[Id, Names(Customer)]

    def decide(self, survivor: Customer, merged: Customer) -> Iterator[Fact]:
        if merged.merged_into == self.id:
            return
        require_other(self.id, self.merged_id)
        admit_existing(f"customer-{self.merged_id}", merged, field="merged_id")
        yield CustomerAbsorbed(merged_id=self.merged_id)
        yield Elsewhere(self.merged_id, CustomerMerged(into_id=self.id))


class UnmergeCustomers(CustomerCommand):
    """Take a mistaken merge back, the latest one first."""

    reason: Text
    merged_id: Annotated[Id, Names(Customer)]

    def decide(self, survivor: Customer, merged: Customer) -> Iterator[Fact]:
        if not can_unmerge(self.id, survivor, self.merged_id, merged):
            return
        yield CustomerReleased(merged_id=self.merged_id)
        yield Elsewhere(self.merged_id, CustomerUnmerged(survivor_id=self.id))


class ForgetCustomer(CustomerCommand):
    """Forget the person: nothing personal in the streams of this person can ever be read again, and nothing more can be
    recorded about this customer.
    """

    of_person: ClassVar[bool] = True

    unchanged_since_position: Position | None = None

    def decide(self, customer: Customer, streams: tuple[str, ...] = (), newest: int = 0) -> Iterator[Fact]:
        require_unchanged(self.unchanged_since_position, newest)
        yield CustomerForgotten(streams=streams)


def require_known_contact_point(id: str, known: dict[str, bool]) -> None:
    """Refuse a contact point that the customer does not have.

    :raises Rejected: NO_SUCH_CONTACT_POINT.
    """
    require(
        id in known,
        "NO_SUCH_CONTACT_POINT",
        f"the customer has no contact point {id}; it has {listed(known)}",
        field="contact_point_id",
    )


def listed(ids: Iterable[str]) -> str:
    """The ids in order, or ``none``."""
    return ", ".join(sorted(ids)) or "none"

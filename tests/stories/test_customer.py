from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from commands.command import Command, Elsewhere, Fact
from commands.customer import (
    ActivateCustomer,
    AddContactPoint,
    AnswerSurvey,
    AppendOverlay,
    ChangeOwner,
    ChangePriority,
    CorrectCustomer,
    DeclareChurn,
    ForgetCustomer,
    GrantConsent,
    LogInteraction,
    MarkAtRisk,
    MergeCustomers,
    ReactivateCustomer,
    RegisterCustomer,
    RemoveContactPoint,
    StatePreference,
    UnmergeCustomers,
    VerifyContactPoint,
    WithdrawConsent,
    WithdrawOverlay,
)
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
from domain.event import Event
from tests.stories.story import given

registered = CustomerRegistered(name="Ada", phone="2")
active = CustomerActivated()
at_risk = CustomerMarkedAtRisk()
churned = CustomerChurned()
reactivated = CustomerReactivated()
forgotten = CustomerForgotten()

STATUSES: dict[str, tuple[Event[Customer], ...]] = {
    "prospect": (registered,),
    "active": (registered, active),
    "at_risk": (registered, at_risk),
    "churned": (registered, churned),
}

new_year = datetime(2030, 1, 1, tzinfo=UTC)


# Registering and correcting


def test_a_customer_begins_as_a_prospect_with_what_is_known() -> None:
    given().when(RegisterCustomer(id="7", name="Ada", address="St James's Square", age_band="30-39")).then(
        CustomerRegistered(name="Ada", address="St James's Square", age_band="30-39")
    )


def test_a_customer_begins_once() -> None:
    given(registered).when(RegisterCustomer(id="7", name="Ada")).rejected("ALREADY_EXISTS", field="id")


def test_two_customers_may_share_an_address() -> None:
    given(Elsewhere("8", CustomerRegistered(email="ada@example.org"))).when(
        RegisterCustomer(id="7", email="ada@example.org")
    ).then(CustomerRegistered(email="ada@example.org"))


def test_a_correction_says_from_what_to_what() -> None:
    story = given(registered)
    story.when(CorrectCustomer(id="7", phone="3", clear=("name",), reason="she wrote")).then(
        CustomerCorrected(phone="3", phone_was="2", cleared=("name",), name_was="Ada")
    )
    story.when(CorrectCustomer(id="7", phone="3", clear=("name",), reason="she wrote")).then()


def test_there_and_back_again_is_two_corrections() -> None:
    story = given(registered)
    story.when(CorrectCustomer(id="7", name="Eve", reason="misheard")).then(
        CustomerCorrected(name="Eve", name_was="Ada")
    )
    story.when(CorrectCustomer(id="7", name="Ada", reason="misread")).then(
        CustomerCorrected(name="Ada", name_was="Eve")
    )


def test_only_a_detail_can_be_emptied_and_not_while_given() -> None:
    given(registered).when(CorrectCustomer(id="7", clear=("owner_id",), reason="why not")).rejected(
        "UNKNOWN_FIELD", field="clear", says="age_band"
    )
    given(registered).when(CorrectCustomer(id="7", name="Eve", clear=("name",), reason="both")).rejected(
        "CONTRADICTION", field="clear"
    )


@pytest.mark.parametrize("command", [CorrectCustomer, MergeCustomers, UnmergeCustomers])
def test_taking_something_back_needs_a_reason(command: type[Command]) -> None:
    assert command.model_fields["reason"].is_required()


# Contact points

added = ContactPointAdded(contact_point_id="c", kind="email", value="ada@example.org")
removed = ContactPointRemoved(contact_point_id="c")
verified = ContactPointVerified(contact_point_id="c")
add = AddContactPoint(id="7", contact_point_id="c", kind="email", value="ada@example.org")


def test_a_contact_point_is_added_once_for_ever() -> None:
    story = given(registered)
    story.when(add).then(added)
    story.when(add).then()
    given(registered, added, removed).when(add).then()


def test_a_contact_point_is_verified_once() -> None:
    verify = VerifyContactPoint(id="7", contact_point_id="c")
    story = given(registered, added)
    story.when(verify).then(verified)
    story.when(verify).then()


def test_a_contact_point_is_removed_once() -> None:
    remove = RemoveContactPoint(id="7", contact_point_id="c")
    story = given(registered, added, verified)
    story.when(remove).then(removed)
    story.when(remove).then()


def test_an_unknown_contact_point_is_neither_verified_nor_removed() -> None:
    given(registered, added).when(VerifyContactPoint(id="7", contact_point_id="d")).rejected(
        "NO_SUCH_CONTACT_POINT", field="contact_point_id", says="it has c"
    )
    given(registered).when(RemoveContactPoint(id="7", contact_point_id="d")).rejected(
        "NO_SUCH_CONTACT_POINT", field="contact_point_id", says="it has none"
    )


def test_a_removed_contact_point_is_not_verified() -> None:
    given(registered, added, removed).when(VerifyContactPoint(id="7", contact_point_id="c")).rejected(
        "NO_SUCH_CONTACT_POINT", field="contact_point_id"
    )


# Preferences and consents


def test_a_preference_holds_until_another_is_stated() -> None:
    tea = StatePreference(id="7", topic="drink", preference="tea")
    coffee = StatePreference(id="7", topic="drink", preference="coffee")
    story = given(registered)
    story.when(tea).then(PreferenceStated(topic="drink", preference="tea"))
    story.when(tea).then()
    story.when(coffee).then(PreferenceStated(topic="drink", preference="coffee"))
    story.when(tea).then(PreferenceStated(topic="drink", preference="tea"))


granted = ConsentGranted(purpose="newsletter", channel="email")
withdrawn = ConsentWithdrawn(purpose="newsletter", channel="email")
grant = GrantConsent(id="7", purpose="newsletter", channel="email")
withdraw = WithdrawConsent(id="7", purpose="newsletter", channel="email")


def test_a_consent_is_granted_and_withdrawn_once_and_can_be_granted_again() -> None:
    story = given(registered)
    story.when(grant).then(granted)
    story.when(grant).then()
    story.when(withdraw).then(withdrawn)
    story.when(withdraw).then()
    story.when(grant).then(granted)


def test_a_consent_that_was_never_granted_cannot_be_withdrawn() -> None:
    given(registered).when(withdraw).then()


def test_a_consent_is_for_one_purpose_and_one_channel() -> None:
    given(registered, granted).when(WithdrawConsent(id="7", purpose="newsletter", channel="phone")).then()
    given(registered, granted).when(WithdrawConsent(id="7", purpose="survey", channel="email")).then()
    given(registered, granted).when(GrantConsent(id="7", purpose="survey", channel="email")).then(
        ConsentGranted(purpose="survey", channel="email")
    )


def test_another_end_of_a_consent_is_another_grant() -> None:
    until = GrantConsent(id="7", purpose="newsletter", channel="email", expires_at=new_year)
    story = given(registered, granted)
    story.when(until).then(ConsentGranted(purpose="newsletter", channel="email", expires_at=new_year))
    story.when(until).then()
    story.when(grant).then(granted)


def test_an_instant_carries_its_offset_and_is_kept_in_utc() -> None:
    in_berlin = new_year.astimezone(timezone(timedelta(hours=1)))
    kept = GrantConsent(id="7", purpose="newsletter", channel="email", expires_at=in_berlin).expires_at
    assert kept == new_year
    assert kept.tzinfo is UTC
    with pytest.raises(ValidationError, match="timezone"):
        GrantConsent(id="7", purpose="newsletter", channel="email", expires_at=new_year.replace(tzinfo=None))


# Overlays

append = AppendOverlay(
    id="7", overlay_id="o", field="phone", value="3", source="lists.example", confidence=80, expires_at=new_year
)
appended = OverlayAppended(
    overlay_id="o", field="phone", value="3", source="lists.example", confidence=80, expires_at=new_year
)


def test_bought_data_carries_its_source_and_licence_and_is_added_once() -> None:
    story = given(registered)
    story.when(append).then(appended)
    story.when(append).then()


def test_bought_data_never_overwrites_what_the_customer_said() -> None:
    given(registered, appended).when(CorrectCustomer(id="7", phone="2", reason="she said so")).then()


def test_bought_data_names_its_source() -> None:
    assert AppendOverlay.model_fields["source"].is_required()


def test_an_overlay_is_withdrawn_once_and_never_comes_back() -> None:
    take_back = WithdrawOverlay(id="7", overlay_id="o")
    story = given(registered, appended)
    story.when(take_back).then(OverlayWithdrawn(overlay_id="o"))
    story.when(take_back).then()
    story.when(append).then()


def test_an_unknown_overlay_cannot_be_withdrawn() -> None:
    given(registered, appended).when(WithdrawOverlay(id="7", overlay_id="p")).rejected(
        "NO_SUCH_OVERLAY", field="overlay_id", says="it has o"
    )


# Owner and priority


def test_the_owner_changes_from_one_to_another() -> None:
    story = given(registered)
    story.when(ChangeOwner(id="7", owner_id="ann")).then(CustomerOwnerChanged(owner_id="ann"))
    story.when(ChangeOwner(id="7", owner_id="ann")).then()
    story.when(ChangeOwner(id="7", owner_id="bob")).then(CustomerOwnerChanged(owner_id="bob", owner_id_was="ann"))


def test_the_priority_changes_from_one_to_another() -> None:
    story = given(registered)
    story.when(ChangePriority(id="7", priority="B", policy_version=2)).then(
        CustomerPriorityChanged(priority="B", policy_version=2)
    )
    story.when(ChangePriority(id="7", priority="B")).then()
    story.when(ChangePriority(id="7", priority="A")).then(CustomerPriorityChanged(priority="A", priority_was="B"))


# Interactions and surveys


def test_an_interaction_counts_once() -> None:
    call = LogInteraction(id="7", interaction_id="i", channel="phone", direction="inbound", seconds=90, result="sold")
    story = given(registered)
    story.when(call).then(
        InteractionLogged(interaction_id="i", channel="phone", direction="inbound", seconds=90, result="sold")
    )
    story.when(call).then()


def test_an_answer_counts_once() -> None:
    answer = AnswerSurvey(id="7", answer_id="a", metric="nps", score=10, ticket_id="t", comment="splendid")
    story = given(registered)
    story.when(answer).then(SurveyAnswered(answer_id="a", metric="nps", score=10, ticket_id="t", comment="splendid"))
    story.when(answer).then()


@pytest.mark.parametrize(("metric", "lowest", "highest"), [("csat", 1, 5), ("nps", 0, 10), ("ces", 1, 7)])
def test_a_score_is_in_the_range_of_its_metric(metric: str, lowest: int, highest: int) -> None:
    def answer(score: int) -> AnswerSurvey:
        return AnswerSurvey.model_validate({"id": "7", "answer_id": "a", "metric": metric, "score": score})

    for score in (lowest, highest):
        given(registered).when(answer(score)).then(SurveyAnswered(answer_id="a", metric=metric, score=score))
    for score in (lowest - 1, highest + 1):
        given(registered).when(answer(score)).rejected(
            "SCORE_OUT_OF_RANGE", field="score", says=f"{lowest} to {highest}"
        )


# The way of a customer


def test_a_prospect_becomes_active() -> None:
    story = given(registered)
    story.when(ActivateCustomer(id="7")).then(active)
    story.when(ActivateCustomer(id="7")).then()


@pytest.mark.parametrize("status", ["at_risk", "churned"])
def test_only_a_prospect_is_activated(status: str) -> None:
    given(*STATUSES[status]).when(ActivateCustomer(id="7")).rejected("NOT_PROSPECT", says=f"the customer is {status}")


@pytest.mark.parametrize("status", ["prospect", "active"])
def test_a_prospect_or_active_customer_may_be_at_risk(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(MarkAtRisk(id="7")).then(at_risk)
    story.when(MarkAtRisk(id="7")).then()


def test_a_churned_customer_is_no_longer_at_risk() -> None:
    given(registered, churned).when(MarkAtRisk(id="7")).rejected("CHURNED", says="ReactivateCustomer")


@pytest.mark.parametrize("status", ["prospect", "active", "at_risk"])
def test_every_customer_may_churn(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(DeclareChurn(id="7")).then(churned)
    story.when(DeclareChurn(id="7")).then()


@pytest.mark.parametrize("status", ["at_risk", "churned"])
def test_a_customer_at_risk_or_churned_may_come_back(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(ReactivateCustomer(id="7")).then(reactivated)
    story.when(ReactivateCustomer(id="7")).then()


def test_a_prospect_cannot_come_back() -> None:
    given(registered).when(ReactivateCustomer(id="7")).rejected("NOT_CHURNED", says="ActivateCustomer")


def test_a_customer_can_leave_and_come_back_again_and_again() -> None:
    story = given(registered, active, churned, reactivated)
    story.when(DeclareChurn(id="7")).then(churned)
    story.when(ReactivateCustomer(id="7")).then(reactivated)


# Merging

other = Elsewhere("8", CustomerRegistered(name="A. Lovelace"))
third = Elsewhere("9", CustomerRegistered(name="A. L."))


def merge(id: str, merged_id: str) -> MergeCustomers:
    return MergeCustomers(id=id, merged_id=merged_id, reason="same person")


def unmerge(id: str, merged_id: str) -> UnmergeCustomers:
    return UnmergeCustomers(id=id, merged_id=merged_id, reason="two people")


def merging(merged_id: str, *, into: str) -> tuple[Fact, Fact]:
    return CustomerAbsorbed(merged_id=merged_id), Elsewhere(merged_id, CustomerMerged(into_id=into))


def unmerging(merged_id: str, *, survivor: str) -> tuple[Fact, Fact]:
    return CustomerReleased(merged_id=merged_id), Elsewhere(merged_id, CustomerUnmerged(survivor_id=survivor))


@pytest.mark.parametrize("status", STATUSES)
def test_two_customers_become_one_in_any_status(status: str) -> None:
    story = given(registered, *(Elsewhere("8", event) for event in STATUSES[status]))
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("7", "8")).then()
    story.when(DeclareChurn(id="8")).rejected("MERGED", field="id", says="customer-7")


def test_an_unmerged_customer_is_what_it_was() -> None:
    story = given(registered, other, Elsewhere("8", at_risk))
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))
    story.when(unmerge("7", "8")).then()
    story.when(MarkAtRisk(id="8")).then()


def test_a_customer_is_not_merged_with_itself_or_nobody_or_one_that_is_gone() -> None:
    given(registered).when(merge("7", "7")).rejected("SAME_STREAM", field="merged_id")
    given(registered).when(merge("7", "8")).rejected("NOT_FOUND", field="merged_id")
    given(registered, other, Elsewhere("8", CustomerMerged(into_id="9"))).when(merge("7", "8")).rejected(
        "MERGED", field="merged_id", says="customer-9"
    )
    given(registered, other, Elsewhere("8", forgotten)).when(merge("7", "8")).rejected("FORGOTTEN", field="merged_id")


def test_merges_are_undone_latest_first() -> None:
    story = given(registered, other, third)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("7", "9")).then(*merging("9", into="7"))
    story.when(unmerge("7", "8")).rejected("NOT_LATEST_MERGE", field="merged_id", says="customer-9")
    story.when(unmerge("7", "9")).then(*unmerging("9", survivor="7"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))


def test_a_chain_of_merges_is_undone_from_its_end() -> None:
    story = given(registered, other, third)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("9", "7")).then(*merging("7", into="9"))
    story.when(unmerge("7", "8")).rejected("MERGED", field="id", says="customer-9")
    story.when(unmerge("9", "7")).then(*unmerging("7", survivor="9"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))


# Forgetting


def test_a_forgotten_customer_takes_no_more_commands() -> None:
    story = given(registered)
    story.when(ForgetCustomer(id="7")).then(forgotten)
    story.when(ForgetCustomer(id="7")).rejected("FORGOTTEN", field="id", says="customer-7")
    story.when(ActivateCustomer(id="7")).rejected("FORGOTTEN", field="id")
    story.when(grant).rejected("FORGOTTEN", field="id")
    story.when(RegisterCustomer(id="7", name="Ada")).rejected("ALREADY_EXISTS", field="id")


def test_a_forgotten_survivor_gives_nobody_back() -> None:
    story = given(registered, other)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(ForgetCustomer(id="7")).then(forgotten)
    story.when(unmerge("7", "8")).rejected("FORGOTTEN", field="id")


def test_nobody_is_forgotten_who_was_never_known() -> None:
    given().when(ForgetCustomer(id="7")).rejected("NOT_FOUND", field="id", says="customer-7")

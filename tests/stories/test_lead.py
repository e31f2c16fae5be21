import pytest
from pydantic import ValidationError

from commands.command import Command, Elsewhere, Fact
from commands.lead import (
    AssignLead,
    CaptureLead,
    ContactLead,
    ConvertLead,
    CorrectLead,
    DisqualifyLead,
    ForgetLead,
    MergeLeads,
    NurtureLead,
    QualifyLead,
    RecycleLead,
    ReverseConversion,
    ScoreLead,
    UnmergeLeads,
)
from domain.customer import CustomerCorrected, CustomerForgotten, CustomerMerged, CustomerRegistered
from domain.event import Event
from domain.lead import (
    Lead,
    LeadAbsorbed,
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConversionReversed,
    LeadConverted,
    LeadCorrected,
    LeadDisqualified,
    LeadForgotten,
    LeadMerged,
    LeadNurtured,
    LeadQualified,
    LeadRecycled,
    LeadReleased,
    LeadScored,
    LeadUnmerged,
)
from tests.stories.story import given

captured = LeadCaptured(name="Ada", source="web")
assigned = LeadAssigned(agent_id="ann", status="assigned")
working = LeadContacted(contact_id="c1", channel="phone", direction="outbound", status="working")
qualified = LeadQualified()
nurturing = LeadNurtured()
disqualified = LeadDisqualified()
converted = LeadConverted(customer_id="ada")
merged = LeadMerged(into_id="9", status_before="new")

STATUSES: dict[str, tuple[Event[Lead], ...]] = {
    "new": (captured,),
    "assigned": (captured, assigned),
    "working": (captured, working),
    "qualified": (captured, qualified),
    "nurturing": (captured, nurturing),
    "converted": (captured, converted),
    "disqualified": (captured, disqualified),
}
OPEN = ("new", "assigned", "working", "qualified", "nurturing")

in_every_open_status = pytest.mark.parametrize("status", OPEN)


def contact(contact_id: str) -> ContactLead:
    return ContactLead(id="7", contact_id=contact_id, channel="email")


# Capturing and correcting


def test_a_lead_begins_with_what_is_known() -> None:
    given().when(CaptureLead(id="7", name="Ada", source="web", landing_page="/spring")).then(
        LeadCaptured(name="Ada", source="web", landing_page="/spring")
    )


def test_a_lead_may_begin_with_nothing_known() -> None:
    given().when(CaptureLead(id="7")).then(LeadCaptured())


def test_a_lead_begins_once() -> None:
    given(captured).when(CaptureLead(id="7", name="Ada")).rejected("ALREADY_EXISTS", field="id", says="lead-7")


def test_a_correction_says_from_what_to_what() -> None:
    given(captured).when(CorrectLead(id="7", name="Ada Lovelace", phone="1", reason="she wrote")).then(
        LeadCorrected(name="Ada Lovelace", name_was="Ada", phone="1")
    )


def test_a_correction_can_empty_fields() -> None:
    given(captured).when(CorrectLead(id="7", clear=("source", "phone"), reason="unknown")).then(
        LeadCorrected(cleared=("source",), source_was="web")
    )


def test_correcting_what_is_right_already_changes_nothing() -> None:
    given(captured).when(CorrectLead(id="7", name="Ada", clear=("phone",), reason="she wrote")).then()


def test_there_and_back_again_is_two_corrections() -> None:
    story = given(captured)
    story.when(CorrectLead(id="7", name="Eve", reason="misheard")).then(LeadCorrected(name="Eve", name_was="Ada"))
    story.when(CorrectLead(id="7", name="Ada", reason="misread")).then(LeadCorrected(name="Ada", name_was="Eve"))


def test_only_a_detail_can_be_emptied() -> None:
    given(captured).when(CorrectLead(id="7", clear=("status",), reason="why not")).rejected(
        "UNKNOWN_FIELD", field="clear", says="landing_page"
    )


def test_a_field_is_either_given_or_emptied() -> None:
    given(captured).when(CorrectLead(id="7", name="Eve", clear=("name",), reason="both")).rejected(
        "CONTRADICTION", field="clear"
    )


def test_a_lead_can_be_corrected_in_every_status_but_merged() -> None:
    for facts in STATUSES.values():
        given(*facts).when(CorrectLead(id="7", phone="1", reason="she wrote")).then(LeadCorrected(phone="1"))
    given(captured, merged).when(CorrectLead(id="7", phone="1", reason="she wrote")).rejected("MERGED", field="id")


# Working on a lead


def test_assigning_a_new_lead_moves_it() -> None:
    given(captured).when(AssignLead(id="7", agent_id="ann")).then(LeadAssigned(agent_id="ann", status="assigned"))


@pytest.mark.parametrize("status", ["assigned", "working", "qualified", "nurturing"])
def test_assigning_a_later_lead_leaves_it_where_it_is(status: str) -> None:
    given(*STATUSES[status]).when(AssignLead(id="7", agent_id="bob")).then(LeadAssigned(agent_id="bob"))


def test_assigning_the_same_agent_again_changes_nothing() -> None:
    given(captured, assigned).when(AssignLead(id="7", agent_id="ann")).then()


def test_a_recycled_lead_can_be_assigned_to_the_agent_it_had() -> None:
    given(captured, assigned, disqualified, LeadRecycled()).when(AssignLead(id="7", agent_id="ann")).then(assigned)


@pytest.mark.parametrize("status", ["new", "assigned", "nurturing"])
def test_a_contact_puts_a_lead_to_work(status: str) -> None:
    given(*STATUSES[status]).when(contact("c2")).then(
        LeadContacted(contact_id="c2", channel="email", direction="outbound", status="working")
    )


@pytest.mark.parametrize("status", ["working", "qualified"])
def test_a_contact_moves_no_lead_backwards(status: str) -> None:
    given(*STATUSES[status]).when(contact("c2")).then(
        LeadContacted(contact_id="c2", channel="email", direction="outbound")
    )


def test_a_contact_counts_once_for_ever() -> None:
    given(captured, working).when(contact("c1")).then()
    given(captured, working, disqualified).when(contact("c1")).then()


def test_a_score_is_recorded_when_it_changes() -> None:
    story = given(captured)
    story.when(ScoreLead(id="7", score=0, policy_version=3)).then(LeadScored(score=0, policy_version=3))
    story.when(ScoreLead(id="7", score=0)).then()
    story.when(ScoreLead(id="7", score=100)).then(LeadScored(score=100))


@pytest.mark.parametrize("score", [-1, 101])
def test_a_score_is_between_0_and_100(score: int) -> None:
    with pytest.raises(ValidationError):
        ScoreLead(id="7", score=score)


@pytest.mark.parametrize("status", ["new", "assigned", "working", "nurturing"])
def test_a_lead_qualifies_from_every_open_status(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(QualifyLead(id="7")).then(qualified)
    story.when(QualifyLead(id="7")).then()


@pytest.mark.parametrize("status", ["new", "assigned", "working", "qualified"])
def test_a_lead_can_be_kept_warm_from_every_open_status(status: str) -> None:
    story = given(*STATUSES[status])
    story.when(NurtureLead(id="7")).then(nurturing)
    story.when(NurtureLead(id="7")).then()


@pytest.mark.parametrize("status", ["converted", "disqualified"])
@pytest.mark.parametrize(
    "command",
    [
        AssignLead(id="7", agent_id="bob"),
        contact("c9"),
        ScoreLead(id="7", score=5),
        QualifyLead(id="7"),
        NurtureLead(id="7"),
    ],
)
def test_only_an_open_lead_is_worked_on(command: Command, status: str) -> None:
    given(*STATUSES[status]).when(command).rejected("NOT_OPEN", says=f"the lead is {status}")


# Giving up and starting again


@in_every_open_status
def test_an_open_lead_can_be_disqualified(status: str) -> None:
    given(*STATUSES[status]).when(DisqualifyLead(id="7", reason="no budget")).then(disqualified)


def test_disqualifying_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="reason"):
        DisqualifyLead(id="7")  # type: ignore[call-arg]


def test_disqualifying_again_changes_nothing() -> None:
    given(captured, disqualified).when(DisqualifyLead(id="7", reason="still no budget")).then()


def test_a_converted_lead_cannot_be_disqualified() -> None:
    given(captured, converted).when(DisqualifyLead(id="7", reason="regret")).rejected(
        "NOT_OPEN", says="reverse the conversion first"
    )


def test_a_disqualified_lead_can_start_again() -> None:
    story = given(captured, disqualified)
    story.when(RecycleLead(id="7")).then(LeadRecycled())
    story.when(RecycleLead(id="7")).then()


@pytest.mark.parametrize("status", ["assigned", "working", "qualified", "nurturing", "converted"])
def test_only_a_disqualified_lead_is_recycled(status: str) -> None:
    given(*STATUSES[status]).when(RecycleLead(id="7")).rejected("NOT_DISQUALIFIED", says=f"the lead is {status}")


# Converting


@pytest.mark.parametrize("status", ["new", "assigned", "working", "qualified"])
def test_a_lead_converts_into_a_new_customer(status: str) -> None:
    known = frozenset({"name", "source"})
    given(*STATUSES[status]).when(ConvertLead(id="7", customer_id="ada", sdr_id="s", sr_id="r")).then(
        LeadConverted(customer_id="ada", sdr_id="s", sr_id="r"),
        Elsewhere("ada", CustomerRegistered(name="Ada", source="web"), copied=known),
    )


@pytest.mark.parametrize("status", ["nurturing", "disqualified"])
def test_a_lead_that_waits_or_is_lost_does_not_convert(status: str) -> None:
    given(*STATUSES[status]).when(ConvertLead(id="7", customer_id="ada")).rejected(
        "NOT_CONVERTIBLE", says=f"the lead is {status}"
    )


def test_conversion_happens_once() -> None:
    given(captured, converted).when(ConvertLead(id="7", customer_id="ada")).then()
    given(captured, converted).when(ConvertLead(id="7", customer_id="eve")).rejected("NOT_CONVERTIBLE")


def test_what_the_customer_said_stays_and_gaps_are_filled() -> None:
    lead = LeadCaptured(phone="1", source="web", title="Countess", company="Engines")
    customer = Elsewhere("ada", CustomerRegistered(phone="2", company="Engines"))
    given(lead, customer).when(ConvertLead(id="7", customer_id="ada")).then(
        LeadConverted(customer_id="ada"),
        Elsewhere("ada", CustomerCorrected(title="Countess"), copied=frozenset({"title"})),
    )


def test_named_fields_are_overwritten_and_the_source_only_then() -> None:
    lead = LeadCaptured(phone="1", source="web", title="Countess")
    customer = Elsewhere("ada", CustomerRegistered(phone="2", source="fair"))
    given(lead, customer).when(ConvertLead(id="7", customer_id="ada", overwrite=("source",))).then(
        LeadConverted(customer_id="ada"),
        Elsewhere(
            "ada",
            CustomerCorrected(source="web", source_was="fair", title="Countess"),
            copied=frozenset({"source", "title"}),
        ),
    )
    given(lead, customer).when(ConvertLead(id="7", customer_id="ada", overwrite=("phone",))).then(
        LeadConverted(customer_id="ada"),
        Elsewhere(
            "ada",
            CustomerCorrected(phone="1", phone_was="2", title="Countess"),
            copied=frozenset({"phone", "title"}),
        ),
    )


def test_an_empty_source_of_the_customer_stays_empty_unless_named() -> None:
    customer = Elsewhere("ada", CustomerRegistered(name="Ada"))
    given(captured, customer).when(ConvertLead(id="7", customer_id="ada")).then(converted)
    given(captured, customer).when(ConvertLead(id="7", customer_id="ada", overwrite=("source",))).then(
        converted, Elsewhere("ada", CustomerCorrected(source="web"), copied=frozenset({"source"}))
    )


def test_overwriting_with_nothing_empties_nothing() -> None:
    customer = Elsewhere("ada", CustomerRegistered(name="Ada", phone="2"))
    given(captured, customer).when(ConvertLead(id="7", customer_id="ada", overwrite=("phone",))).then(converted)


def test_only_what_both_have_can_be_overwritten() -> None:
    given(captured).when(ConvertLead(id="7", customer_id="ada", overwrite=("landing_page",))).rejected(
        "UNKNOWN_FIELD", field="overwrite", says="phone"
    )


def test_a_lead_converts_into_no_customer_that_is_gone() -> None:
    known = Elsewhere("ada", CustomerRegistered())
    given(captured, known, Elsewhere("ada", CustomerMerged(into_id="eve"))).when(
        ConvertLead(id="7", customer_id="ada")
    ).rejected("MERGED", field="customer_id", says="customer-eve")
    given(captured, known, Elsewhere("ada", CustomerForgotten())).when(ConvertLead(id="7", customer_id="ada")).rejected(
        "FORGOTTEN", field="customer_id"
    )


def test_a_conversion_can_be_reversed_and_done_again() -> None:
    story = given(captured, converted, Elsewhere("ada", CustomerRegistered(name="Ada")))
    story.when(ReverseConversion(id="7", reason="wrong person")).then(LeadConversionReversed(customer_id="ada"))
    story.when(ReverseConversion(id="7", reason="wrong person")).then()
    story.when(ConvertLead(id="7", customer_id="eve")).then(
        LeadConverted(customer_id="eve"),
        Elsewhere("eve", CustomerRegistered(name="Ada", source="web"), copied=frozenset({"name", "source"})),
    )


@pytest.mark.parametrize("status", ["new", "assigned", "working", "nurturing", "disqualified"])
def test_only_a_conversion_can_be_reversed(status: str) -> None:
    given(*STATUSES[status]).when(ReverseConversion(id="7", reason="oops")).rejected(
        "NOT_CONVERTED", says=f"the lead is {status}"
    )


# Merging

other = Elsewhere("8", LeadCaptured(name="A. Lovelace"))
third = Elsewhere("9", LeadCaptured(name="A. L."))


def merge(id: str, merged_id: str) -> MergeLeads:
    return MergeLeads(id=id, merged_id=merged_id, reason="same person")


def unmerge(id: str, merged_id: str) -> UnmergeLeads:
    return UnmergeLeads(id=id, merged_id=merged_id, reason="two people")


def merging(merged_id: str, *, into: str, status: str = "new") -> tuple[Fact, Fact]:
    return LeadAbsorbed(merged_id=merged_id), Elsewhere(merged_id, LeadMerged(into_id=into, status_before=status))


def unmerging(merged_id: str, *, survivor: str, status: str = "new") -> tuple[Fact, Fact]:
    released = LeadReleased(merged_id=merged_id)
    return released, Elsewhere(merged_id, LeadUnmerged(survivor_id=survivor, status=status))


def test_two_leads_become_one() -> None:
    story = given(captured, other)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("7", "8")).then()
    story.when(QualifyLead(id="8")).rejected("MERGED", field="id", says="lead-7")


@in_every_open_status
def test_an_unmerged_lead_is_what_it_was(status: str) -> None:
    story = given(captured, *(Elsewhere("8", event) for event in STATUSES[status]))
    story.when(merge("7", "8")).then(*merging("8", into="7", status=status))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7", status=status))
    story.when(unmerge("7", "8")).then()


@pytest.mark.parametrize("status", ["converted", "disqualified"])
def test_only_an_open_lead_is_merged(status: str) -> None:
    facts = [Elsewhere("8", event) for event in STATUSES[status]]
    given(captured, *facts).when(merge("7", "8")).rejected("NOT_OPEN", says=f"the lead is {status}")


def test_a_lead_is_not_merged_with_itself_or_nobody_or_twice() -> None:
    given(captured).when(merge("7", "7")).rejected("SAME_STREAM", field="merged_id")
    given(captured).when(merge("7", "8")).rejected("NOT_FOUND", field="merged_id")
    given(other).when(merge("7", "8")).rejected("NOT_FOUND", field="id")
    given(captured, other, Elsewhere("8", merged)).when(merge("7", "8")).rejected(
        "MERGED", field="merged_id", says="lead-9"
    )


def test_two_leads_do_not_swallow_each_other() -> None:
    story = given(captured, other)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("8", "7")).rejected("MERGED", field="id", says="lead-7")


def test_merges_are_undone_latest_first() -> None:
    story = given(captured, other, third)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("7", "9")).then(*merging("9", into="7"))
    story.when(unmerge("7", "8")).rejected("NOT_LATEST_MERGE", field="merged_id", says="lead-9")
    story.when(unmerge("7", "9")).then(*unmerging("9", survivor="7"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))


def test_a_chain_of_merges_is_undone_from_its_end() -> None:
    story = given(captured, other, third)
    story.when(merge("7", "8")).then(*merging("8", into="7"))
    story.when(merge("9", "7")).then(*merging("7", into="9"))
    story.when(QualifyLead(id="8")).rejected("MERGED", field="id", says="lead-7")
    story.when(unmerge("7", "8")).rejected("MERGED", field="id", says="lead-9")
    story.when(unmerge("9", "8")).then()
    story.when(unmerge("9", "7")).then(*unmerging("7", survivor="9"))
    story.when(unmerge("7", "8")).then(*unmerging("8", survivor="7"))


def test_unmerging_needs_two_leads() -> None:
    given(captured).when(unmerge("7", "8")).rejected("NOT_FOUND", field="merged_id")
    given(captured, other).when(unmerge("7", "8")).then()


@pytest.mark.parametrize("command", [CorrectLead, MergeLeads, UnmergeLeads, ReverseConversion])
def test_taking_something_back_needs_a_reason(command: type[Command]) -> None:
    assert command.model_fields["reason"].is_required()


# Forgetting


def test_a_forgotten_lead_goes_on() -> None:
    story = given(captured)
    story.when(ForgetLead(id="7")).then(LeadForgotten())
    story.when(ForgetLead(id="7")).then()
    story.when(AssignLead(id="7", agent_id="ann")).then(assigned)
    story.when(DisqualifyLead(id="7", reason="nobody there")).then(disqualified)


def test_a_lead_that_cannot_be_forgotten() -> None:
    given().when(ForgetLead(id="7")).rejected("NOT_FOUND", field="id", says="lead-7")
    given(captured, merged).when(ForgetLead(id="7")).rejected("MERGED", field="id", says="lead-9")
    given(captured, converted).when(ForgetLead(id="7")).rejected("IS_CUSTOMER", says="customer-ada")

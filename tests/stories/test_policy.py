"""Policies: published, and published anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from commands.command import Command
from commands.policy import PublishCalendar, PublishPriority, PublishRetention, PublishSla
from domain.policy import CalendarPublished, PriorityPublished, RetentionPublished, SlaPublished
from tests.stories.story import given

WEEK = ("mon 09:00-17:00", "tue 09:00-17:00")
MONDAY = datetime(2024, 3, 4, tzinfo=UTC)

calendar = CalendarPublished(time_zone="Europe/Berlin", hours=WEEK)
sla = SlaPublished(measure="first_response", seconds=3600, is_business_time=True)
priority = PriorityPublished(a_percent=75, b_percent=34, c_percent=15)
retention = RetentionPublished(churned_days=365)

PUBLISHINGS: dict[str, tuple[Any, Command]] = {
    "calendar": (calendar, PublishCalendar(id="7", time_zone="Europe/Berlin", hours=WEEK)),
    "sla": (sla, PublishSla(id="7", measure="first_response", seconds=3600)),
    "priority": (priority, PublishPriority(id="7", a_percent=75, b_percent=34, c_percent=15)),
    "retention": (retention, PublishRetention(id="7", churned_days=365)),
}
of_every_kind = pytest.mark.parametrize("kind", PUBLISHINGS)


@of_every_kind
def test_publishing_begins_a_policy_and_says_the_same_only_once(kind: str) -> None:
    event, publish = PUBLISHINGS[kind]
    given().when(publish).then(event).when(publish).then()


@of_every_kind
def test_a_policy_is_superseded_by_its_next_version_and_may_come_back(kind: str) -> None:
    event, publish = PUBLISHINGS[kind]
    later = publish.model_copy(update={"valid_from": MONDAY})
    story = given(event).when(later).then(type(event)(**{**vars(event), "valid_from": MONDAY}))
    story.when(publish).then(event)


@of_every_kind
def test_a_policy_keeps_its_kind(kind: str) -> None:
    event, _ = PUBLISHINGS[kind]
    for other, (_, publish) in PUBLISHINGS.items():
        if other != kind:
            given(event).when(publish).rejected("OTHER_KIND", field="id", says=f"is a {kind}")


# Calendars


def test_hours_holidays_and_groups_are_kept_in_order_and_once() -> None:
    given().when(
        PublishCalendar(
            id="7",
            time_zone="UTC",
            hours=("tue 13:00-24:00", "mon 09:00-17:00", "tue 00:00-12:00", "mon 09:00-17:00"),
            holidays=("2024-12-26", "2024-12-25", "2024-12-26"),
            group_ids=("b", "a"),
        )
    ).then(
        CalendarPublished(
            time_zone="UTC",
            hours=("mon 09:00-17:00", "tue 00:00-12:00", "tue 13:00-24:00"),
            holidays=("2024-12-25", "2024-12-26"),
            group_ids=("a", "b"),
        )
    )


@pytest.mark.parametrize("hours", ["mon 17:00-09:00", "mon 09:00-09:00"])
def test_hours_end_after_they_begin(hours: str) -> None:
    publish = PublishCalendar(id="7", time_zone="UTC", hours=(hours,))
    given().when(publish).rejected("CONTRADICTION", field="hours", says=hours)


def test_hours_do_not_overlap() -> None:
    overlapping = PublishCalendar(id="7", time_zone="UTC", hours=("mon 09:00-17:00", "mon 16:59-20:00"))
    given().when(overlapping).rejected("CONTRADICTION", field="hours", says="overlap")
    touching = PublishCalendar(id="7", time_zone="UTC", hours=("mon 09:00-17:00", "mon 17:00-20:00"))
    given().when(touching).then(CalendarPublished(time_zone="UTC", hours=("mon 09:00-17:00", "mon 17:00-20:00")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Europe/Nowhere"},
        {"time_zone": "../etc"},
        {"time_zone": "localtime"},
        {"time_zone": "posixrules"},
        {"time_zone": "posix/Europe/Berlin"},
        {"time_zone": "right/Europe/Berlin"},
        {"hours": ()},
        {"hours": ("monday 9-17",)},
        {"hours": ("mon 09:00-24:01",)},
        {"hours": ("mon 0٣:00-17:00",)},
        {"holidays": ("2024-02-30",)},
        {"holidays": ("25.12.2024",)},
        {"group_ids": ("a b",)},
    ],
    ids=str,
)
def test_what_no_calendar_can_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PublishCalendar.model_validate({"id": "7", "time_zone": "UTC", "hours": WEEK, **wrong})


# SLAs


def test_an_sla_promises_something() -> None:
    given().when(PublishSla(id="7", measure="next_reply")).rejected("NOTHING_GIVEN", says="low_seconds")


def test_what_matters_more_does_not_take_longer() -> None:
    publish = PublishSla(id="7", measure="next_reply", low_seconds=60, critical_seconds=61)
    given().when(publish).rejected("CONTRADICTION", field="critical_seconds", says="cannot take longer")
    equal = PublishSla(id="7", measure="next_reply", low_seconds=60, critical_seconds=60, pauses=("pending", "pending"))
    given().when(equal).then(
        SlaPublished(
            measure="next_reply", low_seconds=60, critical_seconds=60, is_business_time=True, pauses=("pending",)
        )
    )


@pytest.mark.parametrize(
    ("targets", "field"),
    [
        ({"seconds": 7200, "low_seconds": 60}, "low_seconds"),
        ({"seconds": 7200, "critical_seconds": 7201}, "critical_seconds"),
        ({"seconds": 7200, "high_seconds": 3600}, "high_seconds"),
        ({"low_seconds": 60, "high_seconds": 61}, "high_seconds"),
    ],
    ids=str,
)
def test_what_matters_more_does_not_take_longer_where_the_general_time_counts(
    targets: dict[str, int], field: str
) -> None:
    publish = PublishSla.model_validate({"id": "7", "measure": "next_reply", **targets})
    given().when(publish).rejected("CONTRADICTION", field=field, says="cannot take longer")


def test_the_general_time_lies_between_those_of_the_priorities() -> None:
    targets: dict[str, Any] = {"seconds": 60, "low_seconds": 61, "high_seconds": 60, "critical_seconds": 59}
    publish = PublishSla(id="7", measure="next_reply", **targets)
    given().when(publish).then(SlaPublished(measure="next_reply", is_business_time=True, **targets))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"is_business_time": True}, "is_business_time"), ({"pauses": ("pending",)}, "pauses")],
    ids=str,
)
def test_how_long_a_solution_holds_is_counted_on_the_calendar(wrong: dict[str, Any], field: str) -> None:
    hold = {"id": "7", "measure": "first_contact_resolution", "seconds": 60}
    holds = SlaPublished(measure="first_contact_resolution", seconds=60, is_business_time=False)
    story = given().when(PublishSla.model_validate(hold)).then(holds)
    story.when(PublishSla.model_validate({**hold, "is_business_time": False})).then()
    story.when(PublishSla.model_validate({**hold, **wrong})).rejected(
        "CONTRADICTION", field=field, says="on the calendar"
    )


def test_an_sla_counts_time_in_some_status() -> None:
    publish = PublishSla(id="7", measure="next_reply", seconds=60, pauses=("new", "open", "pending", "on_hold"))
    given().when(publish).rejected("CONTRADICTION", field="pauses", says="no time would ever count")


def test_an_sla_keeps_its_measure() -> None:
    publish = PublishSla(id="7", measure="next_reply", seconds=60)
    given(sla).when(publish).rejected("CONTRADICTION", field="measure", says="stays with it")


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"measure": "resolution"}, {"pauses": ("solved",)}, {"high_seconds": -1}], ids=str
)
def test_what_no_sla_can_say(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PublishSla.model_validate({"id": "7", "measure": "first_response", "seconds": 60, **wrong})


# Priorities and retention


def test_a_higher_priority_does_not_expect_less() -> None:
    publish = PublishPriority(id="7", a_percent=34, b_percent=75, c_percent=15)
    given().when(publish).rejected("CONTRADICTION", field="a_percent", says="for B 75")


def test_retention_says_something() -> None:
    given().when(PublishRetention(id="7")).rejected("NOTHING_GIVEN", says="churned_days")


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_percentage_is_between_0_and_100(percent: int) -> None:
    with pytest.raises(ValidationError):
        PublishPriority(id="7", a_percent=100, b_percent=percent, c_percent=0)

from datetime import UTC, datetime

import pytest
import typer

from infra.cli.instants import instant, position_or_instant, rfc3339

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 5, 12, 22, 30, tzinfo=UTC)  # the 13th, half past midnight, in Berlin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-03-01T12:00:00Z", "2017-03-01T12:00:00Z"),
        ("2017-03-01T12:00:00.000007+02:00", "2017-03-01T10:00:00.000007Z"),
        ("2017-03-01", "2017-02-28T23:00:00Z"),
        ("2017-07-01", "2017-06-30T22:00:00Z"),
        ("2017-03-01 12:00", "2017-03-01T11:00:00Z"),
        (" 2017-03-01 12:00:30 ", "2017-03-01T11:00:30Z"),
        ("now", "2026-05-12T22:30:00Z"),
        ("today", "2026-05-12T22:00:00Z"),
        ("Yesterday", "2026-05-11T22:00:00Z"),
    ],
)
def test_an_instant_is_in_the_offices_time_zone_unless_it_says_otherwise(text: str, expected: str) -> None:
    assert rfc3339(instant(text, BERLIN, NOW)) == expected


def test_a_day_begins_at_the_offices_midnight() -> None:
    # The clocks go forward on the 29th of March: the day starts in winter time.
    assert rfc3339(instant("2026-03-29", BERLIN, NOW)) == "2026-03-28T23:00:00Z"
    assert rfc3339(instant("2026-03-30", BERLIN, NOW)) == "2026-03-29T22:00:00Z"


@pytest.mark.parametrize("text", ["", "soon", "2017-13-01", "2017-02-30", "12:00", "0001-01-01"])
def test_what_is_no_instant_is_refused_with_the_ways_to_write_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"is not an instant; write 2017-03-01"):
        instant(text, BERLIN, NOW)


def test_a_number_is_a_position_and_anything_else_an_instant() -> None:
    assert position_or_instant("12000", BERLIN, NOW) == 12_000
    assert position_or_instant("0", BERLIN, NOW) == 0
    assert position_or_instant("2017-07-01", BERLIN, NOW) == datetime(2017, 6, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize("text", ["-5", "9" * 19, "²"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        position_or_instant(text, BERLIN, NOW)

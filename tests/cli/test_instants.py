import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from infra.cli.instants import instant, position_or_instant, rfc3339
from tests.cli.conftest import Crm

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


EARLY = """\
-- Two leads, one at the instant from which computers count, one long before.
select 'CaptureLead' as command, lead as id, captured::timestamptz as occurred_at, row, 0 as step, lead as name
from source
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("since", "leads", "instants"),
    [
        ("1970-01-01T00:00:00Z", 2, ["1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]),
        ("1900-01-01T00:00:00Z", 1, ["1900-01-01T00:00:00Z"]),
    ],
)
def test_the_instant_from_which_computers_count_is_one_like_any_other(
    crm: Crm, tmp_path: Path, since: str, leads: int, instants: list[str]
) -> None:
    mapping, file, data = tmp_path / "early.sql", tmp_path / "early.csv", ("--data", tmp_path / "company")
    mapping.write_text(EARLY)
    file.write_text("lead,captured\na,1970-01-01T00:00:00Z\nb,1900-01-01T00:00:00Z\n")
    assert crm("import", mapping, file, *data).status == 0
    told = json.loads(crm("report", "leads_by_status", "--as-of", since, "--format", "json", *data).out)
    assert (told["as_of"], [row["leads"] for row in told["rows"]]) == (since, [leads])
    shown = crm("report", "leads_by_status", "--as-of", since, *data)
    assert f"as of {since[:10]} 00:00:00+00:00" in shown.err
    compared = crm("compare", "lead_conversion", "--as-of", since, "--with", "2000-01-01", "--format", "json", *data)
    told = json.loads(compared.out)
    assert (told["before"]["as_of"], sum(each["events"] for each in told["events"])) == (since, 2 - leads)
    statement = f"select captured_at from leads_at(timestamptz '{since}', 2) order by all"
    listed = json.loads(crm("sql", statement, "--format", "json", *data).out)["rows"]
    assert [row["captured_at"] for row in listed] == instants
    steps = [
        json.loads(line)
        for stream in ("lead-a", "lead-b")
        for line in crm("replay", stream, "--as-of", since, "--format", "json", *data).out.splitlines()
    ]
    assert sorted(step["occurred_at"] for step in steps) == instants

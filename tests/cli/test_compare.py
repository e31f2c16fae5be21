"""Two instants of a report, the difference, and the events that made it."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from commands.rejected import Rejected
from infra.cli.compare import difference, differences
from tests.cli.conftest import Crm


@pytest.mark.slow
def test_the_difference_and_the_events_behind_it(crm: Crm, served: Path) -> None:
    ask = ("compare", "lead_conversion", "--as-of", "2024-01-31", "--with", "2024-03-01", "--data", served)
    told = json.loads(crm(*ask, "--format", "json").out)
    assert {row["column"]: (row["before"], row["after"], row["difference"]) for row in told["rows"]} == {
        "leads": ("2", "4", "2"),
        "converted": ("0", "1", "1"),
        "conversion_rate": ("0.000000", "0.250000", "0.250000"),
    }
    assert [(each["type"], each["events"], each["late"]) for each in told["events"]] == [
        ("LeadCaptured", 2, True),
        ("LeadConverted", 1, True),
    ]
    assert told["before"]["position"] == told["after"]["position"]
    shown = crm(*ask)
    assert "3 events lie between, 3 of them recorded after both instants: 2 LeadCaptured, 1 LeadConverted" in shown.err

    listed = list(csv.DictReader(io.StringIO(crm(*ask, "--events", "--format", "csv").out)))
    log = [json.loads(line) for line in crm("log", "--format", "json", "--data", served).out.splitlines()]
    between = [each for each in log if "2024-01-31T00:00:00" < each["time"] <= "2024-03-01T00:00:00Z"]
    types = {"LeadCaptured", "LeadConverted", "LeadScored"}
    expected = [(each["subject"], each["type"].split(".")[1]) for each in between]
    assert [(row["stream"], row["type"]) for row in listed] == [each for each in expected if each[1] in types]


@pytest.mark.slow
def test_the_other_way_round_and_what_was_learnt_meanwhile(crm: Crm, served: Path) -> None:
    backwards = ("compare", "lead_conversion", "--as-of", "2024-03-01", "--with", "2024-01-31", "--by", "source")
    rows = json.loads(crm(*backwards, "--format", "json", "--data", served).out)["rows"]
    assert {(row["breakdown"], row["difference"]) for row in rows if row["column"] == "leads"} == {
        ("paid search", "-1"),
        ("social", None),
    }
    assert "1 LeadConverted only before" in crm(*backwards, "--data", served).err
    learnt = ("--as-of", "2024-12-31", "--with", "2024-12-31", "--known-at", "2", "--with-known-at", "4")
    told = json.loads(crm("compare", "lead_conversion", *learnt, "--format", "json", "--data", served).out)
    assert (told["before"]["position"], told["after"]["position"]) == (2, 4)
    assert sum(each["events"] for each in told["events"]) == 2
    same = crm("compare", "lead_conversion", "--as-of", "2024-12-31", "--with", "2024-12-31", "--data", served)
    assert "0 events lie between" in same.err


@pytest.mark.slow
def test_what_cannot_be_compared(crm: Crm, served: Path) -> None:
    unknown = crm("compare", "lead_conversio", "--as-of", "2024-03-01", "--data", served)
    assert (unknown.status, unknown.out) == (1, "")
    assert "UNKNOWN_REPORT" in unknown.err
    assert "did you mean lead_conversion" in unknown.err
    assert "IN_THE_FUTURE" in crm("compare", "backlog", "--as-of", "9000-01-01", "--data", served).err
    assert crm("compare", "backlog", "--as-of", "soon", "--data", served).status == 2
    assert crm("compare", "backlog", "--data", served).status == 2


def test_a_difference_is_exact_and_of_numbers_alone() -> None:
    assert difference(Decimal("0.1"), Decimal("99999999999999999999999999999999.3")) == Decimal(
        "99999999999999999999999999999999.2"
    )
    assert difference(3, 1) == Decimal(-2)
    assert difference(None, 1) is None
    assert difference(True, False) is None
    assert difference("a", "b") is None


def test_rows_that_cannot_be_told_apart_are_refused() -> None:
    table = pa.table({"breakdown": ["a", "a"], "leads": [1, 2]})
    with pytest.raises(Rejected, match="ORDER BY") as refused:
        differences(table, table, ["breakdown"])
    assert refused.value.code == "REPORT_BROKEN"

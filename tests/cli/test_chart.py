"""Charts and trends of reports."""

import json
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pytest

from commands.rejected import Rejected
from infra.cli.chart import bars, charted, slope, trends, vega_lite
from infra.cli.output import Rows, write_drawn
from tests.cli.conftest import Crm

BERLIN = "Europe/Berlin"


def series() -> Rows:
    """A series of whole months in Berlin with one missing, between two parts of months."""
    bounds = ["2024-01-10T00:00Z", "2024-01-31T23:00Z", "2024-02-29T23:00Z", "2024-03-31T22:00Z"]
    bounds += ["2024-04-30T22:00Z", "2024-05-31T22:00Z", "2024-06-03T00:00Z"]
    instants = [datetime.fromisoformat(bound) for bound in bounds]
    parts = [part for part in pairwise(instants) if part[0].month != 3]
    rows = [
        {"period_from": begin, "period_to": end, "breakdown": "all", "solved": count, "rate": None}
        for (begin, end), count in zip(parts, [99, 1, 4, 10, 99], strict=False)
    ]
    schema = pa.schema(
        [
            ("period_from", pa.timestamp("us", "UTC")),
            ("period_to", pa.timestamp("us", "UTC")),
            ("breakdown", pa.string()),
            ("solved", pa.int64()),
            ("rate", pa.decimal128(18, 6)),
        ]
    )
    about = {"report": "flow", "meaning": "What was solved.", "key": ["period_from", "breakdown"]}
    return Rows([pa.Table.from_pylist(rows, schema)], about, BERLIN)


def test_the_slope_is_the_one_that_sql_knows_and_exact() -> None:
    chance = Random(7)
    for _ in range(20):
        points = [(x, Decimal(chance.randint(-(10**6), 10**6)).scaleb(-2)) for x in chance.sample(range(100), 9)]
        found = slope(points)
        values = ", ".join(f"({x}, {y}::double)" for x, y in points)
        (expected,) = duckdb.execute(f"select regr_slope(y, x) from (values {values}) as t(x, y)").fetchall()[0]
        assert found is not None
        assert float(found) == pytest.approx(expected)
    assert slope([(0, 0), (1, Decimal("0.1")), (2, Decimal("0.3"))]) == Fraction(3, 20)
    assert slope([(4, 1)]) is None
    assert slope([]) is None


def test_a_trend_is_of_whole_months_and_a_missing_one_keeps_its_place() -> None:
    (trend,) = trends(series(), "solved", "month")
    # February 1, March 4, none in April, May 10: three a month.
    assert (trend["slope"], trend["parts"], trend["breakdown"]) == (Decimal("3.000000"), 3, "all")
    (nothing,) = trends(series(), "rate", "month")
    assert (nothing["slope"], nothing["parts"]) == (None, 0)
    (none,) = trends(series(), "solved", "week")
    assert none["slope"] is None


def test_a_bar_is_as_long_as_its_value_says(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = Rows([pa.table({"status": ["new", "won", "odd"], "leads": [40, 10, None]})], {"key": ["status"]})
    write_drawn(bars(rows, "leads"), None)
    drawn = capfdbinary.readouterr().out.decode().splitlines()
    lengths = {line.split()[0]: line.count("█") for line in drawn if "█" in line or "odd" in line}
    assert lengths == {"new": 40, "won": 10, "odd": 0}
    below = Rows([pa.table({"status": ["a", "b"], "change": [-10, 30]})], {"key": ["status"]})
    write_drawn(bars(below, "change"), None)
    (a, b) = [line for line in capfdbinary.readouterr().out.decode().splitlines() if "█" in line]
    assert (a.count("█"), b.count("█")) == (10, 30)
    assert a.rindex("█") + 1 == b.index("█")


def test_a_chart_in_vega_lite_has_its_data_inside_on_the_offices_clock() -> None:
    chart = vega_lite(series(), "solved")
    assert chart["$schema"].endswith("/vega-lite/v5.json")
    assert chart["mark"]["type"] == "line"
    assert [value["solved"] for value in chart["data"]["values"]] == [99, 1, 4, 10, 99]
    assert chart["data"]["values"][1]["period_from"] == datetime(2024, 2, 1)
    fields = {channel["field"] for channel in chart["encoding"].values()}
    assert fields == {"period_from", "solved", "label"}
    assert all(fields <= value.keys() for value in chart["data"]["values"])


def test_only_numbers_are_drawn() -> None:
    table = pa.table({"status": ["new"], "leads": [1], "name": ["x"], "rate": [Decimal("0.5")]})
    assert charted(table, ["status"], None) == "leads"
    assert charted(table, ["status"], "rate") == "rate"
    for column in ("name", "nothing", "status"):
        with pytest.raises(Rejected, match="there are leads, rate") as refused:
            charted(table, ["status"], column)
        assert refused.value.code == "UNKNOWN_COLUMN"
    with pytest.raises(Rejected, match="there are none"):
        charted(table.select(["name"]), ["name"], None)


@pytest.mark.slow
def test_charts_of_a_report(crm: Crm, served: Path, tmp_path: Path) -> None:
    ask = ("report", "lead_conversion_flow", "--from", "2024-01-01", "--to", "2024-04-01", "--data", served)
    drawn = crm(*ask, "--every", "month", "--chart", "--trend", "--column", "leads", "--vega", tmp_path / "flow.json")
    assert drawn.status == 0
    assert drawn.out.count("█" * 40) == 1
    assert "trend of leads (all): -0.500000 a month, over 3 whole ones" in drawn.err
    chart = json.loads((tmp_path / "flow.json").read_text())
    assert [value["leads"] for value in chart["data"]["values"]] == [2, 1, 1]
    told = json.loads(crm(*ask, "--every", "month", "--trend", "--column", "leads", "--format", "json").out)
    assert [each["slope"] for each in told["trend"]] == [-0.5]
    sources = (*ask, "--every", "month", "--trend", "--column", "leads", "--by", "source", "--format", "json")
    slopes = {each["breakdown"]: (each["slope"], each["parts"]) for each in json.loads(crm(*sources).out)["trend"]}
    # Paid search 1, 1, 0; referral 1, 0, 0; social 0, 0, 1.
    assert slopes == {"paid search": (-0.5, 3), "referral": (-0.5, 3), "social": (0.5, 3)}
    assert crm(*ask, "--chart", "--output", tmp_path / "chart.txt").status == 0
    assert "█" in (tmp_path / "chart.txt").read_text()


@pytest.mark.slow
def test_what_cannot_be_drawn(crm: Crm, served: Path, tmp_path: Path) -> None:
    ask = ("report", "backlog", "--data", served)
    for wrong in (
        ("report", "--chart", "--data", served),
        (*ask, "--describe", "--chart"),
        (*ask, "--chart", "--format", "json"),
        (*ask, "--trend"),
        (*ask, "--column", "backlog"),
    ):
        ended = crm(*wrong)
        assert (ended.status, ended.out) == (2, ""), wrong
    assert "UNKNOWN_COLUMN" in crm(*ask, "--chart", "--column", "nothing").err
    assert "OUTPUT_NOT_WRITABLE" in crm(*ask, "--vega", tmp_path / "nowhere" / "x.json").err

"""The marketplace's leads, decided in memory."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
import pytest

from domain.lead import LeadCaptured, LeadConverted
from tests.real.conftest import ZONE, Imported

pytestmark = pytest.mark.slow

WON = {
    "organic search": (271, 2296),
    "paid search": (195, 1586),
    "social": (75, 1350),
    "unknown": (179, 1099),
    "direct traffic": (56, 499),
    "email": (15, 493),
    "referral": (24, 284),
    "other": (4, 150),
    "display": (6, 118),
    "other publicities": (3, 65),
    None: (14, 60),
}
DATES = [datetime(2017, 9, 1), datetime(2018, 1, 15, 12), datetime(2018, 5, 9)]


def test_every_row_is_admitted(leads: Imported) -> None:
    assert leads.refused == ""
    assert (leads.totals.changed, leads.totals.refused.total()) == (8842, 0)


def test_the_published_figures_come_out(leads: Imported) -> None:
    events = [event for _, _, event in leads.memory.events]
    captured = [event for event in events if isinstance(event, LeadCaptured)]
    converted = [event for event in events if isinstance(event, LeadConverted)]
    assert (len(captured), len(converted)) == (8000, 842)
    assert len({event.landing_page for event in captured}) == 495
    assert len({event.sdr_id for event in converted}) == 32
    assert len({event.sr_id for event in converted}) == 22


def test_the_leads_won_by_origin_come_out(leads: Imported) -> None:
    states = [state for name, state in leads.memory.world.states.items() if name.startswith("lead-")]
    captured = Counter(state.source for state in states)  # type: ignore[attr-defined]
    won = Counter(state.source for state in states if state.status == "converted")  # type: ignore[attr-defined]
    assert {source: (won[source], captured[source]) for source in captured} == WON


@pytest.mark.parametrize("date", DATES, ids=str)
def test_the_statuses_as_of_a_past_date_equal_plain_sql(
    leads: Imported, plain: duckdb.DuckDBPyConnection, date: datetime
) -> None:
    ((captured, won),) = plain.execute(
        """
        select
            count(*) filter (first_contact_date::timestamp <= $date),
            count(*) filter (won_date is not null and greatest(first_contact_date, won_date)::timestamp <= $date)
        from leads left join deals using (mql_id)
        """,
        {"date": date},
    ).fetchall()
    statuses = leads.memory.statuses("lead", date.replace(tzinfo=ZoneInfo(ZONE)))
    assert won > 0 or date == DATES[0]
    assert statuses == {"new": captured - won, **({"converted": won} if won else {})}

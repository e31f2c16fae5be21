"""Every event that changes a row of a model that can be watched names the row's key: watchers are woken by that."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from infra.models.point import at_point
from tests.models.company import company_in

WATCHED = {"leads": "lead_id", "customers": "customer_id", "tickets": "ticket_id"}


@pytest.mark.slow
def test_what_changes_a_row_names_its_key(tmp_path: Path) -> None:
    with company_in(tmp_path) as company:
        company.happen_by_chance(Random(7), 1500)
        rows = {row.position: row for row in company.log.rows()}
        seen = 0
        with at_point(company.models, WATCHED) as point:
            for model, key in WATCHED.items():
                changes = point.cursor.execute(f"select distinct {key}, known_from from {model}_history").fetchall()
                for name, position in changes:
                    row = rows[position]
                    assert row.stream.partition("-")[2] == name or name.encode() in row.document, (model, name, row)
                seen += len(changes)
        assert seen > 300

"""Any read model by its name: one SQL file, and nothing else, makes it known."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

pytestmark = pytest.mark.slow

MODEL = """\
-- How often a lead was scored, and what came out highest. One row per lead.
-- sum: scorings
-- max: best
-- column: lead_id: the lead's id
-- column: scorings: how often
-- column: best: the highest score
select id as lead_id, position, occurred_at, 1 as scorings, score as best from lead_scored
"""
REPORT = """\
-- How many leads were scored at all.
-- clock: state
-- column: leads: the number of leads
select count(*) as leads from lead_scores order by leads
"""


@pytest.fixture
def projections(tmp_path: Path) -> Path:
    """The shipped projections, with a model and a report that nobody else knows of."""
    folder = tmp_path / "projections"
    copytree(Path(__file__).parents[2] / "projections", folder)
    folder.joinpath("models", "lead_scores.sql").write_text(MODEL)
    folder.joinpath("reports", "scored_leads.sql").write_text(REPORT)
    return folder


@pytest.fixture
def own(projections: Path, tmp_path: Path, run_node: Any, make_caller: Any) -> Any:
    data = tmp_path / "own"
    data.mkdir()
    with run_node(data, projections) as node:
        call = make_caller(node.address)
        call("CaptureLead", id="1")
        call("ScoreLead", id="1", score=40)
        call("ScoreLead", id="1", score=70)
        call("ScoreLead", id="1", score=60)
        yield call


def test_a_new_model_is_listed_with_its_meaning(own: Any) -> None:
    found = {model.name: model for model in own("ListModels").models}
    assert found["lead_scores"].meaning == "How often a lead was scored, and what came out highest. One row per lead."
    assert list(found["lead_scores"].key) == ["lead_id"]
    assert (found["lead_scores"].columns[0].name, found["lead_scores"].columns[0].type) == ("lead_id", "VARCHAR")
    assert "tickets" in found
    assert list(found["leads"].personal) == ["email", "name", "phone", "title"]


def test_its_records_can_be_got_and_listed_as_of_any_position(own: Any) -> None:
    record = own("GetRecord", model="lead_scores", key={"lead_id": "1"}, min_position=4)
    assert MessageToDict(record.values) == {"lead_id": "1", "scorings": "3", "best": "70"}
    before = own("GetRecord", model="lead_scores", key={"lead_id": "1"}, known_at_position=2)
    assert MessageToDict(before.values) == {"lead_id": "1", "scorings": "1", "best": "40"}
    page = own("ListRecords", model="lead_scores", filter="scorings > 2", read_mask={"paths": ["best"]})
    assert [MessageToDict(each.values) for each in page.records] == [{"best": "70"}]
    assert page.read_point.position == 4


def test_a_new_report_runs_on_it(own: Any) -> None:
    rows = [list(row) for part in own("RunReport", name="scored_leads") for row in part.chunk.rows]
    assert rows == [["1"]]


def test_personal_values_are_opened_in_records(caller: Any) -> None:
    done = caller("CaptureLead", id="ada", name="Ada")
    record = caller("GetRecord", model="leads", key={"lead_id": "ada"}, min_position=done.position)
    assert record.values["name"] == "Ada"


def test_what_is_unknown_is_named(caller: Any) -> None:
    assert caller.refused("GetRecord", model="no_such", key={"id": "1"}).code == "UNKNOWN_MODEL"
    assert caller.refused("GetRecord", model="leads", key={"id": "1"}).code == "INVALID_KEY"
    assert caller.refused("GetRecord", model="leads", key={"lead_id": "nobody"}).code == "NOT_FOUND"
    masked = {"model": "leads", "read_mask": {"paths": ["statsu"]}}
    assert "status" in caller.refused("ListRecords", **masked).sentence
    assert caller.refused("ListRecords", model="leads", filter='name = "Ada"').code == "FIELD_IS_PERSONAL"

"""What other people are told of the topics is so."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from domain.event import Event, State
from infra.stream import topics
from infra.stream.cluster import Cluster
from infra.stream.description import asyncapi, description
from tests.golden.test_golden import released
from tests.stream.company import Company, position_of

DOCS = Path(__file__).parents[2] / "docs"
LINES = {orjson.loads(line)["type"]: orjson.loads(line) for line in released()}


def test_the_page_is_up_to_date() -> None:
    assert DOCS.joinpath("asyncapi.yaml").read_text() == asyncapi(), "run make proto"


def test_every_topic_and_every_event_is_described() -> None:
    page = yaml.safe_load(DOCS.joinpath("asyncapi.yaml").read_text())
    assert page["asyncapi"].startswith("3.")
    assert [channel["address"] for channel in page["channels"].values()] == topics(Cluster("nowhere"))
    assert page["components"]["messages"].keys() == {*Event.by_name, "LibraryEvent"}
    listed = {name: set(channel["messages"]) for name, channel in page["channels"].items()}
    assert listed == {
        aggregate: {name for name, event in Event.by_name.items() if event.state.aggregate == aggregate}
        for aggregate in State.by_aggregate
    } | {"library": {"LibraryEvent"}}
    for reference in references(page):
        found = page
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def references(node: Any) -> list[str]:
    """Every reference in a page."""
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def validator(event: type[Event[Any]]) -> Draft202012Validator:
    Draft202012Validator.check_schema(description()["components"]["schemas"][event.__name__])
    return validator_of(event.__name__)


def validator_of(message: str) -> Draft202012Validator:
    page = orjson.loads(orjson.dumps(description()))
    payload = {"$ref": f"#/components/messages/{message}/payload", "components": page["components"]}
    return Draft202012Validator(payload)


@pytest.mark.parametrize("event", Event.by_name.values(), ids=lambda event: event.__name__)
def test_the_schema_fits_what_is_stored_and_nothing_else(event: type[Event[Any]]) -> None:
    document = LINES[event.type_name]
    schema = validator(event)
    schema.validate(document)
    assert document["dataschema"] == description()["components"]["schemas"][event.__name__]["$id"]
    wrong: list[dict[str, Any]] = [
        document | {"type": "crm.Another.v1"},
        document | {"sequence": "17"},
        document | {"data": document["data"] | {"unheard_of": 1}},
        {name: value for name, value in document.items() if name != "subject"},
    ]
    wrong += [document | {"data": document["data"] | {name: {}}} for name in event.annotations]
    wrong += [document | {"data": document["data"] | {name: "in the clear"}} for name in event.personal]
    for each in wrong:
        with pytest.raises(ValidationError):
            schema.validate(each)


def test_the_example_needs_nothing_of_ours() -> None:
    imported = set()
    for node in ast.walk(ast.parse(DOCS.joinpath("consumer.py").read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "it is no package"
            imported.add(node.module.partition(".")[0])
    assert imported - sys.stdlib_module_names == {"kafka"}


@pytest.mark.slow
def test_what_is_published_fits_its_schema_and_the_example_reads_it(company: Company) -> None:
    company.happen(60)
    company.publish_all()
    published = company.check_topics()
    for record in published:
        document = orjson.loads(record.value)
        validator(Event.by_name[document["type"].split(".")[1]]).validate(document)
    # Somebody else writes beside the first and the last event what looks like one but says no hash or no number, and
    # a copy that is not quite the same, which must not take the place of the true one while that waits.
    published.sort(key=position_of)
    type, _, hash = published[0].headers
    wrong = [[type, ("position", b"61")], [type, ("position", b"one"), hash]]
    with company.cluster.producer() as producer:
        for record in (published[0], published[-1]):
            for said in (*wrong, record.headers):
                producer.send(record.topic, b"{}", headers=said, partition=record.partition)
        producer.flush()
    # The example knows nothing of us: it runs elsewhere, with kafka-python alone.
    command = [sys.executable, str(DOCS / "consumer.py"), company.cluster.bootstrap_servers]
    done = subprocess.run(
        [*command, "--prefix", company.cluster.prefix, "--until", "60"],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        cwd=company.directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    stored = [orjson.loads(row.document) for row in company.log.rows()]
    assert printed == [{name: event[name] for name in printed[0]} for event in stored]

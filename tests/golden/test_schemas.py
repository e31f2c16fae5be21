"""Every schema that was ever released opens for ever: ``schemas/<database>-<revision>.json`` keeps its rows.

``python -m tests.golden.test_schemas`` writes those of the newest revision, before it is released.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import LargeBinary, MetaData

from commands.customer import RegisterCustomer
from commands.lead import CaptureLead, ConvertLead
from infra.database import open_database
from infra.database.schema import upgrade
from infra.keys import Keys
from infra.keys import keys as keys_tables
from infra.log import Actor, Log, Request
from infra.log import tables as log_tables
from tests.places import Place

SCHEMAS = Path(__file__).parent / "schemas"
MASTER = bytes(range(32))
ROOMS: dict[str, ModuleType] = {"log": log_tables, "keys": keys_tables}
REQUESTS = [
    Request(CaptureLead(id="1", name="Ada Abel", source="web"), Actor("user", "ann"), "r-1"),
    Request(ConvertLead(id="1", customer_id="1"), Actor("user", "ann"), "r-2"),
    Request(RegisterCustomer(id="2", name="Ben Brandt"), Actor("user", "ann")),
]


def revisions(name: str) -> list[str]:
    """The revisions of a room's migrations; their files are named after them."""
    return sorted(file.name[1:5] for file in ROOMS[name].MIGRATIONS.glob("r*.py"))


def test_every_revision_has_its_golden_rows() -> None:
    assert {file.stem for file in SCHEMAS.iterdir()} == {f"{name}-{each}" for name in ROOMS for each in revisions(name)}
    for name, room in ROOMS.items():
        assert revisions(name)[-1] == room.REVISION


@pytest.mark.parametrize("log_revision", revisions("log"))
@pytest.mark.parametrize("keys_revision", revisions("keys"))
def test_every_released_schema_is_upgraded_with_all_it_holds(
    place: Place, log_revision: str, keys_revision: str
) -> None:
    fill(place.url("log"), "log", log_revision)
    fill(place.url("keys"), "keys", keys_revision)
    keys = Keys.open(place.url("keys"), MASTER)
    log = Log.open(place.url("log"), keys)
    assert log.verify() == []
    assert log.head.position == 4
    version, lead = log.state("lead-1")
    assert (version, lead.status) == (2, "converted")  # type: ignore[attr-defined]
    assert log.state("customer-1")[1].name == "Ada Abel"  # type: ignore[attr-defined]
    assert [log.execute(request).version for request in REQUESTS[:2]] == [1, 2]
    assert log.head.position == 4
    assert log.execute(Request(CaptureLead(id="2"), Actor("user", "ann"))).position == 5
    assert log.verify() == []
    log.close()
    keys.close()


def fill(url: str, name: str, revision: str) -> None:
    """Make the tables of a revision, with its golden rows."""
    golden: dict[str, list[dict[str, Any]]] = json.loads((SCHEMAS / f"{name}-{revision}.json").read_text())
    database = open_database(url, name)
    with database.changing() as connection:
        upgrade(connection, ROOMS[name].MIGRATIONS, revision)
        tables = MetaData()
        tables.reflect(connection)
        for table, rows in golden.items():
            connection.execute(tables.tables[table].delete())
            for row in rows:
                values = {
                    column: b64decode(value) if isinstance(tables.tables[table].c[column].type, LargeBinary) else value
                    for column, value in row.items()
                }
                connection.execute(tables.tables[table].insert().values(values))
    database.close()


def write() -> None:
    """Write the golden rows of the newest revisions."""
    with TemporaryDirectory() as folder:
        urls = {name: f"sqlite:///{folder}/{name}.db" for name in ROOMS}
        keys = Keys.open(urls["keys"], MASTER)
        log = Log.open(urls["log"], keys)
        for request in REQUESTS:
            log.execute(request)
        log.close()
        keys.close()
        for name, room in ROOMS.items():
            database = open_database(urls[name], name)
            with database.engine.connect() as connection:
                tables = MetaData()
                tables.reflect(connection)
                rows = {
                    table: [
                        {
                            column: b64encode(value).decode() if isinstance(value, bytes) else value
                            for column, value in row._mapping.items()
                        }
                        for row in connection.execute(tables.tables[table].select())
                    ]
                    for table in sorted(set(tables.tables) - {"alembic_version"})
                }
            database.close()
            (SCHEMAS / f"{name}-{room.REVISION}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    write()

"""Bringing a database to the tables of this version."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from commands.rejected import Rejected
from infra.database.database import Database
from infra.database.kinds import open_database

ENVIRONMENT = Path(__file__).parent / "migrations"


def prepare(database: Database, migrations: Path, newest: str) -> str | None:
    """Bring the database to the ``newest`` of the Alembic revisions in the folder ``migrations``, in one transaction,
    whoever else is doing the same.

    :returns: the revision that it had before, None where it was empty.
    :raises Rejected: NEWER_VERSION where a newer version of the program made the tables.
    """
    with database.sentences(), database.engine.connect() as connection:
        before = revision(connection, database, newest)
    if before != newest:
        with database.changing() as connection:
            if revision(connection, database, newest) != newest:
                upgrade(connection, migrations, newest)
    return before


def migrate(url: str, name: str, migrations: Path, newest: str) -> tuple[str | None, str]:
    """Bring the database at ``url`` to the newest tables: the revision it had before (None: it was empty) and has now.

    :raises Rejected: NEWER_VERSION, UNKNOWN_DATABASE, and as ``Database`` says.
    """
    database = open_database(url, name)
    try:
        return prepare(database, migrations, newest), newest
    finally:
        database.close()


def revision(connection: Connection, database: Database, newest: str) -> str | None:
    """The revision of the tables that are there, None where there are none.

    :raises Rejected: NEWER_VERSION.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    stored = connection.execute(select(Table("alembic_version", MetaData(), Column("version_num", String)))).scalar()
    if stored is not None and stored > newest:
        raise Rejected(
            "NEWER_VERSION",
            f"{database} has tables of revision {stored}, this version knows {newest}; use the newer version",
        )
    return stored


def upgrade(connection: Connection, migrations: Path, target: str) -> None:
    """Bring the tables to a revision within the transaction that is open."""
    # Imported where it is needed: it takes longer than opening the log.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT).replace("%", "%%"))
    config.set_main_option("version_locations", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, target)

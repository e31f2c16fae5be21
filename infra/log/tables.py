"""The tables of the log, and bringing a database to them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    inspect,
    select,
)

from commands.rejected import Rejected
from infra.database import Database

REVISION = "0001"
"""The newest revision under ``migrations/versions``."""

BEGINNING = bytes(32)
"""The hash before the first event."""

metadata = MetaData()

BigInt = BigInteger().with_variant(Integer, "sqlite")

events = Table(
    "events",
    metadata,
    Column("position", BigInt, primary_key=True, autoincrement=False, comment="1, 2, 3, … in commit order"),
    Column("stream", String, nullable=False),
    Column("version", Integer, nullable=False, comment="1, 2, 3, … in the stream"),
    Column("type", String, nullable=False),
    Column("recorded_at", BigInt, nullable=False, comment="microseconds since 1970"),
    Column("document", LargeBinary, nullable=False, comment="the event itself, CloudEvents 1.0 JSON"),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of the previous hash and the document"),
    UniqueConstraint("stream", "version", name="events_stream_version"),
)

log_head = Table(
    "log_head",
    metadata,
    Column("position", BigInt, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("recorded_at", BigInt, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("stream", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("first_position", BigInt, nullable=False),
    Column("last_position", BigInt, nullable=False),
    Column("position", BigInt, nullable=False),
    Column("recorded_at", BigInt, nullable=False, comment="microseconds since 1970"),
    sqlite_with_rowid=False,
)

library_tracking = Table(
    "library_tracking",
    metadata,
    Column("application", String, primary_key=True),
    Column("upstream", String, primary_key=True, comment="the application whose notifications are followed"),
    Column("notification_id", BigInt, nullable=False, comment="the last one that was processed"),
)
"""How far applications of the ``eventsourcing`` library have followed others."""

library_snapshots = Table(
    "library_snapshots",
    metadata,
    Column("application", String, primary_key=True),
    Column("originator_id", String, primary_key=True),
    Column("originator_version", BigInt, primary_key=True, autoincrement=False),
    Column("topic", String, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""States of aggregates of that library, as of a version: no facts, they can be computed anew."""


def prepare(database: Database) -> None:
    """Bring the database to the tables of this version.

    :raises Rejected: NEWER_VERSION where a newer version of the program made them.
    """
    with database.sentences(), database.engine.connect() as connection:
        if revision(connection, database) == REVISION:
            return
        connection.rollback()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if revision(connection, database) != REVISION:
            migrate(connection)
        connection.commit()


def revision(connection: Connection, database: Database) -> str | None:
    """The revision of the tables that are there, None where there are none.

    :raises Rejected: NEWER_VERSION.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    stored = connection.execute(select(Table("alembic_version", MetaData(), Column("version_num", String)))).scalar()
    if stored is not None and stored > REVISION:
        raise Rejected(
            "NEWER_VERSION",
            f"{database} has tables of revision {stored}, this version knows {REVISION}; use the newer version",
        )
    return stored


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest revision within the transaction that is open."""
    # Imported where it is needed: it takes longer than opening the log.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")

"""The tables of the log."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

from infra import database

MIGRATIONS = Path(__file__).parent / "migrations"

REVISION = "0002"
"""The newest revision in ``MIGRATIONS``."""

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
    *(
        Index(name, "type", "position", sqlite_where=text(where), postgresql_where=text(where))
        for name, where in (
            ("events_forgotten", "type = 'crm.CustomerForgotten.v1'"),
            ("events_forgotten_leads", "type = 'crm.LeadForgotten.v1'"),
        )
    ),
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

migrate = partial(database.migrate, name="log", migrations=MIGRATIONS, newest=REVISION)
"""Brings the log's database at a URL to the newest tables, see ``infra.database.migrate``."""

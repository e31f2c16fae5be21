"""The events, the head of their chain, the answers to requests, and what the adapter for another library keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; the chain begins with 32 zero bytes at position 0."""
    op.create_table(
        "events",
        sa.Column("position", BIG, primary_key=True, autoincrement=False, comment="1, 2, 3, … in commit order"),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, comment="1, 2, 3, … in the stream"),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("recorded_at", BIG, nullable=False, comment="microseconds since 1970"),
        sa.Column("document", sa.LargeBinary, nullable=False, comment="the event itself, CloudEvents 1.0 JSON"),
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the previous hash and the document"),
        sa.UniqueConstraint("stream", "version", name="events_stream_version"),
    )
    op.create_index(
        "events_forgotten",
        "events",
        ["type", "position"],
        sqlite_where=sa.text("type = 'crm.CustomerForgotten.v1'"),
        postgresql_where=sa.text("type = 'crm.CustomerForgotten.v1'"),
    )
    head = op.create_table(
        "log_head",
        sa.Column("position", BIG, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("recorded_at", BIG, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.String, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("first_position", BIG, nullable=False),
        sa.Column("last_position", BIG, nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("recorded_at", BIG, nullable=False, comment="microseconds since 1970"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "library_tracking",
        sa.Column("application", sa.String, primary_key=True),
        sa.Column("upstream", sa.String, primary_key=True, comment="the application whose notifications are followed"),
        sa.Column("notification_id", BIG, nullable=False, comment="the last one that was processed"),
    )
    op.create_table(
        "library_snapshots",
        sa.Column("application", sa.String, primary_key=True),
        sa.Column("originator_id", sa.String, primary_key=True),
        sa.Column("originator_version", BIG, primary_key=True, autoincrement=False),
        sa.Column("topic", sa.String, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.bulk_insert(head, [{"position": 0, "hash": bytes(32), "recorded_at": 0}])

"""The keys of the streams, the one that fingerprints requests, and the directory of people."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keys",
        sa.Column("key_id", sa.String, primary_key=True),
        sa.Column("stream", sa.String, nullable=False, unique=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("created_at", BIG, nullable=False, comment="microseconds since 1970"),
    )
    op.create_table(
        "fingerprint_key",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "people",
        sa.Column("stream", sa.String, primary_key=True),
        sa.Column("slot", sa.String, primary_key=True, comment="name, email, phone or a contact point"),
        sa.Column("term", sa.String, primary_key=True, comment="keyed hash of a word, an address or a number"),
        sa.Index("people_term", "term"),
    )
    op.create_table(
        "links",
        sa.Column("stream", sa.String, primary_key=True),
        sa.Column("other", sa.String, primary_key=True),
        sa.Column("belongs", sa.Boolean, nullable=False, comment="belongs to the other, and is not the same person"),
        sa.Index("links_other", "other"),
    )
    op.create_table(
        "directory_head",
        sa.Column("position", BIG, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )

"""The directory knows what was copied from another stream, to forget it with that one. It is made anew from the log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Begin the directory anew, with the column."""
    op.drop_table("people")
    op.create_table(
        "people",
        sa.Column("stream", sa.String, primary_key=True),
        sa.Column("slot", sa.String, primary_key=True, comment="name, email, phone or a contact point"),
        sa.Column("term", sa.String, primary_key=True, comment="keyed hash of a word, an address or a number"),
        sa.Column(
            "source", sa.String, comment="the stream whose key sealed it, where that is another one: it was copied"
        ),
        sa.Index("people_term", "term"),
        sa.Index(
            "people_source",
            "source",
            sqlite_where=sa.text("source IS NOT NULL"),
            postgresql_where=sa.text("source IS NOT NULL"),
        ),
    )
    for table in ("links", "directory_head"):
        op.execute(sa.delete(sa.table(table)))

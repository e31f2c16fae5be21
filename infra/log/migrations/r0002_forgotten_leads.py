"""The newest forgetting of a lead is found as fast as that of a customer."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index."""
    op.create_index(
        "events_forgotten_leads",
        "events",
        ["type", "position"],
        sqlite_where=sa.text("type = 'crm.LeadForgotten.v1'"),
        postgresql_where=sa.text("type = 'crm.LeadForgotten.v1'"),
    )

"""Runs the migrations on the connection that is passed in, inside the transaction that is open on it."""

from alembic import context

from infra.log.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

"""Databases that must not lose what they were given: the log's and the keys', SQLite and PostgreSQL alike."""

from infra.database.database import Append, Database, Uncertain, Unusable, values
from infra.database.kinds import is_there, open_database
from infra.database.schema import migrate, prepare

__all__ = ["Append", "Database", "Uncertain", "Unusable", "is_there", "migrate", "open_database", "prepare", "values"]

"""Which kind of database a URL names."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from commands.rejected import Rejected
from infra.database.database import Database


def open_database(url: str, name: str, *, read_only: bool = False, secure_delete: bool = False) -> Database:
    """The database at ``url``: ``sqlite:////path/log.db`` or ``postgresql://user@host/database``.

    ``name`` (``log``, ``keys``) stands in the codes of its errors; ``secure_delete`` overwrites what is deleted, where
    the database can.

    :raises Rejected: UNKNOWN_DATABASE for a URL of another kind, and as ``Database`` says.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is not None and parsed.database:
        # Each driver takes time to import, so only the one that is needed is.
        if parsed.get_backend_name() == "sqlite":
            from infra.database.sqlite import SQLite

            return SQLite(parsed, name, read_only=read_only, secure_delete=secure_delete)
        if parsed.get_backend_name() == "postgresql":
            from infra.database.postgresql import PostgreSQL

            return PostgreSQL(parsed, name, read_only=read_only)
    shown = url if parsed is None else parsed.render_as_string(hide_password=True)
    raise Rejected(
        "UNKNOWN_DATABASE",
        f"the {name} can be kept in sqlite:////path/{name}.db or postgresql://user@host/database, not in {shown}",
    )

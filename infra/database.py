"""Connections to a database that must not lose what it was given: the log's and the keys'.

Everything that differs between databases is here: how a connection is set up, how a write transaction begins, how a
list of values is passed, and what an error of the driver means. So far that is SQLite; statements themselves are
SQLAlchemy Core, compiled once into the text that the driver takes.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from sqlalchemy import URL, ColumnElement, Executable, String, bindparam, create_engine, event, func, make_url, select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from commands.rejected import Rejected

BUSY_SECONDS = 10


class Unusable(Rejected):
    """The database itself refuses, whatever is asked of it."""


class Database:
    """One database of the data directory. ``name`` (``log``, ``keys``) stands in the codes of its errors: LOG_FULL,
    LOG_UNAVAILABLE, LOG_UNREADABLE; a file or directory that may not be written is DATA_NOT_WRITABLE.

    Readers share a pool, never wait, and see every committed transaction. There is one connection for writing, which
    its user must not use from two threads at once.

    :raises Rejected: one of the codes above; UNKNOWN_DATABASE for a URL of another kind.
    """

    def __init__(self, url: str, name: str, *, read_only: bool = False, secure_delete: bool = False) -> None:
        self.name = name
        self._url = make_url(url)
        if self._url.get_backend_name() != "sqlite" or not self._url.database:
            raise Rejected(
                "UNKNOWN_DATABASE", f"the {name} can be kept in a file, sqlite:////path/{name}.db, not in {self}"
            )
        self._secure_delete = secure_delete
        self._read_only = read_only
        self.engine = create_engine(
            read_only_url(self._url) if read_only else self._url, poolclass=QueuePool, pool_size=8, max_overflow=-1
        )
        event.listen(self.engine, "connect", self._set_up)
        self._dialect = SQLiteDialect_pysqlite(paramstyle="qmark")
        with self.sentences():
            self._writer = self.engine.raw_connection()

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close every connection."""
        self._writer.close()
        self.engine.dispose()

    def text(self, statement: Executable) -> str:
        """A statement as the driver takes it, its parameters by position in the order in which they stand."""
        return str(statement.compile(dialect=self._dialect))  # type: ignore[attr-defined]

    @contextmanager
    def reading(self) -> Iterator[DBAPICursor]:
        """A cursor for reading; every statement sees what is committed when it starts."""
        with self.sentences():
            connection = self.engine.raw_connection()
            try:
                yield connection.cursor()
            finally:
                connection.close()

    @contextmanager
    def writing(self) -> Iterator[DBAPICursor]:
        """A write transaction that no other one overlaps: durable when left, undone when left by an exception."""
        try:
            cursor = self._writer.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            cursor.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise self._rejected(error) from error
        except BaseException:
            self._undo()
            raise

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Turns the errors of the driver into refusals."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._rejected(error) from error
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise self._rejected(error.orig) from error
            raise

    def _undo(self) -> None:
        if self._writer.driver_connection.in_transaction:  # type: ignore[union-attr]
            with self.sentences():
                self._writer.cursor().execute("ROLLBACK")

    def _rejected(self, error: sqlite3.Error) -> Unusable:
        path, prefix = self._url.database, self.name.upper()
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_FULL:
                return Unusable(
                    f"{prefix}_FULL", f"no room is left for {path}; nothing was recorded; make room and retry"
                )
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return Unusable(
                    "DATA_NOT_WRITABLE", f"{path} cannot be opened and written ({error}); check the path and its owner"
                )
            case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                return Unusable(f"{prefix}_UNREADABLE", f"{path} is not a sound database ({error}); restore a backup")
            case _:
                return Unusable(
                    f"{prefix}_UNAVAILABLE", f"{path} cannot be used now ({error}); nothing was recorded; retry"
                )

    def _set_up(self, connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        if self._read_only:
            return
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        if self._secure_delete:
            cursor.execute("PRAGMA secure_delete=ON")


def one_of(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that the column has one of the values of a parameter made by ``values``."""
    parameter: ColumnElement[str] = bindparam("values", type_=String)
    return column.in_(select(func.json_each(parameter).table_valued("value").c.value))


def values(texts: Sequence[str]) -> str:
    """A list of texts as the parameter of ``one_of``."""
    return orjson.dumps(texts).decode()


def read_only_url(url: URL) -> URL:
    """The same file, to be read only; also where nothing may be written beside it, as SQLite otherwise wants to."""
    file = Path(str(url.database))
    writable = os.access(file.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    settled = not writable and not file.with_name(f"{file.name}-wal").exists()
    mode = "mode=ro&immutable=1" if settled else "mode=ro"
    return URL.create("sqlite", database=f"file:{quote(str(file))}?{mode}", query={"uri": "true"})

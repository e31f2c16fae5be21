"""A database in a file, for one machine."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import QueuePool

from infra.asker import ASKER
from infra.database import database
from infra.database.database import Append, Database, Row, Rows, Unusable, milliseconds_to_wait, moving


class SQLite(Database):
    """A file in WAL mode, with ``synchronous=FULL``: what is committed survives a power cut. A ``draft`` survives
    nothing, and is one file whenever it is closed.
    """

    def __init__(self, url: URL, name: str, *, read_only: bool, secure_delete: bool, draft: bool = False) -> None:
        self._read_only = read_only
        self._draft = draft
        self._secure_delete = secure_delete
        engine = create_engine(
            read_only_url(url) if read_only else url, poolclass=QueuePool, pool_size=8, max_overflow=-1
        )
        super().__init__(url, name, engine, SQLiteDialect_pysqlite(paramstyle="qmark"))
        event.listen(engine, "connect", self._set_up)
        with self.sentences():
            self._writer = engine.raw_connection()

    def close(self) -> None:
        self._writer.close()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[DBAPICursor]:
        with self.sentences():
            connection = self.engine.raw_connection()
            try:
                with ASKER.get().runs(connection.driver_connection.interrupt, sqlite3.OperationalError):  # type: ignore[union-attr]
                    yield connection.cursor()
            finally:
                connection.close()

    @contextmanager
    def writing(self, first: str | None = None) -> Iterator[DBAPICursor]:
        with self.sentences():
            try:
                cursor = self._writer.cursor()
                self._begin(cursor)
                if first is not None:
                    cursor.execute(first)
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                if self._writer.driver_connection.in_transaction:  # type: ignore[union-attr]
                    self._writer.cursor().execute("ROLLBACK")
                raise

    def _begin(self, cursor: DBAPICursor) -> None:
        patience = milliseconds_to_wait()
        if patience is None:
            cursor.execute("BEGIN IMMEDIATE")
            return
        cursor.execute(f"PRAGMA busy_timeout={patience}")
        try:
            cursor.execute("BEGIN IMMEDIATE")
        finally:
            cursor.execute(f"PRAGMA busy_timeout={database.BUSY_SECONDS * 1000}")

    def ask_no_more(self) -> None:
        """Nothing travels here."""

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        with self.sentences(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def scrub(self) -> None:
        # Pages as they were before lie in the log of writes until it begins anew. It cannot while somebody reads them,
        # who is waited for, and fails at once while somebody else is at it.
        deadline = monotonic() + database.BUSY_SECONDS
        with self.sentences():
            while self._writer.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]:
                if monotonic() > deadline:
                    raise Unusable(
                        f"{self.name.upper()}_UNAVAILABLE",
                        f"what was deleted is still in {self._url.database}-wal, for somebody else reads the file; "
                        "find out who, end that, and retry",
                    )
                sleep(0.01)

    def inserting(self, table: Table) -> Callable[[DBAPICursor, Rows], None]:
        return partial(insert_each, self.text(insert(table)))

    def appending(self, head: Table, *tables: Table) -> Append:
        return AppendInPlace(self, head, tables)

    def one_of(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        parameter: ColumnElement[str] = bindparam("values", type_=String)
        return column.in_(select(func.json_each(parameter).table_valued("value").c.value))

    def announce(self, cursor: DBAPICursor) -> None:
        """A file tells nobody."""

    def listen(self, hear: Callable[[], None]) -> bool:
        return False

    def _set_up(self, connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={database.BUSY_SECONDS * 1000}")
        if self._read_only:
            return
        if self._draft:
            cursor.execute("PRAGMA journal_mode=MEMORY")
            cursor.execute("PRAGMA synchronous=OFF")
            return
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        if self._secure_delete:
            cursor.execute("PRAGMA secure_delete=ON")

    def _refusal(self, error: BaseException) -> Unusable | None:
        if not isinstance(error, sqlite3.Error):
            return None
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


class AppendInPlace(Append):
    """A statement for each table: each costs no more than a call."""

    def __init__(self, database: SQLite, head: Table, tables: Sequence[Table]) -> None:
        self._database = database
        self._move = database.text(moving(head))
        self._insert = [database.inserting(table) for table in tables]

    def __call__(self, cursor: DBAPICursor, seen: Row, head: Row, *rows: Rows) -> None:
        cursor.execute(self._move, (*head, *seen))
        if not cursor.rowcount:
            raise Moved
        for insert_rows, each in zip(self._insert, rows, strict=True):
            insert_rows(cursor, each)

    def at_once(self, seen: Row, head: Row, *rows: Rows) -> bool:
        try:
            with self._database.writing() as cursor:
                try:
                    self(cursor, seen, head, *rows)
                except sqlite3.IntegrityError as error:
                    raise Moved from error
        except Moved:
            return False
        return True


class Moved(Exception):
    """The head is not as it was seen."""


def insert_each(statement: str, cursor: DBAPICursor, rows: Rows) -> None:
    """Insert the rows, compiled once."""
    cursor.executemany(statement, rows)


def read_only_url(url: URL) -> URL:
    """The same file, to be read only; also where nothing may be written beside it, as SQLite otherwise wants to."""
    file = Path(str(url.database))
    writable = os.access(file.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    settled = not writable and not file.with_name(f"{file.name}-wal").exists()
    mode = "mode=ro&immutable=1" if settled else "mode=ro"
    return URL.create("sqlite", database=f"file:{quote(str(file))}?{mode}", query={"uri": "true"})

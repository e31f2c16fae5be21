"""A database that several processes, on several machines, share."""

from __future__ import annotations

import os
import select as waiting
import socket
from binascii import crc32
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from math import ceil
from threading import Event, Thread
from time import monotonic
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import Format, TransactionStatus
from sqlalchemy import (
    ARRAY,
    URL,
    ColumnElement,
    Connection,
    Interval,
    Select,
    String,
    Table,
    TableValuedAlias,
    any_,
    bindparam,
    cast,
    column,
    create_engine,
    event,
    exists,
    func,
    insert,
    literal_column,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection

from commands.rejected import Rejected
from infra.asker import ASKER
from infra.database import database
from infra.database.database import (
    Append,
    Database,
    Row,
    Rows,
    Uncertain,
    Unusable,
    milliseconds_to_wait,
    moving,
)

ABANDONED_SECONDS = 60
"""How long a process that holds the turn to write may do nothing before whoever waits for it has it taken away."""

LOCK_TIMEOUT: ColumnElement[str] = literal_column("'lock_timeout'")
NOTHING: ColumnElement[str] = literal_column("''")

CONNECT_AGAIN_SECONDS = 0.1

CANCEL_SECONDS = 1.0
"""How long a server may take to end a statement that is not wanted any more."""


class PostgreSQL(Database):
    """A database on a PostgreSQL server. The turn to write is an advisory lock of the database, so all processes stand
    in one line; statements that need no answer travel together.
    """

    def __init__(self, url: URL, name: str, *, read_only: bool) -> None:
        own = {
            "synchronous_commit": "on",
            "lock_timeout": f"{database.BUSY_SECONDS}s",
            "default_transaction_read_only": "on" if read_only else "off",
        }
        options = [str(given) for given in (url.query.get("options"),) if given]
        options += [f"-c {setting}={value}" for setting, value in own.items()]
        driver = url.set(drivername="postgresql+psycopg").difference_update_query(["options"])
        engine = create_engine(
            driver,
            pool_size=8,
            max_overflow=-1,
            connect_args={
                "autocommit": True,  # transactions begin where we say so
                "options": " ".join(options),
                "client_encoding": "utf8",
                "connect_timeout": database.BUSY_SECONDS,
            },
        )
        event.listen(engine, "do_connect", connect_in_time)
        super().__init__(url, name, engine, PGDialect_psycopg(paramstyle="format"))  # type: ignore[no-untyped-call]
        self._turn: ColumnElement[int] = literal_column(str(crc32(f"annals {name}".encode())))
        self._take_turn = self.text(select(func.pg_advisory_xact_lock(self._turn)))
        self._take_turn_back = self.text(ending_whoever_idles(self._turn))
        self._notify = self.text(select(func.pg_notify(bindparam("channel"), bindparam("payload"))))
        self._channel = f"annals_{name}"
        self._listeners: list[Listener] = []
        self._writer_process = 0
        self._travelling = ExitStack()
        with self.sentences():
            self._writer: PoolProxiedConnection | None = engine.raw_connection()

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        if self._writer is not None:
            self._writer.close()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[DBAPICursor]:
        with self.sentences():
            connection = self.engine.raw_connection()
            driver: psycopg.Connection = connection.driver_connection  # type: ignore[assignment]
            try:
                with ASKER.get().runs(Cancelling(driver), psycopg.OperationalError):
                    yield connection.cursor(binary=True)
            except psycopg.OperationalError:
                self._drop_if_broken(connection)
                raise
            except Rejected:
                connection.invalidate()  # where it was cancelled, that may still be on its way
                raise
            finally:
                connection.close()

    @contextmanager
    def writing(self, first: str | None = None) -> Iterator[DBAPICursor]:
        with self.at_the_writer() as connection:
            cursor = connection.cursor()
            patience = milliseconds_to_wait()
            impatient = None if patience is None else f"SET LOCAL lock_timeout = {patience}"
            cursor.execute("; ".join(filter(None, ("BEGIN", impatient, self._take_turn, first))).encode())
            while cursor.nextset():
                pass
            cursor.format = Format.BINARY
            with ExitStack() as self._travelling:
                yield cursor  # type: ignore[misc]
                with self.committing():
                    cursor.execute("COMMIT")
                    self._travelling.close()

    @contextmanager
    def at_the_writer(self) -> Iterator[psycopg.Connection]:
        """The connection for writing; what an error leaves behind is undone."""
        with self.sentences():
            if self._writer is None:
                self._writer = self.engine.raw_connection()
            connection: psycopg.Connection = self._writer.driver_connection  # type: ignore[assignment]
            self._writer_process = connection.info.backend_pid
            try:
                yield connection
            except BaseException as error:
                self._undo(connection)
                if isinstance(error, errors.LockNotAvailable):
                    with suppress(psycopg.Error):
                        connection.execute(self._take_turn_back.encode(), (f"{ABANDONED_SECONDS}s",))
                raise

    @contextmanager
    def committing(self) -> Iterator[None]:
        """Tells what the database refused from what nobody knows.

        :raises Uncertain: where the connection was lost.
        """
        try:
            yield
        except psycopg.Error as error:
            if error.diag.severity_nonlocalized == "ERROR":
                raise
            raise Uncertain(
                f"{self.name.upper()}_UNCERTAIN",
                f"the connection to {self} was lost while it committed, so it is not known whether it did; "
                "ask again with the same request id",
            ) from error

    def ask_no_more(self) -> None:
        assert self._writer is not None
        connection: psycopg.Connection = self._writer.driver_connection  # type: ignore[assignment]
        self._travelling.enter_context(connection.pipeline())

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        with self.sentences(), self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(self._take_turn)
            yield connection
            connection.commit()

    def scrub(self) -> None:
        """Deleted rows stay in its files until it cleans up by itself."""

    def inserting(self, table: Table) -> Callable[[DBAPICursor, Rows], None]:
        return partial(
            insert_columns, binary(self.text(insert(table).from_select(list(table.c), select(rows_of(table)))))
        )

    def appending(self, head: Table, *tables: Table) -> Append:
        return AppendTogether(self, head, tables, self._turn, self._channel)

    def one_of(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        texts = func.jsonb_array_elements_text(cast(bindparam("values", type_=String), JSONB))
        # As an array, the planner looks each value up in the index, whatever it believes of the table.
        return column == any_(func.array(select(texts).scalar_subquery()))

    def announce(self, cursor: DBAPICursor) -> None:
        cursor.execute(self._notify, (self._channel, ""))

    def listen(self, hear: Callable[[], None]) -> bool:
        def others(notify: psycopg.Notify) -> None:
            if notify.pid != self._writer_process:
                hear()

        def connect() -> psycopg.Connection:
            connection = self._connect_listening()
            hear()  # what was announced while nobody listened
            return connection

        self._listeners.append(Listener(connect, others))
        return True

    def _connect_listening(self) -> psycopg.Connection:
        # Not one of the pool, where others would meet it.
        arguments, named = self.engine.dialect.create_connect_args(self.engine.url)
        connection = psycopg.connect(*arguments, **named, autocommit=True, connect_timeout=database.BUSY_SECONDS)
        connection.execute(f"LISTEN {self._channel}".encode())
        return connection

    def _undo(self, connection: psycopg.Connection) -> None:
        with suppress(psycopg.Error):
            connection.rollback()
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.close()
            if self._writer is not None:
                self._drop_if_broken(self._writer)
                self._writer.close()
            self._writer = None

    def _drop_if_broken(self, connection: PoolProxiedConnection) -> None:
        """Where one connection broke, all did: the next one is made anew."""
        driver: psycopg.Connection = connection.driver_connection  # type: ignore[assignment]
        if driver.broken or driver.closed:
            connection.invalidate()
            self.engine.dispose(close=False)

    def _refusal(self, error: BaseException) -> Unusable | None:
        if not isinstance(error, psycopg.Error) or (isinstance(error, psycopg.ProgrammingError) and not error.sqlstate):
            return None
        prefix = self.name.upper()
        # The first line alone: the others quote values.
        said = (error.diag.message_primary or str(error)).partition("\n")[0]
        match error:
            case errors.DiskFull():
                return Unusable(
                    f"{prefix}_FULL", f"no room is left for {self}; nothing was recorded; make room and retry"
                )
            case errors.InsufficientPrivilege() | errors.ReadOnlySqlTransaction():
                return Unusable("DATA_NOT_WRITABLE", f"{self} cannot be written ({said}); check the rights of its user")
            case errors.DataCorrupted() | errors.IndexCorrupted() | errors.UndefinedTable():
                return Unusable(f"{prefix}_UNREADABLE", f"{self} is damaged ({said}); restore a backup")
            case _:
                return Unusable(
                    f"{prefix}_UNAVAILABLE", f"{self} cannot be used now ({said}); nothing was recorded; retry"
                )


class Cancelling:
    """Ends what a connection for reading does; where the server does not do that in time, the connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._until: float | None = None

    def __call__(self) -> None:
        """Try it, as often as this is called."""
        if self._until is None:
            self._until = monotonic() + CANCEL_SECONDS
        if (left := self._until - monotonic()) > 0:
            with suppress(psycopg.Error, OSError):
                self._connection.cancel_safe(timeout=left)
        else:
            with (
                suppress(psycopg.Error, OSError),
                socket.socket(fileno=os.dup(self._connection.fileno())) as end,
            ):
                end.shutdown(socket.SHUT_RDWR)


def connect_in_time(_dialect: Any, _record: Any, _arguments: Any, named: dict[str, Any]) -> None:
    """Wait for a connection no longer than whoever asks does, which the driver counts in seconds, two at least."""
    patience = ASKER.get().patience
    if patience is not None:
        named["connect_timeout"] = min(named["connect_timeout"], max(2, ceil(patience)))


class Listener:
    """Hears what is announced, on a connection of its own, until it is closed; a lost connection is made again."""

    def __init__(self, connect: Callable[[], psycopg.Connection], hear: Callable[[psycopg.Notify], None]) -> None:
        self._connect = connect
        self._hear = hear
        self._closed = Event()
        self._stop, self._stopper = os.pipe()
        self._thread = Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        os.write(self._stopper, b"x")
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopper)

    def _run(self) -> None:
        while not self._closed.is_set():
            with suppress(psycopg.Error), self._connect() as connection:
                while True:
                    ready, _, _ = waiting.select([connection.fileno(), self._stop], [], [])
                    if self._closed.is_set():
                        return
                    if ready:
                        for notify in connection.notifies(timeout=0):
                            self._hear(notify)
            self._closed.wait(CONNECT_AGAIN_SECONDS)


def ending_whoever_idles(turn: ColumnElement[Any]) -> Select[Any]:
    """Ends the connection that has the turn and waits for its client longer than is allowed: the server's own limit
    for idle transactions does not count while statements travel together.
    """
    locks = table("pg_locks", *map(column, ("pid", "locktype", "objid", "granted")))
    sessions = table("pg_stat_activity", *map(column, ("pid", "datname", "wait_event_type", "query_start")))
    return (
        select(func.pg_terminate_backend(locks.c.pid))
        .join_from(locks, sessions, locks.c.pid == sessions.c.pid)
        .where(
            locks.c.locktype == literal_column("'advisory'"),
            locks.c.objid == turn,
            locks.c.granted,
            sessions.c.datname == func.current_database(),
            sessions.c.wait_event_type == literal_column("'Client'"),
            sessions.c.query_start < func.clock_timestamp() - cast(bindparam("allowed"), Interval),
        )
    )


class AppendTogether(Append):
    """One statement for all, which takes the turn itself: on its way to the server and back it costs as much as one."""

    def __init__(
        self, database: PostgreSQL, head: Table, tables: Sequence[Table], turn: ColumnElement[int], channel: str
    ) -> None:
        self._database = database
        self._head = head
        self._tables = tables
        self._turn = turn
        self._channel_name: ColumnElement[str] = literal_column(f"'{channel}'")
        self._statements: dict[tuple[bool, ...], str] = {}

    def __call__(self, cursor: DBAPICursor, seen: Row, head: Row, *rows: Rows) -> None:
        patience = milliseconds_to_wait()
        kind = (patience is None, *(bool(each) for each in rows))
        statement = self._statements.get(kind)
        if statement is None:
            statement = self._statements[kind] = self._statement(*kind)
        columns = [list(column) for each in rows for column in zip(*each, strict=True)]
        cursor.execute(statement, [*([] if patience is None else [str(patience)]), *head, *seen, *columns])

    def at_once(self, seen: Row, head: Row, *rows: Rows) -> bool:
        with self._database.at_the_writer() as connection, self._database.committing():
            cursor = connection.cursor(binary=True)
            try:
                self(cursor, seen, head, *rows)  # type: ignore[arg-type]
            except errors.UniqueViolation:
                return False
            return cursor.rowcount == 1

    def _statement(self, patient: bool, *filled: bool) -> str:
        # Where somebody moves the head while this waits for its turn, the server looks at the moved head again.
        taking = select(func.pg_advisory_xact_lock(self._turn).label("taken"))
        if not patient:
            taking = taking.where(func.set_config(LOCK_TIMEOUT, bindparam("patience"), true()) != NOTHING)
        turn = taking.cte("turn")
        moved = moving(self._head).where(exists(select(turn))).returning(literal_column("1").label("one")).cte("moved")
        inserts = [
            insert(table).from_select(list(table.c), select(rows_of(table)).join(moved, true())).cte(f"to_{table.name}")
            for table, has_rows in zip(self._tables, filled, strict=True)
            if has_rows
        ]
        telling = func.pg_notify(self._channel_name, literal_column("''"))
        return binary(self._database.text(select(telling).select_from(moved).add_cte(*inserts)))


def rows_of(table: Table) -> TableValuedAlias:
    """Rows for the table, from an array for each of its columns."""
    arrays = [bindparam(f"{table.name}_{column.name}", type_=ARRAY(column.type)) for column in table.c]
    return func.unnest(*arrays).table_valued(*table.c.keys()).render_derived()


def binary(statement: str) -> str:
    """The statement with parameters in binary: three times as fast."""
    return statement.replace("%s", "%b")


def insert_columns(statement: str, cursor: DBAPICursor, rows: Rows) -> None:
    """Insert the rows as one array a column: one statement, however many there are."""
    if rows:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])

"""What the log and the keys ask of a database, whatever its kind.

Everything that differs between databases is in this room: how a connection is set up, how a write transaction begins,
how a list of values is passed, how rows go in, and what an error of the driver means. Statements themselves are
SQLAlchemy Core, compiled once into the text that the driver takes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import orjson
from sqlalchemy import URL, ColumnElement, Connection, Engine, Executable, Table, Update, bindparam, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from commands.rejected import Rejected
from infra.asker import ASKER

BUSY_SECONDS = 10
"""How long a write transaction waits for its turn, where whoever asks does not wait less."""

Row = tuple[Any, ...]
Rows = Sequence[Row]


class Unusable(Rejected):
    """The database itself refuses, whatever is asked of it."""


class Uncertain(Unusable):
    """The connection was lost during a commit: it may have happened or not."""


class Append(ABC):
    """Moves a head, which is a table of one row, and inserts rows into other tables, in one go, and lets whoever
    listens know. ``seen`` and ``head`` are the values of that row before and after, ``rows`` those for each table.
    """

    @abstractmethod
    def __call__(self, cursor: DBAPICursor, seen: Row, head: Row, *rows: Rows) -> None:
        """Within a write transaction, in which the head was read."""

    @abstractmethod
    def at_once(self, seen: Row, head: Row, *rows: Rows) -> bool:
        """In a transaction of its own. False where the head is not as it was seen, or one of the rows is there
        already; nothing is done then.

        :raises Uncertain: LOG_UNCERTAIN where it cannot be known whether it was committed.
        """


class Database(ABC):
    """One database. ``name`` (``log``, ``keys``) stands in the codes of its errors: LOG_FULL, LOG_UNAVAILABLE,
    LOG_UNREADABLE, LOG_UNCERTAIN; one that may not be written is DATA_NOT_WRITABLE.

    Readers share a pool, never wait, and see every committed transaction. There is one connection for writing, which
    its user must not use from two threads at once. What is read for somebody ends when they leave (DEADLINE_PASSED);
    what is written for them waits for its turn, and for a connection, no longer than they do, and is never cut off.
    """

    def __init__(self, url: URL, name: str, engine: Engine, dialect: Dialect) -> None:
        self.name = name
        self.engine = engine
        self._url = url
        self._dialect = dialect

    def __str__(self) -> str:
        return self._url.render_as_string(hide_password=True)

    def text(self, statement: Executable) -> str:
        """A statement as the driver takes it, its parameters by position in the order in which they stand."""
        return str(statement.compile(dialect=self._dialect))  # type: ignore[attr-defined]

    @contextmanager
    def sentences(self) -> Iterator[None]:
        """Turns the errors of the driver into refusals."""
        try:
            yield
        except DBAPIError as error:
            if error.orig is not None and (refused := self._refusal(error.orig)):
                raise refused from error
            raise
        except Exception as error:
            if refused := self._refusal(error):
                raise refused from error
            raise

    @abstractmethod
    def close(self) -> None:
        """Close every connection."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[DBAPICursor]:
        """A cursor for reading; every statement sees what is committed when it starts."""

    @abstractmethod
    def writing(self, first: str | None = None) -> AbstractContextManager[DBAPICursor]:
        """A write transaction that no other one overlaps, of whichever process: durable when left, undone when left by
        an exception. The rows of the statement ``first``, which has no parameters, are there to be fetched at once.

        :raises Uncertain: LOG_UNCERTAIN where it cannot be known whether it was committed.
        """

    @abstractmethod
    def ask_no_more(self) -> None:
        """Inside a write transaction: nobody looks at the answers of the statements from here on, so that they may
        travel together with the commit.
        """

    @abstractmethod
    def changing(self) -> AbstractContextManager[Connection]:
        """The same for a change of the tables."""

    @abstractmethod
    def scrub(self) -> None:
        """Take what was deleted out of the files, where the database can; not within a transaction.

        :raises Unusable: UNAVAILABLE where somebody else reads for too long what was deleted.
        """

    @abstractmethod
    def inserting(self, table: Table) -> Callable[[DBAPICursor, Rows], None]:
        """What inserts rows, whose values are in the order of the table's columns, in one go."""

    @abstractmethod
    def appending(self, head: Table, *tables: Table) -> Append:
        """What moves the head and inserts rows into the tables."""

    @abstractmethod
    def one_of(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """The condition that the column has one of the values of a parameter made by ``values``."""

    @abstractmethod
    def announce(self, cursor: DBAPICursor) -> None:
        """Tell whoever listens, in other processes, when the transaction commits."""

    @abstractmethod
    def listen(self, hear: Callable[[], None]) -> bool:
        """Call ``hear`` from now on, in a thread of its own, whenever another process announces something. False where
        the database cannot tell, so that one has to look.
        """

    @abstractmethod
    def _refusal(self, error: BaseException) -> Unusable | None:
        """What an error of the driver means; None where it is no such error."""


def milliseconds_to_wait() -> int | None:
    """How long whoever asks waits for a lock, at least 1; None where they wait as long as anybody."""
    patience = ASKER.get().patience
    return None if patience is None or patience >= BUSY_SECONDS else max(1, int(patience * 1000))


def values(texts: Sequence[str]) -> str:
    """A list of texts as the parameter of ``one_of``."""
    return orjson.dumps(texts).decode()


def moving(head: Table) -> Update:
    """The statement that moves a head to its new values, where it has those that were seen."""
    return (
        update(head)
        .values({column: bindparam(f"new_{column.name}") for column in head.c})
        .where(*(column == bindparam(f"seen_{column.name}") for column in head.c))
    )

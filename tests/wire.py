"""A way to a server that breaks: connections are cut after so many bytes of answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock, Thread


class Wire:
    """Passes on what is sent to ``host:port``. Each connection in turn is cut when so many bytes came back as ``cuts``
    says; when it says no more, none is. What was cut is counted.
    """

    def __init__(self, address: str, cuts: Iterator[int]) -> None:
        host, _, port = address.rpartition(":")
        self._server = (host, int(port))
        self._cuts = cuts
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.cut = 0
        self._open: list[socket.socket] = []
        self._lock = Lock()
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with self._lock:
            for each in (self._listening, *self._open):
                end(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                end(client)
                continue
            with self._lock:
                self._open += [client, server]
            Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            Thread(target=self._pass, args=(server, client, next(self._cuts, None)), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, left: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if left is not None and len(data) >= left:
                    target.sendall(data[:left])
                    with self._lock:
                        self.cut += 1
                    break
                left = None if left is None else left - len(data)
                target.sendall(data)
        end(source)
        end(target)


def end(connected: socket.socket) -> None:
    """End what goes through it."""
    with suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)

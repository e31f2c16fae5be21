"""Where sealed values are opened, and the access log, which says for whom."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock

from commands.rejected import Rejected
from infra.keys import Keys
from infra.log import instant_text, utc_now
from infra.server.actor import ON_BEHALF_OF, UNDER_WAY, Call


class AccessLog:
    """Who opened what: a line of JSON for each answer with personal values, in a file for each month. It holds no
    personal value. What it was told before a kill is there after it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._month = ""
        self._file: int | None = None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._leave()

    def tell(self, call: Call, streams: set[str]) -> None:
        """Write down that a call opens personal values of these streams.

        :raises Rejected: ACCESS_NOT_LOGGED, and then nothing may be answered.
        """
        now = utc_now()
        actor = call.caller.actor
        line = {
            "time": instant_text(now),
            "caller": f"{actor.type}:{actor.id}",
            **({ON_BEHALF_OF: json.loads(actor.claims)[ON_BEHALF_OF]} if actor.claims else {}),
            "rpc": call.rpc,
            "streams": sorted(streams),
        }
        content = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        try:
            with self._lock:
                self._append(now, content)
        except OSError as error:
            raise Rejected(
                "ACCESS_NOT_LOGGED",
                f"who opens personal values is written down in {self._folder}, which cannot be written "
                f"({error.strerror}); nothing is opened until it can",
            ) from error

    def _append(self, now: datetime, content: bytes) -> None:
        file = self._of_month(f"{now:%Y-%m}")
        size = os.fstat(file).st_size
        written = os.write(file, content)
        if written < len(content):
            os.ftruncate(file, size)
            raise OSError(0, "no room is left")

    def _of_month(self, month: str) -> int:
        if self._file is not None and month == self._month:
            return self._file
        self._leave()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{month}.jsonl"
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._month = month
        end = os.fstat(self._file).st_size
        if end and os.pread(self._file, 1, end - 1) != b"\n":  # killed while it wrote
            os.write(self._file, b"\n")
        return self._file

    def _leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Opening:
    """What one call opens. For a caller who may not see personal values they stay sealed."""

    def __init__(self, keys: Keys, log: AccessLog, call: Call) -> None:
        self._keys = keys
        self._log = log
        self._call = call
        self._streams: set[str] = set()
        self._told: set[str] = set()
        self.opens = call.opens

    def open_text(self, sealed: str, only: Collection[str] | None = None) -> str | None:
        """The clear text, None when its key is gone, or is of a stream that is not in ``only``; the sealed text itself
        where the caller may not see it.

        :raises Rejected: NOT_SEALED or SEAL_BROKEN.
        """
        if not self.opens:
            return sealed
        found = self._keys.opened(sealed)
        if found is None:
            return None
        clear, stream = found
        if only is not None and stream not in only:
            return None
        self._streams.add(stream)
        return clear

    def names(self, streams: set[str]) -> None:
        """The answer says whose streams these are."""
        self._streams |= streams

    def tell(self) -> None:
        """Write down each stream that was not yet; to be done before anything of it is answered.

        :raises Rejected: ACCESS_NOT_LOGGED.
        """
        if untold := self._streams - self._told:
            self._log.tell(self._call, untold)
            self._told |= untold


class Edge:
    """The keys, for those who answer callers."""

    def __init__(self, keys: Keys, log: AccessLog) -> None:
        self._keys = keys
        self._log = log

    @contextmanager
    def opening(self) -> Iterator[Opening]:
        """What the call under way opens; written down at the end.

        :raises Rejected: ACCESS_NOT_LOGGED.
        """
        opening = Opening(self._keys, self._log, UNDER_WAY.get())
        yield opening
        opening.tell()

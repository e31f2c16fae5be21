"""The server's own log of what happens to it, on stderr wherever it runs: stdout is for data."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from io import StringIO
from typing import Any

import orjson
import structlog


class _Stderr(StringIO):
    """Standard error as it is at the moment. What cannot be written there is lost, and nothing else: a disk that is
    full, or a reader that is gone, is no reason for a call to fail.
    """

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.flush()


STDERR = _Stderr()


def journal() -> Any:
    """Where to write it down. Neither requests nor the texts of errors belong there: both may hold personal data."""
    return structlog.wrap_logger(structlog.PrintLogger(STDERR))


@contextmanager
def kept(level: str) -> Iterator[None]:
    """Meanwhile, write down what is at least of the level (debug, info, warning or error): lines for people on a
    terminal, JSON elsewhere. What the libraries say goes there as well, from warnings on.
    """
    root, grpc = logging.getLogger(), logging.getLogger("grpc")
    handlers, levels = root.handlers[:], (root.level, grpc.level)
    _begin(level)
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        grpc.setLevel(levels[1])


def _begin(level: str) -> None:
    number = logging.getLevelNamesMapping()[level.upper()]
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shown: Any = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(_text)
    own = [*shared, _printable, shown] if on_terminal else [*shared, shown]
    structlog.configure(own, wrapper_class=structlog.make_filtering_bound_logger(number))
    handler = logging.StreamHandler(STDERR)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[_of_library, shown], foreign_pre_chain=shared))
    # It repeats the texts of errors, which may hold personal data; what matters of them is written down by us.
    logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(max(number, logging.WARNING))


def _of_library(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Which library says it, and nothing of structlog's own."""
    record = line.pop("_record")
    line.pop("_from_structlog")
    line["library"] = record.name
    return line


def _printable(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What a caller sent does not steer the terminal, or begin a line of its own."""
    for name, value in line.items():
        if isinstance(value, str) and not value.isprintable():
            line[name] = repr(value)[1:-1]
    return line


def _text(line: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(line, default=str).decode()

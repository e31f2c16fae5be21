"""How rows come out: as a table for people, as json, csv or parquet for programs. Data goes to stdout or to a file."""

from __future__ import annotations

import csv
import errno
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from infra.cli.instants import rfc3339

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

SHOWN_ROWS = 2_000
NOTHING = "–"
CONTROL_PICTURES = {code: 0x2400 + code for code in range(32) if code != 10} | {127: 0x2421}
"""Control characters in data are shown, never sent to the terminal."""


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass
class Rows:
    """An answer of rows: at least one Arrow table, all with the same columns, read as they arrive, and what is known
    about the answer as a whole (where it stands).
    """

    tables: Iterable[pa.Table]
    about: dict[str, Any] = field(default_factory=dict)
    time_zone: str = "UTC"
    """In which people are shown instants; programs get them in UTC."""

    @classmethod
    def of(cls, rows: list[dict[str, Any]], columns: Iterable[str], about: dict[str, Any] | None = None) -> Rows:
        """Rows of plain values; the columns are named because there may be no row."""
        import pyarrow as pa

        given = [{name: row.get(name) for name in columns} for row in rows]
        table = (
            pa.Table.from_pylist(given) if given else pa.table({name: pa.array([], pa.string()) for name in columns})
        )
        return cls([table], about or {})


def whole(rows: Rows) -> pa.Table:
    """All rows of an answer at once. Those that are read as they arrive can be read but once."""
    import pyarrow as pa

    return pa.concat_tables(rows.tables)


def chosen(format: Format | None, output: Path | None) -> Format:
    """The format to write in: the one asked for, or the one that the file's name ends in, or a table.

    :raises typer.BadParameter: where parquet would go to a terminal.
    """
    if format is None and output is not None:
        format = next((known for known in Format if output.suffix == f".{known.value}"), None)
    if format is Format.PARQUET and output is None and sys.stdout.isatty():
        raise typer.BadParameter("parquet is not for a terminal; add --output FILE, or redirect to a file")
    return format or Format.TABLE


def write(rows: Rows, format: Format, output: Path | None) -> None:
    """Write the rows to stdout, or to the file, which takes its place only when it is complete.

    :raises Rejected: OUTPUT_NOT_WRITABLE; SQL_INVALID for instants that are not between the years 1 and 9999.
    """
    writer = {
        Format.TABLE: _write_table,
        Format.JSON: _write_json,
        Format.CSV: _write_csv,
        Format.PARQUET: _write_parquet,
    }[format]
    with _destination(output) as out:
        try:
            writer(rows, out)
        except OverflowError as error:
            from commands.rejected import Rejected

            sentence = "a column holds an instant that is not between the years 1 and 9999; cast it to text"
            raise Rejected("SQL_INVALID", sentence) from error


def write_drawn(what: RenderableType, output: Path | None) -> None:
    """Write what is drawn with characters to stdout, or to the file, which takes its place only when it is complete.

    :raises Rejected: OUTPUT_NOT_WRITABLE.
    """
    with _destination(output) as out:
        _print(what, out)


def write_lines(lines: Iterable[bytes], output: Path | None) -> None:
    """Write lines to stdout, each as soon as it is there, or to the file, which takes its place when it is complete.

    :raises Rejected: OUTPUT_NOT_WRITABLE.
    """
    with _destination(output) as out:
        for line in lines:
            out.write(line + b"\n")
            if output is None:
                out.flush()


def note(text: str) -> None:
    """A word for the person at the keyboard, on stderr."""
    print(text, file=sys.stderr)


def shown(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds" if value.microsecond else "seconds")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        value = ", ".join(value)
    return cell(value).translate(CONTROL_PICTURES)


def local(instant: datetime | None, time_zone: str) -> datetime | None:
    """The instant on the clock of the time zone."""
    return instant.astimezone(ZoneInfo(time_zone)) if instant is not None else None


def json_line(value: Any) -> bytes:
    """A value as one line of JSON: decimals keep every digit, instants are RFC 3339 in UTC."""
    import orjson

    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    import orjson

    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, int):
        return orjson.Fragment(str(value))
    return cell(value)


def cell(value: Any) -> str:
    """A value as a cell of a csv file: instants are RFC 3339 in UTC, intervals ISO 8601, lists and structures JSON."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value) if value.tzinfo else value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if type(value) in (list, dict, tuple):
        return json_line(value).decode()
    if hasattr(value, "nanoseconds"):
        return f"P{value.months}M{value.days}DT{format(Decimal(value.nanoseconds).scaleb(-9), 'f')}S"
    return str(value)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _on_clock(value: Any, time_zone: str) -> Any:
    return local(value, time_zone) if isinstance(value, datetime) and value.tzinfo is not None else value


def _write_table(rows: Rows, out: IO[bytes]) -> None:
    import pyarrow as pa
    from rich import box
    from rich.table import Table
    from rich.text import Text

    tables = iter(rows.tables)
    first = next(tables)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in first.schema:
        number = (
            pa.types.is_integer(column.type) or pa.types.is_decimal(column.type) or pa.types.is_floating(column.type)
        )
        grid.add_column(Text(column.name), justify="right" if number else "left", overflow="fold")
    count = 0
    for table in chain([first], tables):
        for row in _rows(table.slice(0, max(SHOWN_ROWS - count, 0))):
            grid.add_row(*(Text(shown(_on_clock(value, rows.time_zone))) for value in row))
        count += table.num_rows
    _print(grid, out)
    if count > SHOWN_ROWS:
        note(f"{SHOWN_ROWS:,} of {count:,} rows are shown; --format csv, json or parquet writes all of them")


def _print(what: RenderableType, out: IO[bytes]) -> None:
    from rich.console import Console

    text = io.TextIOWrapper(out, encoding=sys.stdout.encoding or "utf-8", errors="replace", write_through=True)
    terminal = out is sys.stdout.buffer and sys.stdout.isatty()
    Console(file=text, width=None if terminal else 100_000, force_terminal=terminal or None).print(what)
    text.detach()


def _write_json(rows: Rows, out: IO[bytes]) -> None:
    head = json_line(rows.about).removesuffix(b"}")
    out.write(head + (b"," if rows.about else b"") + b'"rows":[')
    separator = b"\n"
    for table in rows.tables:
        for row in _rows(table):
            out.write(separator + json_line(dict(zip(table.column_names, row, strict=True))))
            separator = b",\n"
    out.write(b"\n]}\n")


def _write_csv(rows: Rows, out: IO[bytes]) -> None:
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    header = True
    try:
        for table in rows.tables:
            if header:
                writer.writerow(table.column_names)
                header = False
            writer.writerows(map(cell, row) for row in _rows(table))
    finally:
        text.detach()  # or it would close what it writes to


def _storable(table: pa.Table) -> pa.Table:
    """The table with intervals as text: parquet has no such type."""
    import pyarrow as pa

    for place, column in enumerate(table.schema):
        if pa.types.is_interval(column.type):
            texts = [None if value is None else cell(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, column.name, pa.array(texts, pa.string()))
    return table


def _write_parquet(rows: Rows, out: IO[bytes]) -> None:
    import pyarrow.parquet as pq

    tables = map(_storable, rows.tables)
    first = next(tables)
    about = {key: cell(value) for key, value in rows.about.items()}
    schema = first.schema.with_metadata(about)
    # A parquet file cannot be written to a pipe as it grows.
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, schema) as writer:
            for table in chain([first], tables):
                writer.write_table(table.replace_schema_metadata(about))
        file.seek(0)
        shutil.copyfileobj(file, out)


@contextmanager
def _destination(output: Path | None) -> Iterator[IO[bytes]]:
    """Stdout, or a file that is there wholly or not at all."""
    from commands.rejected import Rejected

    try:
        if output is None:
            if sys.stdout is None:
                raise OSError(errno.EBADF, "it is closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            with _complete(output) as out:
                yield out
    except BrokenPipeError:
        raise
    except OSError as error:
        if output is None and sys.stdout is not None:
            # What is left in the buffer would fail once more when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        name = output or "standard output"
        raise Rejected("OUTPUT_NOT_WRITABLE", f"{name} cannot be written: {error.strerror or error}") from error


@contextmanager
def _complete(output: Path) -> Iterator[IO[bytes]]:
    part = output.with_name(f"{output.name}.part")
    with part.open("wb") as out:
        try:
            yield out
            out.flush()
            os.replace(part, output)
        except BaseException:
            part.unlink()
            raise

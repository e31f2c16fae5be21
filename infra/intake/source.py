"""Files as relations: every column text, plus ``row``, the line on which the record begins."""

from __future__ import annotations

import csv
import glob
import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from commands.rejected import Rejected, require

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
DELIMITERS = ",;\t|"
LONGEST_CAUSE = 500


def load(connection: duckdb.DuckDBPyConnection, file: Path, relation: str) -> None:
    """Read a file into a relation, in the order of the file. A column of the file's own that is called ``row`` becomes
    ``row_``. An empty value of a csv file is null. The records of a parquet file have no lines and are counted from 1.

    :raises Rejected: SOURCE_UNREADABLE, SOURCE_FORMAT_UNKNOWN.
    """
    require(
        file.name.endswith(SUFFIXES),
        "SOURCE_FORMAT_UNKNOWN",
        f"{file} is in no known format; its name must end in one of {', '.join(SUFFIXES)}",
    )
    try:
        name = file.name.removesuffix(".gz")
        if name.endswith(".csv"):
            _load_csv(connection, file, relation)
        elif name.endswith(".jsonl"):
            _load_jsonl(connection, file, relation)
        else:
            _load_parquet(connection, file, relation)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, duckdb.Error) as error:
        raise Rejected("SOURCE_UNREADABLE", f"{file} cannot be read: {_cause(error)}") from error


def _load_csv(connection: duckdb.DuckDBPyConnection, file: Path, relation: str) -> None:
    with _opened(file) as stream:
        header = stream.readline().decode("utf-8-sig")
    delimiter = max(DELIMITERS, key=header.count)
    columns = _distinct(next(csv.reader([header], delimiter=delimiter), []))
    if not columns:
        raise EOFError("it has no header line")
    # Nothing is left to detection: DuckDB would skip leading lines that do not look like the others.
    reader = connection.read_csv(
        _exactly(file),
        auto_detect=False,
        columns=dict.fromkeys(columns, "VARCHAR"),
        header=True,
        delimiter=delimiter,
        quotechar='"',
        escapechar='"',
        parallel=False,
    )
    reader.create(f"{relation}_raw")
    with _opened(file) as stream:
        lines = sum(1 for _ in stream)
    records = _count(connection, relation)
    if lines == records + 1:
        _number(connection, relation, "rowid + 2")
        return
    starts = list(_csv_starts(file, delimiter, single=len(columns) == 1))
    if len(starts) != records:
        raise EOFError(f"{len(starts)} records begin but {records} are complete; is a quote left open?")
    _number_by(connection, relation, starts)


def _distinct(names: list[str]) -> list[str]:
    """Column names that differ also in lower case; a repeated or empty one gets its place in the file behind it."""
    seen: set[str] = set()
    distinct = []
    for place, name in enumerate(names, start=1):
        taken = not name or name.lower() in seen
        distinct.append(f"{name or 'column'}_{place}" if taken else name)
        seen.add(distinct[-1].lower())
    return distinct


def _load_jsonl(connection: duckdb.DuckDBPyConnection, file: Path, relation: str) -> None:
    with _opened(file) as stream:
        starts = [number for number, line in enumerate(stream, start=1) if line.strip()]
    if not starts:
        raise EOFError
    connection.execute(
        f"create table {relation}_raw as select columns(*) ->> '$' from read_json("
        "?, format = 'newline_delimited', records = true, maximum_depth = 1, sample_size = -1)",
        [_exactly(file)],
    )
    if len(starts) != _count(connection, relation):
        raise EOFError("a line does not hold exactly one JSON object")
    _number_by(connection, relation, starts)


def _load_parquet(connection: duckdb.DuckDBPyConnection, file: Path, relation: str) -> None:
    connection.execute(
        f"create table {relation}_raw as select cast(columns(*) as varchar) from read_parquet(?)", [_exactly(file)]
    )
    _number(connection, relation, "rowid + 1")


def _exactly(file: Path) -> str:
    """The file's name for DuckDB, which would otherwise take ``*`` and the like in it for any file that fits."""
    return glob.escape(str(file))


def _opened(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]


def _csv_starts(file: Path, delimiter: str, *, single: bool) -> Iterator[int]:
    """The line on which each record begins, where values hold line breaks or lines are blank. A blank line is a record
    only of a file with a single column.
    """
    with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8-sig", newline="") as stream:
        csv.field_size_limit(sys.maxsize)  # how long a value may be is for the rules to say, row by row
        reader = csv.reader(stream, delimiter=delimiter)
        next(reader)
        start = reader.line_num + 1
        for record in reader:
            if record or single:
                yield start
            start = reader.line_num + 1


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"select count(*) from {relation}_raw").fetchall()[0][0])


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """The file's own columns, with one called ``row`` out of the way."""
    names = [name for name, *_ in connection.execute(f"describe {relation}_raw").fetchall()]
    return "raw.* rename (row as row_)" if "row" in names else "raw.*"


def _number(connection: duckdb.DuckDBPyConnection, relation: str, row: str) -> None:
    columns = _columns(connection, relation)
    connection.execute(f"create view {relation} as select {row} as row, {columns} from {relation}_raw as raw")


def _number_by(connection: duckdb.DuckDBPyConnection, relation: str, starts: list[int]) -> None:
    lines: Any = pa.table({"row": pa.array(starts, pa.int64())})
    connection.from_arrow(lines).create(f"{relation}_lines")
    columns = _columns(connection, relation)
    connection.execute(
        f"create view {relation} as select line.row, {columns}"
        f" from {relation}_lines as line positional join {relation}_raw as raw"
    )


def _cause(error: BaseException) -> str:
    """What went wrong, without DuckDB's advice and its copies of the statement and of a record that is long."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).split("Possible")[0].splitlines()
    told = [line for line in lines if line.strip(" ^") and not line.startswith(("LINE ", "Expected Number"))]
    cause = " ".join(told) or "it is empty"
    # A record stands in the middle, between the line and the reason.
    return cause if len(cause) <= LONGEST_CAUSE else f"{cause[: LONGEST_CAUSE // 2]} … {cause[-LONGEST_CAUSE // 2 :]}"

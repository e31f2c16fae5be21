"""``crm sql``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import DataOption, FormatOption, OutputOption, settings_of
from infra.cli.output import Format, Rows, chosen, note, write
from infra.cli.report import arrow_tables, held_back

if TYPE_CHECKING:
    import pyarrow as pa

    from crm.client import Client
    from infra.settings import Settings

DESCRIPTION = "from columns"
CHUNK_ROWS = 50_000


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(sql)


def sql(
    statement: Annotated[
        str | None,
        typer.Argument(metavar="STATEMENT", help="One SELECT or EXPLAIN in DuckDB's SQL; - reads stdin."),
    ] = None,
    describe: Annotated[bool, typer.Option("--describe", help="List tables and columns with what they mean.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="Ask the latest snapshot, in this process: for heavy work.")
    ] = False,
    open_personal: Annotated[
        bool, typer.Option("--open", help="Open personal values; they stay sealed otherwise.")
    ] = False,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Read-only SQL over the read models and the archive of events.

    The position that the rows stand at goes to stderr, with --format json into the answer.

    For example:

        crm sql "select status, count(*) from tickets group by all order by all"

        crm sql "from tickets_at(timestamptz '2016-04-01', 10000) limit 5"

        crm sql --describe

        crm sql - --snapshot --output big.parquet < question.sql
    """
    if describe == (statement is not None):
        raise typer.BadParameter("give one statement, or - to read it from stdin, or --describe")
    if snapshot and open_personal:
        raise typer.BadParameter("a snapshot holds no keys: --open works without --snapshot")
    format = chosen(format, output)
    settings = settings_of(data)
    text = DESCRIPTION if statement is None else sys.stdin.read() if statement == "-" else statement
    with in_snapshot(settings, text) if snapshot else in_server(settings, text, open_personal) as rows:
        if format is not Format.JSON:
            note("\n".join((f"position {rows.about['position']}", *held_back(rows.about["held_back_streams"]))))
        write(rows, format, output)


@contextmanager
def in_server(settings: Settings, statement: str, open_personal: bool) -> Iterator[Rows]:
    """The rows that the server answers with, as they arrive."""
    from infra.cli.connection import connected

    with connected(settings) as crm:
        yield asked(crm, statement, open_personal)


def asked(crm: Client, statement: str, open_personal: bool = False) -> Rows:
    """The answer to a statement."""
    from crm.v1 import reading_pb2, sql_pb2

    request = sql_pb2.RunSqlRequest(sql=statement, encoding=reading_pb2.ENCODING_ARROW, open_personal=open_personal)
    responses = crm.sql.RunSql(request)
    first = next(responses)
    chunks: Iterator[Any] = (each.chunk for each in chain([first], responses))
    return Rows(arrow_tables(chunks), {"position": first.position, "held_back_streams": first.held_back_streams})


@contextmanager
def in_snapshot(settings: Settings, statement: str) -> Iterator[Rows]:
    """The rows that the latest snapshot answers with, read in this process.

    :raises Rejected: NO_SNAPSHOT, SQL_REFUSED or SQL_INVALID.
    """
    import json

    import duckdb

    from commands.rejected import Rejected

    try:
        newest = json.loads((settings.snapshots / "latest.json").read_bytes())
    except FileNotFoundError as error:
        raise Rejected("NO_SNAPSHOT", f"{settings.snapshots} holds no snapshot; crm snapshot makes one") from error
    try:
        with duckdb.connect(str(settings.snapshots / newest["file"]), read_only=True) as connection:
            connection.execute("set timezone = $zone", {"zone": settings.time_zone})
            reader = connection.sql(the_one(statement)).to_arrow_reader(CHUNK_ROWS)
            about = {"position": newest["position"], "held_back_streams": newest.get("held_back_streams", 0)}
            yield Rows(tables_of(reader), about)
    except duckdb.Error as error:
        raise Rejected("SQL_INVALID", str(error).splitlines()[0]) from error


def the_one(statement: str) -> str:
    """The statement, where it is one that reads.

    :raises Rejected: SQL_REFUSED.
    """
    import duckdb

    from commands.rejected import require

    statements = duckdb.extract_statements(statement)
    reads = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    require(
        len(statements) == 1 and statements[0].type in reads,
        "SQL_REFUSED",
        "give exactly one SELECT or EXPLAIN; nothing else is allowed",
    )
    return statements[0].query


def tables_of(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """What the reader gives, as tables; at least one."""
    import pyarrow as pa

    yield reader.schema.empty_table()
    for batch in reader:
        yield pa.Table.from_batches([batch])

"""``crm why``: from a report's number to the records that it counts, and from a record to the facts behind it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.chart import charted
from infra.cli.history import CIRCUMSTANCES, changes, reasons, step_of
from infra.cli.instants import require_instants
from infra.cli.options import AsOfOption, DataOption, FormatOption, KnownAtOption, OutputOption, settings_of
from infra.cli.output import Format, Rows, cell, chosen, json_line, local, note, shown, whole, write, write_lines
from infra.cli.report import answer, caption, request_of

if TYPE_CHECKING:
    import pyarrow as pa

    from crm.client import Client

STREAMS = {"ticket_id": "ticket", "lead_id": "lead", "customer_id": "customer", "calendar_id": "policy"}
"""Of which kind of stream the id in a column is; of several columns the first one here counts."""

VALUES = ("field", "value", "since", "type", *CIRCUMSTANCES, "position", "recorded_at")

CLOCK = ("sla_id", "ticket_id", "started_at", "measure")
"""What tells the clocks of SLAs apart."""


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(why)


def why(
    what: Annotated[
        str, typer.Argument(metavar="REPORT|STREAM", help="A report, for example backlog, or a record: ticket-7.")
    ],
    row: Annotated[
        list[str] | None,
        typer.Option(
            "--row",
            metavar="COLUMN=VALUE",
            help="Of a report: only this row of it; may be repeated. Nothing after the = is a row without a value.",
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", help="Of a report: only the records that count in this column.")
    ] = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    period_from: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="Of a report: the period begins here.")
    ] = None,
    period_to: Annotated[
        str | None, typer.Option("--to", metavar="INSTANT", help="Of a report: the period ends before this.")
    ] = None,
    sla: Annotated[
        bool, typer.Option("--sla", help="Of a ticket: only what its SLA clocks counted, span by span.")
    ] = False,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Explain a number: which records a report counts, and which facts made a record what it is.

    Of a REPORT, a line is one record (a ticket, a lead, a customer) and what it alone adds to the figures. Ask as of
    the same instant and for the same period as crm report; --row and --column choose one figure. A row of a
    breakdown is named by its column: --row priority=high.

    Of a STREAM, a line is one value of the record and the event that gave it: since when, by whom and why. Of a ticket,
    its SLA clocks follow: every span from the start to the stop, with the calendar that was open, or the reason why no
    time counted. The counted seconds add up to those of the report sla_clocks.

    For example:

        crm report backlog --by priority

        crm why backlog --row priority=high

        crm why ticket-INC0000045

        crm why sla_attainment --row sla_id=solve --column breached --from 2016-03-01 --to 2016-04-01

        crm why ticket-INC0000045 --sla --format csv
    """
    format = chosen(format, output)
    is_stream = what.partition("-")[0] in STREAMS.values() and "-" in what
    if is_stream and (row or column or period_from or period_to):
        raise typer.BadParameter(f"--row, --column, --from and --to are of a report; {what} is a stream")
    if sla and not what.startswith("ticket-"):
        raise typer.BadParameter("--sla is of a ticket; name one, for example ticket-7")
    wanted = dict(pair_of(text) for text in row or ())
    settings = settings_of(data)

    require_instants(as_of, known_at, period_from, period_to)

    from infra.cli.connection import connected, office_zone

    with connected(settings) as crm:
        zone = office_zone(crm)
        if is_stream:
            explained = stream_rows(crm, zone, what, as_of, known_at, only_sla=sla)
            if format is Format.TABLE:
                write_lines((line.encode() for line in told(explained, zone)), output)
            elif format is Format.JSON:
                write_lines([json_line({name: whole(rows).to_pylist() for name, rows in explained.items()})], output)
            else:
                write(explained["spans" if sla else "values"], format, output)
            return
        point = {"as_of": as_of, "known_at": known_at, "period_from": period_from, "period_to": period_to}
        rows = records(crm, zone, what, wanted, column, point)
        if format is not Format.JSON:
            note("\n".join([*caption(rows), *next_step(whole(rows), as_of)]))
        write(rows, format, output)


def pair_of(text: str) -> tuple[str, str]:
    """What a ``COLUMN=VALUE`` says.

    :raises typer.BadParameter: where it says nothing.
    """
    column, equals, value = text.partition("=")
    if not (column.strip() and equals):
        raise typer.BadParameter(f"{text!r} names no row; write COLUMN=VALUE, for example priority=high")
    return column.strip(), value.strip()


# --- the records behind a report --------------------------------------------------------------------------------------


def records(
    crm: Client, zone: str, name: str, wanted: dict[str, str], column: str | None, point: dict[str, str | None]
) -> Rows:
    """A report with one row for each record that counts in it, the record's stream in front.

    :param wanted: the values that tell a row of the report, by column.
    :param column: keep the records that count in this one.
    :raises Rejected: UNKNOWN_COLUMN, and what the report raises.
    """
    from crm.v1 import reports_pb2

    about = crm.reports.GetReport(reports_pb2.GetReportRequest(name=name))
    columns = [each.name for each in about.columns]
    breakdowns = [each for each in wanted if each in about.breakdowns and each not in columns]
    if len(breakdowns) > 1:
        raise typer.BadParameter(f"a report is broken down by one column; {' and '.join(breakdowns)} are two")
    request = request_of(zone, name, **point)
    if about.breakdowns:
        request.by = (breakdowns or about.breakdowns)[0]
    for each in breakdowns:
        request.within = wanted.pop(each)
    rows = answer(crm, request, zone)
    table = whole(rows)
    for each, value in wanted.items():
        require_known(each, columns, [*columns, *about.breakdowns])
        table = table.filter(equal(table, each, value))
    if about.breakdowns:
        table = table.filter(counting(table, rows.about["key"], column))
        names = [about.breakdowns[0] if each == "breakdown" else each for each in table.column_names]
        table = table.rename_columns(names)
    elif column is not None:
        table = table.filter(counting(table, rows.about["key"], column))
    return Rows([with_stream(table)], rows.about, zone)


def require_known(column: str, columns: list[str], named: list[str]) -> None:
    """Refuse a column that the report does not have.

    :raises Rejected: UNKNOWN_COLUMN, and says which it has.
    """
    from commands.rejected import Rejected
    from infra.models.model import nearest

    if column not in columns:
        raise Rejected("UNKNOWN_COLUMN", f"there is no column {column}; {nearest(column, named)}", field="row")


def equal(table: pa.Table, column: str, value: str) -> pa.Array:
    """In which rows the column reads like the value."""
    import pyarrow as pa

    return pa.array([cell(each) == value for each in table[column].to_pylist()], pa.bool_())


def counting(table: pa.Table, key: list[str], column: str | None) -> pa.Array:
    """Which rows have a number that is not 0: in the column, or else in any.

    :raises Rejected: UNKNOWN_COLUMN where there is no such column of numbers.
    """
    import pyarrow as pa

    charted(table, key, column)
    numbers = [column] if column else [name for name in table.column_names if name not in key]
    values = [table[name].to_pylist() for name in numbers]
    return pa.array(
        [any(isinstance(each, int | Decimal) and each for each in row) for row in zip(*values, strict=True)], pa.bool_()
    )


def with_stream(table: pa.Table) -> pa.Table:
    """The rows with the stream that each is about in front, where the ids say it."""
    import pyarrow as pa

    id = next((each for each in STREAMS if each in table.column_names), None)
    if id is None:
        return table
    streams = [None if each is None else f"{STREAMS[id]}-{each}" for each in table[id].to_pylist()]
    return table.add_column(0, "stream", pa.array(streams, pa.string()))


def next_step(table: pa.Table, as_of: str | None) -> Iterator[str]:
    """How many records there are, and how to go on from them."""
    if "stream" not in table.column_names:
        return
    streams = [each for each in dict.fromkeys(table["stream"].to_pylist()) if each is not None]
    then = "" if as_of is None else f" --as-of {shlex.quote(as_of)}"
    yield f"records: {len(streams):,}" + (f"; go on with: crm why {streams[0]}{then}" if streams else "")


# --- the facts behind a record ----------------------------------------------------------------------------------------


def stream_rows(
    crm: Client, zone: str, stream: str, as_of: str | None, known_at: str | None, *, only_sla: bool
) -> dict[str, Rows]:
    """What explains a record, by name: its ``values``, and of a ticket the ``clocks`` of its SLAs and their ``spans``.

    :raises Rejected: NOT_FOUND where nothing is known of the stream.
    """
    from crm.v1 import log_pb2
    from infra.cli.moments import set_instant, set_known_at

    request = log_pb2.ReplayStreamRequest(stream=stream)
    set_instant(request, "as_of", as_of, zone)
    set_known_at(request, known_at, zone)
    explained = {"values": Rows.of(values_of(map(step_of, crm.log.ReplayStream(request))), VALUES)}
    if stream.startswith("ticket-"):
        for name, report in (("clocks", "sla_clocks"), ("spans", "sla_minutes")):
            asking = request_of(zone, report, as_of=as_of, known_at=known_at)
            asking.stream = stream
            rows = answer(crm, asking, zone)
            explained[name] = Rows([whole(rows)], rows.about, zone)
    if only_sla:
        del explained["values"]
    return explained


def values_of(steps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each value that a stream has after its steps, with the step that last changed it."""
    found: dict[str, dict[str, Any]] = {}
    for step in steps:
        for field, _, after in changes(step):
            about = {name: step[name] for name in VALUES if name in step}
            found[field] = {"field": field, "value": after, "since": step["occurred_at"], **about}
    kept = sorted(name for name, row in found.items() if row["value"] is not None)
    return [{**found[name], "value": cell(found[name]["value"])} for name in kept]


def told(explained: dict[str, Rows], zone: str) -> Iterator[str]:
    """What explains a record, as people read it."""
    for row in whole(explained["values"]).to_pylist() if "values" in explained else ():
        since = shown(local(row["since"], zone))
        by = f"{row['type']} by {row['actor']} (position {row['position']})"
        yield f"{row['field']} = {row['value']}  since {since}  {by}"
        yield from reasons(row)
    if "clocks" not in explained:
        return
    clocks, spans = (whole(explained[name]).to_pylist() for name in ("clocks", "spans"))
    if not clocks:
        yield "no SLA set a clock running"
    for clock in clocks:
        yield f"SLA {clock['sla_id']}, {clock['measure']}: {clock['state']}"
        yield f"        {', '.join(said(clock, zone))}"
        for span in spans:
            if all(span[name] == clock[name] for name in CLOCK):
                yield f"        {of_span(span, zone)}"


def said(clock: dict[str, Any], zone: str) -> Iterator[str]:
    """When a clock ran, until when it should, and how much it counted."""
    for name in ("started_at", "stopped_at", "ended_at", "due_at"):
        yield f"{name.removesuffix('_at')} {shown(local(clock[name], zone))}"
    yield f"counted {shown(clock['seconds'])} s"


def of_span(span: dict[str, Any], zone: str) -> str:
    """A span: from when to when, how much of it counted, and by what."""
    ends = " – ".join(shown(local(span[end], zone)) for end in ("began_at", "ended_at"))
    calendar = f", calendar {span['calendar_id']} v{span['calendar_version']}" if span["calendar_id"] else ""
    return f"{ends}  {span['status']:<8} {shown(span['counted_seconds']):>16} s  {span['why']}{calendar}"

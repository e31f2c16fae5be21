"""``crm report``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from infra.cli.chart import bars, charted, said, trends, vega_lite
from infra.cli.instants import require_instants
from infra.cli.options import AsOfOption, DataOption, FormatOption, KnownAtOption, OutputOption, settings_of
from infra.cli.output import (
    Format,
    Rows,
    chosen,
    json_line,
    local,
    note,
    shown,
    whole,
    write,
    write_drawn,
    write_lines,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from crm.client import Client

SHOWN_VERSION = 12
"""So much of a report's version is enough for people to compare."""

Period = Literal["day", "week", "month"]

LISTED = ("name", "clock", "meaning", "breakdowns")


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(report)


def report(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The report. Without it, all are listed.")] = None,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    period_from: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="The period begins here. Default: the beginning.")
    ] = None,
    period_to: Annotated[
        str | None, typer.Option("--to", metavar="INSTANT", help="The period ends before this. Default: --as-of.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Break down by this; the list says by what.")
    ] = None,
    every: Annotated[
        Period | None,
        typer.Option("--every", help="A series from --from on: one part for each day, week or month."),
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Say what the report means instead of running it.")
    ] = False,
    chart: Annotated[bool, typer.Option("--chart", help="Draw bars instead of a table.")] = False,
    vega: Annotated[
        Path | None, typer.Option("--vega", metavar="FILE", help="Write a Vega-Lite chart as well, data inside.")
    ] = None,
    trend: Annotated[
        bool, typer.Option("--trend", help="Say by how much a series changes from part to part, by least squares.")
    ] = False,
    column: Annotated[
        str | None, typer.Option("--column", help="Of which column. Default: the first one of numbers.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Show a report as of any instant, or list the reports with what they mean.

    The same report as of the same instant and known at the same position gives the same rows for ever. Where the answer
    stands goes to stderr, with --format json into the answer.

    For example:

        crm report

        crm report backlog --as-of 2016-04-01

        crm report lead_conversion --as-of 2018-06-01 --from 2018-01-01 --to 2018-04-01 --by source

        crm report backlog --from 2016-03-01 --to 2016-06-01 --every week --chart --trend

        crm report tickets_by_status --vega tickets.vl.json

        crm report lead_conversion --as-of 2018-06-01 --known-at 12000 --format csv > conversion.csv
    """
    if describe and name is None:
        raise typer.BadParameter("name the report to describe")
    format = chosen(format, output)
    drawn = chart or trend or vega is not None
    if drawn or column is not None:
        require_drawable(name is not None and not describe, drawn, chart and format is not Format.TABLE, trend, every)
    settings = settings_of(data)

    require_instants(as_of, known_at, period_from, period_to)

    from infra.cli.connection import connected, office_zone

    with connected(settings) as crm:
        if name is None:
            rows = listed(crm)
        elif describe:
            rows = described(crm, name)
        else:
            time_zone = office_zone(crm)
            request = request_of(
                time_zone,
                name,
                as_of=as_of,
                known_at=known_at,
                period_from=period_from,
                period_to=period_to,
                by=by,
                every=every,
            )
            rows = answer(crm, request, time_zone)
            if format is not Format.JSON:
                note("\n".join(caption(rows)))
            if drawn:
                rows = Rows([whole(rows)], rows.about, rows.time_zone)
                drawn_column = charted(whole(rows), rows.about["key"], column)
                add_drawings(rows, drawn_column, every if trend else None, vega, format)
                if chart:
                    write_drawn(bars(rows, drawn_column), output)
                    return
        write(rows, format, output)


def require_drawable(is_answer: bool, drawn: bool, for_programs: bool, trend: bool, every: str | None) -> None:
    """Refuse what cannot be drawn.

    :raises typer.BadParameter: and says what can.
    """
    if not drawn:
        raise typer.BadParameter("--column says what --chart, --vega or --trend are of; add one of them")
    if not is_answer:
        raise typer.BadParameter("--chart, --vega and --trend are for a report's answer; name the report")
    if for_programs:
        raise typer.BadParameter("--chart is for people; --vega writes a file for programs")
    if trend and every is None:
        raise typer.BadParameter("--trend is of a series; add --every day, week or month, and --from")


def add_drawings(rows: Rows, column: str, every: str | None, vega: Path | None, format: Format) -> None:
    """Add the trend of a series to what is known about it, where one is asked for, say it to people, and write the
    chart's file.

    :raises Rejected: OUTPUT_NOT_WRITABLE.
    """
    if every is not None:
        rows.about["trend"] = list(trends(rows, column, every))
        if format is not Format.JSON:
            note("\n".join(map(said, rows.about["trend"])))
    if vega is not None:
        write_lines([json_line(vega_lite(rows, column))], vega)


def request_of(
    time_zone: str,
    name: str,
    *,
    as_of: str | None = None,
    known_at: str | None = None,
    period_from: str | None = None,
    period_to: str | None = None,
    by: str | None = None,
    every: str | None = None,
) -> Any:
    """The request for a report; instants and positions are as people write them, in the time zone.

    :raises typer.BadParameter: where one is neither.
    """
    from crm.v1 import reports_pb2
    from infra.cli.moments import set_instant, set_known_at

    request = reports_pb2.RunReportRequest(name=name, by=by, every=every)
    set_instant(request, "as_of", as_of, time_zone)
    set_instant(request, "period_from", period_from, time_zone)
    set_instant(request, "period_to", period_to, time_zone)
    set_known_at(request, known_at, time_zone)
    return request


def listed(crm: Client) -> Rows:
    """Every report with what it means."""
    from crm.v1 import reports_pb2

    reports = crm.reports.ListReports(reports_pb2.ListReportsRequest()).reports
    rows = [
        {
            "name": each.name,
            "clock": each.clock,
            "meaning": f"BROKEN: {each.broken}" if each.broken else each.meaning,
            "breakdowns": list(each.breakdowns),
        }
        for each in reports
    ]
    return Rows.of(rows, LISTED)


def described(crm: Client, name: str) -> Rows:
    """One report's columns, and its meaning and formula beside them."""
    from crm.v1 import reports_pb2

    told = crm.reports.GetReport(reports_pb2.GetReportRequest(name=name))
    about = {
        "report": told.name,
        "clock": told.clock,
        "meaning": told.meaning,
        "formula": told.formula,
        "edges": told.edges,
        "source": told.source,
        "breakdowns": list(told.breakdowns),
        "sql_version": told.sql_version,
        "broken": told.broken or None,
    }
    note("\n".join(f"{key}: {shown(value)}" for key, value in about.items() if value))
    columns = [{"column": each.name, "type": each.type, "meaning": each.meaning} for each in told.columns]
    return Rows.of(columns, ("column", "type", "meaning"), about)


def answer(crm: Client, request: Any, time_zone: str) -> Rows:
    """A report's rows as they arrive, with where they stand; the time zone is the one to show them in."""
    from crm.v1 import reading_pb2
    from infra.cli.moments import moment

    request.encoding = reading_pb2.ENCODING_ARROW
    responses = crm.reports.RunReport(request)
    first = next(responses)
    about = {
        "report": first.report.name,
        "clock": first.report.clock,
        "meaning": first.report.meaning,
        "as_of": moment(first.read_point, "as_of"),
        "time_zone": time_zone,
        "position": first.read_point.position,
        "held_back_streams": first.read_point.held_back_streams,
        "sql_version": first.report.sql_version,
        "key": list(first.report.key),
        "event_types": list(first.report.event_types),
    }
    return Rows(arrow_tables(each.chunk for each in (first, *responses)), about, time_zone)


def caption(rows: Rows) -> Iterator[str]:
    """What a person should know about a report's answer."""
    about = rows.about
    yield f"{about['report']} ({about['clock']}): {about['meaning']}"
    as_of, version = shown(local(about["as_of"], rows.time_zone)), about["sql_version"][:SHOWN_VERSION]
    yield f"as of {as_of} ({rows.time_zone}), position {about['position']}, version {version}"
    yield from held_back(about["held_back_streams"])


def held_back(streams: int) -> Iterator[str]:
    """What a person should know where an answer does not count some streams to their ends."""
    if streams:
        yield f"notice: {streams} streams are held back and not counted to their ends; see crm dlq list"


def arrow_tables(chunks: Iterable[Any]) -> Iterator[pa.Table]:
    """The tables that the chunks of an answer hold, each a complete Arrow stream."""
    import pyarrow as pa

    for chunk in chunks:
        if chunk.arrow:
            with pa.ipc.open_stream(chunk.arrow) as reader:
                yield reader.read_all()

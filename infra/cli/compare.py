"""``crm compare``: a report at two instants, the difference, and the events behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.instants import WRITTEN, require_instants, rfc3339
from infra.cli.options import DataOption, FormatOption, KnownAtOption, OutputOption, settings_of
from infra.cli.output import Format, Rows, cell, chosen, local, note, shown, whole, write
from infra.cli.report import answer, held_back, request_of
from infra.cli.sql import asked

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = Context(prec=100)
"""DECIMAL has at most 38 digits, so that no difference of two is rounded."""

VALUES = ("column", "before", "after", "difference")


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(compare)


def compare(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The report.")],
    as_of: Annotated[str, typer.Option("--as-of", metavar="INSTANT", help=f"Before: {WRITTEN}.")],
    other: Annotated[
        str | None, typer.Option("--with", metavar="INSTANT", help="After, written likewise. Default: now.")
    ] = None,
    known_at: KnownAtOption = None,
    other_known_at: Annotated[
        str | None,
        typer.Option(
            "--with-known-at",
            metavar="POSITION|INSTANT",
            help="What was known after, where that is more or less than before. Default: the same.",
        ),
    ] = None,
    period_from: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="The period begins here. Default: the beginning.")
    ] = None,
    period_to: Annotated[
        str | None, typer.Option("--to", metavar="INSTANT", help="The period ends before this. Default: the instants.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="COLUMN", help="Break down by this; the list says by what.")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Give the events behind the difference instead, each as a row.")
    ] = False,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Compare a report as of two instants: each value that differs, and the events that lie between.

    Both stand at one position of the log, the one that --known-at says, so a fact that came late is in both. Where
    --with-known-at says another one, the difference is also what was learnt meanwhile; with the same instant twice,
    that alone. The events behind it are those, of the types that the report is made of, that one of the two counts
    and the other does not: all that made the difference, and perhaps some that made none. What passing time does by
    itself (a due instant that goes by) has no event.

    For example:

        crm compare backlog --as-of 2016-04-01 --with 2016-05-01 --by priority

        crm compare lead_conversion --as-of 2018-03-01 --with 2018-06-01 --by source --events

        crm compare leads_by_status --as-of 2018-03-01 --with 2018-03-01 --known-at 10000 --with-known-at 20000
    """
    format = chosen(format, output)
    settings = settings_of(data)

    require_instants(as_of, other, known_at, other_known_at)
    require_instants(period_from, period_to)

    from infra.cli.connection import connected, office_zone

    with connected(settings) as crm:
        zone = office_zone(crm)
        same = {"period_from": period_from, "period_to": period_to, "by": by}
        before = answer(crm, request_of(zone, name, as_of=as_of, known_at=known_at, **same), zone)
        known = str(before.about["position"]) if other_known_at is None else other_known_at
        after = answer(crm, request_of(zone, name, as_of=other, known_at=known, **same), zone)
        tables = [whole(before), whole(after)]
        counted = asked(crm, behind(before, after, "count(*) as events, {late} as late, type, only_in", grouped=True))
        kinds = whole(counted).to_pylist()
        about = about_both(before, after, kinds)
        if format is not Format.JSON:
            note("\n".join(caption(about, zone)))
        rows = (
            asked(crm, behind(before, after, EVENT))
            if events
            else differences(tables[0], tables[1], before.about["key"])
        )
        rows.about, rows.time_zone = about, zone
        write(rows, format, output)


EVENT = "position, stream, type, occurred_at, recorded_at, {late} as late, only_in, actor_type, actor_id, reason"


def behind(before: Rows, after: Rows, columns: str, *, grouped: bool = False) -> str:
    """The statement that gives the events which one of two answers counts and the other does not. An event is late
    where it was recorded after both instants: nobody could have seen it in the report then.
    """
    sides = []
    for rows in (before, after):
        about = rows.about
        sides.append(f"(occurred_at <= timestamptz '{rfc3339(about['as_of'])}' and position <= {about['position']})")
    latest = max(before.about["as_of"], after.about["as_of"])
    types = ", ".join(f"'{type}'" for type in before.about["event_types"]) or "null"
    late = f"recorded_at > timestamptz '{rfc3339(latest)}'"
    return (
        f"select {columns.format(late=late)} from (\n"
        "    select * exclude (type, data), split_part(type, '.', 2) as type,\n"
        f"           if({sides[0]}, 'before', 'after') as only_in\n"
        f"    from events where {sides[0]} <> {sides[1]}\n"
        f")\nwhere type in ({types})\n"
        + ("group by all order by type, only_in, late" if grouped else "order by position")
    )


def about_both(before: Rows, after: Rows, kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known about a comparison as a whole."""
    shared = {key: before.about[key] for key in ("report", "clock", "meaning", "time_zone", "sql_version")}
    return {
        **shared,
        "before": {key: before.about[key] for key in ("as_of", "position")},
        "after": {key: after.about[key] for key in ("as_of", "position")},
        "held_back_streams": after.about["held_back_streams"],
        "events": kinds,
    }


def caption(about: dict[str, Any], time_zone: str) -> Iterable[str]:
    """What a person should know about a comparison."""
    yield f"{about['report']} ({about['clock']}): {about['meaning']}"
    for side in ("before", "after"):
        as_of = shown(local(about[side]["as_of"], time_zone))
        yield f"{side}: as of {as_of} ({time_zone}), position {about[side]['position']}"
    yield from held_back(about["held_back_streams"])
    sums: Counter[str] = Counter()
    for each in about["events"]:
        sums[each["type"] + (" only before" if each["only_in"] == "before" else "")] += each["events"]
    late = sum(each["events"] for each in about["events"] if each["late"])
    said = ", ".join(f"{count:,} {kind}" for kind, count in sums.items()) or "none"
    yield f"{sums.total():,} events lie between, {late:,} of them recorded after both instants: {said}"


def differences(before: pa.Table, after: pa.Table, key: list[str]) -> Rows:
    """A row for each value that differs, with its difference where it is a number. A row that one of the two does not
    have has no values there.

    :raises Rejected: REPORT_BROKEN where rows cannot be told apart.
    """
    import pyarrow as pa

    olds, news = keyed(before, key), keyed(after, key)
    schema = pa.schema([*(after.schema.field(name) for name in key), *((name, pa.string()) for name in VALUES)])
    rows = []
    for at in dict.fromkeys([*olds, *news]):
        for column in after.column_names:
            old, new = olds.get(at, {}).get(column), news.get(at, {}).get(column)
            if column not in key and old != new:
                told = (column, *(None if value is None else cell(value) for value in (old, new, difference(old, new))))
                rows.append(dict(zip(schema.names, (*at, *told), strict=True)))
    return Rows([pa.Table.from_pylist(rows, schema)])


def keyed(table: pa.Table, key: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows by their key.

    :raises Rejected: REPORT_BROKEN where two have the same.
    """
    from commands.rejected import require

    rows = {tuple(row[name] for name in key): row for row in table.to_pylist()}
    require(
        len(rows) == table.num_rows,
        "REPORT_BROKEN",
        f"rows cannot be told apart by {', '.join(key) or 'any column'}; a report has to end in ORDER BY a unique key",
    )
    return rows


def difference(before: Any, after: Any) -> Decimal | None:
    """After less before, exactly, where both are numbers."""
    for value in (before, after):
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return None
    return EXACT.subtract(Decimal(after), Decimal(before))

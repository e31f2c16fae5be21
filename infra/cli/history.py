"""``crm replay`` and ``crm log``: what happened, event by event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.instants import position_or_instant, require_instants
from infra.cli.options import AsOfOption, DataOption, FormatOption, KnownAtOption, OutputOption, settings_of
from infra.cli.output import Format, Rows, cell, chosen, json_line, local, shown, write, write_lines

if TYPE_CHECKING:
    import pyarrow as pa

SEALED = "sealed:1:"
"""How every sealed value begins; people are shown the word alone."""

CIRCUMSTANCES = ("actor", "reason", "causation_id", "correlation_id")
"""Who, why, because of what, and with what else."""

CHANGES = ("position", "version", "type", "occurred_at", "recorded_at", *CIRCUMSTANCES, "field", "before", "after")
CHUNK_ROWS = 10_000
AWAY_SECONDS = 10.0
"""How long the server may be away while somebody follows the log."""


def add_to(app: typer.Typer) -> None:
    """Offer the commands."""
    app.command()(replay)
    app.command()(log)


def replay(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="For example ticket-INC0000045.")],
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Tell the story of one stream: each event, who, when and why, because of what, and what it changed.

    Rows are the changes, one for each field; --format json gives the events, one a line, with the states before and
    after.

    For example:

        crm replay ticket-INC0000045

        crm replay ticket-INC0000045 --as-of 2016-03-01

        crm replay lead-7 --known-at 12000 --format json
    """
    format = chosen(format, output)
    settings = settings_of(data)

    from crm.v1 import log_pb2
    from infra.cli.connection import connected, office_zone
    from infra.cli.moments import set_instant, set_known_at

    require_instants(as_of, known_at)
    with connected(settings) as crm:
        time_zone = office_zone(crm)
        request = log_pb2.ReplayStreamRequest(stream=stream)
        set_instant(request, "as_of", as_of, time_zone)
        set_known_at(request, known_at, time_zone)
        steps = (step_of(each) for each in crm.log.ReplayStream(request))
        if format is Format.TABLE:
            write_lines((line for step in steps for line in told(step, time_zone)), output)
        elif format is Format.JSON:
            write_lines(map(json_line, steps), output)
        else:
            write(Rows.of([row for step in steps for row in changed_rows(step)], CHANGES), format, output)


def step_of(response: Any) -> dict[str, Any]:
    """One step of a stream as plain values."""
    import orjson

    from infra.cli.moments import moment

    event = response.event
    document = orjson.loads(event.document)
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": short_type(event.type),
        "occurred_at": moment(response, "occurred_at"),
        "recorded_at": moment(event, "recorded_at"),
        "actor": response.actor,
        "reason": response.reason if response.HasField("reason") else None,
        "causation_id": document.get("causationid"),
        "correlation_id": document.get("correlationid"),
        "data": plain(response.data),
        "before": plain(response.before),
        "after": plain(response.after),
    }


def changes(step: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each field of the state that the event changed, with its value before and after."""
    before, after = step["before"], step["after"]
    for field in sorted(before.keys() | after.keys()):
        if before.get(field) != after.get(field):
            yield field, before.get(field), after.get(field)


def changed_rows(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each change; one without a field where the event changed nothing that decisions need."""
    changed = [
        {
            "field": field,
            "before": None if before is None else cell(before),
            "after": None if after is None else cell(after),
        }
        for field, before, after in changes(step)
    ]
    for change in changed or [{}]:
        yield {**step, **change}


def told(step: dict[str, Any], time_zone: str) -> Iterator[bytes]:
    """An event as a person reads it: what, when and by whom, then why, the facts and what they changed."""
    when = shown(local(step["occurred_at"], time_zone))
    late = step["recorded_at"] != step["occurred_at"]
    recorded = f", recorded {shown(local(step['recorded_at'], time_zone))}" if late else ""
    where = f"(position {step['position']}{recorded})"
    yield f"{step['version']:>4}  {when}  {step['type']}  by {step['actor']}  {where}".encode()
    yield from (line.encode() for line in reasons(step))
    changed = list(changes(step))
    for field, before, after in changed:
        yield f"        {field}: {shown(before)} → {shown(after)}".encode()
    shown_already = {field for field, _, _ in changed}
    for field, value in step["data"].items():
        if field not in shown_already:
            yield f"        {field} = {shown(value)}".encode()


def reasons(step: dict[str, Any]) -> Iterator[str]:
    """Why an event was recorded, what caused it and what it belongs to, each where it is known."""
    for name, word in (("reason", "why"), ("causation_id", "cause"), ("correlation_id", "correlation")):
        if step[name] is not None:
            yield f"        {word}: {shown(step[name])}"


def log(
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="POSITION|INSTANT",
            help="Begin with this position, or with what was recorded from then on.",
        ),
    ] = None,
    after_hash: Annotated[
        str | None,
        typer.Option(
            "--after-hash",
            metavar="HEX",
            help="The hash of the event before --from, as you have it: a log that has another one is refused.",
        ),
    ] = None,
    stream: Annotated[str | None, typer.Option("--stream", metavar="STREAM", help="Only this stream.")] = None,
    type: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-F", help="Go on with events as they are recorded; Ctrl-C stops.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Stop after so many events.")] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Read the log: every event, in the order of its positions.

    --format json gives one CloudEvents document a line, to the letter as it is stored. Personal values stay sealed.

    For example:

        crm log --limit 20

        crm log --from 2026-05-01 --type TicketSolved --type TicketReopened

        crm log --stream ticket-INC0000045 --format json

        crm log --from 120000 --follow

        crm log --from 120001 --after-hash 9dfb90970201… --follow --format csv
    """
    format = chosen(format, output)
    if follow and format is Format.PARQUET:
        raise typer.BadParameter("parquet is written at the end; --follow has none, choose another format")
    settings = settings_of(data)

    from crm.v1 import log_pb2
    from infra.cli.connection import connected, server_status

    require_instants(start)
    after = hash_of(after_hash, start)
    with connected(settings) as crm:
        server = server_status(crm)
        request = log_pb2.ReadEventsRequest(stream=stream, types=type or (), follow=follow, limit=limit)
        set_start(request, start, server, after)
        events = crm.feed(request, patience=AWAY_SECONDS)
        if format is Format.TABLE:
            write_lines((line_of(event, server.time_zone) for event in events), output)
        elif format is Format.JSON:
            write_lines((event.document.encode() for event in events), output)
        else:
            write(Rows(event_tables(events, 1 if follow else CHUNK_ROWS)), format, output)


def hash_of(text: str | None, start: str | None) -> bytes | None:
    """The hash that a text writes in hexadecimal digits, beside a position to begin with.

    :raises typer.BadParameter: where it is none, or no position is given.
    """
    if text is None:
        return None
    if start is None or not start.isdecimal():
        raise typer.BadParameter("--after-hash is the hash of the event before --from POSITION; give both")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no hash in hexadecimal digits") from error


def set_start(request: Any, start: str | None, server: Any, after_hash: bytes | None = None) -> None:
    """Say in the request where to begin, by the position and the time zone of the server, and after which hash.

    :raises Rejected: POSITION_BEYOND_LOG where the log ends before, and not just before.
    :raises typer.BadParameter: where that is neither a position nor an instant.
    """
    from commands.rejected import require

    if start is None:
        return
    begin = position_or_instant(start, server.time_zone, datetime.now(UTC))
    if isinstance(begin, int):
        beyond = f"there is no position {begin}; the log stands at {server.position}"
        require(after_hash is not None or begin <= server.position + 1, "POSITION_BEYOND_LOG", beyond)
        request.after_position = max(begin - 1, 0)
        if after_hash is not None:
            request.after_hash = after_hash
    else:
        request.recorded_from.FromDatetime(begin)


def line_of(event: Any, time_zone: str) -> bytes:
    """An event as one line for people."""
    import orjson

    document = orjson.loads(event.document)
    data = " ".join(f"{name}={fact(value)}" for name, value in document["data"].items())
    when = shown(local(instant_of(document["time"]), time_zone))
    who = f"{document['authtype']}:{document['authid']}"
    what = f"{event.stream} v{event.version}  {short_type(event.type)}"
    return f"{event.position:>9}  {when}  {what}  {who}  {data}".encode()


def event_tables(events: Iterable[Any], size: int) -> Iterator[pa.Table]:
    """The events as rows, so many at once, and at least one table."""
    import pyarrow as pa

    instants = pa.timestamp("us", "UTC")
    schema = pa.schema(
        [
            ("position", pa.int64()),
            ("stream", pa.string()),
            ("version", pa.int32()),
            ("type", pa.string()),
            ("occurred_at", instants),
            ("recorded_at", instants),
            ("actor", pa.string()),
            ("document", pa.string()),
            ("hash", pa.binary()),
        ]
    )
    yield schema.empty_table()
    rest = iter(events)
    while rows := [event_row(event) for event in islice(rest, size)]:
        yield pa.Table.from_pylist(rows, schema)


def event_row(event: Any) -> dict[str, Any]:
    """An event as a row."""
    import orjson

    document = orjson.loads(event.document)
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": short_type(event.type),
        "occurred_at": instant_of(document["time"]),
        "recorded_at": instant_of(document["recordedtime"]),
        "actor": f"{document['authtype']}:{document['authid']}",
        "document": event.document,
        "hash": event.hash,
    }


def short_type(name: str) -> str:
    """``TicketSolved`` of ``crm.TicketSolved.v1``."""
    return name.split(".")[1]


def instant_of(text: str) -> datetime:
    """The instant that a document holds."""
    return datetime.fromisoformat(text)


def fact(value: Any) -> str:
    """A value of a document as people read it."""
    return "(sealed)" if isinstance(value, str) and value.startswith(SEALED) else shown(value)


def plain(struct: Any) -> dict[str, Any]:
    """A message of named values as a dictionary, by name: the message itself has no order."""
    from google.protobuf.json_format import MessageToDict

    return {name: whole(value) for name, value in sorted(MessageToDict(struct).items())}


def whole(value: Any) -> Any:
    """The value with its whole numbers as integers: the message knows no others than floats."""
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""``crm export``: the history for other tools."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from infra.cli.instants import position_or_instant, require_instants
from infra.cli.options import DataOption, KnownAtOption, settings_of
from infra.cli.output import note

if TYPE_CHECKING:
    from crm.client import Client


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(export)


class Written(NamedTuple):
    """What was written: up to which position, how many events, the hash at the position, and a word more."""

    position: int
    events: int
    hash: bytes
    said: str = ""


def export(
    format: Annotated[
        Literal["cloudevents", "ocel", "parquet"],
        typer.Argument(metavar="FORMAT", help="cloudevents, ocel or parquet."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is not there yet.")],
    known_at: KnownAtOption = None,
    data: DataOption = None,
) -> None:
    """Write the history for other tools, all of it or up to an instant or position, and a manifest.json beside it that
    says up to which position, how many events, the hash there, and the SHA-256 of each file.

    cloudevents: the log itself, a document a line (events.jsonl). docs/verify_export.py proves that it was not altered,
    without this program; crm restore makes a log of it again, with equal hashes.

    ocel: events and objects for process mining (ocel.json, OCEL 2.0), without what is personal.

    parquet: every event as a typed row, a folder for each month in which it was recorded (month=2026-05, in UTC); one
    that is over never changes again.

    Personal values stay sealed. The folder is there when it is complete.

    For example:

        crm export parquet events

        duckdb -c "select month, count(*) from 'events/*/*.parquet' group by all order by all"

        crm export cloudevents then --known-at 2026-05-01 && crm restore then --data as-we-knew-it-then
    """
    settings = settings_of(data)

    from commands.rejected import Rejected, require
    from infra.cli.connection import connected, office_zone
    from infra.cli.handed import hand_out
    from infra.log.export import Manifest, digests

    require_instants(known_at)
    require(
        not folder.exists(),
        "OUTPUT_NOT_WRITABLE",
        f"{folder} is there already; name a folder that is not, so that nothing is mixed",
    )
    making = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        with connected(settings) as crm:
            until = position_of(crm, known_at, office_zone(crm))
            written = WRITERS[format](crm, until, making)
        about = (written.position, written.events, written.hash, datetime.now(UTC), digests(making))
        Manifest(format, *about).write(making)
        # Before it is there: whoever is killed in between has listed too much, not too little.
        hand_out(settings, f"export as {format}", folder, written.position)
        making.rename(folder)
    except OSError as error:
        raise Rejected("OUTPUT_NOT_WRITABLE", f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    note(f"position {written.position}, {written.events} events{written.said}")


def position_of(crm: Client, known_at: str | None, time_zone: str) -> int:
    """The position that the log stands at, or stood at by what the command line says.

    :raises Rejected: POSITION_BEYOND_LOG.
    """
    from commands.rejected import require
    from crm.v1 import log_pb2
    from infra.cli.connection import server_status

    head = int(server_status(crm).position)
    if known_at is None:
        return head
    known = position_or_instant(known_at, time_zone, datetime.now(UTC))
    if isinstance(known, int):
        require(known <= head, "POSITION_BEYOND_LOG", f"there is no position {known}; the log stands at {head}")
        return known
    request = log_pb2.ReadEventsRequest(limit=1)
    request.recorded_from.FromDatetime(known + timedelta(microseconds=1))
    later = [event for answer in crm.log.ReadEvents(request) for event in answer.events]
    return int(later[0].position) - 1 if later else head


def events_up_to(crm: Client, until: int) -> Iterator[Any]:
    """The events of the log, each of which continues the one before.

    :raises Rejected: LOG_TAMPERED.
    """
    from commands.rejected import require
    from crm.v1 import log_pb2

    hash = bytes(32)
    request = log_pb2.ReadEventsRequest(after_position=0, limit=until)
    for answer in crm.log.ReadEvents(request) if until else ():
        for event in answer.events:
            hash = sha256(hash + event.document.encode()).digest()
            require(
                hash == event.hash,
                "LOG_TAMPERED",
                f"the event at position {event.position} or its hash was altered; run crm verify",
            )
            yield event


def write_cloudevents(crm: Client, until: int, folder: Path) -> Written:
    """Write the log itself, a document a line."""
    from infra.log.export import write_lines

    position, hash = write_lines((event.document.encode() for event in events_up_to(crm, until)), folder)
    return Written(position, position, hash)


def write_ocel(crm: Client, until: int, folder: Path) -> Written:
    """Write events and objects for process mining."""
    from infra.cli.ocel import Ocel

    written = Written(0, 0, bytes(32))
    with folder.joinpath("ocel.json").open("wb") as out:
        ocel = Ocel(out)
        for event in events_up_to(crm, until):
            ocel.add(event.document.encode())
            written = Written(event.position, event.position, event.hash, f", {len(ocel.objects)} objects")
        ocel.close()
    return written


def write_parquet(crm: Client, until: int, folder: Path) -> Written:
    """Write the events of the snapshot that is published for it, by month."""
    from crm.v1 import log_pb2, system_pb2
    from infra.models.months import write_months

    snapshot = crm.system.CreateSnapshot(system_pb2.CreateSnapshotRequest())
    until = min(until, snapshot.position)
    events, months = write_months(Path(snapshot.file), folder, until)
    last = log_pb2.ReadEventsRequest(after_position=until - 1, limit=1)
    hash = next(crm.log.ReadEvents(last)).events[0].hash if until else bytes(32)
    return Written(until, events, hash, f", {months} months")


WRITERS = {"cloudevents": write_cloudevents, "ocel": write_ocel, "parquet": write_parquet}

"""``crm verify``, ``crm rebuild``, ``crm snapshot`` and ``crm status``: is it sound, and how to keep it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import DataOption, FormatOption, OutputOption, settings_of
from infra.cli.output import Format, Rows, chosen, local, note, shown, write

if TYPE_CHECKING:
    from infra.settings import Settings

CHECK_FAILED = 4
FINDINGS = ("code", "position", "sentence")
PARTS = ("part", "position", "lag_events", "lag_seconds", "rows", "held_back_streams", "last_error")

Progress = Callable[[str, int, int], None]
"""Takes what is being worked on, how much of it is done and how much there is."""


def add_to(app: typer.Typer) -> None:
    """Offer the commands."""
    for command in (verify, rebuild, snapshot, status):
        app.command()(command)


def verify(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH", help="With --forgotten: files and folders to look into besides the data."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Compare the archive of events with the log as well, the read models with a fresh rebuild, and what "
            "reports keep.",
        ),
    ] = False,
    witness: Annotated[
        list[Path] | None,
        typer.Option(
            "--witness", metavar="PATH", help="A backup or an export that must be part of this log; may be repeated."
        ),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="A signed checkpoint that this log must continue; may be repeated."
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key", metavar="FILE", help="The key to check checkpoints with. Default: the one in the data."
        ),
    ] = None,
    kafka: Annotated[bool, typer.Option("--kafka", help="Compare the topics in Kafka with the log as well.")] = False,
    forgotten: Annotated[
        bool, typer.Option("--forgotten", help="Look for remains of those who were forgotten, instead.")
    ] = False,
    words: Annotated[
        Path | None,
        typer.Option(
            "--words", metavar="FILE", help="With --forgotten: words to look for, one a line, as text or JSON."
        ),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Prove that nothing in the log was altered: positions without a gap, the hash chain, every column. Read models,
    snapshots and, where the settings name a Kafka, topics are its witnesses: they show what was cut off at its end, or
    written anew. So do backups and exports, which are verified themselves, and signed checkpoints (crm checkpoint).
    With --kafka the topics are compared with the log, record by record: what is missing, repeated or different on them.
    What is not published yet is not missing.

    What is wrong is listed; exit status 4 where anything is. Works without keys and without a server, also on a
    directory that a server refuses to start on.

    With --forgotten it looks for what must not be there any more: keys of those who were forgotten, in the data and in
    every backup, export or topic that is shown; and, as nobody knows a forgotten person's words any more, for the words
    that are given (crm forget --words writes them down before), however they are written or packed. No server may run
    on the directory meanwhile.

    For example:

        crm verify

        crm verify --rebuild

        crm verify --witness /backup/crm/crm-120000.db

        crm verify --checkpoint 2026-11-22.checkpoint --public-key checkpoint.pub

        crm verify --kafka

        crm verify --data /backup/crm --format json

        crm verify --forgotten --words words.txt /backup /exports
    """
    if not forgotten and (words is not None or paths):
        raise typer.BadParameter("--words and PATH go with --forgotten")
    format = chosen(format, output)
    settings = settings_of(data)
    if forgotten:
        from infra.cli.remains import found_remains

        findings = found_remains(settings, words, paths or [])
    else:
        from infra.cli.checkpoint import found_by_checkpoints

        by_topics = found_on_topics if kafka else found_by_topics
        findings = found(settings, rebuild) + by_topics(settings) + found_by_copies(settings, witness or [])
        findings += found_by_checkpoints(settings, checkpoint or [], public_key, findings)
    if not findings:
        note("nothing remains" if forgotten else "everything is sound")
        if format is Format.TABLE and output is None:
            return
    write(Rows.of(findings, FINDINGS), format, output)
    if findings:
        raise typer.Exit(CHECK_FAILED)


def found(settings: Settings, rebuild: bool) -> list[dict[str, Any]]:
    """What is wrong: asked of the running server, or read from the files where none runs. The read models are compared
    only where the log is sound.
    """
    from commands.rejected import require
    from infra.cli.connection import connected
    from infra.directory import find_server

    require(
        settings.has_log or settings.server is not None,
        "NO_DATA",
        f"there is no data in {settings.data}; name another directory with --data",
    )
    with progress_bar() as progress:
        if settings.server is None and find_server(settings) is None:
            findings = found_in_files(settings, progress)
            if findings or not rebuild:
                return findings
        with connected(settings) as crm:
            return found_by_server(crm, rebuild, progress)


def found_in_files(settings: Settings, progress: Progress) -> list[dict[str, Any]]:
    """What is wrong with the log's file, in itself or by what its witnesses have seen; read without keys."""
    from commands.rejected import Rejected
    from infra.log import Finding, contradictions_in
    from infra.log import verify as verify_log

    url = settings.log_url
    try:
        findings = verify_log(url, progress=lambda done, total: progress("log", done, total))
        findings += contradictions_in(url, seen(settings))
    except Rejected as refusal:
        findings = [Finding(refusal.code, refusal.sentence)]
    return [row_of(each) for each in findings]


def seen(settings: Settings) -> list[Any]:
    """The witnesses of the log in the directory; the read models are one of them where no server has them open."""
    from infra.directory import looking
    from infra.models import witness_in, witnesses

    found = witnesses(settings.models_file, settings.snapshots)
    with looking(settings) as unserved:
        models = witness_in(settings.models_file) if unserved else None
    return found if models is None else [*found, models]


def found_by_topics(settings: Settings) -> list[dict[str, Any]]:
    """What is wrong with the log by what was published of it, where the settings name a Kafka."""
    if settings.kafka_bootstrap_servers is None:
        return []

    from commands.rejected import Rejected
    from infra.log import Finding, contradictions_in
    from infra.stream import Cluster
    from infra.stream.witness import witnesses_on

    cluster = Cluster.named_by(settings)
    assert cluster is not None
    try:
        return [row_of(each) for each in contradictions_in(settings.log_url, witnesses_on(cluster))]
    except Rejected as refusal:
        return [row_of(Finding(refusal.code, refusal.sentence))]


def found_by_copies(settings: Settings, files: list[Path]) -> list[dict[str, Any]]:
    """What is wrong with backups and exports, or with the log by what they have seen."""
    from commands.rejected import Rejected
    from infra.log import Finding, contradictions_in, export
    from infra.log.backup import witness_in

    findings, witnesses = [], []
    with progress_bar() as progress:
        for file in files:
            try:
                look = export.witness_in if file.is_dir() else witness_in
                witnesses.append(look(file, partial(progress, file.name)))
            except Rejected as refusal:
                findings.append(Finding(refusal.code, refusal.sentence))
    if witnesses:
        try:
            findings += contradictions_in(settings.log_url, witnesses)
        except Rejected as refusal:
            findings.append(Finding(refusal.code, refusal.sentence))
    return [row_of(each) for each in findings]


def found_on_topics(settings: Settings) -> list[dict[str, Any]]:
    """What is missing, repeated or different on the topics, by the log.

    :raises Rejected: INVALID_SETTING where the settings name no Kafka; STREAM_UNAVAILABLE, TOPIC_MISSING.
    """
    from commands.rejected import Rejected
    from infra.stream import Cluster, verify_topics

    cluster = Cluster.named_by(settings)
    if cluster is None:
        name = "CRM_KAFKA_BOOTSTRAP_SERVERS"
        raise Rejected("INVALID_SETTING", f"{name}: --kafka needs to know where Kafka is", field=name)
    with progress_bar() as progress:
        compared = verify_topics(cluster, settings.log_url, partial(progress, "topics"))
    note(f"the topics hold the log up to position {compared.published}; it stands at {compared.newest}")
    return [row_of(each) for each in compared.findings]


def row_of(finding: Any) -> dict[str, Any]:
    """A finding as a row."""
    return {"code": finding.code, "position": finding.position, "sentence": finding.sentence}


def found_by_server(crm: Any, rebuild: bool, progress: Progress) -> list[dict[str, Any]]:
    """What the server finds wrong."""
    from crm.v1 import system_pb2

    findings = []
    for response in crm.system.Verify(system_pb2.VerifyRequest(rebuild=rebuild)):
        progress(response.part, response.done, response.total)
        if response.HasField("finding"):
            finding = response.finding
            position = finding.position if finding.HasField("position") else None
            findings.append({"code": finding.code, "position": position, "sentence": finding.sentence})
    return findings


def rebuild(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODEL", help="Which; without any, all.")] = None,
    data: DataOption = None,
) -> None:
    """Build read models anew from the archive, beside the old ones, then switch. Commands and queries go on meanwhile.

    For example:

        crm rebuild

        crm rebuild tickets leads
    """
    settings = settings_of(data)

    from crm.v1 import system_pb2
    from infra.cli.connection import connected

    with connected(settings) as crm, progress_bar() as progress:
        done = {}
        for response in crm.system.RebuildModels(system_pb2.RebuildModelsRequest(models=models or ())):
            progress(response.model, response.done, response.total)
            done[response.model] = response.done
    for model, position in done.items():
        note(f"{model} stands at position {position}")


def snapshot(data: DataOption = None) -> None:
    """Publish the read models as a DuckDB file of their own, for heavy work and for any tool. Prints the file.

    For example:

        crm snapshot

        duckdb -readonly "$(crm snapshot)"
    """
    settings = settings_of(data)

    from crm.v1 import system_pb2
    from infra.cli.connection import connected

    with connected(settings) as crm:
        made = crm.system.CreateSnapshot(system_pb2.CreateSnapshotRequest())
    note(f"position {made.position}")
    print(made.file)


def status(format: FormatOption = None, output: OutputOption = None, data: DataOption = None) -> None:
    """Say how each part is: the position it has reached, how far it is behind, what went wrong last.

    Exit status 4 when something is unwell.

    For example:

        crm status

        crm status --format json
    """
    format = chosen(format, output)
    settings = settings_of(data)

    from commands.rejected import Rejected
    from crm.v1 import system_pb2
    from infra.cli.connection import connected
    from infra.cli.moments import moment

    try:
        with connected(settings) as crm:
            told = crm.system.GetStatus(system_pb2.GetStatusRequest())
    except Rejected as refusal:
        if refusal.code == "NO_DATA":
            raise
        note(f"error: {refusal.code}: {refusal.sentence}")
        note("no server can start on this directory")
        raise typer.Exit(CHECK_FAILED) from None
    about = {
        "well": told.well,
        "program_version": told.program_version,
        "data_directory": told.data_directory,
        "time_zone": told.time_zone,
        "position": told.position,
        "recorded_at": moment(told, "recorded_at"),
        "hash": told.hash.hex(),
        "notices": list(told.notices),
    }
    if format is not Format.JSON:
        said = {**about, "recorded_at": local(about["recorded_at"], told.time_zone), "notices": None}
        note("\n".join(f"{key}: {shown(value)}" for key, value in said.items() if value is not None))
        for notice in told.notices:
            note(f"notice: {shown(notice)}")
    parts = [part_row(part) for part in told.parts]
    write(Rows.of(parts, PARTS, about), format, output)
    if not told.well:
        raise typer.Exit(CHECK_FAILED)


def part_row(part: Any) -> dict[str, Any]:
    """How one part is."""
    return {
        "part": part.name,
        "position": part.position,
        "lag_events": part.lag_events,
        "lag_seconds": round(part.lag_seconds, 3),
        "rows": part.rows,
        "held_back_streams": part.held_back_streams,
        "last_error": part.last_error or None,
    }


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar for each part that is worked on, on stderr, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, Any] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def show(part: str, done: int, total: int) -> None:
            if part not in tasks:
                tasks[part] = bars.add_task(part, total=total)
            bars.update(tasks[part], completed=done, total=total)

        yield show

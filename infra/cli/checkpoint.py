"""``crm checkpoint``: what the log is now, signed, to be kept elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import DataOption, OutputOption, settings_of
from infra.cli.output import note, shown, write_lines

if TYPE_CHECKING:
    from infra.settings import Settings

KEY = "checkpoint.key"
"""The signing key in the data directory, where no other is named."""


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(checkpoint)


def checkpoint(
    key: Annotated[
        Path | None,
        typer.Option(
            "--key", metavar="FILE", help=f"The key to sign with, in PEM; made if need be. Default: {KEY} in the data."
        ),
    ] = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Sign what the log is now: its last position and the hash there. Every event is checked before, so what was
    altered is not signed. Works while a server runs.

    Keep it where nobody who can write the log can write, for example by sending it to your auditor. Nothing up to its
    position can be changed any more without crm verify --checkpoint showing it. The public half of the key lies beside
    it (.pub); give it away once. A key outside the data directory keeps who has the data from signing.

    For example:

        crm checkpoint --output /elsewhere/2026-11-22.checkpoint

        crm checkpoint --key /safe/checkpoint.key | mail -s checkpoint auditor@example.org

        crm verify --checkpoint /elsewhere/2026-11-22.checkpoint --public-key checkpoint.pub
    """
    settings = settings_of(data)

    from commands.rejected import Rejected, require
    from infra.cli.upkeep import progress_bar, seen
    from infra.log import contradictions_in
    from infra.log.checkpoint import checkpoint_of, public_file, signed, signing_key

    require(settings.has_log, "NO_DATA", f"there is no data in {settings.data}; name another directory with --data")
    with progress_bar() as progress:
        found = checkpoint_of(settings.log_url, datetime.now(UTC), partial(progress, "log"))
    for forked in contradictions_in(settings.log_url, seen(settings)):
        raise Rejected(forked.code, f"{forked.sentence}; this is not signed; see crm verify")
    file = key or settings.data / KEY
    signing, made = signing_key(file)
    if made:
        note(f"a new key was made: {file}; give {public_file(file)} to whoever is to check what it signs")
    write_lines([signed(found, signing).encode().removesuffix(b"\n")], output)
    note(f"position {found.position}")


def found_by_checkpoints(
    settings: Settings, files: list[Path], key: Path | None, altered: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is wrong with checkpoints, or with the log by what they say; ``altered`` is what was found without them. For
    each that holds it is told what that proves.
    """
    from commands.rejected import Rejected
    from infra.cli.upkeep import row_of
    from infra.log import Finding, Witness, contradictions_in
    from infra.log.checkpoint import opened, public_file, public_key

    if not files:
        return []
    own = public_file(settings.data / KEY)
    findings: list[dict[str, Any]] = []
    try:
        public = public_key(key or own)
        for file in files:
            try:
                said = opened(read(file), public, str(file))
                forked = contradictions_in(settings.log_url, [Witness(str(file), said.position, said.hash)])
            except Rejected as refusal:
                forked = [Finding(refusal.code, refusal.sentence)]
            findings += map(row_of, forked)
            if not forked and all((each["position"] or 0) > said.position for each in altered):
                when = shown(said.signed_at.replace(microsecond=0))
                note(f"{file} was signed at {when}: nothing up to position {said.position} was changed since")
    except Rejected as refusal:
        findings.append(row_of(Finding(refusal.code, refusal.sentence)))
    if key is None and own.exists():
        note(f"the signatures were checked with {own}, from beside the log; name the one you were given: --public-key")
    return findings


def read(file: Path) -> bytes:
    """What is in a file.

    :raises Rejected: SOURCE_UNREADABLE.
    """
    from commands.rejected import Rejected

    try:
        return file.read_bytes()
    except OSError as error:
        raise Rejected("SOURCE_UNREADABLE", f"{file} cannot be read: {error.strerror or error}") from error

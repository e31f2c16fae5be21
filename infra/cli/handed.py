"""What was handed out: exports, backups and snapshots, by the list that the data directory keeps of them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.output import json_line, note

if TYPE_CHECKING:
    from infra.settings import Settings

LIST = "handed-out.jsonl"
KEYS_BACKUP = "backup of the keys"


def hand_out(settings: Settings, what: str, path: Path, position: int) -> None:
    """Write down that something was handed out, so that it can be told to whoever forgets somebody later."""
    line = {"what": what, "path": str(path.absolute()), "position": position, "time": datetime.now(UTC)}
    try:
        file = os.open(settings.data / LIST, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(b"\n" + json_line(line) + b"\n")  # the line before may be that of a process that was killed
    except OSError as error:
        note(f"that it was handed out could not be written down ({error.strerror}); remember it: {path}")


def handed_out(settings: Settings, before: int) -> list[dict[str, Any]]:
    """What was handed out before a position of the log, the oldest first: what it is, where it was put, up to which
    position it has the log, and whether it is still there. What somebody took away is nowhere written down.
    """
    found = {}
    for manifest in settings.snapshots.glob("crm-*.json"):
        if made := said(manifest.read_bytes()):
            file = str(manifest.with_suffix(".duckdb").absolute())
            found[file] = {"what": "snapshot", "path": file, "position": made["position"], "time": made["time"]}
    listed = settings.data / LIST
    for line in listed.read_bytes().splitlines() if listed.exists() else ():
        if made := said(line):
            found[made["path"]] = made
    return [
        {**each, "is_there": Path(each["path"]).exists()}
        for each in sorted(found.values(), key=lambda each: (each["position"], each["path"]))
        if each["position"] < before
    ]


def said(line: bytes) -> dict[str, Any]:
    """A line of the list, or a manifest; nothing where it is not whole."""
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found

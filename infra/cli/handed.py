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
            out.write(json_line(line) + b"\n")
    except OSError as error:
        note(f"that it was handed out could not be written down ({error.strerror}); remember it: {path}")


def handed_out(settings: Settings, before: int) -> list[dict[str, Any]]:
    """What was handed out before a position of the log, the oldest first: what it is, where it was put, up to which
    position it has the log, and whether it is still there. What somebody took away is nowhere written down.
    """
    found = []
    for manifest in settings.snapshots.glob("crm-*.json"):
        made = said(manifest.read_text("utf-8"))
        file = manifest.with_suffix(".duckdb")
        found.append(
            {"what": "snapshot", "path": str(file.absolute()), "position": made["position"], "time": made["time"]}
        )
    listed = settings.data / LIST
    if listed.exists():
        found += [said(line) for line in listed.read_text("utf-8").splitlines() if line.endswith("}")]
    newest = {each["path"]: each for each in found}
    return [
        {**each, "is_there": Path(each["path"]).exists()}
        for each in sorted(newest.values(), key=lambda each: (each["position"], each["path"]))
        if each["position"] < before
    ]


def said(text: str) -> dict[str, Any]:
    """A line of the list, or a manifest."""
    found: dict[str, Any] = json.loads(text)
    return found

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
COLUMNS = ("what", "path", "position", "time")


def hand_out(settings: Settings, what: str, path: Path, position: int) -> None:
    """Write down that something was handed out, so that it can be told to whoever forgets somebody later."""
    line = {"what": what, "path": str(path.absolute()), "position": position, "time": datetime.now(UTC)}
    try:
        file = os.open(settings.data / LIST, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(b"\n" + json_line(line) + b"\n")  # the line before may be that of a process that was killed
    except OSError as error:
        note(f"that it was handed out could not be written down ({error.strerror}); remember it: {path}")


def handed_out(settings: Settings) -> list[dict[str, Any]]:
    """What was handed out, the oldest first: what it is, where it was put, up to which position it has the log, and
    whether it is still there. What somebody took away is nowhere written down.
    """
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for manifest in settings.snapshots.glob("crm-*.json"):
        file = str(manifest.with_suffix(".duckdb").absolute())
        made = {**said(content(manifest)), "what": "snapshot", "path": file}
        found[file, made.get("position")] = made
    for line in content(settings.data / LIST).splitlines():
        made = said(line)
        found[made.get("path"), made.get("position")] = made
    known = [{name: each[name] for name in COLUMNS} for each in found.values() if each.keys() >= set(COLUMNS)]
    return [
        {**each, "is_there": may_be_there(each["path"])}
        for each in sorted(known, key=lambda each: (each["position"], each["path"]))
    ]


def content(file: Path) -> bytes:
    """What a file says; nothing where it is not there (snapshots are removed at any time) or cannot be read."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        note(f"{file} cannot be read ({error.strerror}); there may be more that was handed out than is listed")
        return b""


def said(line: bytes) -> dict[str, Any]:
    """A line of the list, or a manifest; nothing where it is not whole."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def may_be_there(path: str) -> bool:
    """Whether a file is there, or cannot be asked for."""
    try:
        return Path(path).exists()
    except OSError:
        return True


def tell_of_copies(copies: list[dict[str, Any]]) -> None:
    """List what was handed out before, and say what it means."""
    for each in copies:
        still = "destroy it, and make a new one: it opens" if each["what"] == KEYS_BACKUP else "nobody can open in it"
        gone = "" if each["is_there"] else " (not there any more)"
        note(
            f"handed out before: {each['what']} {each['path']}{gone}, position {each['position']}; {still} what is "
            "forgotten"
        )
    note(
        "Backups of the keys made before still open what is forgotten: make a new one and destroy the old ones. "
        "Whatever was opened and taken out (crm sql --open, crm subject, answers over gRPC) has to be forgotten where "
        "it went; followers of the log are told by the event. The list is of this data directory; others have their "
        "own."
    )

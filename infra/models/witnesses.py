"""What the read models' files have seen of the log: the last position in each, and the hash of the event there."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from infra.log import Witness
from infra.models.engine import Models
from infra.models.file import FORKED, FURTHEST


def witnesses(file: Path, snapshots: Path) -> list[Witness]:
    """The witnesses beside a server that has ``file`` open: files of another history that were put aside, and the
    manifests of the snapshots. What cannot be read says nothing.
    """
    aside = sorted(file.parent.glob(f"{file.name}{FORKED}*"))
    found = [witness_in(each) for each in aside]
    found += [_manifest(each) for each in sorted(snapshots.glob("crm-*.json"))]
    return [each for each in found if each is not None]


def witness_in(file: Path) -> Witness | None:
    """What a read models' file that no process has open for writing has seen; none where it says nothing."""
    if not file.exists():
        return None
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            rows = connection.execute(FURTHEST).fetchall()
    except duckdb.Error:
        return None
    return Witness(file.name, rows[0][0], bytes(rows[0][1])) if rows else None


def witness_of(models: Models, file: Path) -> Witness:
    """What the read models that this process has open have seen."""
    with models.transaction() as cursor:
        position, hash = cursor.execute(FURTHEST).fetchall()[0]
    return Witness(file.name, position, bytes(hash))


def _manifest(file: Path) -> Witness | None:
    try:
        said = json.loads(file.read_bytes())
        return Witness(f"{file.parent.name}/{file.name}", int(said["position"]), bytes.fromhex(said["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None

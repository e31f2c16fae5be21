"""Snapshots: the read models and the archive as a DuckDB file that any tool can open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from infra.models.archive import name, text

STORAGE_VERSION = "v1.5.0"
"""Every DuckDB since this one can read a snapshot."""


def publish(
    connection: duckdb.DuckDBPyConnection, folder: Path, at_one_position: Callable[[], AbstractContextManager[None]]
) -> Path:
    """Copy the database as one transaction sees it into ``crm-<position>.duckdb`` in the folder, with a manifest
    ``crm-<position>.json`` beside it; then let ``latest.json`` be a copy of the manifest. Where streams are held back,
    the name says how many.

    :param at_one_position: keeps everything in the database at one position while that transaction begins.
    """
    folder = folder.resolve()
    cursor = connection.cursor()
    for left in folder.glob("making-*"):
        left.unlink()
    making = folder / f"making-{os.getpid()}-{time.time_ns()}.duckdb"
    source = cursor.execute("select current_database()").fetchall()[0][0]
    try:
        cursor.execute(f"attach {text(str(making))} as annals_snapshot (storage_version {text(STORAGE_VERSION)})")
        try:
            with at_one_position():
                cursor.execute("begin")
                # A transaction sees what was committed when it first looked.
                cursor.execute("select position from annals_archive").fetchall()
            try:
                cursor.execute(f"copy from database {name(source)} to annals_snapshot")
                manifest = _manifest(cursor)
            finally:
                cursor.execute("commit")
        finally:
            cursor.execute("detach annals_snapshot")
    finally:
        cursor.close()
    # A name that DuckDB has had open must never stand for another file: what is published is never replaced.
    lacking = f"-{manifest['held_back_streams']}-held-back" if manifest["held_back_streams"] else ""
    file = folder / f"crm-{manifest['position']}{lacking}.duckdb"
    if file.exists():
        making.unlink()
        return file
    making.rename(file)
    _replace(file.with_suffix(".json"), {"file": file.name, **manifest})
    _replace(folder / "latest.json", {"file": file.name, **manifest})
    return file


def prune(folder: Path, kept: int) -> list[Path]:
    """Remove all published snapshots but the newest ones, among them the one that ``latest.json`` names. Their
    manifests stay: they are witnesses of the log.

    :param kept: how many stay; at least one.
    :returns: what was removed.
    """
    latest = _said(folder / "latest.json").get("file")
    files = sorted(
        folder.glob("crm-*.duckdb"),
        key=lambda file: (file.name == latest, _said(file.with_suffix(".json")).get("time", "")),
    )
    removed = files[: -max(kept, 1)]
    for file in removed:
        file.unlink(missing_ok=True)
    return removed


def age(folder: Path, now: datetime) -> timedelta | None:
    """How long ago the latest snapshot was made; none where there is none."""
    made = _said(folder / "latest.json").get("time")
    return None if made is None else now - datetime.fromisoformat(made)


def _said(manifest: Path) -> dict[str, Any]:
    """What a manifest says; nothing where there is none that can be read."""
    try:
        said: dict[str, Any] = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return {}
    return said


def _manifest(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the copy says about itself."""
    position, hash = cursor.execute("select position, hash from annals_snapshot.annals_archive").fetchall()[0]
    ((held,),) = cursor.execute("select count(distinct stream) from annals_snapshot.annals_held").fetchall()
    tables = cursor.execute(
        "select table_name from duckdb_tables() where database_name = 'annals_snapshot' "
        "and not starts_with(table_name, 'annals_') order by 1"
    ).fetchall()
    counts = " union all ".join(
        f"select {text(table)}, count(*) from annals_snapshot.{name(table)}" for (table,) in tables
    )
    return {
        "position": position,
        "hash": bytes(hash).hex(),
        "time": datetime.now(UTC).isoformat(),
        "held_back_streams": held,
        "rows": dict(sorted(cursor.execute(counts).fetchall())),
    }


def _replace(file: Path, content: dict[str, Any]) -> None:
    making = file.with_name(f".{file.name}.{os.getpid()}")
    making.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    making.replace(file)

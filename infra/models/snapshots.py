"""Snapshots: the read models and the archive as a DuckDB file that any tool can open."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from infra.models.archive import name, text

STORAGE_VERSION = "v1.5.0"
"""Every DuckDB since this one can read a snapshot."""


def publish(connection: duckdb.DuckDBPyConnection, folder: Path) -> Path:
    """Copy the database as one transaction sees it into ``crm-<position>.duckdb`` in the folder, with a manifest
    ``crm-<position>.json`` beside it; then let ``latest.json`` be a copy of the manifest.
    """
    folder = folder.resolve()
    cursor = connection.cursor()
    try:
        cursor.execute("begin")
        position, hash = cursor.execute("select position, hash from annals_archive").fetchall()[0]
        file = folder / f"crm-{position}.duckdb"
        if not file.exists():
            _copy(cursor, folder, file)
        manifest = _manifest(cursor, file, position, hash)
    finally:
        cursor.close()
    _replace(file.with_suffix(".json"), manifest)
    _replace(folder / "latest.json", manifest)
    return file


def _copy(cursor: duckdb.DuckDBPyConnection, folder: Path, file: Path) -> None:
    # A file that DuckDB has seen under its name must never be replaced: the copy has its final name from the start.
    making = folder / f"making-{os.getpid()}-{file.name}"
    making.unlink(missing_ok=True)
    source = cursor.execute("select current_database()").fetchall()[0][0]
    cursor.execute(f"attach {text(str(making))} as annals_snapshot (storage_version {text(STORAGE_VERSION)})")
    try:
        cursor.execute(f"copy from database {name(source)} to annals_snapshot")
        cursor.execute("commit")
        cursor.execute("begin")
    finally:
        cursor.execute("detach annals_snapshot")
    making.rename(file)


def _manifest(cursor: duckdb.DuckDBPyConnection, file: Path, position: int, hash: bytes) -> dict[str, Any]:
    tables = cursor.execute(
        "select table_name, estimated_size from duckdb_tables() where database_name = current_database() "
        "and not internal and not starts_with(table_name, 'annals_') order by 1"
    ).fetchall()
    return {
        "file": file.name,
        "position": position,
        "hash": bytes(hash).hex(),
        "time": datetime.now(UTC).isoformat(),
        "rows": dict(tables),
    }


def _replace(file: Path, content: dict[str, Any]) -> None:
    making = file.with_name(f".{file.name}.{os.getpid()}")
    making.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    making.replace(file)

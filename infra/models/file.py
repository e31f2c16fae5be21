"""The DuckDB file: opened if it is sound and of this log, otherwise begun anew. It is derived, so nothing is lost."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from commands.rejected import Rejected
from infra.models.archive import Archive, text
from infra.models.heldback import TABLES

FORMAT = 2
"""Grows when the layout of the file changes; a file of another format is built anew."""

FORKED = ".forked-"
"""Stands after the file's name in the name of one that has seen another history than the log's."""

FURTHEST = """
select position, hash from annals_archive union all
select position, hash from annals_models where hash is not null
order by position desc limit 1
"""
"""The last event that the file has seen: models may stand further than the archive."""

COLUMNS_VIEW = """
create or replace view columns as
select c.table_name as "table", c.column_name as "column", c.data_type as "type", c.comment
from duckdb_columns() as c
where c.database_name = current_database() and c.schema_name = 'main' and not c.internal
  and not starts_with(c.table_name, 'annals_');
comment on view columns is 'Every column of every table and view, with what it means.';
comment on column columns."table" is 'the table or view';
comment on column columns."column" is 'the column';
comment on column columns."type" is 'its type';
comment on column columns.comment is 'what it means'
"""


def place_in(path: Path) -> tuple[int, bytes, dict[str, int]] | None:
    """How far a file that no process has open has read: the position and the hash of the last event in its archive, and
    the offsets that came with it; none where it says nothing.
    """
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            position, hash = connection.execute("select position, hash from annals_archive").fetchall()[0]
            offsets = connection.execute("select offsets from annals_offsets").fetchall()
    except (duckdb.Error, IndexError):
        return None
    return position, bytes(hash), json.loads(offsets[0][0]) if offsets else {}


def open_file(
    path: Path, log: Any | None, settings: dict[str, Any], snapshots: Path
) -> tuple[duckdb.DuckDBPyConnection, list[str]]:
    """The file, ready and locked down, and what had to be done to it, in words.

    :param log: what it must be of; none where whoever reads on sees to that.
    :raises Rejected: MODELS_IN_USE where another process has it open; MODELS_UNWRITABLE where it cannot be made.
    """
    notices: list[str] = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        snapshots.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Rejected("MODELS_UNWRITABLE", f"{path.parent} cannot be written: {error.strerror}") from error
    connection = _open_or_move_aside(path, settings, notices)
    wrong = _what_is_wrong(connection, log)
    if wrong is not None:
        # Closed, it is one file: nothing of it is left in the write-ahead log.
        connection.close()
        notices.append(f"{wrong}; {_put_away(path, wrong)}the read models are built anew from the log")
        connection = _connect(path, settings)
    _prepare(connection)
    _lock_down(connection, snapshots)
    return connection, notices


def _open_or_move_aside(path: Path, settings: dict[str, Any], notices: list[str]) -> duckdb.DuckDBPyConnection:
    try:
        return _connect(path, settings)
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        if "lock" in said.lower():
            raise Rejected("MODELS_IN_USE", f"another process has {path} open") from error
        if not path.exists():
            raise Rejected("MODELS_UNWRITABLE", f"{path} cannot be made: {said}") from error
        aside = path.with_name(f"{path.name}.unreadable-{time.strftime('%Y%m%dT%H%M%S')}")
        path.rename(aside)
        _remove(path)
        notices.append(f"MODELS_UNREADABLE: {path.name} ({said}) was moved to {aside.name}; built anew from the log")
        return _connect(path, settings)


def _connect(path: Path, settings: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path))
    try:
        for setting, value in settings.items():
            try:
                connection.execute(f"set global {setting} = {text(str(value))}")
            except duckdb.Error as error:
                # The file is sound: it must not be taken for an unreadable one.
                said = str(error).splitlines()[0]
                raise Rejected("INVALID_SETTING", f"DuckDB refuses {setting} = {value}: {said}") from error
        # It would take a nested loop where it expects few rows, and it expects few where many come.
        connection.execute("set global asof_loop_join_threshold = 0")
        # An automatic checkpoint would stop the writer for some tenths of a second; the follower makes them when idle.
        connection.execute("set global checkpoint_threshold = '1GB'")
        connection.execute(f"set global temp_directory = {text(str(path) + '.tmp')}")
    except BaseException:
        connection.close()
        raise
    return connection


def _lock_down(connection: duckdb.DuckDBPyConnection, snapshots: Path) -> None:
    connection.execute(f"set global allowed_directories = [{text(str(snapshots.resolve()))}]")
    connection.execute("set global enable_external_access = false")
    connection.execute("set global lock_configuration = true")


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("begin")
    connection.execute("create table if not exists annals_file (format bigint)")
    if not connection.execute("select 1 from annals_file").fetchall():
        connection.execute("insert into annals_file values (?)", [FORMAT])
    connection.execute(
        "create table if not exists annals_models (name varchar, fingerprint varchar, position bigint, hash blob)"
    )
    connection.execute("alter table annals_models add column if not exists text varchar")
    connection.execute("create table if not exists annals_kept (part varchar, fingerprint varchar, position bigint)")
    connection.execute(TABLES)
    connection.execute(COLUMNS_VIEW)
    connection.execute("commit")


def _what_is_wrong(connection: duckdb.DuckDBPyConnection, log: Any | None) -> str | None:
    """Why the file cannot go on from where it stands; None where it can, or is empty."""
    tables = {row[0] for row in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not tables:
        return None
    if not {"annals_file", "annals_archive", "annals_relations", "annals_models"} <= tables:
        return "MODELS_OF_ANOTHER_VERSION: the read models' file was not finished"
    if connection.execute("select format from annals_file").fetchall() != [(FORMAT,)]:
        return "MODELS_OF_ANOTHER_VERSION: the read models' file has another layout"
    if not Archive().fits(connection):
        return "MODELS_OF_ANOTHER_VERSION: the events of the read models' file have another shape"
    rows = connection.execute(FURTHEST).fetchall()
    return _fork(log, *rows[0]) if rows and log is not None else None


def _fork(log: Any, position: int, hash: bytes) -> str | None:
    if position == 0:
        return None
    if log.head.position < position:
        return f"HISTORY_FORKED: the read models stand at {position}, the log ends at {log.head.position}"
    of_log = [value for batch in log.batches(position - 1, position) for value in batch.column("hash").to_pylist()]
    if of_log != [bytes(hash)]:
        return f"HISTORY_FORKED: event {position} of the log is not the one in the read models"
    return None


def _put_away(path: Path, wrong: str) -> str:
    """Make room for a new file, and say in words where the old one went. One that has seen another history than the
    log's is kept, for it is a witness: it shows what the log has lost.
    """
    kept = ""
    if wrong.startswith("HISTORY_FORKED"):
        aside = path.with_name(f"{path.name}{FORKED}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        path.rename(aside)
        kept = f"the old file is kept as {aside.name}; "
    _remove(path)
    return kept


def _remove(path: Path) -> None:
    for file in (path, path.with_name(path.name + ".wal")):
        file.unlink(missing_ok=True)

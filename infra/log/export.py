"""Exports: a folder with files for other tools, and a manifest that says where the log stood and what the files come
to.

One as CloudEvents is the log itself, a document a line. It proves itself, and can be restored with equal hashes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, insert

from commands.rejected import Rejected, require
from infra.database.backup import Seal, target, written
from infra.keys.keys import FORMAT as SEALED
from infra.log.backup import require_no_rows
from infra.log.document import attributes_of, envelope_of, event_of, instant_text, read_instant, read_integer, read_text
from infra.log.request import microseconds
from infra.log.tables import BEGINNING, MIGRATIONS, REVISION, events, log_head
from infra.log.verification import CHUNK, Chain, Progress, StoredRow, Verification, Wrong
from infra.log.witness import Witness

CLOUDEVENTS, OCEL, PARQUET = "cloudevents", "ocel", "parquet"
MANIFEST, LINES = "manifest.json", "events.jsonl"
OURS = re.compile(r"[a-z]+-[A-Za-z0-9._~-]{1,64}")
"""The names of our own streams."""

LIBRARY = "eventsourcing:"
"""What streams and types of applications of the ``eventsourcing`` library begin with."""


class Manifest(NamedTuple):
    """What an export says of itself: its format, the position up to which it has the log, how many events that are, the
    hash of the last one, when it was made, and the SHA-256 of each file.
    """

    format: str
    position: int
    events: int
    hash: bytes
    made_at: datetime
    files: dict[str, bytes]

    def write(self, folder: Path) -> None:
        """Write it down.

        :raises OSError: where it cannot be written.
        """
        said = {
            "format": self.format,
            "position": self.position,
            "events": self.events,
            "hash": self.hash.hex(),
            "time": instant_text(self.made_at),
            "files": {name: digest.hex() for name, digest in sorted(self.files.items())},
        }
        folder.joinpath(MANIFEST).write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2) + b"\n")


def write_lines(documents: Iterable[bytes], folder: Path) -> tuple[int, bytes]:
    """Write documents in the order of the log, one a line; answers with the position and the hash of the last one.

    :raises OSError: where the folder cannot be written.
    """
    position, hash = 0, BEGINNING
    with folder.joinpath(LINES).open("wb") as out:
        for document in documents:
            position += 1
            hash = sha256(hash + document).digest()
            out.write(document + b"\n")
    return position, hash


def digests(folder: Path) -> dict[str, bytes]:
    """The SHA-256 of every file in the folder but the manifest, by its name from there.

    :raises OSError: where one cannot be read.
    """
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file != folder / MANIFEST:
            with file.open("rb") as content:
                found[file.relative_to(folder).as_posix()] = file_digest(content, "sha256").digest()
    return found


def manifest_in(folder: Path) -> Manifest:
    """What the export in a folder says of itself.

    :raises Rejected: NOT_AN_EXPORT.
    """
    try:
        said = orjson.loads(folder.joinpath(MANIFEST).read_bytes())
        manifest = Manifest(
            read_text(said["format"]),
            read_integer(said["position"]),
            read_integer(said["events"]),
            bytes.fromhex(said["hash"]),
            read_instant(said["time"]),
            {read_text(name): bytes.fromhex(digest) for name, digest in said["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Rejected("NOT_AN_EXPORT", f"{folder} has no {MANIFEST} as crm export writes it ({error})") from error
    require(
        manifest.format in (CLOUDEVENTS, OCEL, PARQUET) and manifest.position >= 0,
        "NOT_AN_EXPORT",
        f"{folder / MANIFEST} is not one that crm export writes",
    )
    return manifest


def witness_in(folder: Path, progress: Progress | None = None) -> Witness:
    """What an export of any format has seen of the log; none of its files was altered.

    :raises Rejected: NOT_AN_EXPORT, EXPORT_ALTERED, SOURCE_UNREADABLE.
    """
    manifest = manifest_in(folder)
    if manifest.format == CLOUDEVENTS:
        examine(folder, progress)
    with readable(folder):
        there = digests(folder)
    for name in sorted(there.keys() | manifest.files.keys()):
        if there.get(name) != manifest.files.get(name):
            wrong = "is missing" if name not in there else "is not as it was exported"
            raise Rejected("EXPORT_ALTERED", f"{folder / name} {wrong}; export it again")
    return Witness(str(folder), manifest.position, manifest.hash)


def examine(folder: Path, progress: Progress | None = None) -> Seal:
    """Go through an export as CloudEvents: every document, the chain, and what the manifest says.

    :raises Rejected: NOT_AN_EXPORT; EXPORT_ALTERED with what is wrong and where; UNKNOWN_EVENT_TYPE where a newer
        version made it; SOURCE_UNREADABLE.
    """
    return passed(folder, lambda rows: None, progress)


def restore(folder: Path, url: str, progress: Progress | None = None) -> Seal:
    """Write an export as CloudEvents into the log at ``url``, which is made where there is none, with equal hashes: all
    of it, proven once more from the first event to the last, or nothing.

    :raises Rejected: LOG_NOT_EMPTY, and as ``examine`` and ``Database`` say.
    """
    with target(url, "log") as database, written(database, MIGRATIONS, REVISION) as cursor:
        require_no_rows(database, cursor)
        insert_events = database.inserting(events)
        recorded_at = 0

        def take(rows: list[StoredRow]) -> None:
            nonlocal recorded_at
            insert_events(cursor, rows)
            recorded_at = rows[-1][4]

        seal = passed(folder, take, progress)
        cursor.execute(database.text(delete(log_head)))
        cursor.execute(database.text(insert(log_head)), (seal.position, seal.hash, recorded_at))
        verification = Verification(database, cursor)
        for found in verification.run(last=None, progress=None):
            raise Rejected("EXPORT_ALTERED", f"{database} is not as it was exported: {found.sentence}")
        require(verification.hash == seal.hash, "EXPORT_ALTERED", f"{database} is not as it was exported")
        database.announce(cursor)
    return seal


def passed(folder: Path, take: Callable[[list[StoredRow]], object], progress: Progress | None) -> Seal:
    """Hand out the rows of an export as CloudEvents, in short lists, each of which was looked at; what the whole is."""
    manifest = manifest_in(folder)
    file = folder / LINES
    require(
        manifest.format == CLOUDEVENTS,
        "NOT_AN_EXPORT",
        f"{folder} is an export as {manifest.format}, which does not have all of the log; export it as {CLOUDEVENTS}",
    )
    chain, digest, origin, number = Chain(0, BEGINNING), sha256(), BEGINNING, 0
    try:
        with readable(file):
            for lines in in_parts(file):
                hash, rows = chain.hash, []
                for number, line in enumerate(lines, chain.position + 1):
                    digest.update(line)
                    rows.append(row_of(line, number, hash))
                    hash = rows[-1][6]
                chain.follow(rows)
                if not origin.strip(b"\0"):
                    origin = rows[0][6]
                take(rows)
                if progress is not None:
                    progress(chain.position, max(manifest.position, chain.position))
    except Wrong as wrong:
        raise altered(file, wrong.finding.sentence) from wrong
    except Rejected as refused:
        if refused.code == "UNKNOWN_EVENT_TYPE" and manifest.files != {LINES: digest_of(file)}:
            raise altered(
                file, f"line {number} is of an unknown type, and the file has another digest than its manifest says"
            ) from refused
        raise
    if (chain.position, chain.hash) != (manifest.position, manifest.hash) or manifest.events != manifest.position:
        raise altered(
            file, f"it ends at position {chain.position} in another event than its manifest says: {manifest.position}"
        )
    if manifest.files != {LINES: digest.digest()}:
        raise altered(file, "its manifest names other files, or another digest")
    return Seal("log", origin, chain.position, chain.hash, microseconds(manifest.made_at), b"")


def digest_of(file: Path) -> bytes:
    """The SHA-256 of a file.

    :raises Rejected: SOURCE_UNREADABLE.
    """
    with readable(file), file.open("rb") as content:
        return file_digest(content, "sha256").digest()


def in_parts(file: Path) -> Iterator[list[bytes]]:
    """The lines of a file in lists, each with its end."""
    part: list[bytes] = []
    with file.open("rb") as content:
        for line in content:
            part.append(line)
            if len(part) == CHUNK:
                yield part
                part = []
    if part:
        yield part


def row_of(line: bytes, number: int, before: bytes) -> StoredRow:
    """A line as a row of the log, after an event with the hash ``before``.

    :raises Wrong: where it is no event that could be ours.
    :raises Rejected: UNKNOWN_EVENT_TYPE.
    """
    if not line.endswith(b"\n"):
        raise Wrong("LINE_WRONG", f"line {number} is cut off", number)
    document = line[:-1]
    try:
        attributes = attributes_of(document)
        envelope = envelope_of(attributes)
        stamp = microseconds(envelope.recorded_at)
        require_ours(attributes, envelope.stream, envelope.type)
    except (Rejected, ValueError, OverflowError) as error:
        if isinstance(error, Rejected) and error.code == "UNKNOWN_EVENT_TYPE":
            raise
        raise Wrong("LINE_WRONG", f"line {number} is no event of a log: {error}", number) from error
    hash = sha256(before + document).digest()
    return envelope.position, envelope.stream, envelope.version, envelope.type, stamp, document, hash


def require_ours(attributes: dict[str, Any], stream: str, type: str) -> None:
    """Refuse a document that neither our log nor an application of the ``eventsourcing`` library can have written.

    :raises Rejected: UNREADABLE_EVENT, UNKNOWN_EVENT_TYPE.
    :raises ValueError: where its stream cannot be.
    """
    if type.startswith("crm."):
        event = event_of(attributes, None)
        if not OURS.fullmatch(stream) or not stream.startswith(f"{event.state.aggregate}-"):
            raise ValueError(f"{stream} has no {type}")
        for name in event.personal:
            value = getattr(event, name)
            if value is not None and not value.startswith(f"{SEALED}:"):
                raise ValueError(f"{name} is not sealed")
    elif not (stream.startswith(LIBRARY) and type.startswith(LIBRARY) and f"{stream}{type}".isprintable()):
        raise ValueError(f"{type} in {stream}")


def altered(file: Path, said: str) -> Rejected:
    """The refusal of an export in which something is wrong."""
    return Rejected("EXPORT_ALTERED", f"{file} is not as it was exported: {said}")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what the file system says into a refusal.

    :raises Rejected: SOURCE_UNREADABLE.
    """
    try:
        yield
    except OSError as error:
        raise Rejected("SOURCE_UNREADABLE", f"{path} cannot be read: {error.strerror or error}") from error

"""Random bytes and random JSON, given to everything that reads what somebody else may have written: it is refused with
a code or is what it should be. Nothing crashes, and nothing altered is taken for what was recorded.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from commands.customer import ForgetCustomer, RegisterCustomer
from commands.lead import CaptureLead, ConvertLead, ScoreLead
from commands.rejected import Rejected
from commands.ticket import OpenTicket
from infra.intake.source import load
from infra.keys import Keys
from infra.log import Actor, Log, Request, decode, encode, export, microseconds
from infra.log.checkpoint import Checkpoint, opened, signed
from infra.log.document import attributes_of, envelope_of
from infra.log.tables import BEGINNING
from infra.log.verification import Chain, StoredRow, Wrong
from tests.faults import sizes
from tests.golden.test_golden import released

pytestmark = [pytest.mark.slow, pytest.mark.soak]

UNREADABLE = {"UNREADABLE_EVENT", "UNKNOWN_EVENT_TYPE", "SEAL_BROKEN", "NOT_SEALED"}


def cases(share: float) -> Callable[[Any], Any]:
    """So many of all cases; none of them is kept."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(
        max_examples=round(sizes.FUZZED * share), deadline=None, database=None, suppress_health_check=checks
    )


class Recorded(NamedTuple):
    """A log: its rows, its keys, and an export of it."""

    rows: list[StoredRow]
    keys: Keys
    folder: Path
    lines: bytes
    manifest: bytes


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("recorded")
    keys = Keys.open(f"sqlite:///{folder}/keys.db", bytes(32))
    log = Log.open(f"sqlite:///{folder}/log.db", keys)
    commands = [
        CaptureLead(id="1", name="Ada", email="ada@example.org", source="web"),
        ScoreLead(id="1", score=7),
        ConvertLead(id="1", customer_id="1", reason="she bought"),
        OpenTicket(id="1", customer_id="1", subject="late", body="where is it?"),
        RegisterCustomer(id="2", name="Ben"),
        ForgetCustomer(id="2"),
    ]
    for number, command in enumerate(commands):
        log.execute(Request(command, Actor("user", "ann", '{"sub":"bob"}'), request_id=f"r-{number}"))
    rows = [(*row[:4], microseconds(row.recorded_at), *row[5:]) for row in log.rows()]
    log.close()
    exported, lines = folder / "export", b"".join(row[5] + b"\n" for row in rows)
    exported.mkdir()
    assert examined(exported, lines) is None
    return Recorded(rows, keys, exported, lines, (exported / export.MANIFEST).read_bytes())


class Change(NamedTuple):
    """Bytes that take the place of others."""

    at: float
    removed: int
    put: bytes

    def __call__(self, content: bytes) -> bytes:
        begin = int(self.at * len(content))
        return content[:begin] + self.put + content[begin + self.removed :]


changes = st.builds(Change, st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
GOLDEN = released()
AT = datetime(2026, 1, 1, tzinfo=UTC)


def read_or_refused(document: bytes, keys: Keys | None) -> bool:
    """Whether a document is one; then what was read from it is written and read again as the same."""
    code = None
    try:
        envelope, event = decode(document, keys)
    except Rejected as refused:
        code = refused.code
    if code is None and keys is not None:
        assert decode(encode(event, envelope, keys), keys) == (envelope, event)
    assert code is None or code in UNREADABLE
    return code is None


@cases(0.2)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_event(content: bytes) -> None:
    assert not read_or_refused(content, None)


@cases(0.25)
@given(st.sampled_from(GOLDEN), changes)
def test_altered_bytes_of_an_event(document: bytes, change: Change) -> None:
    read_or_refused(change(document), None)


@cases(0.05)
@given(st.data())
def test_random_values_in_an_event(recorded: Recorded, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(recorded.rows))
    said = orjson.loads(row[5])
    place = data.draw(st.sampled_from([said, said["data"]]))
    name = data.draw(st.sampled_from(sorted(place)) | st.text(max_size=5))
    place[name] = data.draw(values)
    document = orjson.dumps(said)
    read_or_refused(document, recorded.keys)
    if document != row[5]:
        with pytest.raises(Wrong):
            Chain(0, BEGINNING).follow([*recorded.rows[: row[0] - 1], (*row[:5], document, row[6])])


@cases(0.2)
@given(st.integers(0, 7), st.integers(0, 6), changes, st.integers())
def test_altered_rows_are_found(recorded: Recorded, number: int, column: int, change: Change, put: int) -> None:
    rows = list(recorded.rows)
    row: list[Any] = list(rows[number % len(rows)])
    before = row[column]
    if isinstance(before, bytes):
        row[column] = change(before)
    elif isinstance(before, str):
        row[column] = change(before.encode()).decode("utf-8", "surrogateescape")
    else:
        row[column] = put
    rows[number % len(rows)] = tuple(row)
    if row[column] == before:
        Chain(0, BEGINNING).follow(rows)
    else:
        with pytest.raises(Wrong):
            Chain(0, BEGINNING).follow(rows)


def examined(folder: Path, content: bytes, *, manifest: bytes | None = None) -> str | None:
    """The code with which an export of these bytes is refused; its manifest says the right thing, or what is given."""
    (folder / export.LINES).write_bytes(content)
    if manifest is None:
        position, hash = content.count(b"\n"), BEGINNING
        for line in content.splitlines(keepends=True):
            hash = sha256(hash + line.removesuffix(b"\n")).digest()
        files = {export.LINES: sha256(content).digest()}
        export.Manifest(export.CLOUDEVENTS, position, position, hash, AT, files).write(folder)
    else:
        (folder / export.MANIFEST).write_bytes(manifest)
    try:
        export.examine(folder)
    except Rejected as refused:
        return refused.code
    return None


@cases(0.08)
@given(changes)
def test_an_altered_export_is_refused(recorded: Recorded, change: Change) -> None:
    altered = change(recorded.lines)
    code = examined(recorded.folder, altered, manifest=recorded.manifest)
    assert code == ("EXPORT_ALTERED" if altered != recorded.lines else None)


@cases(0.03)
@given(st.data())
def test_an_export_that_somebody_made_up(recorded: Recorded, data: st.DataObject) -> None:
    """Chain and manifest fit; what is taken is such that our log could have written it."""
    number = data.draw(st.integers(0, len(recorded.rows) - 1))
    said = orjson.loads(recorded.rows[number][5])
    place = data.draw(st.sampled_from([said, said["data"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values | st.sampled_from(["", "Ada", "lead-1", "1\0"]))
    document, documents = orjson.dumps(said), [row[5] for row in recorded.rows]
    documents[number] = document
    code = examined(recorded.folder, b"".join(each + b"\n" for each in documents))
    assert code in (None, "EXPORT_ALTERED", "UNKNOWN_EVENT_TYPE")
    if code is None:
        envelope, event = decode(document, None)
        assert (envelope.position, envelope.stream, envelope.version) == recorded.rows[number][:3]
        assert envelope == envelope_of(attributes_of(document))
        for name in event.personal:
            assert getattr(event, name) is None or getattr(event, name).startswith("sealed:1:")


@cases(0.04)
@given(st.binary(max_size=200) | values.map(orjson.dumps), changes)
def test_an_altered_manifest_is_refused(recorded: Recorded, content: bytes, change: Change) -> None:
    assert examined(recorded.folder, recorded.lines, manifest=content) == "NOT_AN_EXPORT"
    code = examined(recorded.folder, recorded.lines, manifest=change(recorded.manifest))
    assert code in (None, "NOT_AN_EXPORT", "EXPORT_ALTERED")
    if code is None:  # the instant, or a space
        said = export.manifest_in(recorded.folder)._replace(made_at=AT)
        (recorded.folder / export.MANIFEST).write_bytes(recorded.manifest)
        assert said == export.manifest_in(recorded.folder)


CSV = b'number,when,"say ""hi"""\r\n007,2020-01-01,\r\n\r\n1.50,"two\nlines",x\r\n'
JSONL = b'{"a": 15, "b": "x"}\n\n{"a": null, "c": {"d": [1]}}\n'


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of each format that can be imported, by its suffix."""
    parquet = tmp_path_factory.mktemp("sources") / "a.parquet"
    duckdb.execute("copy (select range as a, 'x' || range as b from range(9)) to ? (format parquet)", [str(parquet)])
    plain = {".csv": CSV, ".jsonl": JSONL}
    packed = {f"{suffix}.gz": gzip.compress(content, mtime=0) for suffix, content in plain.items()}
    return {**plain, **packed, ".parquet": parquet.read_bytes()}


@cases(0.01)
@given(st.data())
def test_an_altered_source_is_read_or_refused(sources: dict[str, bytes], tmp_path: Path, data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(sorted(sources)))
    content = data.draw(changes.map(lambda change: change(sources[suffix])) | st.binary(max_size=200))
    if suffix.endswith(".gz") and data.draw(st.booleans()):
        content = gzip.compress(data.draw(changes)(sources[suffix.removesuffix(".gz")]), mtime=0)
    file = tmp_path / f"a{suffix}"
    file.write_bytes(content)
    refused, rows = None, []
    with duckdb.connect() as connection:
        try:
            load(connection, file, "source1")
            rows = connection.execute("select * from source1").fetchall()
        except Rejected as rejected:
            refused = rejected
    if refused is not None:
        assert content != sources[suffix]
        assert (refused.code, "\n" in refused.sentence) == ("SOURCE_UNREADABLE", False)
        assert str(file) in refused.sentence
    lines = [row[0] for row in rows]
    assert lines == sorted(set(lines))
    assert all(value is None or isinstance(value, str) for row in rows for value in row[1:])


KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
SAID = Checkpoint(7, bytes(32), AT)
NOTE = signed(SAID, KEY).encode()


@cases(0.05)
@given(st.binary(max_size=200), changes)
@example(b"", Change(0.4375, 0, b"\n"))  # another line between what is said and its signature
def test_an_altered_checkpoint_is_refused(content: bytes, change: Change) -> None:
    for note in (content, change(NOTE)):
        code = None
        try:
            said = opened(note, KEY.public_key(), "the note")
        except Rejected as refused:
            code = refused.code
        assert code in (None, "CHECKPOINT_INVALID")
        if code is None:
            assert said == SAID
            assert NOTE[:-1] in note  # behind it may stand what is no signature of ours


@cases(0.1)
@given(st.text(max_size=80) | st.text(max_size=20).map("sealed:1:{}".format), changes)
def test_altered_sealed_texts_open_to_nothing(recorded: Recorded, text: str, change: Change) -> None:
    sealed = orjson.loads(recorded.rows[0][5])["data"]["name"]
    altered = change(sealed.encode()).decode("utf-8", "surrogateescape")
    for each in (text, altered):
        clear, code = None, None
        try:
            clear = recorded.keys.open_text(each)
        except Rejected as refused:
            code = refused.code
        assert code in (None, "NOT_SEALED", "SEAL_BROKEN")
        assert clear is None or (clear, each) == ("Ada", sealed)

"""Remains of somebody who was forgotten: the person's words, looked for in files of every kind, as they may be written.

A word is looked for in UTF-8, UTF-16, UTF-32, Latin-1 and Windows-1252, composed and decomposed, in hexadecimal digits,
percent signs, JSON escapes, HTML entities and quoted-printable, and in base64 at each of the three places where it can
begin. Compressed data is unpacked wherever it begins in a file; the columns of DuckDB, Parquet, SQLite and PostgreSQL
are read as those databases read them. A word that is short is in other words, and in any bytes by chance: it is looked
for as a whole word, as it is written, and in what is text.

The keys of those who were forgotten need no words: they are known by their ids.
"""

from __future__ import annotations

import json
import lzma
import mmap
import re
import struct
import zlib
from base64 import b64encode, urlsafe_b64encode
from bisect import bisect_right
from bz2 import BZ2Decompressor
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from html.entities import codepoint2name
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from unicodedata import normalize
from urllib.parse import quote, quote_plus

from infra.cli.output import json_line, note

if TYPE_CHECKING:
    from infra.settings import Settings

SHORTEST = 4
"""Shorter words are anywhere."""

SHORTEST_WHOLE = 3
"""Shorter ones are words of every language."""

LONGEST_WHOLE = 400
"""Bytes that a whole word has at most, in whatever way it is written."""

SAMPLE = 1 << 16
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""What is in no text."""

ROWS_AT_ONCE = 10_000

LONGEST = 60
"""Of a longer text, pieces of so many characters are looked for: any one of them may be left."""

DEPTH = 3
"""How often compressed data may be compressed again."""

CHUNK = 1 << 24
LONGEST_INSIDE = 1 << 24
"""Compressed data that begins in the middle of a file (a batch of a topic) is no longer than so many bytes."""

MAGIC = {
    "gzip": b"\x1f\x8b\x08",
    "lz4": b"\x04\x22\x4d\x18",
    "zstd": b"\x28\xb5\x2f\xfd",
    "bzip2": b"BZh",
    "xz": b"\xfd7zXZ\x00",
    "zip": b"PK\x03\x04",
}
ZIP_HEADER = struct.Struct("<6xHH16xHH")
"""Of a file in a zip archive: flags, the kind of compression, and how long its name and what follows that are."""

ENCRYPTED, DEFLATED = 1, 8

BETWEEN = 4
"""How many bytes may lie between the columns of a row: none in a SQLite file, a length in one of PostgreSQL's, a comma,
a tab or quotes in a text of rows.
"""

SQLITE, DUCKDB_AT_8, PARQUET = b"SQLite format 3\x00", b"DUCK", b"PAR1"


class Found(NamedTuple):
    """A word that was found: its number among those that were given, where it is, and how it is written there."""

    word: int
    place: str
    encoding: str


class Word(NamedTuple):
    """A word to look for, anywhere or as a ``whole`` word."""

    text: str
    whole: bool = False


class Before(NamedTuple):
    """What came before: so many bytes, in which so many lines ended."""

    bytes: int
    lines: int


BEGINNING = Before(0, 0)


class Sought(Protocol):
    """What is looked for. No place of it is longer than ``longest`` bytes."""

    longest: int

    def within(self, content: bytes | mmap.mmap) -> Iterator[tuple[int, int, str]]:
        """Each one that is there: its number, where it begins, and how it is written."""
        ...


class KeyRows:
    """The keys of streams, as rows: the id of a key and next to it the stream. So they lie in every copy of the keys,
    also one in an archive, in the file of what was written last, or in a dump as text; nothing else has the two
    together. By their ids, ``streams_of`` tells which streams they may be of.
    """

    def __init__(self, streams_of: Mapping[str, set[str]]) -> None:
        self.streams = sorted(set().union(*streams_of.values()))
        numbers = {stream: number for number, stream in enumerate(self.streams)}
        self._known = {id.encode(): [(numbers[each], each.encode()) for each in of] for id, of in streams_of.items()}
        self._lengths = sorted({len(id) for id in self._known})
        self._begins = sorted({f"{stream.partition('-')[0]}-".encode() for stream in self.streams})
        self.longest = max(self._lengths, default=0) + BETWEEN + max(map(len, self.streams), default=0)

    def within(self, content: bytes | mmap.mmap) -> Iterator[tuple[int, int, str]]:
        """The key of each stream that is there."""
        found: set[int] = set()
        for begin in self._begins:
            at = content.find(begin)
            while at >= 0:
                for number, where in self._beside(content, at):
                    if number not in found:
                        found.add(number)
                        yield number, where, "key"
                at = content.find(begin, at + 1)

    def _beside(self, content: bytes | mmap.mmap, at: int) -> Iterator[tuple[int, int]]:
        """The keys of the stream that begins there, each with where its id begins."""
        before = content[max(0, at - self._lengths[-1] - BETWEEN) : at]
        for end in range(len(before), max(0, len(before) - BETWEEN) - 1, -1):
            for length in self._lengths:
                for number, stream in self._known.get(before[max(0, end - length) : end], ()):
                    if content[at : at + len(stream)] == stream:
                        yield number, at - len(before) + end - length


class Words:
    """The words to look for, in all their encodings."""

    def __init__(self, words: Iterable[Word]) -> None:
        self.patterns: list[tuple[bytes, int, str]] = []
        self.whole: list[tuple[re.Pattern[bytes], int]] = []
        self.skipped = 0
        seen: set[bytes] = set()
        for number, (text, whole) in enumerate(words, 1):
            stripped = text.strip()
            if whole and len(stripped) >= SHORTEST_WHOLE:
                self.whole.append((whole_word(stripped), number))
                continue
            if len(stripped) < SHORTEST:
                self.skipped += 1
                continue
            for piece in pieces(stripped):
                for pattern, encoding in encodings(piece):
                    if pattern not in seen:
                        seen.add(pattern)
                        self.patterns.append((pattern, number, encoding))
        self.longest = max((LONGEST_WHOLE if self.whole else 0, *(len(pattern) for pattern, _, _ in self.patterns)))

    def within(self, content: bytes | mmap.mmap) -> Iterator[tuple[int, int, str]]:
        """Each word that is there: its number, where it begins, and how it is written."""
        yield from self.within_bytes(content)
        if self.whole and is_text(content):
            yield from self.whole_within(content)

    def within_bytes(self, content: bytes | mmap.mmap) -> Iterator[tuple[int, int, str]]:
        """The same for those that are looked for anywhere."""
        for pattern, number, encoding in self.patterns:
            at = content.find(pattern)
            if at >= 0:
                yield number, at, encoding

    def whole_within(self, content: bytes | mmap.mmap) -> Iterator[tuple[int, int, str]]:
        """The same for each whole word, in a content that is text."""
        for word, number in self.whole:
            if found := word.search(content):
                yield number, found.start(), "a whole word"


def whole_word(text: str) -> re.Pattern[bytes]:
    """A word as it is written, or in capitals, between what can be in no word. What base64 is made of is in one."""
    written = dict.fromkeys(
        content
        for cased in (text, text.upper())
        for form in ("NFC", "NFD")
        for content in (normalize(form, cased).encode(), json.dumps(normalize(form, cased))[1:-1].encode())
    )
    among = rb"[A-Za-z0-9_+/\x80-\xff]"
    any_of = b"|".join(map(re.escape, written))
    return re.compile(rb"(?:(?<!" + among + rb")|(?<=\\[nrt]))(?:" + any_of + rb")(?!" + among + rb")")


def is_text(content: bytes | mmap.mmap) -> bool:
    """Whether a content is text in UTF-8, by its beginning."""
    beginning = bytes(content[:SAMPLE])
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        if error.start < len(beginning) - 3 or len(beginning) < SAMPLE:
            return False
    return CONTROL.search(beginning) is None


def pieces(text: str) -> list[str]:
    """What to look for, for a text: the text itself, or pieces all over it."""
    if len(text) <= LONGEST:
        return [text]
    return [text[at : at + LONGEST] for at in range(0, len(text) - LONGEST + 1, LONGEST)] + [text[-LONGEST:]]


def encodings(text: str) -> Iterator[tuple[bytes, str]]:
    """The ways in which a text may be written down, each with its name."""
    cased = (text, text.lower(), text.upper(), text.casefold())
    for variant in dict.fromkeys(normalize(form, each) for form in ("NFC", "NFD") for each in cased):
        written = {}
        for name in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "latin-1", "cp1252"):
            with suppress(UnicodeEncodeError):
                written[name] = variant.encode(name)
        yield from ((content, name) for name, content in written.items())
        escaped = json.dumps(variant)[1:-1]
        for each in (escaped, re.sub(r"(?<=\\u)[0-9a-f]{4}", upper, escaped)):
            yield each.encode(), "json"
            yield json.dumps(each)[1:-1].encode(), "json in json"
        yield json.dumps(variant, ensure_ascii=False)[1:-1].encode(), "json"
        for each in (quote(variant), quote_plus(variant)):
            yield each.encode(), "percent"
            yield re.sub("%[0-9A-F]{2}", lower, each).encode(), "percent"
        yield from ((each.encode("utf-8", "surrogatepass"), "html") for each in as_html(variant))
        for name in ("utf-8", "latin-1", "cp1252"):
            if name in written:
                yield from ((each, f"quoted-printable of {name}") for each in as_quoted_printable(written[name]))
        for name in ("utf-8", "utf-16-le", "utf-16-be"):
            content = written[name]
            yield content.hex().encode(), f"hex of {name}"
            yield content.hex().upper().encode(), f"hex of {name}"
            for encode in (b64encode, urlsafe_b64encode):
                yield from ((core, f"base64 of {name}") for core in base64_cores(content, encode))


def upper(found: re.Match[str]) -> str:
    """What was found, in capitals."""
    return found[0].upper()


def lower(found: re.Match[str]) -> str:
    """What was found, in small letters."""
    return found[0].lower()


def as_html(text: str) -> Iterator[str]:
    """A text as it stands in HTML: with entities that have names or numbers, for what must be written so and for what
    is not ASCII.
    """
    for must in ("&<>", "&<>\"'"):
        yield "".join(f"&{codepoint2name.get(ord(each), '#39')};" if each in must else each for each in text)
        for form in ("&#{};", "&#x{:x};", "&#x{:X};"):
            numbered = [form.format(ord(each)) for each in text]
            named = [
                f"&{codepoint2name[ord(each)]};" if ord(each) in codepoint2name else number
                for each, number in zip(text, numbered, strict=True)
            ]
            for ascii, others in ((numbered, numbered), (named, numbered), (named, named)):
                yield "".join(
                    (ascii[at] if each in must else each) if each.isascii() else others[at]
                    for at, each in enumerate(text)
                )


def as_quoted_printable(content: bytes) -> Iterator[bytes]:
    """A text as it stands in mails: in a body, and in a header, where spaces are written otherwise."""
    quoted = "".join(chr(each) if 32 <= each < 127 and each != 61 else f"={each:02X}" for each in content)
    yield quoted.encode()
    yield quoted.replace(" ", "_").encode()
    yield re.sub("=[0-9A-F]{2}", lower, quoted).encode()


def base64_cores(content: bytes, encode: object = b64encode) -> Iterator[bytes]:
    """What stays the same of the content in base64 whatever stands around it, for each place where it can begin."""
    for offset in range(3):
        encoded: bytes = encode(bytes(offset) + content)  # type: ignore[operator]
        begin = (0, 2, 3)[offset]
        whole = (len(content) + offset) * 8 // 6
        core = encoded[begin:whole]
        if len(core) > SHORTEST:
            yield core


def found_remains(settings: Settings, words_file: Path | None, paths: list[Path]) -> list[dict[str, Any]]:
    """What remains of those who were forgotten, in the data and in what else is shown.

    :raises Rejected: NO_DATA, ALREADY_SERVED, SOURCE_UNREADABLE.
    """
    import duckdb
    from sqlalchemy.exc import SQLAlchemyError

    from commands.rejected import Rejected, require
    from infra.directory import looking
    from infra.log import forgotten_in, sealed_with

    require(settings.has_log, "NO_DATA", f"there is no data in {settings.data}; name another directory with --data")
    try:
        words = Words(map(word_in, lines_of(words_file))) if words_file is not None else None
        if words is not None and words.skipped:
            note(f"{words.skipped} words have fewer than {SHORTEST} characters, and are not looked for")
        urls = [url for url in (settings.log, settings.keys) if url is not None]
        findings = []
        with looking(settings) as unserved:
            require(unserved, "ALREADY_SERVED", f"a server runs on {settings.data}; stop it, to look into its files")
            streams = forgotten_in(settings.log_url)
            shown = [settings.data, *paths] if settings.data.exists() else paths
            named = {str(each): sqlite_url(each) for each in files_in(shown) if is_sqlite(each)}
            named_in: set[tuple[str, str]] = set()
            for place, url in {**named, **{url: url for url in urls}}.items():
                for code, what, stream in keys_in(url, streams):
                    findings.append(key_finding(code, place, what, stream))
                    named_in.add((place, stream))
            key_rows = KeyRows(sealed_with(settings.log_url, streams))
            for file in files_in(shown):
                for stream, place in keys_among(file, key_rows):
                    if (str(file), stream) not in named_in:
                        findings.append(key_finding("KEY_REMAINS", place, "the key", stream))
            if words is not None and words_file is not None:
                found = [*in_files(shown, words, {words_file.resolve()})]
                found += [each for url in urls for each in in_database(url, url, words)]
                for number, place, encoding in dict.fromkeys(found):
                    sentence = f"word {number} of {words_file} is in {place}, as {encoding}"
                    findings.append({"code": "WORD_REMAINS", "position": None, "sentence": sentence})
        return findings
    except (OSError, SQLAlchemyError, duckdb.Error) as error:
        said = str(error).splitlines()[0]
        raise Rejected("SOURCE_UNREADABLE", f"not everything can be looked into ({said})") from error


def key_finding(code: str, place: str, what: str, stream: str) -> dict[str, Any]:
    """What is said of a key, or of an entry of the directory, that is still there."""
    sentence = f"{place} holds {what} of {stream}, whose person was forgotten; destroy it"
    return {"code": code, "position": None, "sentence": sentence}


def keys_among(file: Path, key_rows: KeyRows) -> Iterator[tuple[str, str]]:
    """The streams whose keys lie among the bytes of a file, or of what they unpack to, each with the first place.

    :raises OSError: where it cannot be read.
    """
    if not key_rows.streams:
        return
    found: dict[int, str] = {}
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number, place, _ in in_bytes(content, str(file), key_rows, DEPTH):
            found.setdefault(number, place)
    yield from ((key_rows.streams[number], place) for number, place in sorted(found.items()))


def lines_of(file: Path) -> list[str]:
    """The lines of a file that are not empty.

    :raises Rejected: SOURCE_UNREADABLE.
    """
    from commands.rejected import Rejected

    try:
        return [line for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected("SOURCE_UNREADABLE", f"{file} cannot be read as text in UTF-8 ({error})") from error


def word_in(line: str) -> Word:
    """The word that a line says: as JSON where it is a text in quotes, or an object that says ``whole``."""
    try:
        said = json.loads(line)
    except ValueError:
        return Word(line)
    match said:
        case str():
            return Word(said)
        case {"whole": str(word)}:
            return Word(word, whole=True)
        case _:
            return Word(line)


def line_of(word: Word) -> bytes:
    """The line that says a word."""
    return json_line({"whole": word.text} if word.whole else word.text) + b"\n"


def in_files(paths: Iterable[Path], words: Words, leave_out: set[Path]) -> Iterator[Found]:
    """What is found in files and in all that lie in folders.

    :raises OSError: where one cannot be read.
    """
    for file in files_in(paths):
        if file.resolve() not in leave_out:
            yield from in_file(file, words)


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that are named or lie in folders that are, but for empty ones.

    :raises OSError: where one cannot be read.
    """
    for path in paths:
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        yield from (file for file in files if file.stat().st_size)


def in_file(file: Path, words: Words) -> Iterator[Found]:
    """What is found in one file: in its bytes, in what they unpack to, and in its columns where it has some."""
    from infra.models.texts import texts_in_file, texts_in_parquet

    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        beginning = content[:16]
        yield from in_bytes(content, str(file), words, DEPTH)
    if beginning.startswith(SQLITE):
        yield from in_database(sqlite_url(file), str(file), words)
    elif beginning[8:12] == DUCKDB_AT_8:
        yield from in_columns(texts_in_file(file), str(file), words)
    elif beginning.startswith(PARQUET):
        yield from in_columns(texts_in_parquet(file), str(file), words)


def in_bytes(
    content: bytes | mmap.mmap, place: str, words: Sought, depth: int, before: Before = BEGINNING
) -> Iterator[Found]:
    """What is found in bytes, which others came before, and in whatever compressed data begins among them."""
    text = is_text(content)
    for number, at, encoding in words.within(content):
        line = f", line {before.lines + lines_in(content, at) + 1}," if text else ""
        yield Found(number, f"{place}{line} at byte {before.bytes + at}", encoding)
    if depth:
        for name, magic in MAGIC.items():
            at = content.find(magic)
            while at >= 0:
                inner = f"{place} at byte {at}, {name}"
                for chunk, already in unpacked(content, at, name, words.longest):
                    yield from in_bytes(chunk, inner, words, depth - 1, already)
                at = content.find(magic, at + 1)


def lines_in(content: bytes | mmap.mmap, until: int) -> int:
    """How many lines end before a byte."""
    return sum(content[at : min(at + CHUNK, until)].count(b"\n") for at in range(0, until, CHUNK))


def unpacked(content: bytes | mmap.mmap, at: int, name: str, overlap: int) -> Iterator[tuple[bytes, Before]]:
    """What the compressed data that begins there unpacks to, as far as it does, in pieces that overlap, each with what
    came before it.
    """
    kept, before = b"", BEGINNING
    for piece in pieces_unpacked(content, at, name):
        whole = kept + piece
        yield whole, before
        kept = whole[-overlap:]
        gone = len(whole) - len(kept)
        before = Before(before.bytes + gone, before.lines + lines_in(whole, gone))


def pieces_unpacked(content: bytes | mmap.mmap, at: int, name: str) -> Iterator[bytes]:
    """The same, one piece after the other."""
    import pyarrow as pa

    try:
        match name:
            case "zip":
                flags, kind, *lengths = ZIP_HEADER.unpack_from(content, at)
                if kind == DEFLATED and not flags & ENCRYPTED:  # what is not compressed was looked through already
                    yield from pushed(Inflating(), content, at + ZIP_HEADER.size + sum(lengths))
            case "bzip2":
                yield from pushed(BZ2Decompressor(), content, at)
            case "xz":
                yield from pushed(lzma.LZMADecompressor(), content, at)
            case _:
                window = BytesIO(content[at : at + LONGEST_INSIDE] if at else content[:])
                with pa.CompressedInputStream(pa.PythonFile(window, "r"), name) as stream:
                    while piece := stream.read(CHUNK):
                        yield piece
    except (OSError, EOFError, struct.error, zlib.error, lzma.LZMAError, pa.ArrowException):
        return  # it was none, or it ends here


class Unpacking(Protocol):
    """A decompressor of the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Inflating:
    """What unpacks a file in a zip archive, in the way of the other decompressors."""

    def __init__(self) -> None:
        self._inflating = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        """Whether the end was reached."""
        return self._inflating.eof

    @property
    def needs_input(self) -> bool:
        """Whether all that was given is unpacked."""
        return not self._inflating.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        """A piece of what it unpacks to."""
        return self._inflating.decompress(self._inflating.unconsumed_tail + data, max_length)


def pushed(unpacking: Unpacking, content: bytes | mmap.mmap, at: int) -> Iterator[bytes]:
    """What a decompressor makes of what begins there, in pieces.

    :raises EOFError: as the decompressors do where something is wrong; they have errors of their own as well.
    """
    while not unpacking.eof:
        given = content[at : at + CHUNK] if unpacking.needs_input else b""
        at += len(given)
        piece = unpacking.decompress(given, CHUNK)
        if piece:
            yield piece
        elif not given:
            return


def keys_in(url: str, streams: set[str]) -> list[tuple[str, str, str]]:
    """The streams among these whose keys lie in a database, where it is one of keys, and those that the directory
    beside them still knows, each with a code and what there is.
    """
    from sqlalchemy import MetaData, create_engine, inspect, select

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            names = inspect(connection).get_table_names()
            if "keys" not in names or "wrapped" not in {
                column["name"] for column in inspect(connection).get_columns("keys")
            }:
                return []
            tables = MetaData()
            tables.reflect(connection, only=[name for name in ("keys", "people") if name in names])
            found = []
            for code, what, table, columns in (
                ("KEY_REMAINS", "the key", "keys", ("stream",)),
                ("DIRECTORY_REMAINS", "what the directory knew", "people", ("stream", "source")),
            ):
                if table in tables.tables:
                    rows = connection.execute(select(*(tables.tables[table].c[name] for name in columns)))
                    there = streams.intersection(each for row in rows for each in row)
                    found += [(code, what, stream) for stream in sorted(there)]
            return found
    finally:
        engine.dispose()


def sqlite_url(file: Path) -> str:
    """A SQLite file, to be read only."""
    return f"sqlite:///file:{quote(str(file.absolute()))}?mode=ro&uri=true"


def is_sqlite(file: Path) -> bool:
    """Whether a file is a SQLite database."""
    with file.open("rb") as opened:
        return opened.read(len(SQLITE)) == SQLITE


def in_columns(
    columns: Iterable[tuple[str, Iterable[tuple[object, int]]]], place: str, words: Words
) -> Iterator[Found]:
    """What is found in values, which come with their rows and the names of their columns."""
    for column, texts in columns:
        yield from in_texts(texts, f"{place}, {column}", words)


def in_texts(texts: Iterable[tuple[object, int]], place: str, words: Words) -> Iterator[Found]:
    """What is found in values of a column, which come with their rows."""
    contents = [(content_of(value), row) for value, row in texts if value is not None]
    for some, find in (
        (contents, words.within_bytes),
        ([each for each in contents if is_text(each[0])] if words.whole else [], words.whole_within),
    ):
        ends = list(accumulate(len(content) + 1 for content, _ in some))
        for number, at, encoding in find(b"\n".join(content for content, _ in some)):
            yield Found(number, f"{place}, row {some[bisect_right(ends, at)][1]}", encoding)


def content_of(value: object) -> bytes:
    """The bytes of a value."""
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode("utf-8", "surrogatepass")


def in_database(url: str, place: str, words: Words) -> Iterator[Found]:
    """What is found in the columns of a database's tables, whose rows are counted in the order of their keys.

    :raises sqlalchemy.exc.SQLAlchemyError: where it cannot be read.
    """
    from sqlalchemy import MetaData, create_engine, select

    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            tables = MetaData()
            tables.reflect(connection)
            for table in tables.sorted_tables:
                statement = select(table).order_by(*table.primary_key)
                rows = connection.execution_options(stream_results=True).execute(statement)
                for number, part in enumerate(rows.partitions(ROWS_AT_ONCE)):
                    begin = number * ROWS_AT_ONCE + 1
                    for column, values in zip(table.c, zip(*part, strict=True), strict=True):
                        counted = ((value, row) for row, value in enumerate(values, begin))
                        yield from in_texts(counted, f"{place}, {table.name}.{column.name}", words)
    finally:
        engine.dispose()

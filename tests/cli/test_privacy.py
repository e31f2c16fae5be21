"""Finding, describing and forgetting people on the command line, and looking for what remains of them."""

import bz2
import gzip
import json
import lzma
import quopri
import re
import shutil
import sqlite3
import tarfile
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unicodedata import normalize
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import lz4.frame
import pyarrow as pa
import pytest

from tests.cli.conftest import Crm

pytestmark = pytest.mark.slow

NAME = "Ada Abel"


def test_from_finding_to_nothing_remains(crm: Crm, company: Path, tmp_path: Path) -> None:
    at = ("--data", company)
    found = crm("find", "--name", "abel ADA", *at, "--format", "json")
    assert {row["stream"] for row in json.loads(found.out)["rows"]} == {"lead-1", "customer-c1"}
    told = json.loads(crm("subject", "customer-c1", *at).out)
    assert told["streams"] == ["customer-c1", "lead-1"]
    assert told["states"]["customer-c1"]["name"] == NAME
    assert [event["type"] for event in told["events"]] == ["LeadCaptured", "LeadConverted", "CustomerRegistered"]
    snapshot = Path(crm("snapshot", *at).out.strip())
    assert crm("export", "cloudevents", tmp_path / "exported", *at).status == 0
    with (company / "handed-out.jsonl").open("a") as listed:
        listed.write('[]\n{"what": "an export"}\n{"what": "half a li')  # of a process that was killed
    assert crm("backup", tmp_path / "backups", "--keys", tmp_path / "apart" / "keys.db", *at).status == 0
    keys_before = Path(shutil.copytree(company, tmp_path / "before")) / "keys.db"

    words = tmp_path / "words.txt"
    refused = crm("forget", "nobody", "--words", words, *at)
    assert (refused.status, refused.out, words.exists()) == (1, "", False)
    forgotten = crm("forget", "c1", "--reason", "by letter", "--words", words, *at, "--format", "json")
    assert forgotten.status == 0
    told = json.loads(forgotten.out)
    assert [row["stream"] for row in told["rows"]] == ["customer-c1", "lead-1"]
    assert told["position"] == 10
    assert {(each["what"], each["path"], each["position"], each["is_there"]) for each in told["handed_out"]} == {
        ("snapshot", str(snapshot), 9, True),
        ("export as cloudevents", str(tmp_path / "exported"), 9, True),
        ("backup", str(tmp_path / "backups" / "crm-9.db"), 9, True),
        ("backup of the keys", str(tmp_path / "apart" / "keys.db"), 9, True),
    }
    for each in told["handed_out"]:
        assert f"handed out before: {each['what']} {each['path']}, position 9; " in forgotten.err
    assert f"{tmp_path}/apart/keys.db, position 9; destroy it" in forgotten.err
    assert words.read_text() == f'{{"whole":"Abel"}}\n"Abel Ada"\n"Abel, Ada"\n{{"whole":"Ada"}}\n"{NAME}"\n'
    assert words.stat().st_mode & 0o777 == 0o600
    assert NAME not in forgotten.out + forgotten.err

    nobody = crm("find", "--name", "ada", *at)
    assert (nobody.status, "nobody was found" in nobody.err) == (1, True)
    assert crm("backup", tmp_path / "backups", "--keys", tmp_path / "clean" / "keys.db", *at).status == 0
    again = crm("forget", "c1", *at)
    assert "error: FORGOTTEN: " in again.err
    for each in told["handed_out"]:
        assert f"handed out before: {each['what']} {each['path']}, position 9; " in again.err
    assert again.err.count("handed out before: ") == 4
    assert NAME not in crm("subject", "c1", *at).out
    assert NAME not in crm("replay", "lead-1", *at).out
    handed = (tmp_path / "exported", tmp_path / "backups")
    looked = crm("verify", "--forgotten", "--words", words, *at, *handed)
    assert (looked.status, looked.out) == (0, ""), looked
    assert "nothing remains" in looked.err
    assert crm("verify", "--rebuild", *at).status == 0

    shown = crm(
        "verify", "--forgotten", "--words", words, *at, tmp_path / "before", tmp_path / "apart", "--format", "json"
    )
    findings = json.loads(shown.out)["rows"]
    assert shown.status == 4
    assert [finding["sentence"].split(", whose")[0] for finding in findings] == [
        f"{keys_before} holds the key of lead-1",
        f"{keys_before} holds what the directory knew of customer-c1",
        f"{keys_before} holds what the directory knew of lead-1",
        f"{tmp_path / 'apart' / 'keys.db'} holds the key of lead-1",
    ]
    assert [finding["code"] for finding in findings] == ["KEY_REMAINS", *["DIRECTORY_REMAINS"] * 2, "KEY_REMAINS"]
    with sqlite3.connect(company / "keys.db") as keys:
        keys.execute("insert into people values ('customer-c9', 'name', 'a term', 'lead-1')")
    keys.close()
    found = crm("verify", "--forgotten", *at, "--format", "json")
    assert found.status == 4
    (finding,) = json.loads(found.out)["rows"]
    assert f"{company / 'keys.db'} holds what the directory knew of lead-1, whose" in finding["sentence"]


def test_somebody_known_as_a_lead_only(crm: Crm, company: Path, tmp_path: Path) -> None:
    at, words = ("--data", company), tmp_path / "words.txt"
    assert json.loads(crm("subject", "lead-2", *at).out)["states"]["lead-2"]["name"] == "Ben Brandt"
    assert crm("forget", "lead-1", *at).err.startswith("error: IS_CUSTOMER: ")
    words.touch(0o644)
    forgotten = crm("forget", "lead-2", "--words", words, *at, "--format", "csv")
    assert words.stat().st_mode & 0o777 == 0o600
    assert (forgotten.status, forgotten.out) == (0, "stream\nlead-2\n")
    assert words.read_text() == '{"whole":"Ben"}\n"Ben Brandt"\n"Brandt"\n"Brandt Ben"\n"Brandt, Ben"\n'
    again = crm("forget", "lead-2", *at)
    assert (again.status, again.out, "forgotten already" in again.err) == (0, "", True)
    assert "Backups of the keys made before still open" in again.err
    assert crm("verify", "--forgotten", "--words", words, *at).status == 0
    assert crm("forget", "lead-nobody", *at).err.startswith("error: NOT_FOUND: ")


def test_what_was_handed_out_is_listed_whatever_became_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from infra.cli.handed import LIST, hand_out, handed_out
    from infra.settings import Settings

    settings = Settings(data=tmp_path)
    settings.snapshots.mkdir()
    (settings.snapshots / "crm-3.json").mkdir()  # nobody can read it
    (settings.snapshots / "crm-4.json").symlink_to("gone")
    keys = tmp_path / "keys" / "keys.db"
    for position in (5, 9, 9):  # it was taken away, and made again
        hand_out(settings, "backup of the keys", keys, position)
    listed = [(each["path"], each["position"], each["is_there"]) for each in handed_out(settings)]
    assert listed == [(str(keys), 5, False), (str(keys), 9, False)]

    def forbidden(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", forbidden)  # as for a folder of somebody else's: root may look into any
    assert [each["is_there"] for each in handed_out(settings)] == [True, True]
    (tmp_path / LIST).unlink()
    (tmp_path / LIST).mkdir()
    assert handed_out(settings) == []


def test_an_export_is_listed_before_it_is_there(
    crm: Crm, company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    assert crm("export", "cloudevents", tmp_path / "exported", "--data", company).status == 130
    monkeypatch.undo()
    told = json.loads(crm("forget", "c1", "--data", company, "--format", "json").out)
    listed = [(each["path"], each["position"], each["is_there"]) for each in told["handed_out"]]
    assert listed == [(str(tmp_path / "exported"), 9, False)]


def in_sqlite(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create table t (filler blob, word text)")
        # So that the word begins at every place of a page.
        connection.executemany("insert into t values (?, ?)", [(bytes(n), "x" * 5000 + NAME) for n in range(40)])
    connection.close()


def in_duckdb(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create table t as select '{NAME}' || (range % 7)::varchar as word from range(200000)")


def in_parquet(codec: str) -> Callable[[Path], object]:
    def write(file: Path) -> None:
        with duckdb.connect() as connection:
            rows = connection.sql(f"select range as number, '{NAME} ' || range as word from range(5000)")
            rows.write_parquet(str(file), compression=codec)

    return write


def packed(codec: str, content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as out:
        out.write(content)
    return bytes(sink.getvalue())


def in_zip(file: Path, content: bytes) -> None:
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        archive.writestr("another", b"of somebody else")
        archive.writestr("file", content)


def gzipped(write: Callable[[Path, bytes], None], file: Path) -> None:
    write(file, NAME.encode())
    file.write_bytes(gzip.compress(file.read_bytes()))


PLACES: dict[str, Callable[[Path], object]] = {
    "utf-8": lambda file: file.write_text(f"x{NAME}x"),
    "lower": lambda file: file.write_text(f"x{NAME.lower()}x"),
    "utf-16": lambda file: file.write_text(NAME, "utf-16"),
    "utf-16-be": lambda file: file.write_bytes(b"\x00" + NAME.encode("utf-16-be")),
    "utf-32": lambda file: file.write_text(NAME, "utf-32"),
    "utf-32-be": lambda file: file.write_bytes(b"\x00" + NAME.encode("utf-32-be")),
    "header": lambda file: file.write_text(f"From: =?utf-8?Q?{NAME.replace(' ', '_')}?= <>"),
    "hex": lambda file: file.write_text(f"0x{NAME.encode().hex()}"),
    "base64-0": lambda file: file.write_bytes(b64encode(f"{NAME}!".encode())),
    "base64-1": lambda file: file.write_bytes(b64encode(f"a{NAME}!".encode())),
    "base64-2": lambda file: file.write_bytes(b64encode(f"ab{NAME}!".encode())),
    "base64-utf-16": lambda file: file.write_bytes(b64encode(f"a{NAME}!".encode("utf-16"))),
    "percent": lambda file: file.write_text(f"?name={NAME.replace(' ', '%20')}"),
    "form": lambda file: file.write_text(f"?name={NAME.replace(' ', '+')}"),
    "gzip": lambda file: file.write_bytes(gzip.compress(NAME.encode())),
    "zstd": lambda file: file.write_bytes(packed("zstd", NAME.encode())),
    "bzip2": lambda file: file.write_bytes(bz2.compress(NAME.encode()) + b"another"),
    "xz": lambda file: file.write_bytes(lzma.compress(NAME.encode()) + b"another"),
    "zip": lambda file: in_zip(file, NAME.encode()),
    "zip in gzip": lambda file: gzipped(in_zip, file),
    "gzip in zstd": lambda file: file.write_bytes(packed("zstd", gzip.compress(NAME.encode()))),
    "topic": lambda file: file.write_bytes(b"batch" * 99 + lz4.frame.compress(NAME.encode()) + b"another"),
    "sqlite": in_sqlite,
    "duckdb": in_duckdb,
    "parquet zstd": in_parquet("zstd"),
    "parquet snappy": in_parquet("snappy"),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_word_is_found_however_it_is_written(crm: Crm, company: Path, tmp_path: Path, place: str) -> None:
    words, folder = tmp_path / "words.txt", tmp_path / "shown" / "deep"
    words.write_text(f"{NAME}\nZoe Zimmer\nAl\n")
    folder.mkdir(parents=True)
    PLACES[place](folder / "file")
    found = crm("verify", "--forgotten", "--words", words, tmp_path / "shown", "--data", company, "--format", "json")
    assert found.status == 4, found
    sentences = [finding["sentence"] for finding in json.loads(found.out)["rows"]]
    assert all(sentence.startswith(f"word 1 of {words} is in {folder / 'file'}") for sentence in sentences)
    assert NAME not in found.out + found.err
    assert "1 words have fewer than 4 characters" in found.err


def test_a_key_is_found_however_its_database_is_packed(crm: Crm, company: Path, tmp_path: Path) -> None:
    at, keys, shown = ("--data", company), tmp_path / "apart" / "keys.db", tmp_path / "shown"
    assert crm("backup", tmp_path / "backups", "--keys", keys, *at).status == 0
    assert crm("forget", "c1", *at).status == 0
    assert crm("backup", tmp_path / "backups", "--keys", tmp_path / "clean" / "keys.db", *at).status == 0
    shown.mkdir()
    content = keys.read_bytes()
    (shown / "gzip").write_bytes(gzip.compress(content))
    (shown / "zstd").write_bytes(packed("zstd", content))
    (shown / "bzip2").write_bytes(bz2.compress(content))
    (shown / "xz").write_bytes(lzma.compress(content))
    in_zip(shown / "zip", content)
    for name, mode in (("tar", "w"), ("tar.gz", "w:gz")):
        with tarfile.open(shown / name, mode) as archive:  # type: ignore[call-overload]
            archive.add(keys)
    with closing(sqlite3.connect(keys)) as database:
        (shown / "dump").write_text("\n".join(database.iterdump()))
        rows = database.execute("select key_id, stream, hex(wrapped) from keys").fetchall()
    (shown / "copy").write_text("".join("\t".join(row) + "\n" for row in rows))
    (shown / "heap").write_bytes(b"".join(b"\x23%s\x0f%s" % (row[0].encode(), row[1].encode()) for row in rows))
    (shown / "piece").write_bytes(content[5:])  # no database any more
    in_zip(shown / "clean", (tmp_path / "clean" / "keys.db").read_bytes())
    with ZipFile(shown / "encrypted", "w", ZIP_DEFLATED) as archive:
        archive.writestr("file", content)
    of_file = bytearray((shown / "encrypted").read_bytes())
    of_file[6] |= 1
    (shown / "encrypted").write_bytes(of_file)

    looked = crm("verify", "--forgotten", shown, *at, "--format", "json")
    assert looked.status == 4
    findings = json.loads(looked.out)["rows"]
    assert {finding["code"] for finding in findings} == {"KEY_REMAINS"}
    assert all(" holds the key of lead-1, whose person was forgotten" in each["sentence"] for each in findings)
    named = [re.split("[ ,]", finding["sentence"].removeprefix(f"{shown}/"))[0] for finding in findings]
    assert named == sorted({each.name for each in shown.iterdir()} - {"clean", "encrypted"})


def test_words_beyond_ascii_and_long_texts(tmp_path: Path) -> None:
    from infra.cli.remains import Found, Word, Words, in_files

    text = "Grüße von Jürgen aus Köln: " + "sehr lange Geschichte, " * 20 + "Ende."
    words = Words([Word(text), Word("Jürgen Groß")])
    for number, content in enumerate(
        [
            json.dumps({"name": "Jürgen Groß"}).encode(),
            json.dumps(json.dumps({"name": "Jürgen Groß"})).encode(),
            "JÜRGEN GROSS".encode(),
            "Jürgen Groß".encode("latin-1"),
            text[60:200].encode(),
            normalize("NFD", "Jürgen Groß").encode(),
            "Jürgen Groß".encode("cp1252"),
            "Jürgen Groß".encode("utf-32-le"),
            quopri.encodestring("Jürgen Groß".encode()),
            quopri.encodestring("Jürgen Groß".encode("latin-1")),
            b"=?iso-8859-1?Q?J=FCrgen_Gro=DF?=",
            b"J&uuml;rgen Gro&szlig;",
            b"J&#252;rgen Gro&#223;",
            b"J&#xfc;rgen Gro&#xdf;",
            b"J&#xFC;rgen Gro&#xDF;",
            b"J%c3%bcrgen%20Gro%c3%9f",
            b"J%C3%BCrgen+Gro%C3%9F",
            b'{"name": "J\\u00FCrgen Gro\\u00DF"}',
        ]
    ):
        file = tmp_path / str(number)
        file.write_bytes(content)
        found: list[Found] = list(in_files([file], words, set()))
        assert {each.word for each in found} == {1 if number == 4 else 2}, content


def test_words_that_html_and_windows_write_otherwise(tmp_path: Path) -> None:
    from infra.cli.remains import Word, Words, in_files

    for number, content in enumerate(
        [b"Zo&euml; &amp; Ren&eacute; O&#39;Neill", b"Zo\xeb & Ren\xe9 O'Neill", b"Zo&#235; &amp; Ren&#233; O'Neill"]
    ):
        (tmp_path / str(number)).write_bytes(content)
        assert list(in_files([tmp_path / str(number)], Words([Word("Zoë & René O'Neill")]), set())), content
    (tmp_path / "windows").write_bytes("Zoë “Žofie” Œuvre".encode("cp1252"))
    assert list(in_files([tmp_path / "windows"], Words([Word("Zoë “Žofie” Œuvre")]), set()))


WHOLE = {
    b"told by Abel, who": True,
    b'{"reason": "Abel called"}': True,
    b'{"reason": "late\\nAbel called"}': True,
    b"ABEL": True,
    b"label, Abelard, cabel, Abel_1": False,
    b"abel is an id": False,
    b"c2VhbGVk+Abel/c2VhbGVk": False,
    b"\x00\x01 Abel \x02": False,
    b"\xff\xfe Abel": False,
    gzip.compress(b"line 1\nfor Abel", mtime=0): True,
}


@pytest.mark.parametrize("content", WHOLE)
def test_a_short_word_is_looked_for_as_a_whole_one(tmp_path: Path, content: bytes) -> None:
    from infra.cli.remains import Found, Word, Words, in_files

    file = tmp_path / "file"
    file.write_bytes(content)
    found: list[Found] = list(in_files([file], Words([Word("Abel", whole=True)]), set()))
    assert bool(found) == WHOLE[content]
    assert {each.encoding for each in found} <= {"a whole word"}


def test_short_words_that_are_not_ascii(tmp_path: Path) -> None:
    from infra.cli.remains import Word, Words, in_files

    for content in ("für Jörg", normalize("NFD", "für Jörg"), json.dumps({"for": "Jörg"})):
        (tmp_path / "file").write_text(content)
        assert list(in_files([tmp_path / "file"], Words([Word("Jörg", whole=True)]), set())), content
    (tmp_path / "file").write_text("Jörgs und Björg")
    assert not list(in_files([tmp_path / "file"], Words([Word("Jörg", whole=True)]), set()))


def test_where_a_word_was_found(tmp_path: Path) -> None:
    from infra.cli.remains import Word, Words, in_files

    lines = b"".join(b"line %d\n" % number for number in range(1, 1000))
    text = lines + b"of Ada Lovelace\n"
    (tmp_path / "text").write_bytes(text)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(text))
    note = "case when row = 700 then 'of Ada Lovelace' else 'row ' || row end as note"
    rows = f"select {note}, row from range(1, 901) each (row)"
    duckdb.sql(f"copy ({rows}) to '{tmp_path}/rows.parquet' (row_group_size 100)")
    with closing(sqlite3.connect(tmp_path / "rows.db")) as database:
        database.execute("create table notes (row integer primary key, note text)")
        database.executemany("insert into notes values (?, ?)", [(row, f"row {row}") for row in range(900, 0, -1)])
        database.execute("update notes set note = 'of Ada Lovelace' where row = 700")
        database.commit()
    for word in (Word("Ada Lovelace"), Word("Ada", whole=True)):
        found = {each.place for each in in_files([tmp_path], Words([word]), set())}
        at = text.index(b"Ada")
        assert {
            f"{tmp_path}/text, line 1000, at byte {at}",
            f"{tmp_path}/packed.gz at byte 0, gzip, line 1000, at byte {at}",
            f"{tmp_path}/rows.parquet, note, row 700",
            f"{tmp_path}/rows.db, notes.note, row 700",
        } <= found


def test_what_a_person_is_recognised_by() -> None:
    from infra.cli.privacy import parts_of
    from infra.cli.remains import Word

    assert parts_of("name", "Ada M. Abel-Lovelace") == [
        Word("Abel-Lovelace Ada M."),
        Word("Abel-Lovelace, Ada M."),
        Word("Ada", whole=True),
        Word("Abel", whole=True),
        Word("Lovelace"),
    ]
    assert parts_of("name", "Al") == parts_of("phone", "n/a") == parts_of("email", "ada@example.org") == []
    assert parts_of("phone", "+49 (0)30 123-45") == [Word("4903012345"), Word("493012345")]


def test_what_cannot_be_looked_into(crm: Crm, company: Path, served: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("Ada Abel")
    at = ("--data", company)
    assert crm("verify", "--forgotten", "--words", tmp_path / "missing", *at).err.startswith("error: SOURCE_UNREADABLE")
    assert "SOURCE_UNREADABLE" in crm("verify", "--forgotten", "--words", words, tmp_path / "missing", *at).err
    assert "ALREADY_SERVED" in crm("verify", "--forgotten", "--data", served).err
    broken = tmp_path / "broken"
    broken.write_bytes(b"SQLite format 3\x00" + b"broken" * 1000)
    assert "SOURCE_UNREADABLE" in crm("verify", "--forgotten", "--words", words, broken, *at).err
    assert crm("verify", "--words", words, *at).status == 2
    assert crm("find", *at).status == 2


def test_another_master_key(crm: Crm, company: Path, served: Path) -> None:
    at = ("--data", company)
    before, found = (company / "master.key").read_text(), crm("find", "--name", "ada", *at).out
    rotated = crm("rotate-master-key", *at)
    assert (rotated.status, rotated.out) == (0, "")
    assert "4 keys are wrapped" in rotated.err
    assert (company / "master.key").read_text() != before
    assert crm("find", "--name", "ada", *at).out == found
    assert NAME in crm("subject", "c1", *at).out
    assert crm("verify", "--rebuild", *at).status == 0
    (company / "wrong.key").write_text(before[:20])
    assert "INVALID_MASTER_KEY" in crm("rotate-master-key", "--new", company / "wrong.key", *at).err
    (company / "master.key").write_text(before)
    assert "WRONG_MASTER_KEY" in crm("rotate-master-key", *at).err
    assert "ALREADY_SERVED" in crm("rotate-master-key", "--data", served).err

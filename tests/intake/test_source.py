from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from commands.rejected import Rejected
from infra.intake.source import load


def rows(file: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        load(connection, file, "source1")
        return connection.execute("select * from source1").fetchall()


def refused(file: Path) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        rows(file)
    assert str(file) in refusal.value.sentence
    return refusal.value


def test_every_column_is_text_and_row_is_the_line_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("number,when,empty\n007,2020-01-01,\n1.50,true,x\n")
    assert rows(file) == [(2, "007", "2020-01-01", None), (3, "1.50", "true", "x")]


def test_rows_keep_their_line_where_values_hold_line_breaks_and_lines_are_blank(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('a,b\n1,"two\nlines"\n\n2,"say ""hi"""\n')
    assert rows(file) == [(2, "1", "two\nlines"), (5, "2", 'say "hi"')]


def test_a_blank_line_is_a_value_where_there_is_a_single_column(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text('a\n1\n\n"2\n3"\n4\n')
    assert rows(file) == [(2, "1"), (3, None), (4, "2\n3"), (6, "4")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_taken_from_the_header(tmp_path: Path, delimiter: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"a{delimiter}b\n1{delimiter}2\n")
    assert rows(file) == [(2, "1", "2")]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert rows(file) == [(2, "1", "2")]


def test_a_compressed_file_reads_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(b'a,b\n1,"x\ny"\n2,3\n'))
    assert rows(file) == [(2, "1", "x\ny"), (4, "2", "3")]


def test_json_lines_become_text(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"a": 15, "b": "x"}\n\n{"a": null, "c": {"d": [1]}}\n')
    assert rows(file) == [(1, "15", "x", None), (3, None, None, '{"d":[1]}')]


def test_parquet_records_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    duckdb.execute(
        "copy (select 7 as a, date '2020-01-02' as b union all select 8, null) to ? (format parquet)", [str(file)]
    )
    assert rows(file) == [(1, "7", "2020-01-02"), (2, "8", None)]


def test_columns_of_one_name_or_none_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a,A,,b\n1,2,3,4\n")
    with duckdb.connect() as connection:
        load(connection, file, "source1")
        assert connection.execute("select a, A_2, column_3, b from source1").fetchall() == [("1", "2", "3", "4")]


def test_a_column_called_row_makes_way(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("row,b\n70,2\n")
    with duckdb.connect() as connection:
        load(connection, file, "source1")
        assert connection.execute("select row, row_, b from source1").fetchall() == [(2, "70", "2")]


def test_the_order_is_the_file_s(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n" + "".join(f"{number}\n" for number in range(200_000)))
    assert all(row == int(str(a)) + 2 for row, a in rows(file))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.csv", None, "No such file"),
        ("empty.csv", b"", "no header"),
        ("cut.csv.gz", gzip.compress(bytes(range(97, 123)) * 4000, mtime=0)[:60], "end-of-stream"),
        ("plain.csv.gz", b"a,b\n1,2\n", "Not a gzipped file"),
        ("wide.csv", b"a,b\n1,2\n1,2,3\n", "Line: 3"),
        ("narrow.csv", b"a,b\n1\n", "Line: 2"),
        ("latin.csv", b"a,b\n1,\xff\n", "utf-8"),
        ("open.csv", b'a,b\n1,2\n1,"2\n', "quote"),
        ("broken.jsonl", b'{"a": 1}\n{"a"\n', ""),
        ("list.jsonl", b"[1, 2]\n", "records"),
        ("empty.jsonl", b"", "it is empty"),
        ("long.csv", b"a,b\n1,2," + b"x" * 100_000 + b"\n", "Line: 2"),
        ("longer.csv", b"a,b\n1," + b"x" * 3_000_000 + b"\n", "line size"),
        ("broken.parquet", b"not a parquet file", ""),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_is_skipped(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    refusal = refused(file)
    assert refusal.code == "SOURCE_UNREADABLE"
    assert says in refusal.sentence
    assert "\n" not in refusal.sentence
    assert "^" not in refusal.sentence
    assert len(refusal.sentence) < 1000


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_name_means_one_file_whatever_is_in_it(tmp_path: Path, suffix: str) -> None:
    for name, value in (("a", 1), ("b", 2), ("[ab]", 3), ("?", 4), ("*", 5), ('it\'s "é"', 6)):
        duckdb.execute(f"copy (select {value} as a) to ? (format parquet)", [str(tmp_path / "made")])
        file = tmp_path / f"{name}.{suffix}"
        file.write_text({"csv": f"a\n{value}\n", "jsonl": f'{{"a": {value}}}\n'}.get(suffix, ""))
        if suffix == "parquet":
            (tmp_path / "made").replace(file)
    read = {file.stem: [a for _, a in rows(file)] for file in tmp_path.glob(f"*.{suffix}")}
    assert read == {"a": ["1"], "b": ["2"], "[ab]": ["3"], "?": ["4"], "*": ["5"], 'it\'s "é"': ["6"]}


def test_the_end_of_a_name_says_the_format(tmp_path: Path) -> None:
    file = tmp_path / "export.csv.jsonl"
    file.write_text('{"a": 1, "b": 2}\n')
    assert rows(file) == [(1, "1", "2")]


def test_a_long_value_is_read_also_where_it_holds_line_breaks(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    long = "x\n" * 100_000
    file.write_text(f'a,b\n1,"{long}"\n2,y\n')
    assert rows(file) == [(2, "1", long), (100_003, "2", "y")]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.xlsx").code == "SOURCE_FORMAT_UNKNOWN"

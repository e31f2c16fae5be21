import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from commands.rejected import Rejected
from infra.cli.output import SHOWN_ROWS, Format, Rows, chosen, write, write_lines

ROWS: list[dict[str, Any]] = [
    {
        "id": "ticket-7",
        "count": 9_007_199_254_740_993,
        "rate": Decimal("0.10"),
        "at": datetime(2017, 3, 1, 12, 0, 0, 7, tzinfo=UTC),
        "day": date(2017, 3, 1),
        "live": True,
        "tags": ["a", "b"],
        "text": 'said "yes", twice\nand left',
    },
    dict.fromkeys(("id", "count", "rate", "at", "day", "live", "tags", "text")),
]


@pytest.fixture
def rows() -> Rows:
    table = pa.Table.from_pylist(ROWS)
    return Rows([table.slice(0, 1), table.slice(1, 1)], {"position": 12, "as_of": datetime(2017, 4, 1, tzinfo=UTC)})


def test_json_is_one_document_that_says_where_it_stands_and_rounds_nothing(rows: Rows, tmp_path: Path) -> None:
    write(rows, Format.JSON, tmp_path / "x.json")
    text = (tmp_path / "x.json").read_text()
    assert '"rate":0.10,' in text
    told = json.loads(text, parse_float=Decimal)
    assert told["position"] == 12
    assert told["as_of"] == "2017-04-01T00:00:00Z"
    assert told["rows"][0] == ROWS[0] | {"at": "2017-03-01T12:00:00.000007Z", "day": "2017-03-01"}
    assert told["rows"][1] == ROWS[1]


def test_csv_reads_back_as_it_was(rows: Rows, tmp_path: Path) -> None:
    write(rows, Format.CSV, tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        header, first, second = csv.reader(file)
    assert header == list(ROWS[0])
    assert first == [
        "ticket-7",
        "9007199254740993",
        "0.10",
        "2017-03-01T12:00:00.000007Z",
        "2017-03-01",
        "true",
        '["a","b"]',
        'said "yes", twice\nand left',
    ]
    assert second == [""] * 8


def test_parquet_keeps_types_and_where_it_stands(rows: Rows, tmp_path: Path) -> None:
    write(rows, Format.PARQUET, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.to_pylist() == ROWS
    assert table.schema.metadata[b"position"] == b"12"
    assert table.schema.metadata[b"as_of"] == b"2017-04-01T00:00:00Z"


@pytest.mark.parametrize("format", list(Format))
def test_no_rows_is_an_answer_too(format: Format, tmp_path: Path) -> None:
    write(Rows.of([], ("code", "sentence")), format, tmp_path / "x")
    content = (tmp_path / "x").read_bytes()
    read: dict[Format, Callable[[], bool]] = {
        Format.TABLE: lambda: content.decode().split()[:2] == ["code", "sentence"],
        Format.JSON: lambda: json.loads(content) == {"rows": []},
        Format.CSV: lambda: content == b"code,sentence\n",
        Format.PARQUET: lambda: pq.read_table(io.BytesIO(content)).column_names == ["code", "sentence"],
    }
    assert read[format]()


def test_a_table_shows_what_is_missing_and_no_control_characters(tmp_path: Path) -> None:
    write(Rows.of([{"a": "\x1b[31mred", "b": None}], ("a", "b")), Format.TABLE, tmp_path / "x.txt")
    text = (tmp_path / "x.txt").read_text()
    assert "\x1b" not in text
    assert "␛[31mred" in text
    assert "–" in text


def test_a_long_table_stops_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = Rows([pa.table({"n": range(SHOWN_ROWS)}), pa.table({"n": [-1, -2]})])
    write(rows, Format.TABLE, tmp_path / "x.txt")
    text = (tmp_path / "x.txt").read_text()
    assert str(SHOWN_ROWS - 1) in text
    assert "-1" not in text
    assert f"{SHOWN_ROWS:,} of {SHOWN_ROWS + 2:,} rows are shown" in capsys.readouterr().err


@pytest.mark.parametrize("format", [Format.TABLE, Format.CSV, Format.JSON])
def test_an_instant_that_cannot_be_written_is_refused_in_a_sentence(format: Format, tmp_path: Path) -> None:
    far = pa.table({"far": pa.array([2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))})
    with pytest.raises(Rejected, match="SQL_INVALID: a column holds an instant"):
        write(Rows([far]), format, tmp_path / "x")
    assert os.listdir(tmp_path) == []


def test_a_file_is_there_wholly_or_not_at_all(tmp_path: Path) -> None:
    def failing() -> Iterator[pa.Table]:
        yield pa.table({"n": [1]})
        raise RuntimeError("the server went away")

    (tmp_path / "x.csv").write_text("as it was")
    with pytest.raises(RuntimeError, match="the server went away"):
        write(Rows(failing()), Format.CSV, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "as it was"
    assert os.listdir(tmp_path) == ["x.csv"]


def test_a_file_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"OUTPUT_NOT_WRITABLE: .*No such file or directory"):
        write_lines([b"{}"], tmp_path / "nowhere" / "x.jsonl")


def test_the_format_follows_from_the_files_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(None, None) is Format.TABLE
    assert chosen(None, tmp_path / "x.parquet") is Format.PARQUET
    assert chosen(None, tmp_path / "x.txt") is Format.TABLE
    assert chosen(Format.CSV, tmp_path / "x.parquet") is Format.CSV


def test_parquet_is_not_written_to_a_terminal() -> None:
    primary, terminal = os.openpty()
    try:
        with pytest.MonkeyPatch.context() as patch, os.fdopen(terminal, "w", closefd=False) as stdout:
            patch.setattr("sys.stdout", stdout)
            with pytest.raises(typer.BadParameter, match="redirect"):
                chosen(Format.PARQUET, None)
    finally:
        os.close(primary)
        os.close(terminal)

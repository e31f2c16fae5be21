"""Tables on the wire: the rows of reports and of SQL, in chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from google.protobuf.struct_pb2 import ListValue

from commands.rejected import Rejected, require
from crm.v1 import reading_pb2
from infra.server.values import json_value

MOST_ROWS = 10_000
LARGEST_CHUNK = 1 << 20
"""Bytes of Arrow data in one chunk, as far as rows can be divided: any client takes messages of that size."""

TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.date32(): "DATE",
    pa.time64("us"): "TIME",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
    pa.null(): '"NULL"',
}
"""DuckDB's name of each type of Arrow that it answers with, besides those with parameters."""


def type_name(type: pa.DataType) -> str:
    """DuckDB's name of a type."""
    if pa.types.is_decimal(type):
        return f"DECIMAL({type.precision},{type.scale})"
    if pa.types.is_list(type):
        return f"{type_name(type.value_type)}[]"
    return TYPES.get(type, str(type).upper())


def columns_of(schema: pa.Schema) -> list[reading_pb2.Column]:
    """The columns of a table whose meaning nobody told."""
    return [reading_pb2.Column(name=field.name, type=type_name(field.type)) for field in schema]


def chunks(
    columns: Iterable[reading_pb2.Column], schema: pa.Schema, batches: Iterable[pa.RecordBatch], encoding: int
) -> Iterator[reading_pb2.TableChunk]:
    """The rows in chunks: the first one has the columns, and comes also where there are no rows.

    :raises Rejected: INVALID_FIELD for an encoding that is none.
    """
    known = reading_pb2.Encoding.values()
    require(
        encoding in known,
        "INVALID_FIELD",
        f"{encoding} is no encoding; allowed are {', '.join(reading_pb2.Encoding.keys())}",
        field="encoding",
    )
    as_arrow = encoding == reading_pb2.ENCODING_ARROW
    first = True
    for piece in _pieces(schema, batches):
        chunk = reading_pb2.TableChunk(columns=columns if first else ())
        if as_arrow:
            chunk.arrow = _arrow(piece)
        else:
            chunk.rows.extend(_rows(piece))
        yield chunk
        first = False


def _pieces(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    empty = True
    for batch in batches:
        size = max(1, min(MOST_ROWS, batch.num_rows * LARGEST_CHUNK // max(1, batch.nbytes)))
        for begin in range(0, batch.num_rows, size):
            empty = False
            yield batch.slice(begin, size)
    if empty:
        yield pa.RecordBatch.from_pylist([], schema)


def _arrow(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _rows(batch: pa.RecordBatch) -> Iterator[ListValue]:
    wide = [pa.types.is_int64(field.type) or pa.types.is_uint64(field.type) for field in batch.schema]
    columns = [
        [json_value(value, exact=exact) for value in _values(name, column)]
        for name, column, exact in zip(batch.schema.names, batch.columns, wide, strict=True)
    ]
    return (ListValue(values=row) for row in zip(*columns, strict=True))


def _values(name: str, column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist())
    except OverflowError as error:
        sentence = (
            f"{name} holds an instant that is not between the years 1 and 9999; cast it to text, or ask for Arrow"
        )
        raise Rejected("SQL_INVALID", sentence, field="sql") from error

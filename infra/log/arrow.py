"""Rows of the log as Arrow, column by column, without an object per event."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from infra.log.verification import StoredRow

SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("stream", pa.string(), nullable=False),
        pa.field("version", pa.int32(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("document", pa.binary(), nullable=False),
        pa.field("hash", pa.binary(), nullable=False),
    ]
)
"""The columns of a batch."""


def record_batch(rows: Iterable[list[StoredRow]]) -> pa.RecordBatch:
    """The rows, which come in short lists, as one batch. Each list is let go before the next one comes: freeing and
    reusing little memory is twice as fast as touching much.
    """
    parts = [part(each) for each in rows]
    batches = pa.Table.from_batches(parts, SCHEMA).combine_chunks().to_batches()
    return batches[0] if batches else part([])


def part(rows: list[StoredRow]) -> pa.RecordBatch:
    """A short list of rows as a batch."""
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.record_batch(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )

"""Reports, and SQL for analysts."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Timer
from typing import Any

import grpc
import pyarrow as pa

from commands.rejected import Rejected, require
from crm.v1 import reading_pb2, reports_pb2, sql_pb2
from infra.models import Models, Source, query, report
from infra.server.actor import UNDER_WAY
from infra.server.opening import Edge, Opening
from infra.server.permissions import listed
from infra.server.reading import point_in, reached_position, read_point
from infra.server.tables import chunks, columns_of
from infra.server.values import instant_in
from infra.settings import Settings

SEALED = "sealed:"
UNREAD_SECONDS = 5.0
"""How long rows may lie unread after the time that their statement has."""


class Reports:
    """Runs reports and statements for callers."""

    def __init__(self, log: Source, models: Models, edge: Edge, settings: Settings) -> None:
        self._log = log
        self._models = models
        self._edge = edge
        self._settings = settings

    def list_reports(
        self, request: reports_pb2.ListReportsRequest, context: grpc.ServicerContext
    ) -> reports_pb2.ListReportsResponse:
        """Every report, by name."""
        return reports_pb2.ListReportsResponse(reports=[described(each) for each in report.reports(self._models)])

    def get_report(self, request: reports_pb2.GetReportRequest, context: grpc.ServicerContext) -> reports_pb2.Report:
        """One report.

        :raises Rejected: UNKNOWN_REPORT.
        """
        return described(report.look_at(self._models, request.name))

    def run_report(
        self, request: reports_pb2.RunReportRequest, context: grpc.ServicerContext
    ) -> Iterator[reports_pb2.RunReportResponse]:
        """The rows of a report; the first message says where it stands."""
        answer = report.run(
            self._models,
            request.name,
            period_from=_instant(request, "period_from"),
            period_to=_instant(request, "period_to"),
            by=request.by if request.HasField("by") else None,
            every=request.every if request.HasField("every") else None,
            within=request.within if request.HasField("within") else None,
            stream=request.stream if request.HasField("stream") else None,
            **point_in(request, context, self._log, self._models),
        )
        stands = read_point(answer.as_of, answer.position, answer.held_back)
        about: Any = {"read_point": stands, "report": described(answer.report)}
        rows = chunks(about["report"].columns, answer.table.schema, answer.table.to_batches(), request.encoding)
        for chunk in rows:
            yield reports_pb2.RunReportResponse(chunk=chunk, **about)
            about = {}

    def run_sql(
        self, request: sql_pb2.RunSqlRequest, context: grpc.ServicerContext
    ) -> Iterator[sql_pb2.RunSqlResponse]:
        """The rows of a statement; the first message says at which position they stand.

        :raises Rejected: NOT_ALLOWED, and what ``query`` refuses.
        """
        if request.open_personal:
            require_opens()
        rows = query.query(
            self._models,
            request.sql,
            seconds=self._settings.sql_seconds,
            rows=self._settings.sql_rows,
            min_position=reached_position(request, context, self._log, self._models),
        )
        # A statement that takes too long ends when its next rows are asked for; who never asks keeps its transaction.
        unread = Timer(self._settings.sql_seconds + UNREAD_SECONDS, context.cancel)
        unread.daemon = True
        unread.start()
        try:
            with self._edge.opening() as opening:
                batches = (_opened(batch, opening) for batch in rows) if request.open_personal else rows
                about: Any = {"position": rows.position, "held_back_streams": rows.held_back}
                for chunk in chunks(columns_of(rows.schema), rows.schema, batches, request.encoding):
                    opening.tell()
                    yield sql_pb2.RunSqlResponse(chunk=chunk, **about)
                    about = {}
        finally:
            unread.cancel()
            rows.close()


def require_opens() -> None:
    """Refuse a caller who may not see personal values.

    :raises Rejected: NOT_ALLOWED.
    """
    call = UNDER_WAY.get()
    require(
        call.opens,
        "NOT_ALLOWED",
        f"personal values stay sealed for {listed(call.caller.roles)}; {listed(call.permission.opened)} may open them",
        field="open_personal",
    )


def _opened(batch: pa.RecordBatch, opening: Opening) -> pa.RecordBatch:
    """The batch with every sealed text opened, whatever its column is called; null where its key is gone."""
    columns = [
        pa.array([_open(value, opening) for value in column.to_pylist()], column.type)
        if pa.types.is_string(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _open(value: str | None, opening: Opening) -> str | None:
    if value is None or not value.startswith(SEALED):
        return value
    try:
        return opening.open_text(value)
    except Rejected:
        # A text that only looks sealed, for example cut out of a sealed one, is shown as it is.
        return value


def described(found: report.Report) -> reports_pb2.Report:
    """What a report says about itself."""
    columns = [reading_pb2.Column(name=each.name, type=each.type, meaning=each.meaning) for each in found.columns]
    return reports_pb2.Report(
        name=found.name,
        meaning=found.meaning,
        clock=found.clock,
        formula=found.formula,
        edges=found.edges,
        source=found.source,
        parameters=found.parameters,
        breakdowns=found.breakdowns,
        columns=columns,
        sql_version=found.sql_version,
        key=found.key,
        event_types=found.event_types,
        broken=found.broken,
    )


def _instant(request: Any, name: str) -> Any:
    return instant_in(name, getattr(request, name)) if request.HasField(name) else None

"""Records of any read model by its name: what a company's own models have before the contract has messages for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc

from crm.v1 import models_pb2, reading_pb2
from infra.models import Model, Models, Source, records
from infra.server.opening import Edge, Opening
from infra.server.queries import masked, not_served, of_allowed_size, page_in
from infra.server.reading import newest_point, point_in, read_point
from infra.server.values import json_value
from infra.server.watching import Watching

WIDE = frozenset({"BIGINT", "UBIGINT", "HUGEINT"})
"""The types whose numbers JSON does not keep as they are."""


class AnyModel:
    """Reads models by their names."""

    def __init__(self, log: Source, models: Models, edge: Edge, watching: Watching | None) -> None:
        self._log = log
        self._models = models
        self._edge = edge
        self._watching = watching

    def list_models(
        self, request: models_pb2.ListModelsRequest, context: grpc.ServicerContext
    ) -> models_pb2.ListModelsResponse:
        """Every read model in force, by name."""
        return models_pb2.ListModelsResponse(models=map(described, self._models.definitions.values()))

    def get_record(self, request: models_pb2.GetRecordRequest, context: grpc.ServicerContext) -> models_pb2.Record:
        """One record by its key.

        :raises Rejected: UNKNOWN_MODEL, INVALID_KEY, NOT_FOUND or UNKNOWN_COLUMN.
        """
        return self._get(request, point_in(request, context, self._log, self._models, request.model))

    def watch_record(
        self, request: models_pb2.WatchRecordRequest, context: grpc.ServicerContext
    ) -> Iterator[models_pb2.Record]:
        """One record by its key, and again whenever it has changed.

        :raises Rejected: as ``get_record``; TOO_MANY_FOLLOWERS, SERVER_STOPPING or NOT_SERVED_HERE.
        """
        if self._watching is None:
            raise not_served()

        def look() -> models_pb2.Record:
            return self._get(request, newest_point(request, context, self._log, self._models, request.model))

        yield from self._watching.watch(context, request.model, None, look)

    def _get(self, request: Any, point: dict[str, Any]) -> models_pb2.Record:
        model = self._models.model(request.model)
        shown = masked(request.read_mask.paths, model.columns)
        found = records.get(self._models, request.model, dict(request.key), **point)
        with self._edge.opening() as opening:
            record = _record(found.row, model, shown, opening)
        record.read_point.CopyFrom(read_point(found.as_of, found.position, found.held_back))
        return record

    def list_records(
        self, request: models_pb2.ListRecordsRequest, context: grpc.ServicerContext
    ) -> models_pb2.ListRecordsResponse:
        """A page of records.

        :raises Rejected: UNKNOWN_MODEL, UNKNOWN_COLUMN, and what a list refuses.
        """
        model = self._models.model(request.model)
        shown = masked(request.read_mask.paths, model.columns)
        page = page_in(self._models, request.model, request, context, self._log)
        with self._edge.opening() as opening:
            return of_allowed_size(
                models_pb2.ListRecordsResponse(
                    records=[_record(row, model, shown, opening) for row in page.rows],
                    next_page_token=page.next_page_token,
                    read_point=read_point(page.as_of, page.position, page.held_back),
                )
            )


def _record(row: Mapping[str, Any], model: Model, shown: Mapping[str, str], opening: Opening) -> models_pb2.Record:
    record = models_pb2.Record()
    for name, type in shown.items():
        value = row[name]
        if name in model.personal and value is not None:
            value = opening.open_text(value)
        record.values.fields[name].CopyFrom(json_value(value, exact=type in WIDE))
    return record


def described(model: Model) -> models_pb2.Model:
    """What a read model says about itself."""
    columns = [reading_pb2.Column(name=each.name, type=each.type, meaning=each.meaning) for each in model.shown]
    return models_pb2.Model(
        name=model.name,
        meaning=model.meaning,
        key=model.key,
        columns=columns,
        personal=sorted(model.personal),
    )

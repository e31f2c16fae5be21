"""The work that keeps the read models as they should be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock

import grpc

from crm.v1 import system_pb2
from infra.models import Models, Source
from infra.models.snapshots import prune
from infra.server.reading import reached_position
from infra.server.work import told
from infra.settings import Settings


class Upkeep:
    """Rebuilds the read models and publishes them."""

    def __init__(self, log: Source, models: Models, settings: Settings) -> None:
        self._log = log
        self._models = models
        self._settings = settings
        self._publishing = Lock()

    def rebuild_models(
        self, request: system_pb2.RebuildModelsRequest, context: grpc.ServicerContext
    ) -> Iterator[system_pb2.RebuildModelsResponse]:
        """Builds read models anew, as their files say now; says how far it is.

        :raises Rejected: MODEL_INVALID, UNKNOWN_MODEL or MODEL_BROKEN, before any is built.
        """
        self._models.reread()
        names = list(request.models) or self._models.names
        for name in names:
            self._models.model(name)

        def work(tell: Callable[[system_pb2.RebuildModelsResponse], None]) -> None:
            def progress(model: str, done: int, total: int) -> None:
                tell(system_pb2.RebuildModelsResponse(model=model, done=done, total=total))

            for model in names:
                progress(model, 0, self._models.position)
                self._models.rebuild([model], progress)

        return told(work)

    def list_held_back_streams(
        self, request: system_pb2.ListHeldBackStreamsRequest, context: grpc.ServicerContext
    ) -> system_pb2.ListHeldBackStreamsResponse:
        """What is held back."""
        return system_pb2.ListHeldBackStreamsResponse(streams=self._held_back())

    def replay_held_back_streams(
        self, request: system_pb2.ReplayHeldBackStreamsRequest, context: grpc.ServicerContext
    ) -> system_pb2.ReplayHeldBackStreamsResponse:
        """Tries again what is held back.

        :raises Rejected: MODEL_BROKEN.
        """
        tried = len(self._models.held_back)
        self._models.replay()
        return system_pb2.ReplayHeldBackStreamsResponse(tried=tried, streams=self._held_back())

    def _held_back(self) -> Iterator[system_pb2.HeldBackStream]:
        held = self._models.held_back
        counts = self._models.held_events() if held else {}
        for each in held:
            yield system_pb2.HeldBackStream(
                part=each.part,
                stream=each.stream,
                position=each.position,
                type=each.type,
                events=counts.get((each.part, each.stream), 0),
                sentence=each.sentence,
                found_at=each.since,
            )

    def create_snapshot(
        self, request: system_pb2.CreateSnapshotRequest, context: grpc.ServicerContext
    ) -> system_pb2.Snapshot:
        """Publishes the read models as a file, and removes the oldest files where the settings say how many stay."""
        reached_position(request, context, self._log, self._models)
        with self._publishing:
            file = self._models.snapshot()
            manifest = json.loads(file.with_suffix(".json").read_text("utf-8"))
            if self._settings.snapshots_kept is not None:
                prune(self._settings.snapshots, self._settings.snapshots_kept)
        return system_pb2.Snapshot(
            file=str(file),
            position=manifest["position"],
            hash=bytes.fromhex(manifest["hash"]),
            created_at=datetime.fromisoformat(manifest["time"]).astimezone(UTC),
            rows=manifest["rows"],
        )

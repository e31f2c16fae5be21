"""The server's own state, and the work that keeps it sound."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from queue import SimpleQueue
from threading import Event as Flag
from threading import Thread
from typing import Any, TypeVar

import grpc

from crm.v1 import system_pb2
from infra.log import Finding, Log, contradictions, utc_now
from infra.models import Models, witness_of, witnesses
from infra.server.reading import reached_position
from infra.settings import Settings

Message = TypeVar("Message")


class System:
    """Looks after the log and the read models for callers."""

    def __init__(self, log: Log, models: Models, settings: Settings) -> None:
        self._log = log
        self._models = models
        self._settings = settings

    def get_status(self, request: system_pb2.GetStatusRequest, context: grpc.ServicerContext) -> system_pb2.Status:
        """How each part is."""
        head = self._log.head
        status = self._models.status()
        parts = [self._part("archive", status.position, status.lag, error=status.last_error)]
        parts += [self._part(each.name, each.position, each.lag, each.rows, each.broken) for each in status.models]
        forked = [f"{each.code}: {each.sentence}" for each in self._forked()]
        answer = system_pb2.Status(
            well=not forked and not any(part.last_error for part in parts),
            program_version=version("annals"),
            data_directory=str(self._settings.data.absolute()),
            position=head.position,
            hash=head.hash,
            parts=parts,
            time_zone=self._models.time_zone,
            notices=[*status.notices, *forked],
        )
        if head.position:
            answer.recorded_at = head.recorded_at
        return answer

    def verify(
        self, request: system_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> Iterator[system_pb2.VerifyResponse]:
        """Checks the log, and the read models if asked to; says how far it is and what is wrong."""

        def work(tell: Callable[[system_pb2.VerifyResponse], None]) -> None:
            def progress(part: str, done: int, total: int) -> None:
                tell(system_pb2.VerifyResponse(part=part, done=done, total=total))

            wrong = self._log.verify(progress=lambda done, total: progress("log", done, total))
            for found in wrong + self._forked():
                finding = system_pb2.Finding(code=found.code, sentence=found.sentence, position=found.position)
                tell(system_pb2.VerifyResponse(part="log", finding=finding))
            for model in self._models.names if request.rebuild else ():
                progress(model, 0, self._models.position)
                for differing in self._models.check_rebuild([model], progress):
                    finding = system_pb2.Finding(code=differing.code, sentence=differing.sentence)
                    tell(system_pb2.VerifyResponse(part=model, finding=finding))

        return told(work)

    def rebuild_models(
        self, request: system_pb2.RebuildModelsRequest, context: grpc.ServicerContext
    ) -> Iterator[system_pb2.RebuildModelsResponse]:
        """Builds read models anew; says how far it is.

        :raises Rejected: UNKNOWN_MODEL or MODEL_BROKEN, before any is built.
        """
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

    def create_snapshot(
        self, request: system_pb2.CreateSnapshotRequest, context: grpc.ServicerContext
    ) -> system_pb2.Snapshot:
        """Publishes the read models as a file."""
        reached_position(request, context, self._log)
        file = self._models.snapshot()
        manifest = json.loads(file.with_suffix(".json").read_text("utf-8"))
        return system_pb2.Snapshot(
            file=str(file),
            position=manifest["position"],
            hash=bytes.fromhex(manifest["hash"]),
            created_at=datetime.fromisoformat(manifest["time"]).astimezone(UTC),
            rows=manifest["rows"],
        )

    def _forked(self) -> list[Finding]:
        """The witnesses that have seen another history than the log's."""

        def hash_at(position: int) -> bytes | None:
            row = next(self._log.rows(after=position - 1, until=position), None)
            return row.hash if row is not None else None

        file = self._settings.models_file
        seen = [*witnesses(file, self._settings.snapshots), witness_of(self._models, file)]
        return contradictions(seen, self._log.head.position, hash_at)

    def _part(
        self, name: str, position: int, lag: int, rows: int = 0, error: str | None = None
    ) -> system_pb2.Status.Part:
        return system_pb2.Status.Part(
            name=name,
            position=position,
            lag_events=lag,
            lag_seconds=self._waiting(position) if lag else 0,
            rows=rows,
            last_error=error or "",
        )

    def _waiting(self, position: int) -> float:
        """Seconds since the event after the position was recorded."""
        first = next(self._log.rows(after=position, until=position + 1), None)
        return max(0.0, (utc_now() - first.recorded_at).total_seconds()) if first is not None else 0.0


class _Gone(Exception):
    """Nobody listens any more."""


def told(work: Callable[[Callable[[Message], None]], None]) -> Iterator[Message]:
    """What long work tells while it runs in a thread of its own; it stops at its next word when nobody listens.

    :raises Exception: what the work raises.
    """
    words: SimpleQueue[Any] = SimpleQueue()
    gone = Flag()
    done = object()

    def tell(word: Message) -> None:
        if gone.is_set():
            raise _Gone
        words.put(word)

    def run() -> None:
        try:
            work(tell)
            words.put(done)
        except Exception as error:
            words.put(error)

    Thread(target=run, name="work", daemon=True).start()
    try:
        while (word := words.get()) is not done:
            if isinstance(word, Exception):
                raise word
            yield word
    finally:
        gone.set()

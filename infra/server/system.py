"""The server's own state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import grpc

from commands.rejected import Rejected
from crm.v1 import system_pb2
from infra.log import Finding, Log, contradictions, utc_now
from infra.models import Models, report, witness_of, witnesses
from infra.models.heldback import ARCHIVE
from infra.server.work import told
from infra.settings import Settings
from infra.stream import Stream
from infra.stream.publisher import STANDING_BY, Publisher


class System:
    """Says how the parts are, and checks them."""

    def __init__(
        self, log: Log | Stream, models: Models | None, settings: Settings, publisher: Publisher | None = None
    ) -> None:
        self._log = log
        self._models = models
        self._settings = settings
        self._publisher = publisher

    def get_status(self, request: system_pb2.GetStatusRequest, context: grpc.ServicerContext) -> system_pb2.Status:
        """How each part is."""
        head = self._log.head
        parts, notices = self.parts()
        forked = [f"{each.code}: {each.sentence}" for each in self._forked()]
        answer = system_pb2.Status(
            well=not forked and not any(part.last_error or part.held_back_streams for part in parts),
            program_version=version("annals"),
            data_directory=str(self._settings.data.absolute()),
            position=head.position,
            hash=head.hash,
            parts=parts,
            time_zone=self._settings.time_zone,
            notices=[*notices, *forked],
        )
        if head.position:
            answer.recorded_at = head.recorded_at
        return answer

    def parts(self) -> tuple[list[system_pb2.Status.Part], list[str]]:
        """How far each part is that follows the log, and what there is to say about them."""
        parts: list[system_pb2.Status.Part] = []
        notices: list[str] = []
        if self._models is not None:
            status = self._models.status()
            parts = [
                self._part("archive", status.position, status.lag, error=status.last_error, held_back=status.held_back)
            ]
            parts += [
                self._part(each.name, each.position, each.lag, each.rows, each.broken, each.held_back)
                for each in status.models
            ]
            notices = status.notices
        if isinstance(self._log, Stream):
            followed = self._log.status
            behind = followed.head - followed.position
            parts.append(self._part("topics", followed.position, behind, error=followed.last_error))
            if followed.foreign:
                notices = [
                    *notices,
                    f"{followed.foreign} records on the topics are no events; "
                    f"{followed.unwritten} notices could not be written to topics .dlq",
                ]
        if self._publisher is not None:
            going = self._publisher.status
            parts.append(self._part("publisher", going.position, going.lag, error=going.last_error))
            if going.state == STANDING_BY:
                notices = [*notices, "the publisher stands by, for another one publishes"]
        return parts, notices

    def verify(
        self, request: system_pb2.VerifyRequest, context: grpc.ServicerContext
    ) -> Iterator[system_pb2.VerifyResponse]:
        """Checks the log, and the archive, the read models and what reports keep if asked to; says how far it is and
        what is wrong.

        :raises Rejected: NOT_SERVED_HERE where there is no log, or no read models to check.
        """
        log = self._log
        if isinstance(log, Stream):
            raise Rejected("NOT_SERVED_HERE", "this server follows topics; ask one on the log to verify it")
        if request.rebuild and self._models is None:
            raise Rejected("NOT_SERVED_HERE", "this server has no read models to check; ask one that runs all")

        def work(tell: Callable[[system_pb2.VerifyResponse], None]) -> None:
            def progress(part: str, done: int, total: int) -> None:
                tell(system_pb2.VerifyResponse(part=part, done=done, total=total))

            wrong = log.verify(progress=lambda done, total: progress("log", done, total))
            for found in wrong + self._forked():
                finding = system_pb2.Finding(code=found.code, sentence=found.sentence, position=found.position)
                tell(system_pb2.VerifyResponse(part="log", finding=finding))
            if not request.rebuild or self._models is None:
                return
            models = self._models
            checks: dict[str, Callable[..., list[Any]]] = {
                ARCHIVE: models.check_archive,
                **{name: partial(models.check_rebuild, [name]) for name in models.names},
            }
            for part, check in checks.items():
                progress(part, 0, models.position)
                for differing in check(progress):
                    finding = system_pb2.Finding(code=differing.code, sentence=differing.sentence)
                    tell(system_pb2.VerifyResponse(part=part, finding=finding))
            for differing in report.check_kept(self._models):
                finding = system_pb2.Finding(code=differing.code, sentence=differing.sentence)
                tell(system_pb2.VerifyResponse(part=differing.model, finding=finding))

        return told(work)

    def _forked(self) -> list[Finding]:
        """The witnesses that have seen another history than the log's. Topics are checked as they are read."""
        if isinstance(self._log, Stream):
            return []
        file = self._settings.models_file
        seen = witnesses(file, self._settings.snapshots)
        if self._models is not None:
            seen = [*seen, witness_of(self._models, file)]
        return contradictions(seen, self._log.head.position, self._log.hash_at)

    def _part(
        self, name: str, position: int, lag: int, rows: int = 0, error: str | None = None, held_back: int = 0
    ) -> system_pb2.Status.Part:
        return system_pb2.Status.Part(
            name=name,
            position=position,
            lag_events=lag,
            lag_seconds=self._waiting(position) if lag else 0,
            rows=rows,
            held_back_streams=held_back,
            last_error=error or "",
        )

    def _waiting(self, position: int) -> float:
        """Seconds since the event after the position was recorded."""
        if isinstance(self._log, Stream):
            since = self._log.recorded_after(position)
        else:
            first = next(self._log.rows(after=position, until=position + 1), None)
            since = None if first is None else first.recorded_at
        return max(0.0, (utc_now() - since).total_seconds()) if since is not None else 0.0

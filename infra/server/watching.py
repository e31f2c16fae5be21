"""Watching a record: as it stands, and again whenever it has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from time import monotonic, sleep
from typing import Any

import grpc
from google.protobuf.message import Message

from domain.event import Event
from infra.models import Models
from infra.server.feed import Followers

REST = 4
"""How many times as long as a look took nobody else looks, so that watchers take a fifth of a processor in all."""

LOOK_AGAIN_SECONDS = 60.0


class Watching:
    """Looks at records for those who watch them."""

    def __init__(self, models: Models, followers: Followers) -> None:
        self._models = models
        self._followers = followers
        self._turn = Lock()

    def watch(
        self, context: grpc.ServicerContext, model: str, mention: str | None, look: Callable[[], Any]
    ) -> Iterator[Message]:
        """What ``look`` finds now, and again whenever it finds something else, its ``read_point`` aside.

        :param mention: what every event that changes the record names; none where it is not known.
        :raises Rejected: TOO_MANY_FOLLOWERS, SERVER_STOPPING, and what ``look`` refuses.
        """
        relations = self._models.model(model).relations
        types = [name for name, event in Event.by_name.items() if event.relation in relations]
        with self._followers.following(context, types=types, mention=mention) as wait:
            shown = look()
            yield shown
            while context.is_active():
                if wait(LOOK_AGAIN_SECONDS)[0]:
                    found = self._look(look)
                    if is_other(found, shown):
                        shown = found
                        yield shown

    def _look(self, look: Callable[[], Any]) -> Any:
        with self._turn:
            begin = monotonic()
            found = look()
            sleep(REST * (monotonic() - begin))
        return found


def is_other(one: Any, another: Any) -> bool:
    """Whether two records differ, wherever they stand."""
    bare = []
    for record in (one, another):
        copy = type(record)()
        copy.CopyFrom(record)
        copy.ClearField("read_point")
        bare.append(copy)
    return bool(bare[0] != bare[1])

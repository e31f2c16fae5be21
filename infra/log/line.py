"""Callers stand in line, and whoever is in front serves all that wait: group commit without a thread of its own."""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Lock

from infra.log.decision import Asked


class Caller:
    """Somebody in line. The gate opens when the caller was served, or leads and is to serve; ``following`` is who is
    to be woken after it.
    """

    __slots__ = ("asked", "following", "gate", "has_left", "leads", "was_served")

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.asked = asked
        self.leads = False
        self.was_served = False
        self.has_left = False
        self.following: Caller | None = None
        self.gate = allocate_lock()
        self.gate.acquire()


class Line:
    """Lets one caller at a time serve what is waiting, its own included; a lone caller does not wait.

    ``serve`` answers all of the requests it gets and raises nothing but an interrupt. It gets no more than ``most`` of
    them, unless one caller alone asks for more.
    """

    def __init__(self, serve: Callable[[list[Asked]], None], *, most: int) -> None:
        self._serve = serve
        self._most = most
        self._mutex = Lock()
        self._waiting: deque[Caller] = deque()
        self._busy = False

    def stand(self, asked: Sequence[Asked]) -> None:
        """Return when all that is asked was answered."""
        caller = Caller(asked)
        try:
            with self._mutex:
                self._waiting.append(caller)
                caller.leads = not self._busy
                self._busy = True
            if not caller.leads:
                caller.gate.acquire()
            if caller.leads:
                self._lead(caller)
            elif caller.following is not None:
                with self._mutex:
                    self._wake_following(caller)
        except BaseException:
            self._leave(caller)
            raise

    def _lead(self, caller: Caller) -> None:
        with self._mutex:
            group = [self._waiting.popleft()]
            size = len(caller.asked)
            while self._waiting and size + len(self._waiting[0].asked) <= self._most:
                group.append(self._waiting.popleft())
                size += len(group[-1].asked)
            for member, following in pairwise(group):
                member.following = following
        try:
            self._serve([asked for member in group for asked in member.asked])
        finally:
            with self._mutex:
                self._hand_over(caller)
                self._wake_following(caller)

    def _wake_following(self, caller: Caller) -> None:
        """Wake the next one of a group that was served, who wakes the one after it: if all woke at once, they would
        only fight for the interpreter.
        """
        while (following := caller.following) is not None:
            caller.following = None
            following.was_served = True
            following.gate.release()
            if not following.has_left:
                return
            caller = following

    def _hand_over(self, caller: Caller) -> None:
        caller.leads = False
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].gate.release()
        else:
            self._busy = False

    def _leave(self, caller: Caller) -> None:
        """Somebody was interrupted while in line."""
        with self._mutex:
            caller.has_left = True
            if caller in self._waiting:
                self._waiting.remove(caller)
            if caller.leads:
                self._hand_over(caller)
            if caller.was_served:
                self._wake_following(caller)

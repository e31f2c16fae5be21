"""Callers stand in line, and whoever is in front serves all that wait: group commit without a thread of its own."""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from threading import TIMEOUT_MAX, Lock
from time import monotonic

from infra.asker import left
from infra.log.decision import Asked


class Caller:
    """Somebody in line. The gate opens when the caller was served, or leads and is to serve; ``following`` is who is
    to be woken after it.
    """

    __slots__ = ("alone", "asked", "following", "gate", "has_left", "leads", "was_served")

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.asked = asked
        self.alone = any(each.alone for each in asked)
        self.leads = False
        self.was_served = False
        self.has_left = False
        self.following: Caller | None = None
        self.gate = allocate_lock()
        self.gate.acquire()


Admit = Callable[[], list[Asked]]
"""Lets those who wait join the group that is being served, and says what they ask."""


def seconds_until(instant: float | None) -> float:
    """How long to wait for a gate; -1, for as long as it takes, where that is not said."""
    return -1 if instant is None else min(max(0.0, instant - monotonic()), TIMEOUT_MAX)


class Line:
    """Lets one caller at a time serve what is waiting, its own included; a lone caller does not wait.

    ``serve`` admits whoever waits, once or again while it serves, answers all that they ask, and raises nothing but an
    interrupt. A group asks for no more than ``most``, unless one caller alone does; who needs to be alone is so. Those
    who wait ask for no more than ``room``, unless one of them alone does.
    """

    def __init__(self, serve: Callable[[Admit], None], *, most: int, room: int | None = None) -> None:
        self._serve = serve
        self._most = most
        self._room = room
        self._asked_for = 0
        self._mutex = Lock()
        self._waiting: deque[Caller] = deque()
        self._busy = False

    @property
    def waiting(self) -> int:
        """How much is asked by those who wait."""
        return self._asked_for

    def stand(self, asked: Sequence[Asked], until: float | None = None) -> bool:
        """Return when all that is asked was answered; at once, and false, where there is no room to wait. Who is not in
        a group yet when it is ``until``, an instant of ``time.monotonic``, leaves, refused.
        """
        caller = Caller(asked)
        try:
            with self._mutex:
                if self._room is not None and self._waiting and self._asked_for + len(asked) > self._room:
                    return False
                self._waiting.append(caller)
                self._asked_for += len(asked)
                caller.leads = not self._busy
                self._busy = True
            if not caller.leads and not caller.gate.acquire(timeout=seconds_until(until)):
                if self._left(caller):
                    for each in asked:
                        each.answer = left()
                    return True
                caller.gate.acquire()
            if caller.leads:
                self._lead(caller)
            elif caller.following is not None:
                with self._mutex:
                    self._wake_following(caller)
        except BaseException:
            self._leave(caller)
            raise
        return True

    def _lead(self, caller: Caller) -> None:
        group: list[Caller] = []
        try:
            self._serve(partial(self._admit, group))
        finally:
            with self._mutex:
                for member, following in pairwise(group):
                    member.following = following
                self._hand_over(caller)
                self._wake_following(caller)

    def _admit(self, group: list[Caller]) -> list[Asked]:
        with self._mutex:
            before = len(group)
            while self._waiting and self._may_join(group, self._waiting[0]):
                group.append(self._waiting.popleft())
                self._asked_for -= len(group[-1].asked)
        return [asked for member in group[before:] for asked in member.asked]

    def _may_join(self, group: list[Caller], caller: Caller) -> bool:
        if not group:
            return True
        if caller.alone or group[0].alone:
            return False
        return sum(len(member.asked) for member in group) + len(caller.asked) <= self._most

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

    def _left(self, caller: Caller) -> bool:
        """Whether somebody who waits no longer could leave: nobody serves them, and they are not to lead."""
        with self._mutex:
            if caller.leads or caller not in self._waiting:
                return False
            self._waiting.remove(caller)
            self._asked_for -= len(caller.asked)
            return True

    def _leave(self, caller: Caller) -> None:
        """Somebody was interrupted while in line."""
        with self._mutex:
            caller.has_left = True
            if caller in self._waiting:
                self._waiting.remove(caller)
                self._asked_for -= len(caller.asked)
            if caller.leads:
                self._hand_over(caller)
            if caller.was_served:
                self._wake_following(caller)

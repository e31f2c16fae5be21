"""How the read models are, in words and figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a model: its name, a stable code and a sentence."""

    model: str
    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How one model is. ``position`` is the last event that counts in it, ``lag`` how many events of the log are not
    looked at yet, ``rows`` the keys, ``past`` the states besides, ``fingerprint`` the SHA-256 of its file, ``broken``
    what is wrong with it, ``held_back`` how many streams it does not count to their ends.
    """

    name: str
    position: int
    lag: int
    rows: int
    past: int
    fingerprint: str
    broken: str | None
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """How the read models are. ``notices`` tell what happened to the file, oldest first; ``last_error`` is what keeps
    the follower from going on, None where nothing does; ``held_back`` is how many streams the archive holds back.
    """

    position: int
    lag: int
    models: list[ModelStatus]
    notices: list[str]
    last_error: str | None
    held_back: int = 0

"""How much the tests of faults do: little in ``make test``, much in ``make soak``. Every size may be set by itself, for
example ANNALS_EVENTS=100000.
"""

from __future__ import annotations

import os

SOAK = os.environ.get("ANNALS_SOAK") == "1"


def size(name: str, short: int, long: int) -> int:
    """The size of that name."""
    return int(os.environ.get(f"ANNALS_{name}", long if SOAK else short))


EVENTS = size("EVENTS", 12_000, 2_000_000)
"""How many events the writers of one log record."""

WRITERS = size("WRITERS", 4, 8)
READERS = size("READERS", 2, 3)

NODES = size("NODES", 2, 4)
"""Processes that ask on one log."""

CALLERS = size("CALLERS", 4, 8)
"""Threads of each of them."""

TURNS = size("TURNS", 25, 400)
"""How often each caller asks."""

STORM_WINS = size("STORM_WINS", 5, 100)
"""How often each caller has to win in a storm of conflicts."""

KILLS = size("KILLS", 3, 20)
"""How often a process is killed."""

SERVICE_SECONDS = size("SERVICE_SECONDS", 30, 600)
"""How long everything that the service does is asked for while it is killed and restarted."""

DATABASE_KILLS = size("DATABASE_KILLS", 2, 10)

STREAM_KILLS = size("STREAM_KILLS", 20, 200)
"""How often a command node, the publisher, a query node or the broker is killed."""

CUTS = size("CUTS", 30, 1_000)
"""How many connections are cut at random moments."""

JUMPS = size("JUMPS", 150, 3_000)
"""How often a clock jumps."""

REPEATS = size("REPEATS", 15, 500)
"""How many requests are sent to two nodes at once."""

TAMPERINGS = size("TAMPERINGS", 270, 20_000)
"""How often rows or bytes are altered, in each of several ways."""

FUZZED = size("FUZZED", 20_000, 1_000_000)
"""How many cases of random bytes codec, verifier, import, checkpoints and sealed texts are given altogether."""

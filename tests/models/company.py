"""A company whose history is told: the real log, keys and read models in a folder, and a clock that the story sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from commands.command import Command
from commands.customer import ForgetCustomer
from commands.lead import ForgetLead
from domain.event import Event, State
from infra.keys import Keys
from infra.log import Actor, Envelope, Log, Outcome, Request, decode
from infra.models import Models
from tests.laws.chance import COMMANDS, any_command

PROJECTIONS = Path(__file__).parents[2] / "projections"
ACTOR = Actor("user", "ada")
AGES = 5


def day(text: str) -> datetime:
    """``03-01 09:00`` of the year that the stories play in, in UTC."""
    return datetime.strptime(f"2024-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


class Company:
    """The log, the keys and the read models of one company."""

    def __init__(
        self, folder: Path, projections: Path = PROJECTIONS, time_zone: str = "UTC", memory: str = "1GB"
    ) -> None:
        self.now = day("01-01 00:00")
        self.keys = Keys.open(f"sqlite:///{folder / 'keys.db'}", b"k" * 32)
        self.log = Log.open(f"sqlite:///{folder / 'log.db'}", self.keys, clock=lambda: self.now)
        self.models = Models(
            folder / "models.duckdb",
            self.log,
            projections=projections,
            time_zone=time_zone,
            memory=memory,
            threads=2,
            snapshots=folder / "snapshots",
        )

    def tell(self, recorded: str, command: Command, occurred: str | None = None) -> Outcome:
        """Record a command at an instant; it was so then, or at the earlier one that is given."""
        self.now = day(recorded)
        return self.log.execute(Request(command, ACTOR, occurred_at=day(occurred) if occurred else None))

    def happen_by_chance(self, chance: Random, commands: int) -> None:
        """Ask for commands by chance, two in five of them late, and let the rules refuse what they refuse. Every age
        has streams of its own; nobody is forgotten but in the last one, for after that nothing happens to them.
        """
        alive = [kind for kind in COMMANDS if kind not in (ForgetCustomer, ForgetLead)]
        for number in range(commands):
            age = number * AGES // commands
            self.now += timedelta(minutes=chance.randint(0, 90), microseconds=chance.randint(0, 999_999))
            ago = timedelta(minutes=chance.randint(0, 2000))
            occurred = self.now - ago if chance.random() < 0.4 else None
            command = any_command(chance, chance.choice(COMMANDS if age == AGES - 1 else alive))
            ids = {name: f"{getattr(command, name)}-{age}" for name in ("id", *command.named)}
            self.log.submit([Request(command.model_copy(update=ids), ACTOR, occurred_at=occurred)])

    def events(self) -> list[tuple[Envelope, Event[Any]]]:
        """Every event there ever was, in order, with personal values sealed."""
        return [decode(row.document, None) for row in self.log.rows()]

    def close(self) -> None:
        self.models.close()
        self.log.close()
        self.keys.close()


def states_at(events: list[tuple[Envelope, Event[Any]]], as_of: datetime, known_at: int) -> dict[str, State]:
    """The law in its plainest form: the state of every stream that had begun, folded from what was so at ``as_of`` and
    recorded by ``known_at``.
    """
    streams: dict[str, State] = {}
    for envelope, event in events:
        if envelope.occurred_at <= as_of and envelope.position <= known_at:
            streams[envelope.stream] = event.evolve(streams.get(envelope.stream) or event.state())
    return streams


def ratio(part: int, whole: int) -> Decimal:
    """Rounded to six places, half up, in whole numbers."""
    return Decimal((2_000_000 * part + whole) // (2 * whole)) / 1_000_000


@contextmanager
def company_in(folder: Path, **settings: Any) -> Iterator[Company]:
    """A company in a folder, closed in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    company = Company(folder, **settings)
    try:
        yield company
    finally:
        company.close()

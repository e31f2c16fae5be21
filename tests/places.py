"""Databases for tests, SQLite files and PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text


@dataclass
class Place:
    """Where databases can be made: ``kind`` is sqlite or postgresql. A name stands for the same database each time."""

    kind: str
    make: Callable[[str], str]
    _made: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """The database of that name."""
        if name not in self._made:
            self._made[name] = self.make(name)
        return self._made[name]

    def run(self, name: str, *statements: str, **parameters: Any) -> list[Any]:
        """Do something to a database behind the back of its owner; the rows of the last statement."""
        return run(self.url(name), *statements, **parameters)


def run(url: str, *statements: str, **parameters: Any) -> list[Any]:
    """Run the statements in one transaction; the rows of the last one."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(text(statement), parameters)
            return list(result.all()) if result.returns_rows else []
    finally:
        engine.dispose()

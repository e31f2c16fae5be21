"""Records: one row of a read model, or a page of them, as of any instant, known at any position."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from commands.rejected import Rejected, require
from infra.models.engine import Models
from infra.models.filter import condition, require_column
from infra.models.model import Model
from infra.models.point import Point, at_point, at_present, row_at_present

PAGE_SIZE = 50
LARGEST_PAGE = 1000
TERM = re.compile(r"\s*(\S+)(?:\s+(asc|desc))?\s*")
"""A column of ``order_by``."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a model, with the T and the K that it is for. Personal values are sealed. ``held_back`` is how many
    streams are held back in the model.
    """

    row: dict[str, Any]
    as_of: datetime
    position: int
    held_back: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a model, with the T and the K that they are for, and the token of the next page, empty on the last
    one. Personal values are sealed. ``held_back`` is how many streams are held back in the model.
    """

    rows: list[dict[str, Any]]
    next_page_token: str
    as_of: datetime
    position: int
    held_back: int = 0


def get(
    models: Models,
    model: str,
    key: Mapping[str, Any],
    *,
    as_of: datetime | None = None,
    known_at: int | datetime | None = None,
    min_position: int | None = None,
) -> Record:
    """The row with the key, given by column.

    :raises Rejected: NOT_FOUND where there is none at that point; STREAM_HELD_BACK where it is not known whether there
        is one, or how it stands; UNKNOWN_MODEL, INVALID_INSTANT or IN_THE_FUTURE.
    """
    keys = models.model(model).key
    require(set(key) == set(keys), "INVALID_KEY", f"the key of {model} is {', '.join(keys)}", field="key")
    values = [key[name] for name in keys]
    if as_of is None and known_at is None:
        as_of, position, rows, held = row_at_present(models, model, values, min_position=min_position)
    else:
        matches = " and ".join(f'"{column}" = ?' for column in keys)
        with at_point(models, [model], as_of=as_of, known_at=known_at, min_position=min_position) as at:
            models.require_not_held_back(at.cursor, model, key, at.position)
            as_of, position, held = at.as_of, at.position, at.held
            rows = at.table(f"from {at.rows_of(model)} where {matches}", values)
    if not rows.num_rows:
        named = ", ".join(f"{name} {value}" for name, value in key.items())
        raise Rejected("NOT_FOUND", f"there is no row of {model} with {named} as of {as_of}", field=keys[-1])
    return Record(rows.to_pylist()[0], as_of, position, held)


def list_(
    models: Models,
    model: str,
    *,
    filter: str = "",
    order_by: str = "",
    page_size: int = 0,
    page_token: str = "",
    as_of: datetime | None = None,
    known_at: int | datetime | None = None,
    min_position: int | None = None,
) -> Page:
    """A page of rows that match the filter, in order. The token of a page pins the T and the K of the first one, so
    that what is recorded in between neither repeats nor hides a row.

    :param filter: as AIP-160 writes it (see ``infra.models.filter``).
    :param order_by: columns, each perhaps followed by ``desc``, joined by commas; the key comes last in any case.
    :param page_size: how many rows; 50 where it is 0, at most 1000.
    :raises Rejected: INVALID_FILTER, INVALID_ORDER, INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN, UNKNOWN_COLUMN,
        FIELD_IS_PERSONAL, UNKNOWN_MODEL, INVALID_INSTANT or IN_THE_FUTURE.
    """
    known = models.model(model)
    require(page_size >= 0, "INVALID_PAGE_SIZE", "a page has at least one row", field="page_size")
    size = min(page_size or PAGE_SIZE, LARGEST_PAGE)
    matches, values = condition(filter, known.columns, known.personal, models.time_zone)
    order = _order(known, order_by)
    question = [model, filter, order_by, str(as_of), str(known_at)]
    offset = 0
    if page_token:
        as_of, known_at, offset = _place(page_token, question)
    with _at(models, model, as_of, known_at, min_position) as at:
        sql = f"from {at.rows_of(model)} where {matches} order by {order} limit {size + 1} offset {offset}"
        rows = at.table(sql, values).to_pylist()
        token = _token(question, at.as_of, at.position, offset + size) if len(rows) > size else ""
        return Page(rows[:size], token, at.as_of, at.position, at.held)


def _at(
    models: Models, model: str, as_of: datetime | None, known_at: int | datetime | None, min_position: int | None
) -> AbstractContextManager[Point]:
    if as_of is None and known_at is None:
        return at_present(models, model, min_position=min_position)
    return at_point(models, [model], as_of=as_of, known_at=known_at, min_position=min_position)


def _order(known: Model, order_by: str) -> str:
    """The terms of ORDER BY, with the key last, so that the order is always the same."""
    terms: dict[str, str] = {}
    at = 0
    for part in order_by.split(",") if order_by.strip() else ():
        found = TERM.fullmatch(part)
        place = at + len(part) - len(part.lstrip())
        if not found or found[1] in terms:
            wrong = f"{found[1]} stands twice" if found else "expected a column, or a column and desc"
            said = part.strip() or "nothing"
            raise Rejected("INVALID_ORDER", f"at character {place + 1}, {said}: {wrong}", field="order_by")
        require_column(found[1], known.columns, known.personal, field="order_by", at=place)
        terms[found[1]] = f'"{found[1]}" {found[2] or "asc"} nulls last'
        at += len(part) + 1
    return ", ".join([*terms.values(), *(f'"{column}"' for column in known.key)])


def _token(question: list[str], as_of: datetime, position: int, offset: int) -> str:
    place = json.dumps([as_of.isoformat(), position, offset]).encode()
    return _written(_check(place, question) + place)


def _written(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _place(token: str, question: list[str]) -> tuple[datetime, int, int]:
    """The T, the K and the offset that a page token stands for."""
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        content = b""
    check, place = content[:16], content[16:]
    said = _said(place) if _written(content) == token and check == _check(place, question) else None
    if said is None:
        sentence = "the page token is damaged or belongs to another list; ask without one, or with the same question"
        raise Rejected("INVALID_PAGE_TOKEN", sentence, field="page_token")
    return said


def _said(place: bytes) -> tuple[datetime, int, int] | None:
    """What a token says, where that can be. Anybody can make one that checks, and the offset becomes SQL."""
    try:
        instant, position, offset = json.loads(place)
        as_of = datetime.fromisoformat(instant)
    except (ValueError, TypeError, RecursionError):
        return None
    numbers = all(type(number) is int and 0 <= number < 2**63 for number in (position, offset))
    return (as_of, position, offset) if numbers and as_of.tzinfo is UTC else None


def _check(place: bytes, question: list[str]) -> bytes:
    return hashlib.sha256(json.dumps(question).encode() + b"\0" + place).digest()[:16]

"""Filters as AIP-160 writes them, as far as they are needed: comparisons joined by AND.

status = "open" AND priority != null AND opened_at >= 2024-03-01
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from commands.rejected import Rejected

TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        |(?P<operator><=|>=|!=|=|<|>)
        |(?P<word>[^\s"'()<>=!,]+)
        |(?P<other>\S)
    )""",
    re.VERBOSE,
)


def condition(
    filter: str, columns: Mapping[str, str], personal: Collection[str], time_zone: str
) -> tuple[str, list[Any]]:
    """A filter as a SQL condition and the values of its parameters. ``=`` and ``!=`` are each other's opposite, also
    where the column is null.

    :param columns: the SQL type of every column.
    :param time_zone: the office's, in which a bare date begins.
    :raises Rejected: INVALID_FILTER, UNKNOWN_COLUMN or FIELD_IS_PERSONAL.
    """
    tokens = _tokens(filter)
    if not tokens:
        return "true", []
    conditions: list[str] = []
    values: list[Any] = []
    for first in range(0, len(tokens), 4):
        if first and tokens[first - 1][:2] != ("word", "AND"):
            raise _invalid(filter, tokens[first - 1], "expected AND; comparisons are joined by AND alone")
        sql, given = _comparison(filter, tokens[first : first + 3], columns, personal, time_zone)
        conditions.append(sql)
        values += given
    if len(tokens) % 4 == 0:
        raise _invalid(filter, tokens[-1], "expected another comparison after it")
    return " and ".join(conditions), values


Token = tuple[str, str, int]


def _tokens(filter: str) -> list[Token]:
    return [
        (str(found.lastgroup), found[str(found.lastgroup)], found.start(str(found.lastgroup)) + 1)
        for found in TOKEN.finditer(filter)
    ]


def _comparison(
    filter: str, tokens: list[Token], columns: Mapping[str, str], personal: Collection[str], time_zone: str
) -> tuple[str, list[Any]]:
    column = tokens[0]
    if column[0] != "word":
        raise _invalid(filter, column, "expected the name of a column")
    require_column(column[1], columns, personal, field="filter")
    if len(tokens) < 2 or tokens[1][0] != "operator":
        raise _invalid(filter, tokens[min(1, len(tokens) - 1)], f"expected =, !=, <, >, <= or >= after {column[1]}")
    if len(tokens) < 3 or tokens[2][0] not in ("word", "quoted"):
        raise _invalid(filter, tokens[-1], f"expected a value after {tokens[1][1]}")
    name, operator, literal = f'"{column[1]}"', tokens[1][1], tokens[2]
    if literal[:2] == ("word", "null"):
        if operator not in ("=", "!="):
            raise _invalid(filter, literal, "null can be compared by = and != alone")
        return f"{name} is {'' if operator == '=' else 'not '}null", []
    value = _value(filter, literal, columns[column[1]], time_zone)
    return f"{name} {'is distinct from' if operator == '!=' else operator} ?", [value]


def require_column(name: str, columns: Mapping[str, str], personal: Collection[str], *, field: str) -> None:
    """Refuse a column that is not there, or that is personal.

    :raises Rejected: UNKNOWN_COLUMN or FIELD_IS_PERSONAL.
    """
    if name not in columns:
        close = get_close_matches(name, columns, n=3) or list(columns)
        raise Rejected("UNKNOWN_COLUMN", f"there is no column {name}; did you mean {', '.join(close)}?", field=field)
    if name in personal:
        sentence = f"{name} is personal and sealed; it can be neither filtered nor sorted by; find people by FindPeople"
        raise Rejected("FIELD_IS_PERSONAL", sentence, field=field)


def _value(filter: str, token: Token, type: str, time_zone: str) -> Any:
    kind, written, _ = token
    text = re.sub(r"\\(.)", r"\1", written[1:-1]) if kind == "quoted" else written
    read = next((read for start, read in READERS.items() if type.startswith(start)), None)
    if read is None:
        raise _invalid(filter, token, f"a column of type {type} cannot be compared")
    try:
        return read(text, time_zone)
    except (ValueError, InvalidOperation) as error:
        raise _invalid(filter, token, f"this is no {type}") from error


def _integer(text: str, time_zone: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError(text)
    return value


def _decimal(text: str, time_zone: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError(text)
    return value


def _boolean(text: str, time_zone: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


def _instant(text: str, time_zone: str) -> datetime:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return datetime.combine(date.fromisoformat(text), time(), ZoneInfo(time_zone)).astimezone(UTC)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(text)
    return instant


READERS: dict[str, Callable[[str, str], Any]] = {
    "VARCHAR": lambda text, time_zone: text,
    "BOOLEAN": _boolean,
    "TIMESTAMP WITH TIME ZONE": _instant,
    "DATE": lambda text, time_zone: date.fromisoformat(text),
    "DECIMAL": _decimal,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), _integer),
}
"""How a value is read, by the beginning of the column's SQL type."""


def _invalid(filter: str, token: Token, sentence: str) -> Rejected:
    _, text, position = token
    return Rejected("INVALID_FILTER", f"at character {position}, {text}: {sentence}", field="filter")

"""Filters as AIP-160 writes them: comparisons, joined by AND, OR, NOT and parentheses.

    status = "open" AND (priority = "high" OR opened_at < 2024-03-01) AND NOT agent_id:*

OR binds more closely than AND; NOT, or a minus, more closely than either; comparisons side by side are joined by AND.

A comparison is true or false, also of a column that is null: it then equals null alone, and is neither less nor greater
than anything. So NOT is always the opposite, and ``!=`` that of ``=``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from commands.rejected import Rejected

MOST_COMPARISONS = 1_000
MOST_NESTED = 50
MOST_DIGITS = 38
"""What DECIMAL holds."""

SPACE = re.compile(r"\s*")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'", re.DOTALL)
OPERATOR = re.compile(r"<=|>=|!=|=|<|>|:")
WORD = re.compile(r"[^\s\"'()<>=!:,]+")
VALUE = re.compile(r"[^\s\"'()<>=!,]+")
"""What stands after an operator may be an instant, with its colons."""
PART = re.compile(r"\\(.)|(\*)|([^\\*]+|\\)", re.DOTALL)
KEYWORDS = ("AND", "OR", "NOT")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text with wildcards: the parts between them."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column beside a value: None is null, a Pattern has wildcards. The operator ``:`` asks whether a list has the
    value, or any at all where it is None.
    """

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: Filter


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    parts: tuple[Filter, ...]


Filter: TypeAlias = Comparison | Not | And | Or


def condition(
    filter: str, columns: Mapping[str, str], personal: Collection[str], time_zone: str
) -> tuple[str, list[Any]]:
    """A filter as a SQL condition and the values of its parameters.

    :param columns: the SQL type of every column.
    :param time_zone: the office's, in which a bare date begins.
    :raises Rejected: INVALID_FILTER, UNKNOWN_COLUMN or FIELD_IS_PERSONAL.
    """
    parsed = parse(filter, columns, personal, time_zone)
    values: list[Any] = []
    return ("true" if parsed is None else _sql(parsed, values)), values


def parse(filter: str, columns: Mapping[str, str], personal: Collection[str], time_zone: str) -> Filter | None:
    """What a filter says; None where it says nothing.

    :raises Rejected: as ``condition``.
    """
    return _Reading(filter, columns, personal, time_zone).all()


class _Reading:
    """One way through the text of a filter, by recursive descent."""

    def __init__(self, filter: str, columns: Mapping[str, str], personal: Collection[str], time_zone: str) -> None:
        self._text = filter
        self._columns = columns
        self._personal = personal
        self._time_zone = time_zone
        self._at = 0
        self._comparisons = 0
        self._nested = 0

    def all(self) -> Filter | None:
        self._skip()
        if self._at == len(self._text):
            return None
        found = self._expression()
        if self._at < len(self._text):
            raise self._wrong(
                "there is no parenthesis to close" if self._text[self._at] == ")" else "expected AND or OR"
            )
        return found

    def _expression(self) -> Filter:
        parts = [self._alternatives()]
        while self._keyword("AND") or self._begins():
            parts.append(self._alternatives())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _alternatives(self) -> Filter:
        parts = [self._term()]
        while self._keyword("OR"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _term(self) -> Filter:
        if self._keyword("NOT") or self._sign("-"):
            return Not(self._simple())
        return self._simple()

    def _simple(self) -> Filter:
        start = self._at
        if not self._sign("("):
            return self._comparison()
        self._nested += 1
        if self._nested > MOST_NESTED:
            raise self._wrong(f"at most {MOST_NESTED} parentheses may stand in one another")
        found = self._expression()
        if not self._sign(")"):
            raise self._wrong(f"expected ) for the parenthesis at character {start + 1}")
        self._nested -= 1
        return found

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise self._wrong(f"at most {MOST_COMPARISONS} comparisons are allowed")
        start, name = self._at, self._match(WORD)
        if not name or name in KEYWORDS:
            raise self._wrong("expected a comparison, such as status = new", start)
        operator = self._operator_after(name, start)
        require_column(name, self._columns, self._personal, field="filter", at=start)
        type = self._columns[name]
        start, quoted = self._at, self._match(QUOTED)
        text = quoted or self._match(VALUE)
        if not text or text in KEYWORDS:
            raise self._wrong(f"expected a value after {operator}", start)
        try:
            return self._compared(name, type, operator, text[1:-1] if quoted else text, is_bare=not quoted)
        except _Unusable as error:
            raise self._wrong(str(error), start) from error
        except (ValueError, OverflowError, InvalidOperation) as error:
            raise self._wrong(f"this is no {type}", start) from error

    def _operator_after(self, name: str, start: int) -> str:
        if self._text[self._at : self._at + 1] == "(":
            raise self._wrong(f"there are no functions; {name} would be one", start)
        operator = self._match(OPERATOR)
        if operator:
            return operator
        if name.upper() in KEYWORDS:
            raise self._wrong(f"did you mean {name.upper()}? AND, OR and NOT are written in capitals", start)
        raise self._wrong(
            f"expected =, !=, <, >, <=, >= or : after {name}", start if self._at == len(self._text) else None
        )

    def _compared(self, name: str, type: str, operator: str, text: str, *, is_bare: bool) -> Comparison:
        if is_bare and text == "null":
            if operator not in ("=", "!="):
                raise _Unusable("null can be compared by = and != alone")
            return Comparison(name, operator, None)
        if type.endswith("[]"):
            if operator != ":":
                raise _Unusable(f"{name} is a list; ask {name}:VALUE whether it has a value")
            return Comparison(name, ":", None if is_bare and text == "*" else self._value(type[:-2], text))
        if is_bare and text == "*" and operator == ":":
            return Comparison(name, "!=", None)
        operator = "=" if operator == ":" else operator
        if type.startswith("VARCHAR"):
            return Comparison(name, operator, _text(text, wild=operator in ("=", "!=")))
        return Comparison(name, operator, self._value(type, text))

    def _value(self, type: str, text: str) -> Any:
        read = next((read for start, read in READERS.items() if type.startswith(start)), None)
        if read is None:
            raise _Unusable(f"a column of type {type} cannot be compared")
        return read(text, self._time_zone)

    # The text, piece by piece; what is read takes the space after it along.

    def _skip(self) -> None:
        self._at = SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        self._skip()
        return found[0]

    def _keyword(self, word: str) -> bool:
        found = WORD.match(self._text, self._at)
        if found is None or found[0] != word:
            return False
        self._match(WORD)
        return True

    def _sign(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += 1
        self._skip()
        return True

    def _begins(self) -> bool:
        """Whether another term stands here, side by side with the one before."""
        found = WORD.match(self._text, self._at)
        return self._text.startswith("(", self._at) or (found is not None and found[0] != "OR")

    def _wrong(self, sentence: str, at: int | None = None) -> Rejected:
        at = self._at if at is None else at
        found = QUOTED.match(self._text, at) or VALUE.match(self._text, at)
        token = found[0] if found else self._text[at : at + 1] or "the end"
        return Rejected("INVALID_FILTER", f"at character {at + 1}, {token}: {sentence}", field="filter")


class _Unusable(Exception):
    """A value that cannot stand here, with the sentence that says so."""


def require_column(name: str, columns: Mapping[str, str], personal: Collection[str], *, field: str, at: int) -> None:
    """Refuse a column that is not there, or that is personal.

    :param at: how many characters stand before it in the field.
    :raises Rejected: UNKNOWN_COLUMN or FIELD_IS_PERSONAL.
    """
    if name not in columns:
        close = get_close_matches(name, columns, n=3) or list(columns)
        sentence = f"at character {at + 1}: there is no column {name}; did you mean {', '.join(close)}?"
        raise Rejected("UNKNOWN_COLUMN", sentence, field=field)
    if name in personal:
        sentence = (
            f"at character {at + 1}: {name} is personal and sealed; it can be neither filtered nor sorted by; find "
            "people by FindPeople"
        )
        raise Rejected("FIELD_IS_PERSONAL", sentence, field=field)


def _text(written: str, *, wild: bool) -> str | Pattern:
    """What a text says: a backslash takes the next character as it is, a star stands for anything where it may."""
    parts = [""]
    for escaped, star, plain in PART.findall(written):
        if star and wild:
            parts.append("")
        else:
            parts[-1] += escaped or star or plain
    return parts[0] if len(parts) == 1 else Pattern(tuple(parts))


def _plain(text: str, time_zone: str) -> str:
    found = _text(text, wild=False)
    assert isinstance(found, str)
    return found


def _integer(text: str, time_zone: str) -> int:
    value = _decimal(text, time_zone)
    if abs(value) >= 2**63 or value != int(value):
        raise ValueError(text)
    return int(value)


def _decimal(text: str, time_zone: str) -> Decimal:
    value = Decimal(text)
    if (
        not value.is_finite()
        or not -MOST_DIGITS <= value.adjusted() < MOST_DIGITS
        or len(value.as_tuple().digits) > MOST_DIGITS
    ):
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
    "VARCHAR": _plain,
    "BOOLEAN": _boolean,
    "TIMESTAMP WITH TIME ZONE": _instant,
    "DATE": lambda text, time_zone: date.fromisoformat(text),
    "DECIMAL": _decimal,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), _integer),
}
"""How a value is read, by the beginning of the column's SQL type."""


def _sql(filter: Filter, values: list[Any]) -> str:
    """The filter as SQL, true where it is and otherwise false or null; its values are added to the others."""
    match filter:
        case And(parts):
            return _joined(" and ", parts, values)
        case Or(parts):
            return _joined(" or ", parts, values)
        case Not(of):
            return f"(({_sql(of, values)}) is not true)"
        case Comparison():
            return _comparison_sql(filter, values)


def _joined(word: str, parts: Sequence[Filter], values: list[Any]) -> str:
    return f"({word.join(_sql(part, values) for part in parts)})"


def _comparison_sql(comparison: Comparison, values: list[Any]) -> str:
    name, operator, value = f'"{comparison.column}"', comparison.operator, comparison.value
    if value is None:
        return f"len({name}) > 0" if operator == ":" else f"{name} is {'' if operator == '=' else 'not '}null"
    if isinstance(value, Pattern):
        values.append("%".join(re.sub(r"([\\%_])", r"\\\1", part) for part in value.parts))
        like = f"{name} like ? escape '\\'"
        return like if operator == "=" else f"(({like}) is not true)"
    values.append(value)
    if operator == ":":
        return f"list_contains({name}, ?)"
    return f"{name} {'is distinct from' if operator == '!=' else operator} ?"

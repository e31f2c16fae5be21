"""The directory: who can be found by an e-mail address, a telephone number or a name, and which streams are one person.

It lies beside the keys and follows the log with a position of its own; it can always be made anew. Nothing in it can be
read: what a person is found by stands there as keyed hashes (HMAC-SHA-256), so one finds what one knows already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple
from unicodedata import normalize

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine.interfaces import DBAPICursor

from infra.database import Database, values

metadata = MetaData()

people = Table(
    "people",
    metadata,
    Column("stream", String, primary_key=True),
    Column("slot", String, primary_key=True, comment="name, email, phone or a contact point"),
    Column("term", String, primary_key=True, comment="keyed hash of a word, an address or a number"),
    Column("source", String, comment="the stream whose key sealed it, where that is another one: it was copied"),
    Index("people_term", "term"),
    Index(
        "people_source",
        "source",
        sqlite_where=text("source IS NOT NULL"),
        postgresql_where=text("source IS NOT NULL"),
    ),
)

links = Table(
    "links",
    metadata,
    Column("stream", String, primary_key=True),
    Column("other", String, primary_key=True),
    Column("belongs", Boolean, nullable=False, comment="the stream belongs to the other, and is not the same person"),
    Index("links_other", "other"),
)

directory_head = Table(
    "directory_head",
    metadata,
    Column("position", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

BEGINNING = bytes(32)
TERM_DIGITS = 32
"""Half of a hash, in hexadecimal digits: enough to tell all words apart."""


class Entry(NamedTuple):
    """What a stream can be found by, in one place: ``terms`` that were sealed with the key ``key_id``; none where
    there is nothing any more.
    """

    terms: frozenset[str]
    key_id: str


class LinkChange(NamedTuple):
    """Two streams are linked from now on, or no longer are."""

    stream: str
    other: str
    belongs: bool
    ends: bool


@dataclass
class Changes:
    """What a piece of the log changes in the directory."""

    entries: dict[tuple[str, str], Entry | None] = field(default_factory=dict)
    links: list[LinkChange] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.entries or self.links or self.forgotten)


class Directory:
    """The directory in the database of the keys. Safe to use from any thread; ``lock`` guards the database's one
    connection for writing, ``fingerprint`` hashes with a key.

    Every method may raise Rejected as ``Keys`` does.
    """

    def __init__(self, database: Database, lock: Lock, fingerprint: Callable[[bytes], bytes], keys: Table) -> None:
        self._database = database
        self._lock = lock
        self._fingerprint = fingerprint
        one_of = database.one_of
        linked = select(links.c.stream, links.c.other, links.c.belongs)
        self._select_head = database.text(select(directory_head))
        self._delete_head = database.text(delete(directory_head))
        self._insert_head = database.text(insert(directory_head))
        self._update_head = database.text(
            update(directory_head).values(position=bindparam("new_position"), hash=bindparam("new_hash"))
        )
        self._select_keys = database.text(select(keys.c.key_id, keys.c.stream).where(one_of(keys.c.key_id)))
        self._select_people = database.text(select(people).where(one_of(people.c.stream)))
        self._delete_people = database.text(delete(people).where(one_of(people.c.stream)))
        self._insert_people = database.inserting(people)
        self._find = database.text(select(people.c.stream, people.c.slot, people.c.term).where(one_of(people.c.term)))
        self._linked_from = database.text(linked.where(one_of(links.c.stream)))
        self._linked_to = database.text(linked.where(one_of(links.c.other)))
        self._delete_links = database.text(delete(links).where(one_of(links.c.stream)))
        self._insert_links = database.inserting(links)
        self._clear = [database.text(delete(table)) for table in (people, links, directory_head)]

    def term(self, kind: str, word: str) -> str:
        """What stands for a word of a kind (``email``, ``phone``, ``name``)."""
        return self._fingerprint(f"directory {kind} {word}".encode()).hex()[:TERM_DIGITS]

    def terms(self, kind: str, text: str) -> frozenset[str]:
        """What stands for a text of a kind: for each of its words. None where nothing is left of it."""
        return frozenset(self.term(kind, word) for word in words(kind, text))

    def head(self) -> tuple[int, bytes]:
        """Position and hash of the last event that was followed."""
        with self._database.reading() as cursor:
            return self._read_head(cursor)

    def apply(self, before: int, position: int, hash: bytes, changes: Changes) -> bool:
        """Bring the directory from the position ``before`` to another one; false where it does not stand there any
        more. What was sealed with a key that was destroyed meanwhile does not come in.
        """
        with self._lock, self._database.writing() as cursor:
            if self._read_head(cursor)[0] != before:
                return False
            if changes.entries:
                self._put(cursor, changes.entries)
            if changes.links:
                self._link(cursor, changes.links)
            if changes.forgotten:
                cursor.execute(self._delete_people, (values(sorted(changes.forgotten)),))
            if before == 0:
                cursor.execute(self._delete_head)
                cursor.execute(self._insert_head, (position, hash))
            else:
                cursor.execute(self._update_head, (position, hash))
        return True

    def clear(self) -> None:
        """Forget everything; it can be followed from the beginning of the log."""
        with self._lock, self._database.writing() as cursor:
            for statement in self._clear:
                cursor.execute(statement)

    def find(self, terms: Collection[str]) -> dict[str, set[str]]:
        """The streams that have all of the terms, each with the slots where one stands."""
        with self._database.reading() as cursor:
            cursor.execute(self._find, (values(sorted(terms)),))
            rows = cursor.fetchall()
        found: dict[str, set[str]] = {}
        has: dict[str, set[str]] = {}
        for stream, slot, term in rows:
            found.setdefault(stream, set()).add(slot)
            has.setdefault(stream, set()).add(term)
        return {stream: slots for stream, slots in sorted(found.items()) if len(has[stream]) == len(terms)}

    def person(self, stream: str) -> tuple[str, ...]:
        """All streams of the person that a stream is about, in order: those that are linked with it, in any number of
        steps, and what belongs to one of them. What is linked with such a belonging (a merged ticket) is the person's
        too, where it belongs to nobody.
        """
        found, new = {stream}, {stream}
        with self._database.reading() as cursor:
            while new:
                named = values(sorted(new))
                cursor.execute(self._linked_to, (named,))
                near = {row[0] for row in cursor.fetchall()}
                cursor.execute(self._linked_from, (named,))
                near |= {other for _, other, belongs in cursor.fetchall() if not belongs}
                near -= found
                cursor.execute(self._linked_from, (values(sorted(near)),))
                owned: dict[str, set[str]] = {}
                for each, other, belongs in cursor.fetchall():
                    if belongs:
                        owned.setdefault(each, set()).add(other)
                # Whose owner is not of this person (yet) is reached by the owner, or not at all.
                new = {each for each in near if each not in owned or owned[each] & found}
                found |= new
        return tuple(sorted(found))

    def _read_head(self, cursor: DBAPICursor) -> tuple[int, bytes]:
        cursor.execute(self._select_head)
        row = cursor.fetchone()
        return (0, BEGINNING) if row is None else (row[0], bytes(row[1]))

    def _put(self, cursor: DBAPICursor, entries: Mapping[tuple[str, str], Entry | None]) -> None:
        cursor.execute(self._select_keys, (values(sorted({each.key_id for each in entries.values() if each})),))
        owners = dict(cursor.fetchall())
        streams = values(sorted({stream for stream, _ in entries}))
        cursor.execute(self._select_people, (streams,))
        stored = cursor.fetchall()
        if stored:
            cursor.execute(self._delete_people, (streams,))
        rows = [tuple(row) for row in stored if (row[0], row[1]) not in entries]
        for (stream, slot), entry in entries.items():
            if entry is not None and entry.key_id in owners:
                owner = owners[entry.key_id]
                source = None if owner == stream else owner
                rows += [(stream, slot, term, source) for term in sorted(entry.terms)]
        self._insert_people(cursor, rows)

    def _link(self, cursor: DBAPICursor, changes: Iterable[LinkChange]) -> None:
        changes = list(changes)
        streams = values(sorted({each.stream for each in changes}))
        cursor.execute(self._linked_from, (streams,))
        stored = cursor.fetchall()
        if stored:
            cursor.execute(self._delete_links, (streams,))
        there = {(stream, other): bool(belongs) for stream, other, belongs in stored}
        for stream, other, belongs, ends in changes:
            if ends:
                there.pop((stream, other), None)
            else:
                there[stream, other] = belongs
        self._insert_links(cursor, [(*pair, belongs) for pair, belongs in there.items()])


def words(kind: str, text: str) -> list[str]:
    """The words of a text that it is found by, as they are compared: without regard to case and, for numbers, to how
    they are grouped. ``+49 (0)30 123-45`` and ``0049 30 12345`` are the same number; ``030 12345`` is another.
    """
    text = normalize("NFKC", text).casefold().strip()
    if kind == "name":
        return re.findall(r"\w+", text)
    if kind == "phone":
        text = re.sub(r"\D", "", re.sub(r"\(0\)", "", text)).removeprefix("00")
    return [text] if text else []

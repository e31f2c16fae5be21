"""The keys of the streams. One key seals the personal values of one stream, so destroying it forgets them everywhere.

A sealed text is ``sealed:1:<key id>:<event id>:<field>:<base64 of nonce, ciphertext and tag>`` (AES-256-GCM). What
stands before the last colon is authenticated with it, so it opens wherever it was copied to, and nowhere as something
else. The keys are wrapped (RFC 3394) by the master key, which is not kept here.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from time import time_ns
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
)
from sqlalchemy.engine.interfaces import DBAPICursor

from commands.rejected import Rejected
from infra import database as databases
from infra.database import Database, open_database, prepare, values
from infra.keys.directory import Directory, people

MIGRATIONS = Path(__file__).parent / "migrations"

REVISION = "0002"
"""The newest revision in ``MIGRATIONS``."""

KEY_BYTES, NONCE_BYTES, KEY_ID_TIME_BYTES, KEY_ID_BYTES = 32, 12, 5, 7
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
FORMAT = "sealed:1"
CACHED = 20_000
"""How many keys are kept at hand, unless somebody says otherwise."""

MOST_GONE = 100_000
"""How many ids of destroyed keys are remembered, so that they are not looked for again and again."""

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("stream", String, nullable=False, unique=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False, comment="microseconds since 1970"),
)

fingerprint_key = Table(
    "fingerprint_key",
    metadata,
    Column("name", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)


class Key(NamedTuple):
    """A stream's key, ready for use."""

    id: str
    stream: str
    cipher: AESGCM


class Seals:
    """Seals with the keys of some streams. Not thread-safe."""

    def __init__(self, by_stream: dict[str, Key]) -> None:
        self._by_stream = by_stream
        self._nonces = random_parts(NONCE_BYTES, at_once=len(by_stream) or 1)

    def seal(self, stream: str, event_id: str, field: str, clear: str) -> str:
        """The clear text, sealed with the key of the stream."""
        key = self._by_stream[stream]
        begin = f"{FORMAT}:{key.id}:{event_id}:{field}"
        nonce = next(self._nonces)
        sealed = nonce + key.cipher.encrypt(nonce, clear.encode(), begin.encode())
        return f"{begin}:{b64encode(sealed).decode()}"


class Keys:
    """The keys of all streams, in a database of their own, and beside them the ``directory``. Safe to use from any
    thread.

    Every method may raise Rejected: KEYS_FULL, KEYS_UNAVAILABLE, KEYS_UNREADABLE or DATA_NOT_WRITABLE.

    ``asked`` counts how often a key was needed, ``missed`` how many of them were not at hand.
    """

    def __init__(self, database: Database, master_key: bytes, *, cached: int) -> None:
        self._database = database
        self._master_key = master_key
        self._cached = cached
        self.asked = self.missed = 0
        self._lock = Lock()
        self._by_stream: OrderedDict[str, Key] = OrderedDict()
        self._by_id: dict[str, Key] = {}
        self._gone: set[str] = set()
        self._forgotten: set[str] = set()
        columns = (keys.c.key_id, keys.c.stream, keys.c.wrapped)
        self._select_by_id = database.text(select(*columns).where(keys.c.key_id == bindparam("id")))
        self._select_by_ids = database.text(select(*columns).where(database.one_of(keys.c.key_id)))
        self._select_by_stream = database.text(select(*columns).where(database.one_of(keys.c.stream)))
        self._insert = database.inserting(keys)
        self._delete = database.text(delete(keys).where(database.one_of(keys.c.stream)))
        # What the directory has of a stream, and what was copied from it.
        entries = [database.one_of(people.c.stream), database.one_of(people.c.source)]
        self._select_people = [database.text(select(people.c.stream).where(each)) for each in entries]
        self._delete_people = [database.text(delete(people).where(each)) for each in entries]
        self._select_fingerprint_key = database.text(select(fingerprint_key.c.wrapped))
        self._wrapped_fingerprint_key, self._fingerprint_key = self._load_fingerprint_key()
        self.directory = Directory(database, self._lock, self.fingerprint, keys)

    @classmethod
    def open(cls, url: str, master_key: bytes, *, cached: int = CACHED) -> Keys:
        """The keys in the database at ``url``, which is made where there is none. ``cached`` keys are kept at hand.

        :raises Rejected: WRONG_MASTER_KEY where another one wrapped them.
        """
        database = open_database(url, "keys", secure_delete=True)
        try:
            prepare(database, MIGRATIONS, REVISION)
            return cls(database, master_key, cached=cached)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close the database and forget what is at hand."""
        with self._lock:
            self._by_stream.clear()
            self._by_id.clear()
            self._database.close()

    def ensure(self, streams: Iterable[str]) -> Seals:
        """What seals with the keys of the streams. The missing ones are made, durable when this returns, in one
        transaction.
        """
        wanted = dict.fromkeys(streams)
        if not wanted:
            return Seals({})
        with self._lock:
            found = {stream: key for stream in wanted if (key := self._by_stream.get(stream)) is not None}
            missing = [stream for stream in wanted if stream not in found]
            self.asked += len(wanted)
            self.missed += len(missing)
            if missing:
                with self._database.reading() as cursor:
                    fetched = self._fetch(cursor, missing)
                if len(fetched) < len(missing):
                    with self._database.writing() as cursor:
                        self._require_same_master_key(cursor)
                        fetched = self._fetch(cursor, missing)
                        fetched += self._make(cursor, set(missing) - {key.stream for key in fetched})
                for key in fetched:
                    found[key.stream] = self._remember(key)
        return Seals(found)

    def seal(self, stream: str, event_id: str, field: str, clear: str) -> str:
        """The clear text, sealed with the key of the stream, which is made where it has none."""
        return self.ensure([stream]).seal(stream, event_id, field, clear)

    def open_text(self, sealed: str) -> str | None:
        """The clear text; None when its key is gone.

        :raises Rejected: NOT_SEALED for any other text, SEAL_BROKEN for an altered one.
        """
        found = self.opened(sealed)
        return None if found is None else found[0]

    def opened(self, sealed: str) -> tuple[str, str] | None:
        """The clear text with the stream that it belongs to; None when its key is gone.

        :raises Rejected: NOT_SEALED for any other text, SEAL_BROKEN for an altered one.
        """
        begin, _, secret = sealed.rpartition(":")
        parts = begin.split(":")
        if len(parts) != 5 or not begin.startswith(f"{FORMAT}:"):
            raise Rejected("NOT_SEALED", f"a sealed text begins with {FORMAT}: and has six parts")
        self.asked += 1
        key = self._by_id.get(parts[2]) or self._find(parts[2])
        if key is None:
            return None
        try:
            content = b64decode(secret, validate=True)
            # Bits that say nothing could be altered unseen.
            if b64encode(content).decode() != secret:
                raise ValueError(secret)
            clear = key.cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], begin.encode())
            return clear.decode(), key.stream
        except (InvalidTag, ValueError) as error:
            raise Rejected("SEAL_BROKEN", f"the sealed {parts[4]} of event {parts[3]} was altered") from error

    def fingerprint(self, content: bytes) -> bytes:
        """HMAC-SHA-256 of the content with a key that never leaves this place: equal contents can be recognised, but
        nobody can find out a content by trying.
        """
        return hmac.digest(self._fingerprint_key, content, "sha256")

    def fetch(self, sealed: Iterable[str]) -> None:
        """Have the keys of sealed texts at hand, as many as may be, with one question."""
        ids = {parts[2] for text in sealed if len(parts := text.split(":", 3)) == 4 and KEY_ID.fullmatch(parts[2])}
        missing = [id for id in ids if id not in self._by_id and id not in self._gone][: self._cached]
        if missing:
            self.missed += len(missing)
            with self._lock:
                with self._database.reading() as cursor:
                    cursor.execute(self._select_by_ids, (values(missing),))
                    rows = cursor.fetchall()
                for row in rows:
                    if row[1] not in self._forgotten:
                        self._remember(self._unwrap(*row))

    def forget(self, streams: Iterable[str]) -> None:
        """Open nothing of the streams any more, also where their keys are still there: whoever forgot them is about to
        destroy those.
        """
        names = set(streams)
        with self._lock:
            self._forgotten |= names
            for name in names:
                self._drop(name)

    def destroy(self, streams: Iterable[str]) -> None:
        """Destroy the keys of the streams and what the directory has of them: what they sealed can never be read again.
        Durable when this returns, and gone from the files where the database can do that, also what somebody destroyed
        who was killed just then. Where there is nothing to destroy, no transaction is begun.
        """
        names = list(streams)
        given = (values(names),)
        with self._lock:
            for name in names:
                self._drop(name)
            with self._database.reading() as cursor:
                cursor.execute(self._select_by_stream, given)
                there = bool(cursor.fetchall())
                for statement in self._select_people:
                    cursor.execute(statement, given)
                    there = there or bool(cursor.fetchall())
            if there:
                with self._database.writing() as cursor:
                    cursor.execute(self._delete, given)
                    for statement in self._delete_people:
                        cursor.execute(statement, given)
            self._database.scrub()

    def _fetch(self, cursor: DBAPICursor, streams: list[str]) -> list[Key]:
        cursor.execute(self._select_by_stream, (values(streams),))
        return [self._unwrap(*row) for row in cursor.fetchall()]

    def _make(self, cursor: DBAPICursor, streams: set[str]) -> list[Key]:
        made, rows, now = [], [], time_ns() // 1000
        # Ids that are made together lie together, so that the index is written in a few places.
        begin = (now >> 12).to_bytes(KEY_ID_TIME_BYTES, "big")
        ends, contents = random_parts(KEY_ID_BYTES, len(streams)), random_parts(KEY_BYTES, len(streams))
        for stream, end, secret in zip(sorted(streams), ends, contents, strict=False):
            id = urlsafe_b64encode(begin + end).decode()
            rows.append((id, stream, aes_key_wrap(self._master_key, secret), now))
            made.append(Key(id, stream, AESGCM(secret)))
        self._insert(cursor, rows)
        return made

    def _find(self, id: str) -> Key | None:
        if id in self._gone:  # a key is there before what it seals, so it never comes back
            return None
        if not KEY_ID.fullmatch(id):
            raise Rejected("NOT_SEALED", "a sealed text names its key, and no key has such an id")
        self.missed += 1
        with self._lock:
            with self._database.reading() as cursor:
                cursor.execute(self._select_by_id, (id,))
                row = cursor.fetchone()
            if row is not None and row[1] not in self._forgotten:
                return self._remember(self._unwrap(*row))
            if len(self._gone) >= MOST_GONE:
                self._gone.clear()
            self._gone.add(id)
            return None

    def _unwrap(self, id: str, stream: str, wrapped: bytes) -> Key:
        return Key(id, stream, AESGCM(unwrapped(self._master_key, wrapped, self._database)))

    def _remember(self, key: Key) -> Key:
        self._drop(key.stream)
        self._by_stream[key.stream] = self._by_id[key.id] = key
        while len(self._by_stream) > self._cached:
            self._drop(next(iter(self._by_stream)))
        return key

    def _drop(self, stream: str) -> None:
        key = self._by_stream.pop(stream, None)
        if key is not None:
            self._by_id.pop(key.id, None)

    def _load_fingerprint_key(self) -> tuple[bytes, bytes]:
        with self._database.writing() as cursor:
            cursor.execute(self._select_fingerprint_key)
            row = cursor.fetchone()
            if row is None:
                secret = secrets.token_bytes(KEY_BYTES)
                wrapped = aes_key_wrap(self._master_key, secret)
                cursor.execute(self._database.text(insert(fingerprint_key)), ("requests", wrapped))
                return wrapped, secret
            return bytes(row[0]), unwrapped(self._master_key, row[0], self._database)

    def _require_same_master_key(self, cursor: DBAPICursor) -> None:
        """Refuse to wrap keys with a master key that was replaced since this one was loaded.

        :raises Rejected: WRONG_MASTER_KEY.
        """
        cursor.execute(self._select_fingerprint_key)
        row = cursor.fetchone()
        if row is None or bytes(row[0]) != self._wrapped_fingerprint_key:
            raise Rejected(
                "WRONG_MASTER_KEY", f"the master key of {self._database} was replaced; restart with the new one"
            )


def random_parts(size: int, at_once: int) -> Iterator[bytes]:
    """Random parts of ``size`` bytes without end. So many are drawn at once: a call costs more than its bytes."""
    while True:
        drawn = os.urandom(size * at_once)
        yield from (drawn[begin : begin + size] for begin in range(0, len(drawn), size))


def unwrapped(master_key: bytes, wrapped: bytes, database: Database) -> bytes:
    """A key of the database, as the master key has it.

    :raises Rejected: WRONG_MASTER_KEY.
    """
    try:
        return aes_key_unwrap(master_key, wrapped)
    except InvalidUnwrap as error:
        raise Rejected(
            "WRONG_MASTER_KEY", f"the keys in {database} were wrapped by another master key; give that one"
        ) from error


migrate = partial(databases.migrate, name="keys", migrations=MIGRATIONS, newest=REVISION)
"""Brings the keys' database at a URL to the newest tables, see ``infra.database.migrate``."""

"""Who is who: the directory beside the keys, brought to where the log stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from commands.rejected import Rejected
from domain.customer import ContactPointAdded, ContactPointRemoved, CustomerForgotten
from domain.event import Event
from domain.lead import LeadForgotten
from infra.database import Unusable
from infra.keys import Keys
from infra.keys.directory import Changes, Entry, LinkChange
from infra.log.document import attributes_of, event_of
from infra.log.verification import StoredRow

FOUND_BY = ("name", "email", "phone")
"""The personal fields that people are found by."""

ROWS_AT_ONCE = 500

Read = Callable[[int, int], list[StoredRow]]
"""The rows of the log after a position, up to another one."""


class People:
    """Keeps the directory. ``read`` gives rows of the log, ``hash_at`` the hash at a position. Any number of processes
    may keep one directory.
    """

    def __init__(self, keys: Keys, read: Read, hash_at: Callable[[int], bytes | None]) -> None:
        self._keys = keys
        self._read = read
        self._hash_at = hash_at

    def follow(self, until: int) -> None:
        """Bring the directory to a position of the log at least."""
        while self.step(until):
            pass

    def step(self, until: int) -> bool:
        """Bring the directory a little further; false where nothing is missing in it up to the position. A few events
        that do not concern it are not worth a transaction: it then stands a little behind them. One that has seen
        another log than this one begins anew.
        """
        directory = self._keys.directory
        position, hash = directory.head()
        if position and self._hash_at(position) != hash:
            directory.clear()
            return True
        if position >= until:
            return False
        rows = self._read(position, min(position + ROWS_AT_ONCE, until))
        changes = changes_of(rows, self._keys)
        if not changes and len(rows) < ROWS_AT_ONCE:
            return False
        directory.apply(position, rows[-1][0], rows[-1][6], changes)
        return True


def changes_of(rows: Iterable[StoredRow], keys: Keys) -> Changes:
    """What the events change in the directory."""
    found = [(row[1], row[5]) for row in rows if concerns(row[3])]
    documents = [(stream, attributes_of(document)) for stream, document in found]
    keys.fetch(
        value
        for _, attributes in documents
        for value in attributes["data"].values()
        if isinstance(value, str) and value.startswith("sealed:")
    )
    changes = Changes()
    for stream, attributes in documents:
        take(changes, stream, event_of(attributes, None), keys)
    return changes


def concerns(type_name: str) -> bool:
    """Whether the directory has to do with events of a type."""
    parts = type_name.split(".")
    kind = Event.by_name.get(parts[1]) if len(parts) == 3 and parts[0] == "crm" else None
    return kind is not None and (
        bool(kind.links)
        or not kind.personal.isdisjoint(FOUND_BY)
        or kind in (ContactPointAdded, ContactPointRemoved, CustomerForgotten, LeadForgotten)
    )


def take(changes: Changes, stream: str, event: Event[Any], keys: Keys) -> None:
    """Add to the changes what an event, with its values sealed, changes."""
    for other, belongs, ends in links_of(event):
        changes.links.append(LinkChange(stream, other, belongs, ends))
    match event:
        case CustomerForgotten() | LeadForgotten():
            changes.forgotten |= {stream, *event.streams}
        case ContactPointAdded():
            known = event.kind in FOUND_BY and event.value is not None
            slot = (stream, f"contact point {event.contact_point_id}")
            changes.entries[slot] = entry(event.kind, str(event.value), keys) if known else None
        case ContactPointRemoved():
            changes.entries[stream, f"contact point {event.contact_point_id}"] = None
        case _:
            for name in event.personal.intersection(FOUND_BY):
                if (sealed := getattr(event, name)) is not None:
                    changes.entries[stream, name] = entry(name, sealed, keys)
                elif name in getattr(event, "cleared", ()):
                    changes.entries[stream, name] = None


def entry(kind: str, sealed: str, keys: Keys) -> Entry | None:
    """What a sealed text can be found by; None where its key is gone, it was altered, or nothing is left of it."""
    try:
        clear = keys.open_text(sealed)
    except Unusable:
        raise
    except Rejected:  # crm verify finds it
        return None
    terms = keys.directory.terms(kind, clear) if clear is not None else frozenset()
    return Entry(terms, sealed.split(":", 3)[2]) if terms else None


def links_of(event: Event[Any]) -> Iterable[tuple[str, bool, bool]]:
    """The streams that an event links its own with, or no longer does: each with whether the own one belongs to it, and
    whether the link ends.
    """
    for name, link in event.links.items():
        if (id := getattr(event, name)) is not None:
            yield f"{link.aggregate}-{id}", link.belongs, link.ends

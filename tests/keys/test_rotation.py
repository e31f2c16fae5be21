"""Another master key: everything opens as before, the old one opens nothing, and a kill at any moment loses nothing."""

from __future__ import annotations

from base64 import b64encode
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import pytest

from commands.rejected import Rejected
from infra.keys import Keys, load_master_key, rotate, settle
from infra.keys import rotation as rooms
from infra.settings import Settings
from tests.faults.nodes import Node
from tests.places import Place


def settings(data: Path, keys: str | None = None, master_key: str | None = None) -> Settings:
    return Settings.model_validate({"data": data, "keys": keys, "master_key": master_key})


def opened(given: Settings) -> Keys:
    settle(given)
    return Keys.open(given.keys_url, load_master_key(given))


def test_all_that_was_sealed_opens_with_the_new_master_key_alone(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "ROWS_AT_ONCE", 7)
    data = tmp_path / "data"
    data.mkdir()
    old = bytes(range(32))
    given = settings(data, place.url("keys"))
    given.master_key_file.write_text(b64encode(old).decode())
    keys = opened(given)
    sealed = {f"lead-{number}": keys.seal(f"lead-{number}", "e", "name", str(number)) for number in range(30)}
    mark, term = keys.fingerprint(b"content"), keys.directory.term("name", "ada")
    assert rotate(given, None) == 30
    # One that shares the keys opens what it has at hand, and makes no key that nobody could open.
    assert keys.open_text(sealed["lead-1"]) == "1"
    with pytest.raises(Rejected) as refused:
        keys.ensure(["lead-new"])
    assert refused.value.code == "WRONG_MASTER_KEY"
    keys.close()
    assert load_master_key(given) != old
    assert not given.next_master_key_file.exists()
    with pytest.raises(Rejected) as refused:
        Keys.open(given.keys_url, old)
    assert refused.value.code == "WRONG_MASTER_KEY"
    keys = opened(given)
    assert {stream: keys.open_text(text) for stream, text in sealed.items()} == {
        f"lead-{number}": str(number) for number in range(30)
    }
    assert (keys.fingerprint(b"content"), keys.directory.term("name", "ada")) == (mark, term)
    keys.close()


def test_a_master_key_of_the_environment(tmp_path: Path) -> None:
    old, other = bytes(range(32)), tmp_path / "other.key"
    given = settings(tmp_path, master_key=b64encode(old).decode())
    keys = opened(given)
    sealed = keys.seal("lead-1", "e", "name", "Ada")
    keys.close()
    with pytest.raises(Rejected, match="--new") as refused:
        rotate(given, None)
    assert refused.value.code == "MASTER_KEY_MISSING"
    assert rotate(given, other) == 1
    assert not given.master_key_file.exists()
    with pytest.raises(Rejected) as refused:
        opened(given)
    assert refused.value.code == "WRONG_MASTER_KEY"
    keys = opened(settings(tmp_path, master_key=other.read_text()))
    assert keys.open_text(sealed) == "Ada"
    keys.close()


def test_what_cannot_be_the_new_master_key(tmp_path: Path) -> None:
    given, new = settings(tmp_path), tmp_path / "new.key"
    with pytest.raises(Rejected) as refused:
        rotate(given, None)
    assert refused.value.code == "NO_DATA"
    keys = opened(given)
    sealed = keys.seal("lead-1", "e", "name", "Ada")
    keys.close()
    for content in ("short", given.master_key_file.read_text()):
        new.write_text(content)
        with pytest.raises(Rejected) as refused:
            rotate(given, new)
        assert refused.value.code == "INVALID_MASTER_KEY"
    present = given.master_key_file.read_text()
    given.master_key_file.write_text(b64encode(bytes(32)).decode())
    with pytest.raises(Rejected) as refused:
        rotate(given, None)
    assert refused.value.code == "WRONG_MASTER_KEY"
    given.master_key_file.write_text(present)
    keys = opened(given)
    assert keys.open_text(sealed) == "Ada"
    keys.close()


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_rotation_that_was_cut_off_is_settled_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    given = settings(tmp_path)
    keys = opened(given)
    sealed = keys.seal("lead-1", "e", "name", "Ada")
    keys.close()
    present = given.master_key_file.read_text()
    rewrap = rooms.rewrap

    def cut_off(url: str, old: bytes, new: bytes) -> int:
        if step == "after":
            rewrap(url, old, new)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rooms, "rewrap", cut_off)
        with pytest.raises(KeyboardInterrupt):
            rotate(given, None)
    assert given.next_master_key_file.exists()
    keys = opened(given)
    assert keys.open_text(sealed) == "Ada"
    keys.close()
    assert not given.next_master_key_file.exists()
    assert (given.master_key_file.read_text() == present) == (step == "before")


def rotate_for_ever(connection: Connection, data: Path) -> None:
    while True:
        rotate(settings(data), None)


@pytest.mark.slow
def test_kill_while_rotating(tmp_path: Path) -> None:
    given, chance = settings(tmp_path), Random()
    keys = opened(given)
    sealed = {f"lead-{number}": keys.seal(f"lead-{number}", "e", "name", str(number)) for number in range(200)}
    keys.close()
    for _ in range(8):
        node = Node(rotate_for_ever, tmp_path)
        node.process.join(chance.uniform(0.1, 0.5))
        assert node.process.is_alive()
        node.kill()
        keys = opened(given)
        assert {f"lead-{keys.open_text(text)}" for text in sealed.values()} == sealed.keys()
        keys.close()

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from commands.rejected import Rejected
from infra.database import Unusable
from infra.keys import Keys, load_master_key
from infra.settings import Settings
from tests.places import Place

MASTER = bytes(range(32))


@pytest.fixture
def url(place: Place) -> str:
    return place.url("keys")


@pytest.fixture
def keys(url: str) -> Iterator[Keys]:
    keys = Keys.open(url, MASTER)
    yield keys
    keys.close()


def test_what_is_sealed_opens_again(keys: Keys) -> None:
    for clear in ("Ann", "", "é\n" * 1000):
        sealed = keys.seal("lead-1", "event-1", "name", clear)
        assert sealed.startswith("sealed:1:")
        assert sealed.split(":")[3:5] == ["event-1", "name"]
        assert keys.open_text(sealed) == clear


def test_the_same_is_never_sealed_the_same(keys: Keys) -> None:
    assert keys.seal("lead-1", "e", "name", "Ann") != keys.seal("lead-1", "e", "name", "Ann")


def test_keys_outlive_the_process_and_another_master_key_opens_nothing(keys: Keys, url: str) -> None:
    sealed = keys.seal("lead-1", "e", "name", "Ann")
    mark = keys.fingerprint(b"content")
    keys.close()
    again = Keys.open(url, MASTER)
    assert again.open_text(sealed) == "Ann"
    assert again.fingerprint(b"content") == mark
    assert again.fingerprint(b"other content") != mark
    again.close()
    with pytest.raises(Rejected) as refused:
        Keys.open(url, bytes(32))
    assert refused.value.code == "WRONG_MASTER_KEY"


@pytest.mark.parametrize("part", range(2, 6))
def test_an_altered_seal_does_not_open(keys: Keys, part: int) -> None:
    sealed = keys.seal("lead-1", "event", "name", "Ann")
    other = keys.seal("lead-2", "other", "email", "Bo")
    parts = sealed.split(":")
    parts[part] = other.split(":")[part]
    with pytest.raises(Rejected) as refused:
        keys.open_text(":".join(parts))
    assert refused.value.code == "SEAL_BROKEN"
    assert "Ann" not in str(refused.value)


def test_a_bit_that_says_nothing_cannot_be_altered_either(keys: Keys) -> None:
    sealed = keys.seal("lead-1", "event-1", "name", "Ann")
    assert sealed.endswith("=")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    place = len(sealed.rstrip("=")) - 1
    same = letters[letters.index(sealed[place]) ^ 1]
    with pytest.raises(Rejected) as refused:
        keys.open_text(sealed[:place] + same + sealed[place + 1 :])
    assert refused.value.code == "SEAL_BROKEN"


@pytest.mark.parametrize("text", ["", "Ann", "sealed:2:a:b:c:d", "sealed:1:a:b:c", "sealed:1:a:b:c:d:e"])
def test_other_texts_are_not_sealed(keys: Keys, text: str) -> None:
    with pytest.raises(Rejected) as refused:
        keys.open_text(text)
    assert refused.value.code == "NOT_SEALED"


def test_destroyed_keys_open_nothing_and_leave_nothing_behind(keys: Keys, place: Place, tmp_path: Path) -> None:
    sealed = {name: keys.seal(name, "e", "name", name) for name in ("lead-1", "lead-2", "lead-3")}
    ((wrapped,),) = place.run("keys", "SELECT wrapped FROM keys WHERE stream = 'lead-1'")
    keys.destroy(["lead-1", "lead-3", "lead-unknown"])
    assert {name: keys.open_text(text) for name, text in sealed.items()} == {
        "lead-1": None,
        "lead-2": "lead-2",
        "lead-3": None,
    }
    renewed = keys.seal("lead-1", "e", "name", "new")
    assert renewed.split(":")[2] != sealed["lead-1"].split(":")[2]
    assert keys.open_text(sealed["lead-1"]) is None
    assert place.run("keys", "SELECT stream FROM keys ORDER BY stream") == [("lead-1",), ("lead-2",)]
    keys.close()
    assert all(wrapped not in file.read_bytes() for file in tmp_path.iterdir())


@pytest.fixture
def used(tmp_path: Path) -> tuple[Path, bytes]:
    """A folder with keys in a file, and one of the keys as it lies there."""
    folder = tmp_path / "used"
    folder.mkdir()
    keys = Keys.open(f"sqlite:///{folder}/keys.db", MASTER)
    keys.ensure(["lead-1", "lead-2"])
    keys.close()
    with closing(sqlite3.connect(folder / "keys.db")) as database:
        ((wrapped,),) = database.execute("SELECT wrapped FROM keys WHERE stream = 'lead-1'")
    return folder, wrapped


def with_key(folder: Path, wrapped: bytes) -> list[str]:
    """The files that hold a key."""
    return sorted(file.name for file in folder.iterdir() if wrapped in file.read_bytes())


def test_what_one_destroyed_who_was_killed_then_is_gone_from_the_files_at_the_next_start(
    used: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, wrapped = used
    killed = tmp_path / "killed"
    keys = Keys.open(f"sqlite:///{folder}/keys.db", MASTER)
    with monkeypatch.context() as patch:
        patch.setattr(keys._database, "scrub", lambda: shutil.copytree(folder, killed))  # what kill -9 leaves
        keys.destroy(["lead-1"])
    keys.close()
    assert with_key(killed, wrapped) == ["keys.db"]
    keys = Keys.open(f"sqlite:///{killed}/keys.db", MASTER)
    keys.destroy(["lead-1"])
    assert with_key(killed, wrapped) == []
    keys.close()


def test_what_somebody_reads_is_not_said_to_be_gone(used: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, wrapped = used
    monkeypatch.setattr("infra.database.database.BUSY_SECONDS", 0)
    keys = Keys.open(f"sqlite:///{folder}/keys.db", MASTER)
    with closing(sqlite3.connect(folder / "keys.db")) as reader:
        reader.execute("BEGIN")
        assert len(reader.execute("SELECT * FROM keys").fetchall()) == 2
        with pytest.raises(Unusable) as refused:
            keys.destroy(["lead-1"])
        assert refused.value.code == "KEYS_UNAVAILABLE"
        assert with_key(folder, wrapped)
    keys.destroy(["lead-1"])
    assert with_key(folder, wrapped) == []
    keys.close()


def test_ensured_keys_are_durable_and_stay_the_same(keys: Keys, place: Place) -> None:
    sealed = keys.ensure(["lead-1", "lead-2", "lead-1"]).seal("lead-1", "e", "name", "Ann")
    keys.ensure(["lead-2", "lead-3"])
    stored = {row.stream: row.key_id for row in place.run("keys", "SELECT stream, key_id FROM keys")}
    assert sorted(stored) == ["lead-1", "lead-2", "lead-3"]
    assert sealed.split(":")[2] == stored["lead-1"]


def test_few_keys_at_hand_are_enough(url: str) -> None:
    keys = Keys.open(url, MASTER, cached=2)
    sealed = {f"lead-{n}": keys.seal(f"lead-{n}", "e", "name", str(n)) for n in range(10)}
    for n in range(10):
        assert keys.open_text(sealed[f"lead-{n}"]) == str(n)
        assert keys.seal(f"lead-{n}", "e", "name", "").split(":")[2] == sealed[f"lead-{n}"].split(":")[2]
    keys.close()


def test_two_owners_of_one_file_agree_on_the_keys(keys: Keys, url: str) -> None:
    other = Keys.open(url, MASTER)
    sealed: list[str] = []

    def work(mine: Keys) -> None:
        for n in range(50):
            seals = mine.ensure([f"lead-{n}", f"lead-{n + 1}"])
            sealed.append(seals.seal(f"lead-{n}", "e", "name", f"lead-{n}"))

    threads = [Thread(target=work, args=(mine,)) for mine in (keys, other, keys, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sealed) == 200
    assert sorted(map(keys.open_text, sealed)) == sorted(map(other.open_text, sealed))  # type: ignore[type-var]
    assert len({text.split(":")[2] for text in sealed}) == 50
    other.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Rejected) as refused:
        Keys.open(f"sqlite:///{tmp_path}/keys.db", MASTER)
    assert refused.value.code == "KEYS_UNREADABLE"


# The master key.


def settings(data: Path, master_key: str | None = None) -> Settings:
    return Settings.model_validate({"data": data, "master_key": master_key})


def test_the_first_start_makes_a_master_key_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = load_master_key(settings(tmp_path))
    file = tmp_path / "master.key"
    assert len(key) == 32
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    said = capsys.readouterr()
    assert str(file) in said.err
    assert b64encode(key).decode() not in said.err + said.out
    assert load_master_key(settings(tmp_path)) == key
    assert capsys.readouterr().err == ""


def test_the_environment_comes_first(tmp_path: Path) -> None:
    assert load_master_key(settings(tmp_path, b64encode(MASTER).decode())) == MASTER
    assert not (tmp_path / "master.key").exists()


def test_keys_without_their_master_key(tmp_path: Path) -> None:
    Keys.open(f"sqlite:///{tmp_path}/keys.db", MASTER).close()
    with pytest.raises(Rejected, match=r"master\.key") as refused:
        load_master_key(settings(tmp_path))
    assert refused.value.code == "MASTER_KEY_MISSING"
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("text", ["", "short", b64encode(bytes(31)).decode(), "é" * 44])
def test_what_is_no_master_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "master.key").write_text(text)
    for given in (settings(tmp_path), settings(tmp_path, text)):
        with pytest.raises(Rejected) as refused:
            load_master_key(given)
        assert refused.value.code == "INVALID_MASTER_KEY"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as refused:
        load_master_key(settings(tmp_path / "missing"))
    assert refused.value.code == "DATA_NOT_WRITABLE"


def test_what_is_forgotten_does_not_open_although_its_key_is_there(keys: Keys, url: str) -> None:
    gone, kept = (keys.seal(stream, "e", "name", "Ann") for stream in ("lead-1", "lead-2"))
    other = Keys.open(url, MASTER)
    assert other.open_text(gone) == "Ann"
    other.forget(["lead-1", "customer-1"])
    for _ in range(2):
        assert (other.open_text(gone), other.open_text(kept)) == (None, "Ann")
        other.fetch([gone, kept])
    assert keys.open_text(gone) == "Ann"
    other.close()

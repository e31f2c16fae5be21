"""Signed checkpoints: only what was signed with the key, to the letter, is taken for one."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commands.lead import CaptureLead
from commands.rejected import Rejected
from infra.log import Actor, Log, Request
from infra.log.checkpoint import Checkpoint, checkpoint_of, opened, public_file, public_key, signed, signing_key
from tests.places import Place, run

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAID = Checkpoint(7, bytes(range(32)), AT)


@pytest.fixture(scope="module")
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def code_of(note: bytes, key: Ed25519PrivateKey) -> str:
    with pytest.raises(Rejected) as refused:
        opened(note, key.public_key(), "the note")
    return refused.value.code


def test_a_note_says_what_was_signed(key: Ed25519PrivateKey) -> None:
    note = signed(SAID, key)
    text, _, signature = note.partition("\n\n")
    assert text == "annals/log\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n2026-03-01T12:00:00.000000Z"
    assert signature.startswith("— annals/log ")
    assert opened(note.encode(), key.public_key(), "") == SAID
    other = signed(SAID, Ed25519PrivateKey.generate()).partition("\n\n")[2]
    assert opened((note + other).encode(), key.public_key(), "") == SAID
    assert opened((text + "\n\n" + other + signature).encode(), key.public_key(), "") == SAID


def test_every_byte_of_a_note_counts(key: Ed25519PrivateKey) -> None:
    note = signed(SAID, key).encode()
    for place in range(len(note) - 1):
        for bits in (1, 128):
            altered = bytearray(note)
            altered[place] ^= bits
            assert code_of(bytes(altered), key) == "CHECKPOINT_INVALID", place
    for end in range(len(note) - 1):
        assert code_of(note[:end], key) == "CHECKPOINT_INVALID"


@pytest.mark.parametrize(
    "text", ["annals/log\n7\nAAAA\n", "another\n7\nAAAA\n2026-03-01T12:00:00.000000Z\n", "\n", "a\nb\nc\nd\n"]
)
def test_a_note_that_is_signed_but_no_checkpoint(key: Ed25519PrivateKey, text: str) -> None:
    class Odd(Checkpoint):
        @property
        def text(self) -> str:
            return text

    assert code_of(signed(Odd(*SAID), key).encode(), key) == "CHECKPOINT_INVALID"


def test_another_key_signs_nothing(key: Ed25519PrivateKey) -> None:
    assert code_of(signed(SAID, Ed25519PrivateKey.generate()).encode(), key) == "CHECKPOINT_INVALID"


def test_the_key_lies_in_files(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.key"
    made, is_new = signing_key(file)
    assert is_new
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    note = signed(SAID, made).encode()
    again, is_new = signing_key(file)
    assert not is_new
    assert signed(SAID, again).encode() == note
    assert opened(note, public_key(public_file(file)), "") == SAID


def test_what_is_no_key(tmp_path: Path) -> None:
    other = tmp_path / "rsa.key"
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    other.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "empty.key").touch()
    signing_key(tmp_path / "good.key")
    for file in (other, tmp_path / "empty.key", tmp_path / "good.pub"):
        with pytest.raises(Rejected, match="private") as refused:
            signing_key(file)
        assert refused.value.code == "CHECKPOINT_KEY_INVALID"
    for file in (other, tmp_path / "empty.key", tmp_path / "good.key", tmp_path / "none.pub"):
        with pytest.raises(Rejected, match="public") as refused:
            public_key(file)
        assert refused.value.code == "CHECKPOINT_KEY_INVALID"
    with pytest.raises(Rejected) as refused:
        signing_key(Path("/proc/annals/checkpoint.key"))
    assert refused.value.code == "OUTPUT_NOT_WRITABLE"


def test_only_what_is_sound_becomes_one(log: Log, log_url: str, place: Place) -> None:
    assert checkpoint_of(log_url, AT) == Checkpoint(0, bytes(32), AT)
    log.submit([Request(CaptureLead(id=str(number)), Actor("user", "ann")) for number in range(5)])
    assert checkpoint_of(log_url, AT) == Checkpoint(5, log.head.hash, AT)
    run(log_url, "UPDATE events SET type = 'crm.LeadScored.v1' WHERE position = 2")
    with pytest.raises(Rejected, match="position 2") as refused:
        checkpoint_of(log_url, AT)
    assert refused.value.code == "LOG_TAMPERED"

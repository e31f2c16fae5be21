"""Signed checkpoints: what the log was at a position, signed (Ed25519) and kept elsewhere. Whoever changes anything up
to there, however soundly the chain is computed anew, contradicts it.

A checkpoint is a signed note (https://c2sp.org/signed-note): a text of four lines, an empty line, and a line with the
signature. The text says whose log it is, the position, the hash there in base64, and when it was signed.
"""

from __future__ import annotations

import binascii
import os
from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from commands.rejected import Rejected, require
from infra.database import open_database
from infra.log.document import instant_text, read_instant
from infra.log.verification import Progress, Verification

ORIGIN = "annals/log"
"""Whose notes these are: the first line of the text, and the name before the signature."""

ED25519 = b"\x01"
"""How signed notes number the kinds of signatures."""

ID_BYTES = 4
LINES = 4


class Checkpoint(NamedTuple):
    """The log ended in the event with this hash at this position, and was sound, when this was signed."""

    position: int
    hash: bytes
    signed_at: datetime

    @property
    def text(self) -> str:
        """What is signed."""
        hash = b64encode(self.hash).decode()
        return f"{ORIGIN}\n{self.position}\n{hash}\n{instant_text(self.signed_at)}\n"


def signed(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a signed note."""
    signature = key_id(key.public_key()) + key.sign(checkpoint.text.encode())
    return f"{checkpoint.text}\n— {ORIGIN} {b64encode(signature).decode()}\n"


def opened(note: bytes, key: Ed25519PublicKey, name: str) -> Checkpoint:
    """The checkpoint in a signed note, which ``name`` names. Signatures of others may stand beside ours.

    :raises Rejected: CHECKPOINT_INVALID where it is none, or was not signed so with this key.
    """
    text, _, signatures = note.rstrip(b"\n").rpartition(b"\n\n")
    begin = f"— {ORIGIN} ".encode()
    ours = [line.removeprefix(begin) for line in signatures.split(b"\n") if line.startswith(begin)]
    for line in ours:
        try:
            signature = b64decode(line, validate=True)
            key.verify(signature[ID_BYTES:], text + b"\n")
        except (InvalidSignature, binascii.Error):
            continue
        if signature.startswith(key_id(key)) and b64encode(signature) == line:
            break
    else:
        raise Rejected(
            "CHECKPOINT_INVALID",
            f"{name} was not signed with this key, or was altered since; ask for it where it was kept",
        )
    try:
        origin, position, hash, at = text.decode().split("\n")
        checkpoint = Checkpoint(int(position), b64decode(hash, validate=True), read_instant(at))
        require(origin == ORIGIN and checkpoint.text.encode() == text + b"\n", "CHECKPOINT_INVALID", "")
    except (ValueError, Rejected) as error:
        raise Rejected("CHECKPOINT_INVALID", f"{name} is signed, but says nothing about a log") from error
    return checkpoint


def key_id(key: Ed25519PublicKey) -> bytes:
    """What a signed note calls a key."""
    content = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(f"{ORIGIN}\n".encode() + ED25519 + content).digest()[:ID_BYTES]


def checkpoint_of(url: str, now: datetime, progress: Progress | None = None) -> Checkpoint:
    """Where the log at ``url`` stands, all of it proven on the way. It is not opened for writing.

    :raises Rejected: LOG_TAMPERED where an event is not as it was recorded, and as ``Database`` says.
    """
    database = open_database(url, "log", read_only=True)
    try:
        verification = Verification(database)
        for found in verification.run(last=None, progress=progress):
            raise Rejected("LOG_TAMPERED", f"{found.sentence}; this is not signed; see crm verify")
    finally:
        database.close()
    return Checkpoint(verification.reached, verification.hash, now)


def signing_key(file: Path) -> tuple[Ed25519PrivateKey, bool]:
    """The key in a file that only its owner may read, which is made where there is none, and whether it was. Its public
    half lies beside it, as ``public_file`` says.

    :raises Rejected: CHECKPOINT_KEY_INVALID, OUTPUT_NOT_WRITABLE.
    """
    try:
        made = not file.exists()
        if made:
            key = Ed25519PrivateKey.generate()
            content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        found = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(found, Ed25519PrivateKey):
            raise ValueError("another kind of key")
        public = found.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if not public_file(file).exists():
            public_file(file).write_bytes(public)
    except OSError as error:
        raise Rejected("OUTPUT_NOT_WRITABLE", f"{file} cannot be read or written: {error.strerror or error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise not_a_key(file, "private", error) from error
    return found, made


def public_file(file: Path) -> Path:
    """Where the public half of a signing key lies."""
    return file.with_suffix(".pub")


def public_key(file: Path) -> Ed25519PublicKey:
    """The key in a file, with which checkpoints are checked.

    :raises Rejected: CHECKPOINT_KEY_INVALID.
    """
    try:
        key = load_pem_public_key(file.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("another kind of key")
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise not_a_key(file, "public", error) from error
    return key


def not_a_key(file: Path, half: str, error: Exception) -> Rejected:
    """The refusal of a file."""
    return Rejected(
        "CHECKPOINT_KEY_INVALID", f"{file} holds no {half} Ed25519 key in PEM ({error}); name the one that signs"
    )

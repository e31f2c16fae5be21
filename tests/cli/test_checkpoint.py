"""Checkpoints at the command line: what was signed cannot be changed any more without its being seen."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Crm
from tests.cli.test_refusals import refused
from tests.cli.test_witnesses import cut_off, written_anew

pytestmark = pytest.mark.slow


@pytest.fixture
def kept(crm: Crm, company: Path, tmp_path: Path) -> Path:
    """A folder elsewhere with a checkpoint and the public key."""
    kept = tmp_path / "kept"
    kept.mkdir()
    made = crm("checkpoint", "--output", kept / "9.checkpoint", "--data", company)
    assert (made.status, made.out) == (0, "")
    assert "position 9" in made.err
    assert "a new key was made" in made.err
    shutil.copy(company / "checkpoint.pub", kept / "key.pub")
    return kept


def findings(crm: Crm, company: Path, kept: Path) -> list[tuple[str, int]]:
    """What the check finds with the checkpoint; it ends accordingly."""
    given = ("--checkpoint", kept / "9.checkpoint", "--public-key", kept / "key.pub")
    checked = crm("verify", *given, "--format", "json", "--data", company)
    rows = json.loads(checked.out)["rows"]
    assert checked.status == (4 if rows else 0)
    assert ("nothing up to position 9 was changed since" in checked.err) == (not rows)
    return [(row["code"], row["position"]) for row in rows]


def altered(company: Path) -> None:
    with sqlite3.connect(company / "log.db") as log:
        log.execute("update events set type = 'crm.LeadScored.v9' where position = 4")


@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (cut_off, [("HISTORY_FORKED", 9)]),
        (written_anew, [("HISTORY_FORKED", 9)]),
        (altered, [("COLUMN_WRONG", 4)]),
    ],
)
def test_what_was_changed_since_is_found_without_any_other_witness(
    crm: Crm, company: Path, kept: Path, forge: Callable[[Path], object], found: list[tuple[str, int]]
) -> None:
    assert findings(crm, company, kept) == []
    (company / "models.duckdb").unlink()
    forge(company)
    assert findings(crm, company, kept) == found


def test_the_log_goes_on_after_a_checkpoint(crm: Crm, served: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        made = crm("checkpoint", "--key", tmp_path / "own.key", "--output", tmp_path / name, "--data", served)
        assert made.status == 0
    one, two = (("--checkpoint", tmp_path / name) for name in ("one", "two"))
    checked = crm("verify", *one, *two, "--public-key", tmp_path / "own.pub", "--data", served)
    assert (checked.status, checked.err.count("was changed since")) == (0, 2)
    printed = crm("checkpoint", "--key", tmp_path / "own.key", "--data", served)
    assert printed.out.startswith("annals/log\n")


def test_what_is_no_checkpoint(crm: Crm, company: Path, kept: Path, tmp_path: Path) -> None:
    own = crm("verify", "--checkpoint", kept / "9.checkpoint", "--data", company)
    assert own.status == 0
    assert "--public-key" in own.err
    for content in (b"", b"\xff" * 300, kept.joinpath("9.checkpoint").read_bytes().replace(b"\n9\n", b"\n8\n")):
        (tmp_path / "false").write_bytes(content)
        checked = crm("verify", "--checkpoint", tmp_path / "false", "--data", company, "--format", "json")
        assert [row["code"] for row in json.loads(checked.out)["rows"]] == ["CHECKPOINT_INVALID"]
        assert checked.status == 4
    crm("checkpoint", "--key", tmp_path / "other.key", "--output", tmp_path / "other", "--data", company)
    checked = crm("verify", "--checkpoint", tmp_path / "other", "--public-key", kept / "key.pub", "--data", company)
    assert (checked.status, "CHECKPOINT_INVALID" in checked.out) == (4, True)
    for arguments, code in (
        (("--checkpoint", tmp_path / "missing"), "SOURCE_UNREADABLE"),
        (("--checkpoint", tmp_path / "other", "--public-key", tmp_path / "missing"), "CHECKPOINT_KEY_INVALID"),
    ):
        checked = crm("verify", *arguments, "--data", company)
        assert (checked.status, code in checked.out) == (4, True)
    (company / "checkpoint.pub").unlink()
    checked = crm("verify", "--checkpoint", kept / "9.checkpoint", "--data", company)
    assert (checked.status, "CHECKPOINT_KEY_INVALID" in checked.out) == (4, True)
    assert "were checked with" not in checked.err


def test_what_is_not_sound_is_not_signed(crm: Crm, company: Path, tmp_path: Path) -> None:
    assert refused(crm("checkpoint", "--data", tmp_path / "none"), "NO_DATA")
    (tmp_path / "bad.key").write_text("no key")
    assert refused(crm("checkpoint", "--key", tmp_path / "bad.key", "--data", company), "CHECKPOINT_KEY_INVALID")
    assert crm("verify", "--data", company).status == 0
    cut_off(company)
    assert refused(crm("checkpoint", "--data", company), "HISTORY_FORKED", "not signed")
    altered(company)
    assert refused(crm("checkpoint", "--data", company), "LOG_TAMPERED", "not signed")

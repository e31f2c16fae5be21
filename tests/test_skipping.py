"""What cannot be tested is skipped on somebody's machine, and a failure where everything must be there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = "from tests.conftest import pytest_runtest_makereport\n"
TESTS = """
import pytest

def test_skipped():
    pytest.skip("no broker can be had")

@pytest.fixture
def broker():
    pytest.skip("no broker can be had")

def test_without_its_fixture(broker):
    pass

@pytest.mark.xfail
def test_expected_to_fail():
    raise ValueError
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ci", "status", "said"), [("true", 1, "1 failed, 1 xfailed, 1 error"), ("", 0, "2 skipped, 1 xfailed")]
)
def test_skipping_under_ci_is_a_failure(tmp_path: Path, ci: str, status: int, said: str) -> None:
    tmp_path.joinpath("conftest.py").write_text(CONFTEST)
    tmp_path.joinpath("test_it.py").write_text(TESTS)
    tmp_path.joinpath("pytest.ini").write_text("[pytest]\n")
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(root)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout
    assert ("no broker can be had" in done.stdout) == bool(ci)

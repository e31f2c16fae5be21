"""What docs/security.md says works, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.test_readme import BIN, ROOT, shell

PAGE = ROOT.joinpath("docs", "security.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.slow


@contextmanager
def serving(script: str, folder: Path) -> Iterator[str]:
    """The server that a block ends with, on any free port, which is given."""
    script = script.replace("crm serve", "exec crm serve")
    script = script.replace(":50551", ":0") if "--listen" in script else f"{script.rstrip()} --listen 127.0.0.1:0"
    path = f"{BIN}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["bash", "-euc", script], cwd=folder, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip().rpartition(":")[2]
        finally:
            server.terminate()
            assert server.wait(timeout=60) == 0


def test_the_page(tmp_path: Path) -> None:
    started, asked, started_with_tls, asked_over_tls, told = SHELL
    (program,) = PYTHON
    with serving(started, tmp_path) as port:
        done = shell(asked.replace("50551", port), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "error: NOT_ALLOWED: agent may not call RunSql; analyst, auditor or admin may" in done.stderr
        assert "but kim is no analyst" in done.stdout
    with serving(started_with_tls, tmp_path) as port:
        done = shell(asked_over_tls.replace("50551", port), tmp_path)
        assert done.returncode == 0, done.stderr
        ran = subprocess.run(
            [sys.executable, "-c", program.replace("50551", port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.stdout.startswith("ticket-"), ran.stderr
        stream = ran.stdout.strip()
        done = shell(f"crm replay {stream} --data shop; {told}", tmp_path)
    assert "by service_account:shop" in done.stdout
    assert stream in done.stdout.partition("by service_account:shop")[2], "the replay opened the subject"


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert ROOT.joinpath("docs", link).exists(), link

"""What docs/client.md shows works, word for word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT.joinpath("docs/client.md").read_text("utf-8")
SAID = r"""new My parcel is late
1
1
Two parcels
VERSION_CONFLICT
NOT_SOLVED
\['My parcel is late', 'A third'\]
\['Two parcels', 'Order 4711'\]
1 ticket-\S+
2 ticket-\S+
3 ticket-\S+
4 ticket-\S+
0
new kim
solved kim
"""


@pytest.mark.slow
def test_the_examples_of_the_client(tmp_path: Path) -> None:
    served = subprocess.Popen(
        [Path(sys.executable).parent / "crm", "serve", "--listen", "127.0.0.1:0", "--data", tmp_path / "served"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert served.stdout is not None
    address = served.stdout.readline().split()[-1]
    program = "".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)).replace("127.0.0.1:50551", address)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    served.terminate()
    assert served.wait(timeout=60) == 0
    assert re.fullmatch(SAID, done.stdout), done.stdout + done.stderr


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(((?!http)[^)]+)\)", PAGE))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert ROOT.joinpath("docs", link).exists()

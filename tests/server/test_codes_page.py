"""The page of refusals says what the code says."""

from __future__ import annotations

from pathlib import Path

from infra.server.codes import page


def test_the_page_is_up_to_date() -> None:
    written = Path(__file__).parents[2].joinpath("docs", "errors.md").read_text()
    assert written == page(), "run make proto"

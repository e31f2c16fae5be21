"""What docs/production.md says works, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.settings import Settings
from tests.test_readme import ROOT, shell

PAGE = ROOT.joinpath("docs", "production.md").read_text()
DRILLS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_drills(tmp_path: Path) -> None:
    for drill in DRILLS:
        done = shell(drill, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "everything is sound" in done.stderr


def test_every_setting_that_is_named_exists() -> None:
    named = set(re.findall(r"CRM_([A-Z_]+)", PAGE))
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_every_metric_that_is_named_exists() -> None:
    source = ROOT.joinpath("infra", "server", "metrics.py").read_text()
    for name in set(re.findall(r"\bcrm_[a-z_]+", PAGE)):
        stem = re.sub(r"_(count|total)$", "", name)
        begun = stem.removeprefix("crm_part_").removeprefix("crm_cache_")
        assert f'"{stem}"' in source or f'"{begun}"' in source, name


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert ROOT.joinpath("docs", link).exists(), link

"""On the broker that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.stream import Cluster
from tests.stream.company import Company, new_cluster


@pytest.fixture
def cluster(kafka_address: str) -> Cluster:
    return new_cluster(kafka_address)


@pytest.fixture
def company(tmp_path: Path, cluster: Cluster) -> Iterator[Company]:
    company = Company(tmp_path, cluster)
    yield company
    company.close()

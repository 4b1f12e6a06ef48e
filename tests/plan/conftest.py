from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.plan.cluster import Cluster


@pytest.fixture(scope="session")
def cluster(root: Path) -> Cluster:
    return Cluster.read(root / "config/cluster.yaml")

"""The cluster of these tests, started once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from loopback import Cluster, missing


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Four nodes with GPUs; what needs them is skipped where none can be started."""
    running = os.environ.get("SLURM_TEST_CLUSTER")
    if running:  # the folder of one that was started by hand
        yield Cluster(Path(running))
        return
    reason = missing()
    if reason:
        pytest.skip(f"no SLURM cluster can be started: {reason}")
    # Below pytest's own folders no other user may read, as the database has to.
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="slurm-")))
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()

"""The process of Snakemake is killed in the middle of the graph, and started again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from deepdistill.files import read_json
from loopback import Cluster, wait_until
from running import snakemake
from submitting import checkout, command, started, submitted
from teacher import CONFIG, Teacher, configure
from watching import Watch

pytestmark = pytest.mark.cluster

SHARD = "00000-of-00001"
PASSES = {"slow": 4, "quick": 1}
QUERIES = 40


def test_nothing_is_made_twice_and_nothing_is_lost(
    root: Path, cluster: Cluster, tmp_path: Path
) -> None:
    folder = checkout(root, tmp_path / "folder")
    outputs = [f"results/responses/{teacher}/{SHARD}.parquet" for teacher in PASSES]
    with Teacher() as teacher, Watch(folder, "slow") as watch:
        configure(folder, teacher.url, 1, QUERIES, **PASSES)
        inputs = [f"results/models/{teacher}.json" for teacher in PASSES]
        inputs.append(f"results/queries/shards/{SHARD}.digest.json")
        made = snakemake(folder, *inputs, config=CONFIG)
        assert made.returncode == 0, made.stdout + made.stderr

        with started(folder, *outputs, config=CONFIG) as process:
            wait_until(lambda: bool(watch.places(SHARD)), 600, "finished rows")
            os.killpg(process.pid, signal.SIGKILL)
        # One of its jobs comes to its end meanwhile, and the other goes on.
        wait_until(lambda: (folder / outputs[1]).exists(), 300, "the orphan's output")
        wait_until(lambda: len(cluster.queue(folder)) == 1, 300, "the end of one orphan")

        locked = command(*outputs, config=CONFIG)
        refused = subprocess.run(locked, cwd=folder, capture_output=True, text=True, check=False)
        assert "--unlock" in refused.stderr + refused.stdout
        assert snakemake(folder, "--unlock", *outputs, config=CONFIG).returncode == 0
        printed = submitted(folder, *outputs, config=CONFIG)
        assert "cancelling jobs of a Snakemake that was killed" in printed

    table = pq.read_table(folder / outputs[0])
    wanted = {*zip(table["query_id"].to_pylist(), table["pass"].to_pylist(), strict=True)}
    assert table.num_rows == len(wanted) == QUERIES * PASSES["slow"]
    written = watch.places(SHARD)
    assert {*written} <= wanted
    assert len({*written}) == len(written)  # none of them twice
    metrics = [read_json((folder / path).with_suffix(".metrics.json")) for path in outputs]
    assert metrics[0]["rows_kept"] > 0
    assert metrics[0]["rows_kept"] + metrics[0]["rows_computed"] == len(wanted)
    assert (metrics[1]["rows_kept"], metrics[1]["rows_computed"]) == (QUERIES, 0)
    never_two_at_once(cluster, folder)

    # Snakemake knows how everything was made: nothing is stale, and an edit makes it so.
    again = snakemake(folder, *outputs, "--dry-run", config=CONFIG)
    assert "Nothing to be done" in again.stdout + again.stderr
    assert "provenance" not in again.stdout + again.stderr
    edited = (folder / CONFIG).read_text().replace("max_tokens: 16", "max_tokens: 17")
    (folder / CONFIG).write_text(edited)
    again = snakemake(folder, *outputs, "--dry-run", config=CONFIG)
    assert "generate_responses" in again.stdout + again.stderr


def never_two_at_once(cluster: Cluster, folder: Path) -> None:
    """No two jobs about the same output ran at the same time."""
    spans = defaultdict(list)
    for comment, start, end, place in cluster.account("Comment,Start,End,WorkDir"):
        if place == str(folder):
            spans[comment].append((start, end))
    assert {len(some) for some in spans.values()} == {2}, spans
    for first, second in map(sorted, spans.values()):
        assert first[1] <= second[0], spans

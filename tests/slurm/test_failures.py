"""Generation jobs are lost at the same time, each in another way, and one is warned."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from deepdistill.files import read_json
from loopback import Cluster, wait_until
from running import snakemake
from submitting import PATIENCE, checkout, started
from teacher import CONFIG, Teacher, configure
from watching import Watch

pytestmark = pytest.mark.cluster

SHARDS = [f"0000{number}-of-00006" for number in range(6)]
NODE_FAILS, KILLED, TOO_LONG, TOO_LARGE, WARNED, PREEMPTED = SHARDS
QUERIES = 180
PASSES = 4

FIRST = "if attempt == 1 and wildcards.shard =="
RESOURCES = {
    "runtime": f"1 {FIRST} {TOO_LONG!r} else 3 {FIRST} {WARNED!r} else 30",
    "mem_mb": f"60 {FIRST} {TOO_LARGE!r} else 2000",
    # The job whose node fails is alone there.
    "slurm_extra": f"'--exclude=n1' if wildcards.shard == {NODE_FAILS!r} else "
    # SLURM may send it a minute earlier.
    f"'--nodelist=n1 --signal=USR1@80' {FIRST} {WARNED!r} else '--nodelist=n1'",
}


def job_of(cluster: Cluster, folder: Path, shard: str) -> tuple[str, str] | None:
    """Return number and node of the shard's running job."""
    for job, state, node, comment in cluster.queue(folder):
        if state == "RUNNING" and comment.endswith(shard):
            return job, node
    return None


def test_lost_jobs_go_on_from_their_finished_rows(
    root: Path, cluster: Cluster, tmp_path: Path
) -> None:
    folder = checkout(root, tmp_path / "folder")
    outputs = [f"results/responses/slow/{shard}.parquet" for shard in SHARDS]
    with Teacher() as teacher, Watch(folder, "slow") as watch:
        configure(folder, teacher.url, len(SHARDS), QUERIES, slow=PASSES)
        inputs = [f"results/queries/shards/{shard}.digest.json" for shard in SHARDS]
        made = snakemake(folder, *inputs, "results/models/slow.json", config=CONFIG)
        assert made.returncode == 0, made.stdout + made.stderr
        words = [f"generate_responses:{name}={text}" for name, text in RESOURCES.items()]
        line = [*outputs, "--set-resources", *words]
        with started(folder, *line, config=CONFIG) as process:
            try:
                node = lose(cluster, folder, watch)
            finally:
                printed = process.communicate(timeout=PATIENCE)[0]
                print(printed)
        assert process.returncode == 0, printed
    cluster.start_node(node)
    assert all_done(status(folder))
    ends = [e for e in cluster.account("Comment,State,WorkDir") if e[2] == str(folder)]
    assert Counter(comment.rpartition("_")[2] for comment, *_ in ends) == dict.fromkeys(SHARDS, 2)
    first = {c.rpartition("_")[2]: state.split()[0] for c, state, _ in reversed(ends)}
    assert first[NODE_FAILS] == "NODE_FAIL"
    assert first[TOO_LONG] == "TIMEOUT"
    for shard in SHARDS:
        written = watch.places(shard)
        table = pq.read_table(folder / f"results/responses/slow/{shard}.parquet")
        wanted = {*zip(table["query_id"].to_pylist(), table["pass"].to_pylist(), strict=True)}
        metrics = read_json(folder / f"results/responses/slow/{shard}.metrics.json")
        kept, computed = metrics["rows_kept"], metrics["rows_computed"]
        print(shard, first[shard], f"{kept} rows kept, {computed} computed, {len(written)} seen")
        assert len({*written}) == len(written), shard  # none of them twice
        assert {*written} <= wanted, shard
        assert kept + computed == table.num_rows == len(wanted), shard
        assert (kept > 0) == (shard != TOO_LARGE), shard


def lose(cluster: Cluster, folder: Path, watch: Watch) -> str:
    """Cut a node's power, kill and requeue jobs as soon as they have rows; return the node."""
    shards = (NODE_FAILS, KILLED, PREEMPTED)
    wait_until(lambda: all(map(watch.places, shards)), 600, "finished rows")
    agrees_with_the_queue(status(folder), cluster, folder)
    job, _ = job_of(cluster, folder, KILLED) or ("", "")
    cluster.run("scancel", "--signal=KILL", "--full", job)
    job, _ = job_of(cluster, folder, PREEMPTED) or ("", "")
    cluster.run("scontrol", "requeue", job)
    _, node = job_of(cluster, folder, NODE_FAILS) or ("", "")
    cluster.cut_power(node)
    return node


def status(folder: Path) -> dict[str, Any]:
    """Return what ``scripts/status.py`` says."""
    line = [sys.executable, "scripts/status.py", "--json"]
    printed = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True).stdout
    said: dict[str, Any] = json.loads(printed)
    return said


def agrees_with_the_queue(said: dict[str, Any], cluster: Cluster, folder: Path) -> None:
    """A running Snakemake's jobs have SLURM's numbers, and the rows that they have saved."""
    assert said["state"] == "running"
    active = {job["job"].rpartition("shard=")[2]: job for job in said["active"]}
    for shard in (NODE_FAILS, KILLED, PREEMPTED):
        job, _ = job_of(cluster, folder, shard) or ("", "")
        assert active[shard]["slurm"] == job
        assert active[shard]["state"] == "running"
        assert 0 < active[shard]["rows"] < active[shard]["rows_planned"]
    stage = next(s for s in said["stages"] if s["rule"] == "generate_responses")
    assert (stage["jobs"], stage["done"]) == (len(SHARDS), 0)
    assert 0 < stage["rows"] < stage["rows_planned"] == QUERIES * PASSES
    assert said["finish"] > said["began"]


def all_done(said: dict[str, Any]) -> bool:
    """Whether the run has ended and every lost job came to its end, as another one of SLURM's."""
    stage = next(s for s in said["stages"] if s["rule"] == "generate_responses")
    assert stage["rows"] > 0
    assert not said["active"]
    return said["state"] == "ended" and stage["done"] == stage["jobs"] == len(SHARDS)

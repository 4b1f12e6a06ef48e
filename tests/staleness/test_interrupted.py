"""What a killed job has finished is kept."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from changes import CONFIG, put
from deepdistill.files import read_json, sha256_file
from running import command, environment, snakemake

pytestmark = pytest.mark.slow

SHARD = "results/responses/learner/00000-of-00002"
CHECKPOINT = "results/checkpoints/stage1"
PATIENCE = 120  # seconds


def kill_when(folder: Path, target: str, number: int, ready: Callable[[], bool]) -> None:
    """Start making ``target`` and send the signal to all its processes as soon as it is ready."""
    process = subprocess.Popen(
        command(target, config=CONFIG),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + PATIENCE
        while not ready():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < end, "it did not get far enough to be killed"
            time.sleep(0.02)
        os.killpg(process.pid, number)
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    if number == signal.SIGKILL:
        assert snakemake(folder, "--unlock", config=CONFIG).returncode == 0


def make(folder: Path, target: str) -> None:
    result = snakemake(folder, target, config=CONFIG)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_generation_goes_on_from_its_finished_rows(copied: Path, number: int) -> None:
    for key, value in {"max_tokens": 400, "batch_size": 2, "temperature": 0.8}.items():
        put(f"teachers.learner.{key}", value)(copied)
    parts = copied / f"{SHARD}.parts"
    target = f"{SHARD}.parquet"
    kill_when(copied, target, number, lambda: len(list(parts.glob("*.parquet"))) >= 3)
    finished = sum(pq.read_metadata(path).num_rows for path in parts.glob("*.parquet"))
    make(copied, target)
    metrics = read_json(copied / f"{SHARD}.metrics.json")
    assert metrics["rows_kept"] == finished >= 6
    assert metrics["rows_computed"] == pq.read_metadata(copied / target).num_rows - finished > 0
    assert not parts.exists()

    interrupted = sha256_file(copied / target)
    for path in copied.glob(f"{SHARD}.*"):
        path.unlink()
    make(copied, target)
    assert sha256_file(copied / target) == interrupted  # as if nothing had happened


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_training_goes_on_from_its_last_state(copied: Path, number: int) -> None:
    for key, value in {"epochs": 30, "save_steps": 5}.items():
        put(f"training.recipes.stage1.{key}", value)(copied)
    target = f"{CHECKPOINT}/checkpoint.json"
    states = (copied / CHECKPOINT / "work").glob
    kill_when(copied, target, number, lambda: any(states("**/checkpoint-*/trainer_state.json")))
    make(copied, target)
    metrics = read_json(copied / CHECKPOINT / "metrics.json")
    steps = read_json(copied / target)["steps"]
    assert metrics["steps_kept"] >= 5
    assert metrics["steps_kept"] + metrics["steps_computed"] == steps
    with open(copied / CHECKPOINT / "log.csv", newline="") as stream:
        assert [int(row["step"]) for row in csv.DictReader(stream)] == list(range(1, steps + 1))

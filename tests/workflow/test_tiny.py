"""The whole graph on the tiny configuration."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from running import snakemake

pytestmark = pytest.mark.slow

JOBS = {
    "clean_source": 3,
    "filter_queries": 1,
    "shard_queries": 1,
    "train_demo_model": 2,
    "identify_model": 2,
    "generate_responses": 2,
    "collect_published": 1,
    "take_responses": 2,
    "check_responses": 4,
    "decide_verdicts": 4,
    "measure_difficulty": 1,
    "select_responses": 2,
    "export_dataset": 2,
    "train": 2,
    "evaluate": 2,
    "report": 1,
    "all": 1,
}


def planned(output: str) -> dict[str, int]:
    """Return jobs per rule of Snakemake's own table."""
    table = output.partition("Job stats:")[2].partition("\n\n")[0]
    found = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    found.pop("total", None)
    return found


def test_a_dry_run_on_a_bare_clone_shows_every_job(bare_clone: Path) -> None:
    result = snakemake(bare_clone, "--dry-run", "all")
    assert planned(result.stdout + result.stderr) == JOBS


def states(folder: Path, teacher: str) -> Counter[str]:
    files = sorted((folder / "results" / "verdicts" / teacher).glob("*.parquet"))
    return Counter(s for f in files for s in pq.read_table(f)["state"].to_pylist())


def test_every_row_has_its_verdict(done: Path) -> None:
    # As written into tests/workflow/data/responses.jsonl.
    recorded = states(done, "recorded")
    assert recorded["passed"] == 12 + 3 + 2 + 3 + 2
    assert recorded["unparsable"] == 2
    assert sum(recorded.values()) == 10 * 4
    assert sum(states(done, "learner").values()) == 10 * 2


def test_the_funnel_counts_every_row(done: Path) -> None:
    table = pq.read_table(done / "results" / "queries" / "questions.parquet")
    reasons = Counter(table["drop_reason"].to_pylist())
    assert reasons == {
        None: 6,
        "exact_duplicate": 1,
        "contaminated": 1,
        "empty_question": 1,
    }


def test_all_stages_left_their_artifacts(done: Path) -> None:
    results = done / "results"
    for name in (
        "difficulty/table.parquet",
        "selected/stage1.parquet",
        "datasets/stage2/train-00000-of-00001.parquet",
        "datasets/stage2/README.md",
        "checkpoints/stage2/model/config.json",
        "checkpoints/stage2/log.csv",
        "evals/stage2/heldout.json",
        "report/index.html",
    ):
        assert (results / name).stat().st_size > 0, name
    assert not list(results.rglob("*.tmp"))
    assert not list(results.rglob("*.parts"))


def nothing_to_do(folder: Path) -> bool:
    result = snakemake(folder, "all")
    return "Nothing to be done" in result.stdout + result.stderr


def test_a_second_run_has_nothing_to_do(done: Path) -> None:
    assert nothing_to_do(done)


def test_touched_and_copied_files_are_not_stale(done: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(done, copied, symlinks=True, copy_function=shutil.copyfile)
    for path in sorted(copied.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert nothing_to_do(copied)


def test_the_slurm_profile_works_as_typed(bare_clone: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--dry-run", "all"]
    result = subprocess.run(command, cwd=bare_clone, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    train = (result.stdout + result.stderr).partition("\nrule train:")[2].partition("\n\n")[0]
    assert "slurm_partition=CHANGE_ME" in train
    assert "slurm_extra=--signal=USR1@" in train

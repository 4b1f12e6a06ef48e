"""A teacher that is asked only some queries, each as often as its results ask for, in the graph."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from deepdistill.files import read_json
from running import TINY, jobs_of, run, snakemake

pytestmark = pytest.mark.slow

CONFIG = "asking.yaml"
ONLY = "pass_rate_recorded < 1"
PASSES = {"min": 1, "max": 4, "until": "truncated + unparsable >= 2 and passes >= 2"}


@pytest.fixture(scope="module")
def copied(done: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("asking") / "folder"
    shutil.copytree(done, folder, symlinks=True)
    yield folder
    shutil.rmtree(folder)


def configure(folder: Path, **settings: Any) -> None:
    config = yaml.safe_load((folder / TINY).read_text())
    config["teachers"]["learner"] |= settings
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False))


def tables(folder: Path, artifact: str) -> pd.DataFrame:
    paths = sorted((folder / "results" / artifact).glob("*-of-*.parquet"))
    return pd.concat(map(pd.read_parquet, paths))


def jobs(folder: Path) -> Counter[str]:
    return Counter(rule for rule, _ in jobs_of(run(folder, CONFIG)))


def test_a_teacher_is_asked_what_the_other_does_not_solve_as_often_as_needed(
    copied: Path,
) -> None:
    before = tables(copied, "responses/learner")
    configure(copied, only=ONLY, passes=PASSES)
    ran = jobs(copied)
    assert ran["generate_adaptively"] == 2
    assert "generate_responses" not in ran
    assert ran["decide_verdicts"] == 2

    verdicts = tables(copied, "verdicts/recorded")
    failing = {*verdicts.loc[verdicts["state"] == "failed", "query_id"]}
    rows = tables(copied, "verdicts/learner").sort_values(["query_id", "pass"])
    assert {*rows["query_id"]} == failing
    for _, states in rows.groupby("query_id")["state"]:
        spoilt = states.isin(["truncated", "unparsable"]).cumsum().tolist()
        enough = [n >= 2 and count >= 2 for n, count in enumerate(spoilt, start=1)]
        assert not any(enough[:-1])
        assert enough[-1] or len(enough) == 4

    metrics = [read_json(p) for p in (copied / "results/responses/learner").glob("*.metrics.json")]
    queries = before["query_id"].nunique()
    assert sum(m["queries_left_out"] for m in metrics) == queries - len(failing)
    assert sum(m["responses_saved"] for m in metrics) == 4 * queries - len(rows)
    places = {*zip(before["query_id"], before["pass"], strict=True)}
    new = {*zip(rows["query_id"], rows["pass"], strict=True)} - places
    assert sum(m["rows_computed"] for m in metrics) == len(new)
    log = (copied / "logs/generate_adaptively/learner/00000-of-00002.log").read_text()
    assert f"queries are asked: only {ONLY}" in log


def test_afterwards_there_is_nothing_to_do_and_everything_copes_with_absent_rows(
    copied: Path,
) -> None:
    again = snakemake(copied, "all", "--dry-run", config=CONFIG)
    assert "Nothing to be done" in again.stdout + again.stderr
    table = pd.read_parquet(copied / "results/difficulty/table.parquet")
    left_out = table[table["passes_learner"] == 0]
    assert 0 < len(left_out) < len(table)
    assert (left_out["n_learner"] == 0).all()
    assert left_out["pass_rate_learner"].isna().all()
    assert "not asked" in (copied / "results/report/index.html").read_text()


def test_a_trace_says_that_a_teacher_was_not_asked(copied: Path) -> None:
    table = pd.read_parquet(copied / "results/difficulty/table.parquet")
    query = table.loc[table["passes_learner"] == 0, "query_id"].iloc[0]
    command = [sys.executable, "scripts/trace.py", query, "--configfile", CONFIG]
    traced = subprocess.run(command, cwd=copied, capture_output=True, text=True, check=True)
    assert f"responses of learner\n  not asked: only {ONLY}\n" in traced.stdout


def test_back_to_the_former_passes_only_dropped_rows_are_generated(copied: Path) -> None:
    before = tables(copied, "responses/learner")
    configure(copied)
    ran = jobs(copied)
    assert ran["generate_responses"] == 2
    assert "generate_adaptively" not in ran
    metrics = [read_json(p) for p in (copied / "results/responses/learner").glob("*.metrics.json")]
    kept = int((before["pass"] <= 2).sum())
    assert sum(m["rows_kept"] for m in metrics) == kept
    assert sum(m["rows_computed"] for m in metrics) == 10 * 2 - kept

"""The graph on GSM8K's test questions with two published sets of solutions."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from deepdistill.schemas import QUERIES, VERDICTS
from deepdistill.tables import read_artifact
from deepdistill.verification.agreement import compare_with_key, read_key
from running import clone, snakemake

DATA = os.environ.get("DEEPDISTILL_DATA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DATA is None, reason="DEEPDISTILL_DATA does not name the public data"),
]


@pytest.fixture(scope="module")
def results(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = clone(root, tmp_path_factory.mktemp("gsm8k"))
    result = snakemake(folder, "all", "--config", f"data={DATA}", config="config/gsm8k.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "results" / "gsm8k"


def test_verdicts_agree_with_the_answer_key(results: Path) -> None:
    queries = read_artifact(results / "queries" / "gsm8k.parquet", QUERIES)
    compared = []
    for teacher in ("finetuning", "verification"):
        paths = sorted((results / "verdicts" / teacher).glob("*.parquet"))
        key = read_key(f"{DATA}/gsm8k/model_solutions_6b.jsonl", f"6b_{teacher}.is_correct")
        compared += compare_with_key(queries, [read_artifact(p, VERDICTS) for p in paths], key)
    assert len(compared) == 2 * 1319
    assert sum(c.agrees for c in compared) >= 0.999 * len(compared)


def test_the_graph_ends_in_a_selection_and_a_report(results: Path) -> None:
    assert pq.read_table(results / "selected" / "all_correct.parquet").num_rows > 500
    assert (results / "report" / "index.html").stat().st_size > 0

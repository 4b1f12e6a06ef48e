"""What a user sees who gave something wrong: one line, no stack trace of ours, nothing lost."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from running import TINY, snakemake

pytestmark = pytest.mark.slow


def changed(folder: Path, path: str, value: Any) -> str:
    """Write the tiny configuration with one value changed, and return its name."""
    config = yaml.safe_load((folder / TINY).read_text())
    *parents, name = path.split(".")
    section = config
    for parent in parents:
        section = section[parent]
    section[name] = value
    (folder / "changed.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return "changed.yaml"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sede", 2, "error: config: sede: unknown key (did you mean seed?); allowed here: "),
        (
            "teachers.learner.passes",
            "two",
            'error: config: teachers.learner.passes: found "two", allowed: integer at least 1',
        ),
        (
            "teachers.learner.model",
            "models/absent",
            "error: config: teachers.learner.model: found 'models/absent', allowed: a model folder",
        ),
        (
            "sources.tasks.path",
            "absent.jsonl",
            "error: config: sources.tasks.path: found 'absent.jsonl', but there is no such file",
        ),
    ],
)
def test_a_wrong_configuration_ends_before_any_job(
    bare_clone: Path, path: str, value: Any, message: str
) -> None:
    result = snakemake(bare_clone, "all", config=changed(bare_clone, path, value))
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(message)
    assert "Traceback" not in result.stderr
    assert not (bare_clone / "results").exists()


def failed_run(done: Path, folder: Path, target: str, path: str, value: Any) -> str:
    """Change a value of a finished run's copy, ask for a target, and return what was printed."""
    shutil.copytree(done, folder, symlinks=True)
    result = snakemake(folder, target, config=changed(folder, path, value))
    printed = result.stdout + result.stderr
    assert result.returncode != 0
    assert "deepdistill/" not in printed  # no frame of ours, so no stack trace
    assert not list((folder / "results").rglob("*.tmp"))
    return printed


def test_a_selection_of_nothing_says_why(done: Path, tmp_path: Path) -> None:
    target = "results/selected/stage1.parquet"
    printed = failed_run(done, tmp_path / "c", target, "selection.stage1.cv_threshold", 9)
    assert "error: config: selection.stage1: selects nothing: of 10 queries" in printed
    assert not (tmp_path / "c" / target).exists()


def test_a_grade_over_an_unknown_column_names_the_columns(done: Path, tmp_path: Path) -> None:
    target = "results/difficulty/table.parquet"
    grades = [{"name": "easy", "where": "pass_rate_nobody = 1"}]
    printed = failed_run(done, tmp_path / "c", target, "difficulty.grades", grades)
    assert "error: config: difficulty.grades: easy: found 'pass_rate_nobody = 1': " in printed
    assert "pass_rate_recorded" in printed


def test_a_benchmark_row_without_a_question_names_its_line(done: Path, tmp_path: Path) -> None:
    data = tmp_path / "benchmark.jsonl"
    data.write_text('{"question": "Compute 1+1.", "answer": "2"}\n{"answer": "2"}\n')
    target = "results/queries/questions.parquet"
    path = "evaluation.benchmarks.heldout.data"
    printed = failed_run(done, tmp_path / "c", target, path, str(data))
    assert "benchmark.jsonl: line 2: no field 'question'" in printed

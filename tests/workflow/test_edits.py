"""After an edit exactly the affected rows are computed again, through Snakemake."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepdistill.files import read_json
from running import TINY, snakemake

pytestmark = pytest.mark.slow

Rows = dict[str, int]

QUERIES = {"math": 6, "code": 2, "instruction_following": 2}
PASSES = {"recorded": 4, "learner": 2}


@pytest.fixture
def folder(done: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of a finished run; its counts of computed rows are taken away."""
    copied = tmp_path / "copied"
    shutil.copytree(done, copied, symlinks=True)
    yield copied
    shutil.rmtree(copied)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text()
    assert text.count(old) == 1, f"{name}: {old}"
    path.write_text(text.replace(old, new))


def run(folder: Path) -> tuple[str, Rows]:
    """Run all; return what was printed, and the rows that jobs which ran have computed."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.metrics.json")}
    result = snakemake(folder, "all")
    assert result.returncode == 0, result.stdout + result.stderr
    rows: Rows = {}
    for path in folder.rglob("*.metrics.json"):
        if path.stat().st_mtime_ns != before.get(path):
            stage, teacher = path.parts[-3:-1]
            name = f"{stage}/{teacher}"
            rows[name] = rows.get(name, 0) + read_json(path)["rows_computed"]
    return result.stdout + result.stderr, rows


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (
            "scripts/deepdistill/verification/math.py",
            "MAX_LENGTH = 2000",
            "MAX_LENGTH = 2000  # a comment",
        ),
        (
            "scripts/deepdistill/tables.py",
            "def digest_path(path: str | Path) -> Path:",
            "def digest_path(path: str) -> Path:",
        ),
        ("README.md", "## Two commands", "## Commands"),
    ],
)
def test_what_does_not_count_costs_nothing(folder: Path, name: str, old: str, new: str) -> None:
    edit(folder, name, old, new)
    assert "Nothing to be done" in run(folder)[0]


def test_the_maths_verifiers_code_costs_the_maths_verdicts(folder: Path) -> None:
    edit(
        folder, "scripts/deepdistill/verification/math.py", "MAX_LENGTH = 2000", "MAX_LENGTH = 2001"
    )
    printed, rows = run(folder)
    assert "rule train_demo_model:" not in printed
    assert rows["verdicts/recorded"] == QUERIES["math"] * PASSES["recorded"]
    assert rows["verdicts/learner"] == QUERIES["math"] * PASSES["learner"]
    assert rows.get("responses/recorded", 0) == rows.get("responses/learner", 0) == 0
    for recipe in ("stage1", "stage2"):
        assert "checkpoint is current" in (folder / "logs" / "train" / f"{recipe}.log").read_text()


def test_another_pass_costs_one_row_per_query(folder: Path) -> None:
    edit(folder, TINY, "    passes: 2\n", "    passes: 3\n")
    _, rows = run(folder)
    new = sum(QUERIES.values())
    assert rows == {"responses/learner": new, "verdicts/learner": new}


def test_a_new_row_of_a_source_costs_its_own_rows(folder: Path) -> None:
    source = folder / "tests" / "workflow" / "data" / "questions.jsonl"
    with source.open("a") as stream:
        stream.write('{"question": "Compute 9+9.", "answer": "18"}\n')
    _, rows = run(folder)
    expected = dict.fromkeys(("responses/learner", "verdicts/learner"), PASSES["learner"])
    # The recorded responses do not know the question: error rows, one for each pass.
    expected |= dict.fromkeys(("responses/recorded", "verdicts/recorded"), PASSES["recorded"])
    assert {name: count for name, count in rows.items() if count} == expected


def test_a_training_setting_costs_the_recipe_and_its_descendants(folder: Path) -> None:
    edit(folder, TINY, "      dataset: stage2\n", "      dataset: stage2\n      epochs: 2\n")
    printed, rows = run(folder)
    assert rows == {}
    assert "wildcards: recipe=stage2" in printed
    assert "wildcards: recipe=stage1" not in printed
    assert "wildcards: model=base, benchmark=heldout" not in printed

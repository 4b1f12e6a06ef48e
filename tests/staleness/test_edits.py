"""After each edit exactly the jobs and rows of the table run again, through Snakemake."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import plain
from changes import CONFIG
from deepdistill.files import read_json
from edits import EDITS, Edit
from facts import Facts
from planned import check_plan, plan_of
from running import jobs_of, run, snakemake
from table import Line, page

pytestmark = pytest.mark.slow

BY_NAME = {edit.name: edit for edit in EDITS}
ARTIFACTS = tuple(plain.ARTIFACTS.values())


@dataclass(frozen=True)
class Observed:
    """What ran: jobs by rule, rows by artifact, trainings, benchmark responses."""

    jobs: Mapping[str, int]
    rows: Mapping[str, int]
    trainings: int
    evaluated: int


@pytest.fixture(scope="session")
def plain_finished(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, as if the plain workflow had made it."""
    folder = tmp_path_factory.mktemp("plain") / "folder"
    shutil.copytree(finished, folder, symlinks=True)
    plain.establish(folder, CONFIG)
    return folder


@pytest.fixture(scope="session")
def observed_lines() -> dict[str, Line]:
    """Lines of the table, by the edit's name, as the tests fill them in."""
    return {}


def observe(folder: Path) -> Observed:
    """Run all; return the jobs that ran, and what they computed by their own metrics files."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*metrics.json")}
    jobs = Counter(rule for rule, _ in jobs_of(run(folder, CONFIG)) if rule != "all")
    rows: Counter[str] = Counter()
    trainings = evaluated = 0
    for path in folder.rglob("*metrics.json"):
        if path.stat().st_mtime_ns == before.get(path):
            continue
        metrics = read_json(path)
        if "steps_computed" in metrics:
            trainings += metrics["steps_computed"] > 0
        elif "responses_computed" in metrics:
            evaluated += metrics["responses_computed"]
        elif "rows_computed" in metrics:
            rows[path.parts[-3]] += metrics["rows_computed"]
    return Observed(dict(jobs), dict(+rows), trainings, evaluated)


def facts(folder: Path) -> Facts:
    settings = yaml.safe_load((folder / CONFIG).read_text())
    return Facts(folder, settings["teachers"], settings["shards"])


def expected(edit: Edit, before: Facts, after: Facts) -> Observed:
    counts = {
        artifact: count(before, after) if isinstance(count, Callable) else count
        for artifact, count in edit.rows.items()
    }
    rows = {artifact: count for artifact, count in counts.items() if count}
    return Observed(dict(edit.jobs), rows, edit.trainings, edit.evaluated)


@pytest.mark.parametrize("name", BY_NAME)
def test_an_edit_costs_exactly_what_it_affects(
    name: str,
    copied: Path,
    plain_finished: Path,
    tmp_path: Path,
    observed_lines: dict[str, Line],
) -> None:
    edit = BY_NAME[name]
    if edit.after:
        BY_NAME[edit.after].apply(copied)
        run(copied, CONFIG)
    before = facts(copied)
    edit.apply(copied)
    plan = plan_of(copied)
    observed = observe(copied)
    check_plan(plan, observed.jobs, observed.rows, observed.trainings, observed.evaluated)
    wanted = expected(edit, before, facts(copied))
    assert observed == wanted
    again = snakemake(copied, "all", "--dry-run", config=CONFIG)
    assert "Nothing to be done" in again.stdout + again.stderr
    redone = redone_by_plain(edit, plain_finished, plain.shard_rows(copied), tmp_path)
    observed_lines[name] = Line(
        edit=name,
        jobs=sum(wanted.jobs.values()),
        jobs_run=sum(observed.jobs.values()),
        rows=wanted.rows,
        rows_computed=observed.rows,
        trainings=observed.trainings,
        evaluated=observed.evaluated,
        plain={artifact: redone[artifact] for artifact in ARTIFACTS if artifact in redone},
        plain_trainings=redone.get("train", 0),
        plain_evaluations=redone.get("evaluate", 0),
    )


def redone_by_plain(
    edit: Edit, established: Path, rows: Mapping[tuple[str, str, str], int], tmp_path: Path
) -> dict[str, int]:
    """Return what the plain workflow would redo after the edit, with as many rows as we have."""
    folder = tmp_path / "plain"
    shutil.copytree(established, folder, symlinks=True)
    if edit.after:
        BY_NAME[edit.after].apply(folder)
        plain.establish(folder, CONFIG)
    edit.apply(folder)
    return plain.redone(folder, rows, CONFIG)


TOGETHER = (
    "a prompt template: the learner's for maths",
    "passes 4 → 5",
    "a teacher's `only` given: what another solves is not asked any more",
    "max tokens up, 48 → 64",
    "a teacher's format, all of the text is the answer → thinking and answer",
    "a new source appended, of two questions",
    "a row corrected in a source: its reference",
    "a pass threshold: half of the tests is enough for code",
    "the judge's prompt for maths",
    "the perplexity's length limit",
    "an eval's k 2 → 3",
    "number of shards doubled: rows are moved",
)


def test_many_edits_at_once_give_what_a_run_from_nothing_gives(
    copied: Path, tmp_path: Path
) -> None:
    for name in TOGETHER:
        BY_NAME[name].apply(copied)
    anew = tmp_path / "anew"
    left_out = shutil.ignore_patterns("results", "logs", ".snakemake")
    shutil.copytree(copied, anew, symlinks=True, ignore=left_out)
    run(copied, CONFIG)
    run(anew, CONFIG)
    assert contents(copied, anew) == contents(anew, anew)


def contents(folder: Path, like: Path) -> dict[str, list[Any]]:
    """Return the rows of every table that ``like`` has, and the evaluations' results.

    Rewards and perplexities are computed in batches, and their last bits depend on these.
    """
    tables = sorted(path.relative_to(like) for path in (like / "results").rglob("*.parquet"))
    rows = {
        str(name): [rounded(row) for row in pq.read_table(folder / name).to_pylist()]
        for name in tables
    }
    results = sorted((folder / "results" / "evals").glob("*/heldout.json"))
    return rows | {path.parent.name: read_json(path)["per_question"] for path in results}


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in row.items()}


def test_the_table_in_the_docs_is_what_was_observed(
    root: Path, observed_lines: dict[str, Line], finished: Path, plain_finished: Path
) -> None:
    if set(observed_lines) != set(BY_NAME):
        pytest.skip("not every edit was tried in this run")
    rows = {
        artifact: sum(n for (a, _, _), n in plain.shard_rows(finished).items() if a == artifact)
        for artifact in ARTIFACTS
    }
    path = root / "docs" / "staleness.md"
    old = path.read_text() if path.exists() else ""
    new = page([observed_lines[name] for name in BY_NAME], rows)
    path.write_text(new)
    assert names_and_jobs(new) == names_and_jobs(old), "docs/staleness.md was out of date"


def names_and_jobs(page: str) -> list[list[str]]:
    """What a page says on every machine: how many rows there are depends on what models write."""
    return [line.split(" | ")[:3] for line in page.splitlines() if line.startswith("| ")]

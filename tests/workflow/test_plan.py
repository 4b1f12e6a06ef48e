"""A dry-run ends with the plan, whatever it was asked for, and a run is recorded."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from deepdistill.files import read_json
from deepdistill.plan.runs import read_runs
from running import TINY, jobs_of, snakemake

pytestmark = pytest.mark.slow

PLAN = ("--logger-plan-json", "plan.json", "--logger-plan-html", "plan.html")


def dry_run(folder: Path, *words: str) -> tuple[str, dict[str, Any] | None]:
    """What a dry-run printed, and its plan."""
    path = folder / "plan.json"
    path.unlink(missing_ok=True)
    result = snakemake(folder, *words, "--dry-run", *PLAN)
    printed = result.stdout + result.stderr
    assert "Traceback" not in printed
    return printed, read_json(path) if path.exists() else None


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    return shutil.copytree(done, tmp_path / "copied", symlinks=True)


def test_a_bare_clone_is_planned_and_nothing_is_written(bare_clone: Path) -> None:
    printed, plan = dry_run(bare_clone, "all")
    assert plan
    assert len(plan["jobs"]) == len([job for job in jobs_of(printed) if job[0] != "all"])
    assert "not made yet" in printed
    assert "total" in printed
    assert (bare_clone / "plan.html").read_text().startswith("<!DOCTYPE html>")
    assert not (bare_clone / "results").exists()
    # The sources are small, so their queries are counted although nothing was read before.
    responses = [job for job in plan["jobs"] if job["rule"] == "generate_responses"]
    assert all(job["exact"] and job["rows"]["low"] == job["rows"]["high"] for job in responses)
    ends = [(job["start"], job["end"]) for job in plan["jobs"]]
    assert max(end for _, end in ends) == plan["time"]["finish_seconds"]["expected"]


def test_a_target_is_planned_alone(bare_clone: Path) -> None:
    _, plan = dry_run(bare_clone, "results/queries/shards/00000-of-00002.digest.json")
    assert plan
    assert {job["rule"] for job in plan["jobs"]} == {
        "clean_source",
        "filter_queries",
        "shard_queries",
    }
    _, plan = dry_run(bare_clone, "all", "--until", "filter_queries")
    assert plan
    assert {job["rule"] for job in plan["jobs"]} == {"clean_source", "filter_queries"}


def test_quiet_ways(bare_clone: Path) -> None:
    printed, plan = dry_run(bare_clone, "all", "--quiet", "rules")
    assert plan
    assert "\nrule " not in printed
    assert "\ncost " in printed
    printed, plan = dry_run(bare_clone, "all", "--quiet", "all")
    assert plan
    assert "\ncost " not in printed
    printed, plan = dry_run(bare_clone, "all", "--quiet")
    assert plan is None
    assert "plan: none" in printed


def test_what_does_not_get_so_far_has_no_plan(bare_clone: Path) -> None:
    for words in (("nothing-makes-this",), ("all", "--config", "shards=0")):
        printed, plan = dry_run(bare_clone, *words)
        assert plan is None
        assert "\ncost " not in printed
        assert "\nplan" not in printed


def test_the_paper_s_scale_is_planned_without_data(bare_clone: Path, root: Path) -> None:
    words = ("all", "--dry-run", "--quiet", "rules", *PLAN)
    result = snakemake(bare_clone, *words, config="config/deepdistill-40m.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    plan = read_json(bare_clone / "plan.json")
    assert plan["totals"]["jobs"] == len(plan["jobs"]) > 6000
    by_hand = re.search(
        r"^\| total \| +\| ([\d,]+) \|$",
        (root / "docs/deepdistill-40m.md").read_text(),
        re.MULTILINE,
    )
    assert by_hand
    hours = sum(total["expected"] for total in plan["totals"]["gpu_hours"].values())
    assert hours == pytest.approx(float(by_hand[1].replace(",", "")), rel=0.1)
    assert not (bare_clone / "resources").exists()


def test_a_run_is_recorded_and_the_next_plan_knows(copied: Path) -> None:
    results = copied / "results"
    runs = read_runs(results)
    assert runs
    assert all(line["finished"] and line["seconds"] > 0 for line in runs)
    rules = {line["rule"] for line in runs}
    assert {"clean_source", "generate_responses", "train", "report"} <= rules
    assert "Cost: planned and actual" in (results / "report/index.html").read_text()
    printed, plan = dry_run(copied, "all")
    assert plan
    assert not plan["jobs"]
    assert plan["done"]["share"] == 1
    assert "nothing to do" in printed

    text = (copied / TINY).read_text()
    assert text.count("    passes: 4\n") == 1
    (copied / TINY).write_text(text.replace("    passes: 4\n", "    passes: 5\n"))
    printed, plan = dry_run(copied, "all")
    assert plan
    assert 0 < plan["done"]["share"] < 1
    assert any(rate["jobs"] for rate in plan["rates"])
    assert "passes 4 → 5" in printed

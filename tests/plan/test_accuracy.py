"""After a pilot the demo's plan is near what the demo then takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from accuracy import actual_hours, compare, planned_hours, read_from_disk
from deepdistill.files import read_json
from deepdistill.plan.runs import read_runs
from running import snakemake

pytestmark = pytest.mark.slow

CONFIG = "config/config.yaml"
PILOT = 200


def test_hours_of_each_stage_are_within_the_tolerance(root: Path) -> None:
    results, plan = root / "results", root / "results" / "pilot" / "plan.json"
    if not plan.exists():
        if results.exists():
            pytest.skip(f"{results} is there: the demo ran without a pilot and a plan before it")
        read_from_disk(root)
        for words in (["--config", f"pilot={PILOT}"], ["-n", "--logger-plan-json", str(plan)], []):
            done = snakemake(root, "all", *words, config=CONFIG)
            assert done.returncode == 0, done.stdout + done.stderr
    first = min(line["run"] for line in read_runs(results))
    lines = [line for line in read_runs(results) if line["run"] == first]
    actual = actual_hours(
        (line["rule"], line["gpus"] or line["threads"], line["seconds"]) for line in lines
    )
    assert not compare(planned_hours(read_json(plan)), actual)

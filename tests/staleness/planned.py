"""What a dry-run's plan says of the rows that will be computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from changes import CONFIG
from deepdistill.files import read_json
from deepdistill.plan.summary import UNITS
from running import snakemake

PLAN = "plan.json"


@dataclass(frozen=True)
class Bounds:
    """The fewest and the most that a plan allows for, and whether it claims to be exact."""

    low: float
    high: float
    exact: bool


def plan_of(folder: Path) -> dict[str, Any]:
    """Return the plan of a dry-run, which changes nothing."""
    words = ("all", "--dry-run", "--quiet", "rules", "--logger-plan-json", PLAN)
    result = snakemake(folder, *words, config=CONFIG)
    assert result.returncode == 0, result.stdout + result.stderr
    plan = read_json(folder / PLAN)
    assert isinstance(plan, dict)
    return plan


def bounds(plan: Mapping[str, Any], unit: str) -> Bounds:
    """Return how many rows of a kind a plan allows for."""
    jobs = [job for job in plan["jobs"] if UNITS.get(job["rule"]) == unit]
    return Bounds(
        sum(job["rows"]["low"] for job in jobs),
        sum(job["rows"]["high"] for job in jobs),
        all(job["exact"] for job in jobs),
    )


def trainings(plan: Mapping[str, Any]) -> Bounds:
    """Return how many trainings a plan allows for; a training is all of its samples or none."""
    jobs = [job for job in plan["jobs"] if job["rule"] == "train"]
    low = sum(job["rows"]["low"] > 0 for job in jobs)
    return Bounds(low, sum(job["rows"]["high"] > 0 for job in jobs), False)


def check_plan(
    plan: Mapping[str, Any],
    jobs: Mapping[str, int],
    rows: Mapping[str, int],
    trained: int,
    evaluated: int,
) -> None:
    """Fail unless exactly the planned jobs ran, and as many rows were computed as was planned."""
    assert Counter(job["rule"] for job in plan["jobs"]) == jobs
    found = {**rows, "generations": evaluated}
    for unit in {*UNITS.values()} - {"samples"}:
        allowed = bounds(plan, unit)
        assert allowed.low <= found.get(unit, 0) <= allowed.high, unit
        assert not allowed.exact or allowed.low == allowed.high, unit
    allowed = trainings(plan)
    assert allowed.low <= trained <= allowed.high

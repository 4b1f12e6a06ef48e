"""Planned beside actual: hours by stage, of a plan's JSON and of what jobs took."""

from __future__ import annotations

import compileall
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deepdistill.plan.summary import STAGES

TOLERANCE = float(os.environ.get("PLAN_TOLERANCE", "0.2"))
"""How far planned hours may be from actual ones, as a share of these.

The plan's bar is 0.2, on a machine that does nothing else; a shared one may be twice as fast when
the pilot runs as when the rest does, or half as fast.
"""

NOTHING = 2 / 3600
"""Hours of a core that start-ups of single processes vary by, which no plan can know."""


FOR_GPUS = {"nvidia", "triton"}
"""Packages that no job without a GPU reads; they are most of what is installed."""


def read_from_disk(root: Path) -> None:
    """Have all code in memory, where otherwise the pilot's first jobs wait for it, and no later."""
    compileall.compile_dir(root / "scripts", quiet=1)
    for path in Path(sys.prefix).rglob("*"):
        if path.is_file() and FOR_GPUS.isdisjoint(path.parts):
            with path.open("rb") as file:
                while file.read(2**20):
                    pass


def planned_hours(plan: Mapping[str, Any]) -> dict[str, float]:
    """Return the hours of cores, or GPUs, of each stage in a plan."""
    hours: dict[str, float] = {}
    for job in plan["jobs"]:
        held = job["gpus"] or job["threads"] * job["nodes"]
        stage = STAGES.get(job["rule"], "other")
        hours[stage] = hours.get(stage, 0.0) + held * job["seconds"]["expected"] / 3600
    return hours


def actual_hours(jobs: Iterable[tuple[str, float, float]]) -> dict[str, float]:
    """Return the same of jobs that ran: rule, cores or GPUs, and seconds of each."""
    hours: dict[str, float] = {}
    for rule, held, seconds in jobs:
        stage = STAGES.get(rule, "other")
        hours[stage] = hours.get(stage, 0.0) + held * seconds / 3600
    return hours


def compare(planned: Mapping[str, float], actual: Mapping[str, float]) -> list[str]:
    """Print both by stage and return a line for each stage beyond the tolerance."""
    wrong = []
    for stage in sorted({*planned, *actual}):
        expected, taken = planned.get(stage, 0.0), actual.get(stage, 0.0)
        line = f"{stage:14} planned {expected:8.4f} h, actual {taken:8.4f} h"
        print(f"{line}, {expected / taken - 1:+.0%}" if taken else line)
        if not abs(expected - taken) <= max(TOLERANCE * taken, NOTHING):
            wrong.append(line)
    return wrong

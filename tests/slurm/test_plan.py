"""After a pilot the plan is near what SLURM then accounts for, in hours and in finish."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from accuracy import TOLERANCE, actual_hours, compare, planned_hours, read_from_disk
from deepdistill.files import read_json
from loopback import Cluster
from submitting import checkout, submitted
from teacher import CONFIG, Teacher, configure

pytestmark = pytest.mark.cluster

JOBS = ("--jobs", "2")
"""As many as there are cores behind the nodes, so that others wait."""

PILOT = ("--config", "pilot=10")


class Ended(NamedTuple):
    """A job by SLURM's books: times in seconds, and the cores that it held."""

    rule: str
    start: float
    end: float
    cores: int


def ended(cluster: Cluster, folder: Path, rules: set[str]) -> list[Ended]:
    """Return all jobs of a folder's runs."""
    jobs = []
    for comment, start, end, cores, work_dir in cluster.account(
        "Comment,Start,End,AllocCPUS,WorkDir"
    ):
        if work_dir == str(folder):
            rule = max((r for r in rules if comment.startswith(f"rule_{r}")), key=len)
            times = (datetime.fromisoformat(time).timestamp() for time in (start, end))
            jobs.append(Ended(rule, *times, int(cores)))
    return jobs


def test_hours_and_finish_are_within_the_tolerance(
    root: Path, cluster: Cluster, tmp_path: Path
) -> None:
    folder = checkout(root, tmp_path / "folder")
    site = folder / "config" / "cluster.yaml"
    text = site.read_text()
    assert "status_looks: {first: 10," in text
    site.write_text(text.replace("status_looks: {first: 10,", "status_looks: {first: 2,"))
    read_from_disk(root)
    with Teacher() as teacher:
        configure(folder, teacher.url, shards=3, queries=120, weak=1, strong=1)
        submitted(folder, "all", *PILOT, *JOBS, config=CONFIG)
        words = ("-n", "-q", "rules", "--logger-plan-json", "plan.json", *JOBS)
        submitted(folder, "all", *words, config=CONFIG)
        plan = read_json(folder / "plan.json")
        rules = {job["rule"] for job in plan["jobs"]}
        pilot = len(ended(cluster, folder, rules))
        submitted(folder, "all", *JOBS, config=CONFIG)
    jobs = sorted(ended(cluster, folder, rules), key=lambda job: job.start)[pilot:]
    assert len(jobs) == len(plan["jobs"])

    actual = actual_hours((job.rule, job.cores, job.end - job.start) for job in jobs)
    wrong = compare(planned_hours(plan), actual)
    finish = plan["time"]["finish_seconds"]["expected"]
    makespan = max(job.end for job in jobs) - min(job.start for job in jobs)
    print(f"finish         planned {finish:.0f} s, actual {makespan:.0f} s")
    assert not wrong
    assert abs(finish - makespan) <= TOLERANCE * makespan

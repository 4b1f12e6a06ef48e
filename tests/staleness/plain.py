"""What a plain Snakemake workflow of the same graph (plain/Snakefile) would make again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from deepdistill.files import read_json
from running import TINY, Job, environment, jobs_of

SNAKEFILE = "tests/staleness/plain/Snakefile"

ARTIFACTS = {
    "generate_responses": "responses",
    "take_responses": "responses",
    "check_responses": "checks",
    "judge_responses": "judgements",
    "reward_responses": "rewards",
    "measure_perplexity": "perplexities",
}
"""Rules whose outputs are rows that cost something."""

EXPENSIVE_JOBS = ("train", "evaluate")

SNAKEMAKE = """
from snakemake.cli import main
from snakemake.executors.touch import Executor

Executor.SLEEPING_TIME = 0  # seconds before each job of --touch
main()
"""

Rows = Mapping[tuple[str, str, str], int]
"""Rows of each artifact, teacher and shard."""


def establish(folder: Path, configfile: str = TINY) -> None:
    """In a copy of a finished run, let all artifacts count as made by the plain workflow."""
    shutil.rmtree(folder / ".snakemake")
    # Without --forceall, Snakemake leaves alone what has no records and looks up to date.
    snakemake(folder, configfile, "--touch", "--forceall", "all")


def redone(folder: Path, rows: Rows, configfile: str = TINY) -> dict[str, int]:
    """Count what the plain workflow would make again after an edit of an established copy.

    The result has the rows of each artifact in :data:`ARTIFACTS`, and the number of jobs of
    ``train`` and of ``evaluate``; what is not made again is left out. A job makes all rows of its
    output, which are as many as ``rows``, the numbers after the edit, has for it.
    """
    counts: Counter[str] = Counter()
    for rule, wildcards in planned(folder, configfile):
        if rule in ARTIFACTS:
            artifact = ARTIFACTS[rule]
            counts[artifact] += rows[artifact, wildcards["teacher"], wildcards["shard"]]
        elif rule in EXPENSIVE_JOBS:
            counts[rule] += 1
    return dict(+counts)


def shard_rows(folder: Path) -> dict[tuple[str, str, str], int]:
    """Return the rows of each shard that our workflow made in ``folder``, of its digest files."""
    return {
        (artifact, path.parent.name, path.name.removesuffix(".digest.json")): read_json(path)[
            "rows"
        ]
        for artifact in ARTIFACTS.values()
        for path in (folder / "results" / artifact).glob("*/*.digest.json")
    }


def planned(folder: Path, configfile: str = TINY) -> list[Job]:
    """Return the jobs that the plain workflow would run."""
    return jobs_of(snakemake(folder, configfile, "--dry-run", "all"))


def snakemake(folder: Path, configfile: str, *words: str) -> str:
    """Run the plain workflow's Snakemake with its defaults, and return what it printed."""
    command = [sys.executable, "-c", SNAKEMAKE, "--snakefile", SNAKEFILE, "--cores", "2"]
    result = subprocess.run(
        [*command, "--configfile", configfile, *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    printed = result.stdout + result.stderr
    assert result.returncode == 0, printed
    return printed

"""Seconds that a dry-run takes when nothing is stale, against a bare Snakefile of as many jobs.

Ours is this workflow in a fresh clone, with one teacher and 1,000 shards unless told otherwise.
The bare Snakefile has the same steps and the same number of jobs for each, and nothing else: one
output per job, the inputs that make it the same graph, no params, no logs, no functions, no
environments. In both every output is made as a placeholder by a run with ``--touch``, so that
Snakemake has recorded every job; then both are asked in turn.

    make benchmark NAME=dry_run
    make benchmark NAME=dry_run ARGS="--teachers 3"
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "workflow"))

from running import clone

ROOT = Path(__file__).resolve().parent.parent

CONFIG = """\
shards: {shards}
sources:
  questions: {{path: tests/workflow/data/questions.jsonl, category: math}}
teachers:
{teachers}
selection:
  correct: {{rule: all_correct, teacher: teacher_1}}
"""

TEACHER = "  {name}: {{backend: published, data: tests/workflow/data/responses.jsonl, passes: 1}}\n"

BARE = """\
SHARDS = [f"{{i:05d}}" for i in range({shards})]
TEACHERS = [f"teacher_{{i + 1}}" for i in range({teachers})]

rule all:
    input: "results/report"

rule clean_source:
    input: "source"
    output: "results/cleaned"
    shell: "touch {{output}}"

rule filter_queries:
    input: "results/cleaned"
    output: "results/queries"
    shell: "touch {{output}}"

rule shard_queries:
    input: "results/queries"
    output: "results/shards/{{part}}"
    shell: "touch {{output}}"

rule collect_published:
    input: expand("results/shards/{{part}}", part=range({parts}))
    output: "results/published/{{teacher}}"
    shell: "touch {{output}}"

rule take_responses:
    input: "results/published/{{teacher}}"
    output: "results/responses/{{teacher}}/{{shard}}"
    shell: "touch {{output}}"

rule check_responses:
    input: "results/responses/{{teacher}}/{{shard}}"
    output: "results/checks/{{teacher}}/{{shard}}"
    shell: "touch {{output}}"

rule decide_verdicts:
    input: "results/checks/{{teacher}}/{{shard}}"
    output: "results/verdicts/{{teacher}}/{{shard}}"
    shell: "touch {{output}}"

rule measure_difficulty:
    input: expand("results/verdicts/{{teacher}}/{{shard}}", teacher=TEACHERS, shard=SHARDS)
    output: "results/table"
    shell: "touch {{output}}"

rule select_responses:
    input: "results/table", expand("results/verdicts/teacher_1/{{shard}}", shard=SHARDS)
    output: "results/selected"
    shell: "touch {{output}}"

rule export_dataset:
    input: "results/selected", expand("results/responses/teacher_1/{{shard}}", shard=SHARDS)
    output: "results/dataset"
    shell: "touch {{output}}"

rule report:
    input: "results/dataset"
    output: "results/report"
    shell: "touch {{output}}"
"""

PROFILE = """\
cores: all
rerun-triggers: [mtime, params, input, code]
scheduler: greedy
"""

MAKE_PRESENT = """
import sys
from pathlib import Path

from snakemake.cli import main
from snakemake.executors import touch

METRICS = '{"repairs":0,"rows_computed":0,"rows_kept":0}'
CONTENT = {
    ".digest.json": '{"bytes":0,"rows":0,"sha256":"%s"}' % (64 * "0"),
    ".parquet": "",
}


def touch_made(executor, job):
    for path in map(Path, job.output):
        content = next((text for end, text in CONTENT.items() if path.name.endswith(end)), "made")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        if path.name.endswith(".digest.json"):  # a shard's metrics are no output, but they are read
            path.with_name(path.name.replace(".digest.", ".metrics.")).write_text(METRICS)
    touch_existing(executor, job)


touch_existing = touch.Executor.run_job
touch.Executor.run_job = touch_made
touch.Executor.SLEEPING_TIME = 0
main(sys.argv[1:])
"""
"""A Snakemake whose ``--touch`` first makes what a job would have made, and does not sleep."""


class Seconds(NamedTuple):
    """What one dry-run took: processor time (user and system) and wall time, in seconds."""

    processor: float
    wall: float


class Workflow(NamedTuple):
    """A folder with a workflow, and the words that Snakemake is called with there."""

    folder: Path
    words: list[str]

    def snakemake(self, *words: str, program: str | None = None) -> str:
        """Call Snakemake, or the given Python program in its place; return what it printed."""
        start = ["-m", "snakemake"] if program is None else ["-c", program]
        result = subprocess.run(
            [sys.executable, *start, *words, *self.words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = result.stdout + result.stderr
        if result.returncode:
            sys.exit(printed)
        return printed

    def jobs(self) -> dict[str, int]:
        """Return the number of planned jobs per rule, with their total."""
        table = self.snakemake("all", "--dry-run", "--quiet", "rules")
        return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)$", table, re.MULTILINE)}

    def make_present(self) -> None:
        """Make every output as a placeholder, recorded by Snakemake."""
        self.snakemake("all", "--touch", "--quiet", "all", program=MAKE_PRESENT)

    def dry_run(self) -> Seconds:
        """Return what a dry-run takes that finds nothing to do."""
        before, start = os.times(), time.perf_counter()
        printed = self.snakemake("all", "--dry-run")
        wall, after = time.perf_counter() - start, os.times()
        if "Nothing to be done" not in printed:
            sys.exit(printed)
        processor = sum(after[2:4]) - sum(before[2:4])
        return Seconds(processor, wall)


def our_workflow(folder: Path, shards: int, teachers: int) -> Workflow:
    """Clone this tree into ``folder``, with a configuration of that size."""
    clone(ROOT, folder)
    entries = "".join(TEACHER.format(name=f"teacher_{i + 1}") for i in range(teachers))
    (folder / "size.yaml").write_text(CONFIG.format(shards=shards, teachers=entries))
    return Workflow(folder, ["--profile", "profiles/local", "--configfile", "size.yaml"])


def bare_workflow(folder: Path, shards: int, teachers: int) -> Workflow:
    """Write a Snakefile of the same steps and as many jobs, with what matters of our profile."""
    parts = 1 if shards % 100 else shards // 100
    (folder / "profile").mkdir(parents=True)
    (folder / "profile" / "config.yaml").write_text(PROFILE)
    (folder / "Snakefile").write_text(BARE.format(shards=shards, parts=parts, teachers=teachers))
    (folder / "source").write_text("")
    return Workflow(folder, ["--profile", "profile"])


def median(rounds: list[Seconds]) -> Seconds:
    """Return the median of each measure."""
    return Seconds(*(statistics.median(measure) for measure in zip(*rounds, strict=True)))


def main() -> None:
    """Make both workflows, time their dry-runs in turn and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=1000, help="default: 1000")
    parser.add_argument("--teachers", type=int, default=1, help="default: 1")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ours = our_workflow(Path(name) / "ours", args.shards, args.teachers)
        bare = bare_workflow(Path(name) / "bare", args.shards, args.teachers)
        jobs, bare_jobs = ours.jobs(), bare.jobs()
        if jobs != bare_jobs:
            sys.exit(f"the bare Snakefile has other jobs: ours {jobs}, bare {bare_jobs}")
        for workflow in (ours, bare):
            workflow.make_present()
            workflow.dry_run()
        rounds = [(ours.dry_run(), bare.dry_run()) for _ in range(args.rounds)]
    our_time, bare_time = median([r[0] for r in rounds]), median([r[1] for r in rounds])
    print(f"shards {args.shards}, teachers {args.teachers}, jobs {jobs['total']}")
    for name, seconds in (("ours", our_time), ("bare", bare_time)):
        print(f"{name} {seconds.processor:.2f} s of processor time, {seconds.wall:.2f} s")
    print(f"ratio dry_run {our_time.processor / bare_time.processor:.2f}")


if __name__ == "__main__":
    main()

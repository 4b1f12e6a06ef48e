"""What is there already and holds, and what it would cost to make it again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deepdistill.files import read_json
from deepdistill.keys import shard_names
from deepdistill.plan.build import Plan
from deepdistill.plan.work import Work, made_by

OPINIONS = {
    "check_responses": "checks",
    "judge_responses": "judgements",
    "reward_responses": "rewards",
    "measure_perplexity": "perplexities",
}
"""The artifact that each rule makes of a teacher's responses."""


def done(plan: Plan, totals: dict[str, Any]) -> dict[str, Any]:
    """Return the rows that hold, of jobs with nothing to do and of those with less to do.

    Counted over the whole configuration, whatever target was asked for. ``share`` is that of the
    money; where nothing has a price, that of the rows.
    """
    jobs = rows = 0.0
    gpu_hours = cpu_hours = money = 0.0
    for held in _held(plan):
        estimate = plan.estimator.estimate(held.work, held.wildcards)
        jobs += held.jobs if held.whole else 0
        rows += held.work.total * held.jobs
        gpu_hours += estimate.gpu_hours.expected * held.jobs
        cpu_hours += estimate.cpu_hours.expected * held.jobs
        money += estimate.money.expected * held.jobs
    left = totals["money"]["expected"]
    if money + left > 0:
        share = money / (money + left)
    else:
        share = rows / (rows + totals["rows"]["expected"] or 1)
    return {
        "jobs": int(jobs),
        "rows": rows,
        "share": share,
        "gpu_hours": gpu_hours,
        "cpu_hours": cpu_hours,
        "money": money,
    }


@dataclass(frozen=True, slots=True)
class _Held:
    """Work that ``jobs`` jobs need not do each, and whether that is all that they would do."""

    work: Work
    wildcards: dict[str, str]
    jobs: int
    whole: bool


def _held(plan: Plan) -> Iterator[_Held]:
    """What holds; shards of the same kind are taken together, each with their mean."""
    for planned in plan.jobs:
        if planned.work.kept:
            work = _scaled(planned.work, planned.work.kept)
            yield _Held(work, dict(planned.job.wildcards), 1, False)
    stale = {name for planned in plan.jobs for name in planned.job.outputs}
    kinds: dict[tuple[str, ...], list[float]] = {}
    of_kind: dict[tuple[str, ...], tuple[Work, dict[str, str]]] = {}
    for rule, wildcards, path in _outputs(plan):
        if str(path) not in stale and path.exists():
            work = plan.workload.of(rule, wildcards)
            kind = (rule, *(value for name, value in wildcards.items() if name != "shard"))
            kinds.setdefault(kind, []).append(_rows(path, work))
            of_kind[kind] = (work, wildcards)
    for kind, rows in kinds.items():
        work, wildcards = of_kind[kind]
        yield _Held(_scaled(work, sum(rows) / len(rows)), wildcards, len(rows), True)


def _outputs(plan: Plan) -> Iterator[tuple[str, dict[str, str], Path]]:
    """The rules that compute row by row, with wildcards and the file that says what is there."""
    config = plan.session.config
    results = Path(config["pathvars"]["results"])
    for teacher in config["teachers"]:
        rules = {made_by(config, teacher): "responses", **OPINIONS}
        for rule, artifact in rules.items():
            for shard in shard_names(config["shards"]):
                path = results / artifact / teacher / f"{shard}.digest.json"
                yield rule, {"teacher": teacher, "shard": shard}, path
    for recipe in config["training"]["recipes"]:
        path = results / "checkpoints" / recipe / "checkpoint.json"
        yield "train", {"recipe": recipe}, path
    for model in config["evaluation"]["models"]:
        for benchmark in config["evaluation"]["benchmarks"]:
            path = results / "evals" / model / f"{benchmark}.digest.json"
            yield "evaluate", {"model": model, "benchmark": benchmark}, path


def _rows(path: Path, work: Work) -> float:
    try:
        return float(read_json(path)["rows"])
    except (OSError, ValueError, KeyError):
        return work.total  # a checkpoint's manifest counts no rows


def _scaled(work: Work, rows: float) -> Work:
    """The work of so many rows, of the categories that are expected."""
    expected = work.rows if work.total else {"": 1.0}
    total = sum(expected.values())
    return replace(work, rows={c: n * rows / total for c, n in expected.items()}, kept=0)

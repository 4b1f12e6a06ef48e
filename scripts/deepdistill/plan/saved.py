"""What ``only`` and adaptive passes save: responses that no teacher is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepdistill.files import read_json
from deepdistill.keys import shard_names
from deepdistill.plan.build import Plan
from deepdistill.plan.estimate import Estimate
from deepdistill.plan.work import Rows, Work, made_by
from deepdistill.responses.passes import most_passes


def saved(plan: Plan) -> list[dict[str, Any]]:
    """Return for each teacher with ``only`` or adaptive passes what that saves.

    It is compared with all queries and all passes, over the whole configuration, whatever target
    was asked for; ``share`` is that of the responses. Of shards that are done their rows count, of
    others what the plan expects; ``measured`` says whether jobs have shown the share.
    """
    teachers = plan.session.config["teachers"].items()
    return [_saved(plan, name, ways) for name, teacher in teachers if (ways := _ways(teacher))]


def _ways(teacher: Mapping[str, Any]) -> list[str]:
    adaptive = not isinstance(teacher["passes"], int)
    return [*(["only"] if "only" in teacher else []), *(["passes"] if adaptive else [])]


def _saved(plan: Plan, teacher: str, ways: list[str]) -> dict[str, Any]:
    config = plan.session.config
    shards = shard_names(config["shards"])
    queries = sum(_rows_of_shards(plan, "queries/shards", shards, {}, plan.workload.queries()))
    every = queries * most_passes(config["teachers"][teacher]["passes"])
    asked = sum(_rows_of_shards(plan, f"responses/{teacher}", shards, *_expected(plan, teacher)))
    full, less = (_cost(plan, teacher, rows) for rows in (every, min(asked, every)))
    return {
        "teacher": teacher,
        "by": ways,
        "responses": max(0.0, every - asked),
        "share": max(0.0, 1 - asked / every) if every else 0.0,
        "gpu_hours": full.gpu_hours.expected - less.gpu_hours.expected,
        "money": full.money.expected - less.money.expected,
        "measured": plan.rates.measured("asked_share", teacher) is not None,
    }


def _expected(plan: Plan, teacher: str) -> tuple[dict[str, float], Rows]:
    """Responses of the shards that the plan has jobs for, and of all shards together."""
    rule = made_by(plan.session.config, teacher)
    planned = {
        p.job.wildcards["shard"]: p.work.total + p.work.kept
        for p in plan.jobs
        if p.job.rule == rule and p.job.wildcards.get("teacher") == teacher
    }
    return planned, plan.workload.responses(teacher)


def _rows_of_shards(
    plan: Plan, artifact: str, shards: list[str], planned: Mapping[str, float], expected: Rows
) -> Iterator[float]:
    """Rows of each shard: as planned, else as they are there, else as expected."""
    folder = Path(plan.session.config["pathvars"]["results"]) / artifact
    for shard in shards:
        if shard in planned:
            yield planned[shard]
            continue
        try:
            yield float(read_json(folder / f"{shard}.digest.json")["rows"])
        except (OSError, ValueError, KeyError):
            yield sum(expected.values()) / len(shards)


def _cost(plan: Plan, teacher: str, responses: float) -> Estimate:
    """What so many responses take, as one job: the difference of two has no start in it."""
    wildcards = {"teacher": teacher, "shard": ""}
    rule = made_by(plan.session.config, teacher)
    queries = plan.workload.queries()
    total = sum(queries.values())
    rows = {c: n * responses / total for c, n in queries.items()} if total else {}
    return plan.estimator.estimate(Work(rule, teacher, rows), wildcards)

"""What to look at before a plan is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepdistill.plan.build import Plan, Planned
from deepdistill.plan.placement import too_large
from deepdistill.plan.units import duration

START_UP = 60.0
"""Seconds of a job's start that are worth a word, if the job's rows take less."""

NOTABLE = 0.05
"""Share of the money that may rest on defaults alone without a word."""

NAMED = 3
"""Rules and subjects that a line names."""


def warnings(plan: Plan) -> list[str]:
    """Return a line for each thing that is wrong with jobs of a rule and subject."""
    groups: dict[tuple[str, str | None], list[Planned]] = {}
    for planned in plan.jobs:
        groups.setdefault((planned.job.rule, planned.job.subject), []).append(planned)
    limit = float(plan.cluster.settings["longest_job_h"]) * 3600
    found = []
    for (rule, subject), jobs in groups.items():
        name = f"{rule} of {subject}" if subject else rule
        found += [f"{name}: {text}" for text in _of_group(jobs, limit)]
    too = [*too_large(plan.session.config, plan.cluster)]
    return [*too, *found, *_defaults(plan)]


def _of_group(jobs: Sequence[Planned], limit: float) -> Iterator[str]:
    long = [p.estimate.seconds for p in jobs if p.estimate.seconds.high > limit]
    if long:
        expected, high = max(s.expected for s in long), max(s.high for s in long)
        yield (
            f"{len(long)} of {len(jobs)} jobs may take longer than the limit of "
            f"{duration(limit)}: expected {duration(expected)}, at most {duration(high)}"
            + ("; make more shards" if "shard" in jobs[0].job.wildcards else "")
        )
    asked = [
        p
        for p in jobs
        if isinstance(minutes := p.job.resources.get("runtime"), int | float)
        and p.estimate.seconds.expected > 60 * minutes
    ]
    if asked:
        yield (
            f"{len(asked)} of {len(jobs)} jobs are expected to take longer than the time that they "
            f"ask for, {duration(60 * float(asked[0].job.resources['runtime']))}"
        )
    idle = [p for p in jobs if p.work.total and p.estimate.start_up > START_UP and _idle(p)]
    if idle:
        seconds = idle[0].estimate.seconds.expected
        yield (
            f"start-up is most of {len(idle)} of {len(jobs)} jobs "
            f"({duration(idle[0].estimate.start_up)} of {duration(seconds)})"
            + ("; make fewer shards" if "shard" in jobs[0].job.wildcards else "")
        )


def _idle(planned: Planned) -> bool:
    return planned.estimate.start_up > planned.estimate.seconds.expected / 2


def _defaults(plan: Plan) -> Iterator[str]:
    """Say how much of the money rests on numbers that no finished job has shown."""
    total = sum(p.estimate.money.expected for p in plan.jobs)
    measured = {name: _measured(plan, name) for p in plan.jobs for name in p.estimate.rests_on}
    blind: dict[str, float] = {}
    for planned in plan.jobs:
        names = planned.estimate.rests_on
        if planned.estimate.money.expected and not any(measured[name] for name in names):
            name = planned.job.rule + (f" of {planned.job.subject}" if planned.job.subject else "")
            blind[name] = blind.get(name, 0.0) + planned.estimate.money.expected
    share = sum(blind.values()) / total if total else 0.0
    if share > NOTABLE:
        dearest = sorted(blind, key=lambda name: -blind[name])[:NAMED]
        named = ", ".join(f"{name} {blind[name] / total:.0%}" for name in dearest)
        more = f" and {len(blind) - NAMED} more" if len(blind) > NAMED else ""
        yield (
            f"{share:.0%} of the money rests on defaults alone ({named}{more}); a pilot "
            "(--config pilot=200) measures them"
        )


def _measured(plan: Plan, name: str) -> bool:
    try:
        return plan.rates.find(name).jobs > 0
    except KeyError:
        return False

"""Counting a planned job's rows, whatever its rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from deepdistill.errors import InputError
from deepdistill.plan.commands import Command, read_command
from deepdistill.plan.jobs import Job
from deepdistill.plan.missing import Missing, rehearsed
from deepdistill.plan.missing_models import generations, identity, training
from deepdistill.plan.missing_opinions import (
    checks,
    judgements,
    perplexities,
    rewards,
    verdicts,
)
from deepdistill.plan.missing_responses import responses, texts
from deepdistill.plan.shadow import Shadow

CHEAP = frozenset(
    {
        "make_demo_sources",
        "clean_source",
        "filter_queries",
        "shard_queries",
        "collect_published",
        "measure_difficulty",
        "select_responses",
        "export_dataset",
    }
)
"""Rules whose jobs follow from their inputs, on this machine and without a network."""

RULES: Mapping[str, Callable[[Shadow, Job, Command], Missing | None]] = {
    "identify_model": identity,
    "generate_responses": responses,
    "generate_adaptively": responses,
    "take_responses": texts,
    "check_responses": checks,
    "judge_responses": judgements,
    "reward_responses": rewards,
    "measure_perplexity": perplexities,
    "decide_verdicts": verdicts,
    "train": training,
    "evaluate": generations,
    **dict.fromkeys(CHEAP, rehearsed),
}
"""How the rows of a rule's jobs are counted; of any other rule's they are expected."""


def count(shadow: Shadow, job: Job) -> Missing | None:
    """Return what a job has to compute, None if nobody can say before the run.

    Jobs come after those that they wait for. What is known of a job's outputs is in ``shadow``
    afterwards.
    """
    if job.rule not in RULES or not all(map(shadow.known, filter(_is_read, job.inputs))):
        return None
    command = read_command(job.command)
    if command is None:
        return None
    try:
        return RULES[job.rule](shadow, job, command)
    except InputError:
        return None  # the job itself says what is wrong


def _is_read(name: str) -> bool:
    """Say whether rows follow from a file's content: of a model they may without one."""
    return Path(name).parent.name != "models" and Path(name).name != "checkpoint.json"

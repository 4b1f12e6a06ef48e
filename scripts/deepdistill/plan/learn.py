"""What a finished job shows of the rates that estimates rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.artifacts import artifact_path
from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.plan.commands import read_command
from deepdistill.plan.estimate import Estimate
from deepdistill.plan.jobs import Job
from deepdistill.plan.placement import EMBEDDING_RULES, VERIFICATION_RULES
from deepdistill.plan.rates import Rates, add
from deepdistill.plan.work import Work
from deepdistill.schemas import RESPONSES, REWARDS, SHARD
from deepdistill.tables import read_artifact

Measured = dict[str, dict[str, float]]
"""Sums by a rate's name (:func:`deepdistill.plan.rates.add`)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished job: what it did, what that was estimated to take, and what it took.

    ``seconds`` are those of its command, None where they are not known.
    """

    job: Job
    work: Work
    estimate: Estimate
    metrics: Mapping[str, Any]
    seconds: float | None = None


def learn(measured: Measured, shown: Shown, rates: Rates) -> None:
    """Add to ``measured`` what a job has shown; one that computed nothing shows no speed.

    Speeds are per GPU, or of a job without; seconds per row are those of one core. ``rates`` are
    those that the estimate rests on: they say how seconds are shared out where a job cannot.
    """
    job, metrics = shown.job, shown.metrics
    if job.rule == "select_responses":
        _selected(measured, job)
    if "seconds" not in metrics:
        _silent(measured, shown, rates)
        return
    computed = metrics.get("rows_computed", metrics.get("responses_computed", 0))
    if not (computed or metrics.get("steps_computed")):
        return
    working = metrics["seconds"] - metrics.get("preparation_seconds", 0.0)
    _start_up(measured, shown, working)
    reading = job.rule in (*VERIFICATION_RULES, *EMBEDDING_RULES)
    subject = job.rule if reading else job.subject
    gpu_seconds = working * max(1, shown.estimate.gpus)
    if job.rule == "train":
        add(measured, _name("trained_per_second", subject), metrics["tokens"], gpu_seconds)
        _tokens_trained(measured, job, metrics)
    elif "tokens_out" in metrics:
        add(measured, _name("written_per_second", subject), metrics["tokens_out"], gpu_seconds)
        _lengths(measured, job, metrics, computed)
    elif reading:
        add(measured, _name("read_per_second", subject), _tokens_read(job, metrics), gpu_seconds)
    else:
        _seconds_per_row(measured, shown, working, rates)


def learn_own_start(measured: Measured, held: float, command: float) -> None:
    """Add to ``measured`` the seconds that a cluster's job held cores around its command's."""
    add(measured, "start_up.cluster", held - command, 1)


def _selected(measured: Measured, job: Job) -> None:
    """Add how many responses a set takes for each query of a category."""
    summary = read_json(next(name for name in job.outputs if name.endswith(".summary.json")))
    queries: Counter[str] = Counter()
    responses: Counter[str] = Counter()
    for group in summary["selected"]:
        queries[group["category"]] += group["queries"]
        responses[group["category"]] += group["responses"]
    for left_out in summary["left_out"]:
        queries.update(left_out["queries"])
    for category, n in queries.items():
        # Of none among a few it does not follow that there are none among many.
        name = _name("selected_share", job.subject, category)
        add(measured, name, responses[category] or 0.5, n)


def _tokens_trained(measured: Measured, job: Job, metrics: Mapping[str, Any]) -> None:
    """Add the tokens of a sample, which a model sees once in each epoch."""
    command = read_command(job.command)
    if command and command.all("config"):
        made = metrics["steps_computed"] / (metrics["steps_computed"] + metrics["steps_kept"])
        seen = metrics["samples"] * command.json("config")["epochs"] * made
        add(measured, _name("tokens_trained", job.subject), metrics["tokens"], seen)


def _start_up(measured: Measured, shown: Shown, working: float) -> None:
    """Add the seconds of a job that did not go into its rows."""
    if shown.seconds is not None:
        name = _name("start_up", shown.job.rule, shown.job.subject)
        add(measured, name, shown.seconds - working, 1)


def _silent(measured: Measured, shown: Shown, rates: Rates) -> None:
    """Add what a job shows that says nothing of itself: where most of it was expected to go."""
    expected, start = shown.estimate.seconds.expected, shown.estimate.start_up
    if shown.seconds is None:
        return
    if not shown.work.rows:
        _start_up(measured, shown, 0.0)
        return
    if start < expected - start:
        _seconds_per_row(measured, shown, max(shown.seconds - start, shown.seconds / 2), rates)
        return
    busy = min(expected - start, shown.seconds * (1 - start / expected))
    _start_up(measured, shown, busy)


def _seconds_per_row(measured: Measured, shown: Shown, working: float, rates: Rates) -> None:
    """Add seconds per row, shared out among the categories as the rates up to now would."""
    rule, rows = shown.job.rule, shown.work.rows
    known = {c: rates.find("seconds_per_row", rule, c or None).value for c in rows}
    expected = sum(known[c] * n for c, n in rows.items())
    for category, n in rows.items():
        seconds = working * shown.job.threads * known[category] * n / expected
        add(measured, _name("seconds_per_row", rule, category or None), seconds, n)


def _lengths(measured: Measured, job: Job, metrics: Mapping[str, Any], computed: int) -> None:
    """Add the lengths of prompts and responses: of a teacher's by category, from the shard."""
    teacher = job.wildcards.get("teacher")
    if job.rule in ("judge_responses", "evaluate"):
        about = ["tokens_out", job.rule, job.wildcards.get("benchmark")]
        for name in {_name(*about), _name(*about, job.wildcards.get("model"))}:
            add(measured, name, metrics["tokens_out"], computed)
        return
    add(measured, _name("tokens_in", teacher), metrics.get("tokens_in", 0), computed)
    _asked(measured, job, metrics)
    try:
        table = _by_category(job)
    except (InputError, OSError):
        return  # the next job that reads the shard says what is wrong
    for row in table.to_pylist():
        name = _name("tokens_out", teacher, row["category"])
        add(measured, name, row["tokens_out_sum"] or 0, row["tokens_out_count"])
    answered = pc.sum(table["answer_count"]).as_py()
    add(
        measured, _name("answer_share", teacher), answered or 0, pc.sum(table["pass_count"]).as_py()
    )


def _asked(measured: Measured, job: Job, metrics: Mapping[str, Any]) -> None:
    """Add which share of a shard's queries a teacher with ``only`` was asked."""
    command = read_command(job.command)
    if command and command.all("config") and "only" in command.json("config"):
        queries = read_json(command.one("queries"))["rows"]
        asked = queries - metrics["queries_left_out"]
        add(measured, _name("asked_share", job.wildcards["teacher"]), asked, queries)


def _by_category(job: Job) -> pa.Table:
    """Rows, rows with an answer, and tokens of a shard's responses, by category."""
    queries = next(name for name in job.inputs if "/queries/shards/" in name)
    categories = read_artifact(queries, SHARD, ["query_id", "category"])
    columns = ["query_id", "pass", "tokens_out", "answer"]
    rows = read_artifact(artifact_path(job.outputs[0]), RESPONSES, columns)
    joined = rows.join(categories, "query_id").group_by("category")
    return joined.aggregate(
        [("tokens_out", "sum"), ("tokens_out", "count"), ("answer", "count"), ("pass", "count")]
    )


def _tokens_read(job: Job, metrics: Mapping[str, Any]) -> float:
    """Tokens that a model has read for the rows of this run."""
    if "tokens" in metrics:
        return float(metrics["tokens"])
    table = read_artifact(artifact_path(job.outputs[0]), REWARDS, ["tokens"])
    mean = pc.mean(table["tokens"]).as_py() or 0.0
    return float(mean * metrics["rows_computed"])


def _name(*parts: str | None) -> str:
    return ".".join(part for part in parts if part is not None)

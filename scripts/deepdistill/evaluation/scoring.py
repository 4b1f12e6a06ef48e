"""Scoring of all of a benchmark's responses at once, in the form of an lm-eval filter.

A filter sees every response of a task in one call, so the verifier's worker processes start once;
``process_results`` sees one question at a time and only summarises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from deepdistill.evaluation.generation import Generation
from deepdistill.responses.format import split_response
from deepdistill.verification.check import Check, Task
from deepdistill.verification.state import state
from deepdistill.verification.verify import check_tasks

VERIFICATION: dict[str, Any] = {"thresholds": {"math": 0.99}, "math": {"timeout_s": 5}}
"""Settings for lm-eval by hand; a response passes strictly above its category's threshold."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One response's outcome: score is 1 if it passed, else 0; state says why."""

    score: float
    state: str
    detail: str
    tokens: int | None
    finished: bool


def score_responses(
    responses: Sequence[Sequence[str]],
    docs: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any] = VERIFICATION,
    workers: int = 1,
) -> list[list[dict[str, Any]]]:
    """Verify every response (questions by samples) and return a :class:`Scored` as dict for each.

    ``docs`` has category, question and reference per question, ``settings`` is the
    configuration's section ``verification``. Thinking is stripped first; a
    response without an answer part keeps its state (truncated, unparsable) and is not verified.
    """
    samples = [
        (doc, _as_generation(response))
        for doc, k_responses in zip(docs, responses, strict=True)
        for response in k_responses
    ]
    parts = [split_response(str(g), g.finished) for _, g in samples]
    tasks = [
        Task(doc["category"], doc["question"], answer, doc["reference"])
        for (doc, _), (_, answer, _) in zip(samples, parts, strict=True)
        if answer is not None
    ]
    checks = iter(list(check_tasks(tasks, settings, workers)))
    thresholds = settings["thresholds"]
    scored = iter(
        [
            asdict(_scored(generation, _check(problem, checks), thresholds[doc["category"]]))
            for (doc, generation), (_, _, problem) in zip(samples, parts, strict=True)
        ]
    )
    return [[next(scored) for _ in k_responses] for k_responses in responses]


def summarise(
    doc: Mapping[str, Any], results: Sequence[Sequence[Mapping[str, Any]]]
) -> dict[str, float]:
    """Return a question's metrics from its scored samples: lm-eval's ``process_results``."""
    (samples,) = results
    return {
        "pass@1": fmean(sample["score"] for sample in samples),
        "stopped": fmean(sample["finished"] for sample in samples),
    }


def _as_generation(response: str) -> Generation:
    return response if isinstance(response, Generation) else Generation(response)


def _check(problem: str | None, checks: Iterator[Check]) -> Check:
    return Check.failed(problem, "format", problem) if problem else next(checks)


def _scored(generation: Generation, check: Check, threshold: float) -> Scored:
    outcome = state(check.score, check.failure, threshold)
    score = float(outcome == "passed")
    return Scored(score, outcome, check.detail, generation.tokens, generation.finished)

from __future__ import annotations

from typing import Any

import pytest

from deepdistill.plan.jobs import Job, dependencies, in_order
from deepdistill.plan.reasons import own_reason, root_causes

CONFIG: dict[str, Any] = {
    "seed": 2,
    "sources": {"aime": {"path": "aime.jsonl"}},
    "teachers": {"r1": {"prompt": "prompts/r1.yaml"}},
}
ABOVE = "Input files updated by another job: results/x.digest.json"


def job(number: int, rule: str, reason: str, inputs: Any = (), outputs: Any = (), **wildcards: str):
    return Job(number, rule, wildcards, inputs, outputs, reason, "python scripts/x.py", 1, {})


def changed(before: str, now: str) -> str:
    """Snakemake's words for other parameters; each is as Python writes it."""
    return (
        "Params have changed since last execution: Union of exclusive params before and now "
        f"across all output: before: {before} now: {now} "
    )


def settings(text: str) -> str:
    return repr(text)


@pytest.mark.parametrize(
    ("rule", "wildcards", "before", "now", "expected"),
    [
        (
            "generate_responses",
            {"teacher": "r1", "shard": "00000-of-00002"},
            settings('{"format":"think","temperature":0.6}'),
            settings('{"format":"think","temperature":0.7}'),
            "teacher r1: temperature 0.6 → 0.7",
        ),
        (
            "train",
            {"recipe": "stage1"},
            settings('{"epochs":2,"learning_rate":0.1,"max_length":9,"packing":true}'),
            settings('{"epochs":3,"learning_rate":0.2,"max_length":8,"packing":false}'),
            "recipe stage1: epochs 2 → 3, learning_rate 0.1 → 0.2, max_length 9 → 8 and 1 more",
        ),
        (
            "check_responses",
            {"teacher": "r1"},
            settings('{"code":{"timeout_s":6}}'),
            settings('{"code":{"timeout_s":9}}'),
            "the verifiers: code.timeout_s 6 → 9",
        ),
        (
            "select_responses",
            {"set": "s"},
            settings('{"rule":"sql","where":"a, b"}'),
            settings('{"rule":"sql"}'),
            "set s: where a, b → –",
        ),
        (
            "check_responses",
            {"teacher": "r1"},
            settings("0" * 64),
            settings("1" * 64),
            "code of check_responses changed",
        ),
        (
            "generate_responses",
            {"teacher": "r1"},
            settings('{"seed":1}'),
            settings('{"seed":2}'),
            "seed 1 → 2",
        ),
        ("train", {"recipe": "s"}, "1", "2", "seed 1 → 2"),
        (
            "generate_responses",
            {"teacher": "r1"},
            "0",
            "1",
            "responses of teacher r1 damaged",
        ),
        (
            "identify_model",
            {"model": "r1"},
            "['--revision=v1']",
            "['--revision=v2']",
            "model r1 is another one",
        ),
    ],
)
def test_what_changed_is_named(
    rule: str, wildcards: dict[str, str], before: str, now: str, expected: str
) -> None:
    assert own_reason(job(1, rule, changed(before, now), **wildcards), CONFIG) == expected
    both = f"{ABOVE}; {changed(before, now)}"
    assert own_reason(job(1, rule, both, **wildcards), CONFIG) == expected


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Missing output files: a.json; " + ABOVE, "not made yet"),
        ("Forced execution", "forced"),
        ("Updated input files: prompts/r1.yaml", "prompt of teacher r1 changed"),
        ("Updated input files: aime.jsonl, other", "source aime changed, and 1 more"),
        (ABOVE, None),
        ("Set of input files has changed since last execution", "x: other inputs than before"),
    ],
)
def test_other_reasons(reason: str, expected: str | None) -> None:
    assert root_causes([job(1, "x", reason)], {1: []}, CONFIG)[1] == (expected or "asked for")


def test_jobs_below_count_under_the_root() -> None:
    jobs = [
        job(3, "below", "Input files updated by another job: b", ["b"], ["c"]),
        job(2, "between", "Input files updated by another job: a", ["a"], ["b"]),
        job(1, "root", "Updated input files: aime.jsonl", ["aime.jsonl"], ["a"]),
    ]
    waits = dependencies(jobs)
    assert waits == {1: [], 2: [1], 3: [2]}
    ordered = in_order(jobs, waits)
    assert [j.id for j in ordered] == [1, 2, 3]
    assert set(root_causes(ordered, waits, CONFIG).values()) == {"source aime changed"}

"""What finished jobs show, each alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from deepdistill.files import canonical_json, write_json
from deepdistill.plan.estimate import Estimate
from deepdistill.plan.jobs import Job
from deepdistill.plan.learn import Measured, Shown, learn
from deepdistill.plan.ranges import Range
from deepdistill.plan.rates import Rates
from deepdistill.plan.work import Work

RATES = Rates(
    {
        "seconds_per_row": {"value": 0.001},
        "seconds_per_row.check_responses.math": {"value": 0.01},
        "seconds_per_row.check_responses.code": {"value": 1.0},
    }
)


def shown(
    rule: str,
    *,
    rows: Mapping[str, float],
    start: float = 8,
    expected: float = 10,
    took: float | None = 4,
    outputs: tuple[str, ...] = (),
    command: str = "",
    **metrics: Any,
) -> Shown:
    job = Job(1, rule, {"set": "s", "recipe": "s"}, (), outputs, "", command, 2, {})
    estimate = Estimate(seconds=Range(expected, expected, expected), start_up=start)
    return Shown(job, Work(rule, "s", dict(rows)), estimate, metrics, took)


def learned(what: Shown) -> dict[str, float]:
    measured: Measured = {}
    learn(measured, what, RATES)
    return {name: sums["amount"] / sums["units"] for name, sums in measured.items()}


def test_seconds_of_several_categories_are_shared_out_as_expected() -> None:
    job = shown("check_responses", rows={"math": 100, "code": 9}, seconds=5.0, rows_computed=109)
    found = learned(job)
    # Ten core-seconds, of which code was expected to take nine tenths.
    assert found["seconds_per_row.check_responses.code"] == pytest.approx(1.0)
    assert found["seconds_per_row.check_responses.math"] == pytest.approx(0.01)


def test_preparation_belongs_to_the_start() -> None:
    job = shown(
        "check_responses",
        rows={"math": 100},
        took=6,
        seconds=5,
        preparation_seconds=3,
        rows_computed=1,
    )
    found = learned(job)
    assert found["start_up.check_responses.s"] == pytest.approx(6 - 2)
    assert found["seconds_per_row.check_responses.math"] == pytest.approx(2 * 2 / 100)


@pytest.mark.parametrize(
    ("start", "expected", "took", "name", "value"),
    [
        (8, 10, 4, "start_up.export_dataset.s", 4 - 4 * 0.2),  # all of it was faster
        (8, 9, 20, "start_up.export_dataset.s", 20 - 1),  # its rows took what they were to take
        (8, 100, 58, "seconds_per_row.export_dataset.math", 2 * (58 - 8) / 100),
    ],
)
def test_a_job_that_says_nothing_shows_its_larger_part(
    start: float, expected: float, took: float, name: str, value: float
) -> None:
    job = shown("export_dataset", rows={"math": 100}, start=start, expected=expected, took=took)
    assert learned(job) == {name: pytest.approx(value)}


def test_a_job_without_rows_is_all_start() -> None:
    job = shown("identify_model", rows={}, start=8, expected=36, took=0.1)
    assert learned(job) == {"start_up.identify_model.s": pytest.approx(0.1)}


def test_a_set_shows_how_many_responses_it_takes(tmp_path: Path) -> None:
    summary = str(tmp_path / "s.summary.json")
    taken = {"category": "math", "queries": 10, "responses": 30}
    left_out = {"reason": "easy", "queries": {"math": 30, "code": 8}}
    write_json(summary, {"selected": [taken], "left_out": [left_out]})
    found = learned(shown("select_responses", rows={}, outputs=(summary,)))
    assert found["selected_share.s.math"] == 30 / 40
    assert found["selected_share.s.code"] == 0.5 / 8


def test_a_training_shows_the_tokens_of_a_sample() -> None:
    config = canonical_json({"epochs": 3})
    job = shown(
        "train",
        rows={"math": 999},
        command=f"python scripts/train.py --config '{config}'",
        seconds=20.0,
        preparation_seconds=10.0,
        steps_computed=5,
        steps_kept=5,
        samples=100,
        tokens=15_000,
    )
    found = learned(job)
    assert found["tokens_trained.s"] == 100
    assert found["trained_per_second.s"] == 1500

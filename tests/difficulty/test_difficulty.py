from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.difficulty.statistics import moments, wilson_interval
from deepdistill.difficulty.table import measure_difficulty
from deepdistill.errors import InputError
from deepdistill.schemas import STATES

PAPER = [0.9, 0.1, 0.7, 0.3, 0.5]
"""The worked example of arXiv 2504.17565, section 3, printed there with a CV of 0.63."""


def cv(scores: list[float], ddof: int) -> float:
    values = np.array([scores])
    n = np.array([float(len(scores))])
    return float(moments(values.sum(axis=1), (values**2).sum(axis=1), n, ddof)[2][0])


@pytest.mark.parametrize(("ddof", "expected"), [(0, 0.566), (1, 0.632)])
def test_the_papers_worked_example(ddof: int, expected: float) -> None:
    assert cv(PAPER, ddof) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize(
    ("right", "expected"), [(1, 1.732), (2, 1.0), (3, 0.577), (4, 0.0), (0, math.nan)]
)
def test_cv_of_four_passes(right: int, expected: float) -> None:
    scores = [1.0] * right + [0.0] * (4 - right)
    assert cv(scores, 0) == pytest.approx(expected, abs=5e-4, nan_ok=True)


@given(st.lists(st.floats(0.01, 5), min_size=2, max_size=30), st.sampled_from([0, 1]))
def test_moments_are_numpys(scores: list[float], ddof: int) -> None:
    expected = np.std(scores, ddof=ddof) / np.mean(scores)
    assert cv(scores, ddof) == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 50).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate_and_lies_in_the_unit(counts: tuple[int, int]) -> None:
    passed, n = (np.array([float(c)]) for c in counts)
    low, high = wilson_interval(passed, n)
    assert 0 <= low <= passed / n + 1e-12
    assert passed / n - 1e-12 <= high <= 1
    # The bounds solve (p̂ - p)² = z² p(1-p)/n, which is Wilson's definition.
    for bound in (float(low[0]), float(high[0])):
        if 0 < bound < 1:
            z2 = 1.959963984540054**2
            rate = counts[0] / counts[1]
            assert (rate - bound) ** 2 == pytest.approx(
                z2 * bound * (1 - bound) / counts[1], rel=1e-6, abs=1e-9
            )


QUERIES = pa.table({"query_id": ["a", "b", "c"], "category": ["math"] * 3, "source": ["s"] * 3})


def verdicts(**states: list[str]) -> pa.Table:
    rows = [
        {
            "query_id": q,
            "pass": i,
            "state": s,
            "verify_score": {"passed": 1.0, "failed": 0.0}.get(s),
            "tokens_out": 10 * i,
        }
        for q, listed in states.items()
        for i, s in enumerate(listed, start=1)
    ]
    schema = pa.schema(
        [
            ("query_id", pa.string()),
            ("pass", pa.int32()),
            ("state", pa.string()),
            ("verify_score", pa.float64()),
            ("tokens_out", pa.int32()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def rows(table: pa.Table) -> dict[str, dict[str, Any]]:
    return {row["query_id"]: row for row in table.to_pylist()}


def test_only_passed_and_failed_enter_the_statistics_and_all_states_are_counted() -> None:
    table = verdicts(a=["passed", "failed", "timeout", "truncated"], b=["unverifiable"])
    measured = rows(measure_difficulty(QUERIES, {"r1": table}, 0, []))
    a, b, c = measured["a"], measured["b"], measured["c"]
    assert (a["passes_r1"], a["n_r1"], a["pass_rate_r1"], a["cv_r1"]) == (4, 2, 0.5, 1.0)
    assert (a["timeout_r1"], a["truncated_r1"], a["passed_r1"], a["failed_r1"]) == (1, 1, 1, 1)
    assert (b["passes_r1"], b["n_r1"], b["pass_rate_r1"], b["cv_r1"]) == (1, 0, None, None)
    assert (c["passes_r1"], c["pass_rate_r1"], c["pass_rate_low_r1"]) == (0, None, None)


@pytest.mark.parametrize("state", STATES[2:])
@pytest.mark.parametrize(
    ("policy", "n", "rate", "cv"),
    [("leave_out", 2, 1.0, 0.0), ("fail", 3, 2 / 3, 0.5**0.5), ("drop_query", 0, None, None)],
)
def test_a_policy_decides_what_a_state_does_to_its_query(
    state: str, policy: str, n: int, rate: float | None, cv: float | None
) -> None:
    table = verdicts(a=["passed", "passed", state], b=["passed"])
    measured = rows(measure_difficulty(QUERIES, {"r1": table}, 0, [], {state: policy}))
    a, b = measured["a"], measured["b"]
    assert (a["passes_r1"], a["passed_r1"], a[f"{state}_r1"], a["n_r1"]) == (3, 2, 1, n)
    assert (a["pass_rate_r1"], a["cv_r1"]) == (pytest.approx(rate), pytest.approx(cv))
    assert (a["mean_r1"], a["jeffreys_low_r1"] is None) == (pytest.approx(rate), n == 0)
    assert (b["n_r1"], b["pass_rate_r1"]) == (1, 1.0)


def test_policies_of_several_states_hold_together() -> None:
    table = verdicts(a=["passed", "truncated", "timeout"], b=["timeout", "unparsable"])
    policies = {"truncated": "fail", "timeout": "fail", "unparsable": "drop_query"}
    measured = rows(measure_difficulty(QUERIES, {"r1": table}, 0, [], policies))
    assert (measured["a"]["n_r1"], measured["b"]["n_r1"]) == (3, 0)
    assert measured["a"]["pass_rate_r1"] == pytest.approx(1 / 3)


def test_an_unsolved_query_has_a_pass_rate_of_zero_and_no_cv() -> None:
    measured = rows(measure_difficulty(QUERIES, {"r1": verdicts(a=["failed"] * 4)}, 0, []))
    assert (measured["a"]["pass_rate_r1"], measured["a"]["cv_r1"]) == (0.0, None)


def test_the_first_grade_whose_condition_holds_is_taken() -> None:
    table = verdicts(a=["passed"] * 4, b=["passed", "failed"], c=["failed"])
    grades = [
        {"name": "solved_always", "where": "pass_rate_r1 = 1"},
        {"name": "easy", "where": "pass_rate_r1 > 0"},
    ]
    measured = rows(measure_difficulty(QUERIES, {"r1": table}, 0, grades))
    assert [measured[q]["grade"] for q in "abc"] == ["solved_always", "easy", None]


def test_a_grade_over_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"difficulty\.grades: easy: found 'pass_rate_r2 = 1': .*"):
        measure_difficulty(
            QUERIES, {"r1": verdicts()}, 0, [{"name": "easy", "where": "pass_rate_r2 = 1"}]
        )


def test_an_empty_shard_gives_an_empty_table() -> None:
    assert measure_difficulty(QUERIES.slice(0, 0), {"r1": verdicts()}, 0, []).num_rows == 0

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.evaluation.statistics import mean_and_stderr

SCORES = st.floats(0, 1, allow_subnormal=False)


@st.composite
def tables(draw: st.DrawFn, questions: int = 2) -> list[list[float]]:
    """Questions by samples, with the same number of samples for each question."""
    k = draw(st.integers(1, 5))
    return draw(st.lists(st.lists(SCORES, min_size=k, max_size=k), min_size=questions, max_size=20))


@given(tables())
def test_agrees_with_the_clustered_formula_of_the_paper(table):
    """arXiv 2411.00640, equation 4, with the small-sample factor n / (n - 1)."""
    scores = np.array(table)
    n = len(scores)
    deviations = scores - scores.mean()
    clustered = (deviations.sum(axis=1) ** 2).sum() / scores.size**2 * n / (n - 1)
    mean, stderr = mean_and_stderr(table)
    assert mean == pytest.approx(scores.mean(), abs=1e-12)
    assert stderr == pytest.approx(clustered**0.5, abs=1e-9)


@given(tables(), st.randoms())
def test_order_does_not_count(table, random):
    shuffled = [random.sample(row, len(row)) for row in random.sample(table, len(table))]
    assert mean_and_stderr(shuffled) == pytest.approx(mean_and_stderr(table), abs=1e-12)


@given(tables())
def test_repeating_the_samples_of_a_question_adds_no_certainty(table):
    repeated = [row * 3 for row in table]
    assert mean_and_stderr(repeated) == pytest.approx(mean_and_stderr(table), abs=1e-12)


@given(tables(), st.floats(-3, 3), st.floats(-2, 2))
def test_scales_and_shifts_like_a_mean_and_a_deviation(table, factor, shift):
    mean, stderr = mean_and_stderr(table)
    moved = [[factor * x + shift for x in row] for row in table]
    expected = (factor * mean + shift, abs(factor) * stderr)
    assert mean_and_stderr(moved) == pytest.approx(expected, abs=1e-9)


def test_known_values():
    mean, stderr = mean_and_stderr([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    assert mean == fmean([0.5, 1, 0])
    assert stderr == pytest.approx(0.5 / 3**0.5)


def test_one_question_has_no_standard_error():
    assert mean_and_stderr([[1, 0]]) == (0.5, None)


@pytest.mark.parametrize("table", [[], [[]], [[1.0], []]])
def test_nothing_to_average_is_an_error(table):
    with pytest.raises(ValueError, match="at least one question"):
        mean_and_stderr(table)

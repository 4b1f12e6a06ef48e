"""How many queries look harder than they are: by hand, by laws, and against a known truth."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdistill.difficulty.noise import Rate, expected_noise


def test_four_passes_and_five_percent_hide_a_fifth() -> None:
    # (1 - 0.05)^4 = 0.8145: of 10,000 always-solved queries 8,145 are seen as such.
    noise = expected_noise({(4, 4): 8145, (4, 3): 2000}, Rate(0.05))
    assert noise.always == 8145
    assert noise.always + noise.hidden == pytest.approx(8145 / 0.95**4)
    assert noise.hidden / (noise.always + noise.hidden) == pytest.approx(0.1855, abs=5e-5)
    # 4 · 0.95³ · 0.05 of the 10,000 have one miss, 6 · 0.95² · 0.05² two.
    assert noise.classes[4, 3] == pytest.approx(1714.7, abs=0.1)
    assert noise.classes[4, 2] == pytest.approx(135.4, abs=0.1)


def test_a_rate_of_a_half_by_hand() -> None:
    noise = expected_noise({(4, 4): 3, (4, 1): 9}, Rate(0.5))
    assert noise.classes == {(4, 0): 3, (4, 1): 12, (4, 2): 18, (4, 3): 12}
    assert noise.hidden == 45


def test_queries_with_fewer_passes_are_treated_apart() -> None:
    noise = expected_noise({(4, 4): 10, (2, 2): 10, (1, 1): 10, (0, 0): 7}, Rate(0.5))
    assert noise.always == 30
    assert noise.hidden == 10 * 15 + 10 * 3 + 10 * 1
    assert noise.classes[2, 1] == 20
    assert (0, 0) not in noise.classes


def test_nothing_is_hidden_without_misses_or_without_solved_queries() -> None:
    assert expected_noise({(4, 4): 100, (4, 0): 5}, Rate(0.0)).interval == (0, 0)
    nothing = expected_noise({(4, 3): 100}, Rate(0.2))
    assert (nothing.always, nothing.hidden, nothing.interval) == (0, 0, (0, 0))


def test_an_estimated_rate_has_an_interval_and_widens_that_of_the_noise() -> None:
    few, many = Rate.estimated(5, 100), Rate.estimated(5000, 100_000)
    jeffreys = tuple(scipy.stats.beta.ppf((0.025, 0.975), 5.5, 95.5))
    assert few.interval() == pytest.approx(jeffreys, rel=0.02)
    assert Rate(0.05).interval() is None
    counts = {(4, 4): 10_000}
    spans = [
        high - low
        for low, high in (expected_noise(counts, r).interval for r in (few, many, Rate(0.05)))
    ]
    assert spans[0] > 5 * spans[1]
    assert spans[1] > spans[2] > 0
    assert expected_noise(counts, few).hidden == expected_noise(counts, Rate(0.05)).hidden


def test_an_estimate_without_a_miss_begins_at_zero() -> None:
    interval = Rate.estimated(0, 50).interval()
    assert interval
    assert interval[0] == 0 < interval[1] < 0.06


@pytest.mark.parametrize("value", [-0.1, 1.0, 1.5])
def test_a_rate_is_from_zero_and_below_one(value: float) -> None:
    with pytest.raises(ValueError, match="allowed: from 0, below 1"):
        Rate(value)


def test_an_estimate_from_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="0 of 0 right responses"):
        Rate.estimated(0, 0)


@given(
    st.dictionaries(
        st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        st.integers(0, 10**6),
    ),
    st.floats(0, 0.5),
)
@settings(deadline=None)
def test_classes_add_up_and_are_binomial(counts: dict[tuple[int, int], int], rate: float) -> None:
    noise = expected_noise(counts, Rate(rate))
    always = {n: queries for (n, passed), queries in counts.items() if n == passed}
    assert noise.always == sum(always.values())
    truly = sum(seen / (1 - rate) ** n for n, seen in always.items())
    assert noise.always + noise.hidden == pytest.approx(truly)
    # Misses per pass, over all passes of the always-solved queries, are the rate.
    missed = sum((n - passed) * queries for (n, passed), queries in noise.classes.items())
    asked = sum(n * seen / (1 - rate) ** n for n, seen in always.items())
    assert missed == pytest.approx(asked * rate)


@given(st.integers(1, 10**6), st.integers(1, 8), st.floats(0, 0.4), st.floats(0.001, 0.3))
@settings(deadline=None)
def test_a_higher_rate_hides_more(seen: int, n: int, rate: float, more: float) -> None:
    less = expected_noise({(n, n): seen}, Rate(rate))
    assert expected_noise({(n, n): seen}, Rate(rate + more)).hidden > less.hidden


@pytest.mark.parametrize("estimated", [False, True])
def test_the_interval_holds_the_truth_as_often_as_it_says(estimated: bool) -> None:
    rng = np.random.default_rng(1)
    truth, rate, right, rounds = 400, 0.06, 2000, 300
    held = 0
    for _ in range(rounds):
        n = rng.integers(2, 5, truth)
        passed = rng.binomial(n, 1 - rate)
        pairs, sizes = np.unique(np.stack([n, passed]), axis=1, return_counts=True)
        counts = {(int(a), int(b)): int(c) for a, b, c in zip(*pairs, sizes, strict=True)}
        known = Rate.estimated(int(rng.binomial(right, rate)), right) if estimated else Rate(rate)
        low, high = expected_noise(counts, known).interval
        held += low <= (passed < n).sum() <= high
    assert 0.92 <= held / rounds <= 0.98

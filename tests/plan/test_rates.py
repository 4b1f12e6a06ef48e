from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.plan.rates import SUREST, Rates, RatesUsed, add

DEFAULTS = {
    "tokens_out": {"value": 10, "spread": 2},
    "tokens_out.math": {"value": 20},
    "solved.math": {"value": [1, 1, 2]},
}


def measured(**rates: tuple[float, float]) -> dict[str, dict[str, float]]:
    sums: dict[str, dict[str, float]] = {}
    for name, (amount, units) in rates.items():
        add(sums, name.replace("__", "."), amount, units)
    return sums


def test_the_most_specific_default_is_taken() -> None:
    rates = Rates(DEFAULTS)
    assert rates.named("tokens_out", "r1", "math")[0] == "tokens_out.math"
    assert rates.named("tokens_out", "r1", "code")[0] == "tokens_out"
    assert rates.named("tokens_out", None, "math")[0] == "tokens_out.math"
    with pytest.raises(KeyError, match=r"no rate speed\.r1; looked for speed\.r1, speed"):
        rates.find("speed", "r1")


def test_what_jobs_have_shown_goes_before_every_default() -> None:
    rates = Rates(DEFAULTS, measured(tokens_out__r1=(300, 10)))
    rate = rates.find("tokens_out", "r1", "math")
    assert (rate.value, rate.source, rate.jobs) == (30, "measured", 1)
    assert rates.find("tokens_out", "weak", "math").value == 20
    assert rates.measured("tokens_out", "weak") is None
    more = Rates(DEFAULTS, measured(tokens_out__r1=(300, 10), tokens_out__r1__math=(50, 1)))
    assert more.find("tokens_out", "r1", "math").value == 50


def test_the_names_of_rates_that_were_used_are_kept_once_each() -> None:
    used = RatesUsed(Rates(DEFAULTS, measured(tokens_out__r1=(300, 10))))
    used.find("tokens_out", "r1")
    used.find("tokens_out", "weak")
    used.find("tokens_out", "r1")
    assert used.measured("tokens_out", "weak") is None
    assert used.names == ("tokens_out.r1", "tokens_out")


def test_shares_add_up_to_one() -> None:
    assert Rates(DEFAULTS).shares("solved", "math") == [0.25, 0.25, 0.5]
    assert Rates(DEFAULTS).shares("solved", "code") == []


POSITIVE = st.floats(1e-3, 1e6)


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=20))
def test_a_measured_rate_is_all_amounts_over_all_units(jobs: list[tuple[float, float]]) -> None:
    sums: dict[str, dict[str, float]] = {}
    for amount, units in jobs:
        add(sums, "speed", amount, units)
    rate = Rates({}, sums).find("speed")
    assert rate.jobs == len(jobs)
    assert rate.value == pytest.approx(sum(a for a, _ in jobs) / sum(u for _, u in jobs))
    ratios = [a / u for a, u in jobs]
    assert min(ratios) <= rate.value * 1.000001
    assert rate.value <= max(ratios) * 1.000001
    assert rate.spread >= SUREST


def test_the_spread_is_that_of_the_jobs() -> None:
    sums: dict[str, dict[str, float]] = {}
    for amount in (50, 200):
        add(sums, "speed", amount, 1)
    # Two jobs, each a factor 2 from their middle: the standard deviation of two is sqrt(2) log 2.
    assert Rates({}, sums).find("speed").spread == pytest.approx(
        math.exp(math.sqrt(2) * math.log(2))
    )


@pytest.mark.parametrize(("amount", "units"), [(0, 1), (1, 0), (-1, 1)])
def test_a_job_that_did_nothing_shows_nothing(amount: float, units: float) -> None:
    sums: dict[str, dict[str, float]] = {}
    add(sums, "speed", amount, units)
    assert sums == {}

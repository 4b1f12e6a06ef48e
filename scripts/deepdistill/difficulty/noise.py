"""How many queries look harder than they are, because a verifier misses right responses.

A query that a teacher always solves is seen with all of its n passes right only with probability
(1 - f)^n, where f is the verifier's false-negative rate: the share of right responses that it
fails. So of the queries that are always solved, O seen ones stand for A = O / (1 - f)^n, and the
other A - O are spread over the classes of n - 1 … 0 passes right, binomially. Misses are taken to
be independent; where they crowd in few queries (a reference that the verifier misreads), fewer
queries are touched. Wrong responses that pass are left out of account.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SEED = 20_250_424
DRAWS = 10_000
"""Draws behind an interval, always the same ones: equal counts give equal intervals."""

LEVEL = (0.025, 0.975)

Counts = Mapping[tuple[int, int], int]
"""(passes that count, those of them that passed) → queries of one teacher and category."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """A false-negative rate: given, or estimated as ``missed`` of ``right`` responses.

    Raises ValueError for a rate outside of [0, 1) and for an estimate from nothing.
    """

    value: float
    missed: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.value < 1:
            raise ValueError(f"false-negative rate {self.value}: allowed: from 0, below 1")

    @classmethod
    def estimated(cls, missed: int, right: int) -> Rate:
        """Return the share of ``right`` responses that were ``missed``."""
        if not 0 <= missed < right:
            raise ValueError(f"{missed} of {right} right responses missed: no rate below 1")
        return cls(missed / right, missed, right)

    def interval(self) -> Interval | None:
        """Return the 95 % Jeffreys interval, from the draws; None for a rate that is given."""
        if not self.right:
            return None
        low, high = np.quantile(self.draws(np.random.default_rng(SEED)), LEVEL)
        return (float(low) if self.missed else 0.0), float(high)

    def draws(self, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return draws from what is known of the rate: its Jeffreys posterior, or itself."""
        if not self.right:
            return np.full(DRAWS, self.value)
        return rng.beta(self.missed + 0.5, self.right - self.missed + 0.5, DRAWS)


@dataclass(frozen=True, slots=True)
class Noise:
    """What a false-negative rate makes of one teacher's queries of one category.

    always: queries that are seen as always solved (every pass that counts passed, at least one)
    hidden: expected number of queries that are always solved and seen as harder
    interval: its 95 % interval
    classes: (passes that count, those of them that passed) → expected number of these queries
    """

    always: int
    hidden: float
    interval: Interval
    classes: Mapping[tuple[int, int], float]


def expected_noise(counts: Counts, rate: Rate) -> Noise:
    """Return how many queries are expected to be always solved and seen as harder.

    Queries with different numbers of passes that count are treated apart. Given O, the hidden
    A - O are negative binomial with O successes of probability (1 - f)^n (A a priori as 1 / A);
    the interval holds that and, for an estimated rate, its uncertainty.
    """
    solved = {
        n: queries for (n, passed), queries in counts.items() if n == passed and n and queries
    }
    classes = {
        (n, passed): seen * share
        for n, seen in sorted(solved.items())
        for passed, share in enumerate(_spread(n, rate.value))
    }
    return Noise(sum(solved.values()), sum(classes.values()), _interval(solved, rate), classes)


def _spread(n: int, rate: float) -> list[float]:
    """How many always-solved queries are seen with 0 … n - 1 of n right, for each seen with n."""
    odds = rate / (1 - rate)
    return [math.comb(n, passed) * odds ** (n - passed) for passed in range(n)]


def _interval(solved: Mapping[int, int], rate: Rate) -> Interval:
    rng = np.random.default_rng(SEED)
    rates = rate.draws(rng)
    hidden = np.zeros(DRAWS)
    for n, seen in sorted(solved.items()):
        hidden += rng.negative_binomial(seen, (1 - rates) ** n)
    low, high = np.quantile(hidden, LEVEL)
    return float(low), float(high)

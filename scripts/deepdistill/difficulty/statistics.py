"""Pass rate and coefficient of variation of a query's passes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054


def wilson_interval(passed: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % Wilson interval of the rates ``passed / n``; NaN where n is 0.

    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, z2 = passed / n, Z95**2
        centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
        half = Z95 / (1 + z2 / n) * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n**2))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def jeffreys_interval(passed: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the 95 % Jeffreys interval of the rates ``passed / n``; NaN where n is 0.

    The quantiles of Beta(passed + ½, n - passed + ½), with 0 as the lower end where nothing passed
    and 1 as the upper one where everything did: Brown, Cai, DasGupta (2001), Interval estimation
    for a binomial proportion.
    """
    # Many queries share few pairs of numbers, and the quantiles are slow.
    most = int(n.max(initial=0))
    right, total = np.meshgrid(np.arange(most + 1), np.arange(most + 1), indexing="ij")
    a, b = right + 0.5, np.maximum(total - right, 0) + 0.5
    low = np.where(right == 0, 0.0, betaincinv(a, b, 0.025))
    high = np.where(right == total, 1.0, betaincinv(a, b, 0.975))
    place = passed.astype(np.int64), n.astype(np.int64)
    return np.where(n > 0, low[place], np.nan), np.where(n > 0, high[place], np.nan)


def moments(total: Floats, squares: Floats, n: Floats, ddof: int) -> tuple[Floats, Floats, Floats]:
    """Return mean, standard deviation and CV from sums of the scores and of their squares.

    CV = σ / μ (arXiv 2504.17565, section 3). The paper's formula has the population's standard
    deviation (``ddof`` 0); its worked examples come out with the sample's (``ddof`` 1). NaN where
    there are too few scores, and for CV also where the mean is 0: a query that is never solved is
    not "even", it is unsolved.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        # Rounding may leave a tiny negative difference, or a tiny positive one for equal scores.
        spread = np.maximum(squares - n * mean**2, 0.0)
        spread = np.where(spread <= 1e-12 * squares, 0.0, spread)
        std = np.where(n > ddof, np.sqrt(spread / np.maximum(n - ddof, 1)), np.nan)
        cv = np.where(mean > 0, std / mean, np.nan)
    return mean, std, cv

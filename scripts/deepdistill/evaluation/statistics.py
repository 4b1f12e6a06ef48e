"""Mean and uncertainty of repeated scores."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev


def mean_and_stderr(scores: Sequence[Sequence[float]]) -> tuple[float, float | None]:
    """Return the mean score and its standard error, clustered by question.

    ``scores`` is questions by samples. The mean is over questions of the mean over a question's
    samples (pass@1, arXiv 2107.03374, with k samples to estimate it). Samples of one question are
    not independent, so the standard error is that of the questions' means: their sample standard
    deviation over the square root of their number (arXiv 2411.00640, section 2.2, with equal
    clusters). It is None for a single question.

    Raises :class:`ValueError` without questions or with a question without samples.
    """
    if not scores or not all(scores):
        raise ValueError("at least one question is needed, each with at least one sample")
    means = [fmean(samples) for samples in scores]
    stderr = stdev(means) / len(means) ** 0.5 if len(means) > 1 else None
    return fmean(means), stderr

"""From a score to a state."""

from __future__ import annotations


def state(score: float | None, failure: str | None, threshold: float) -> str:
    """Return a verdict's state: its score against the threshold (strictly above), else why none."""
    if score is None:
        assert failure is not None
        return failure
    return "passed" if score > threshold else "failed"

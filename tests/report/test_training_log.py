"""Long training logs are thinned without losing steps."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.report.training import thinned


@given(st.integers(1, 3000), st.integers(1, 200))
def test_thinned_log_is_short_and_covers_all_steps(steps: int, points: int) -> None:
    log = pd.DataFrame({"step": range(1, steps + 1), "loss": 1.0})
    thin = thinned(log, points)
    assert len(thin) == min(steps, points)
    assert thin["step"].is_monotonic_increasing
    assert thin["step"].iloc[0] <= 1 + steps / points
    assert thin["step"].iloc[-1] >= steps - steps / points
    assert thin["loss"].unique() == pytest.approx([1.0])

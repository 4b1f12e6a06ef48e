from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.keys import query_id
from deepdistill.selection.draws import Lots, unit

IDS = [query_id("math", str(i)) for i in range(2000)]
DRAWN = Lots(pa.chunked_array([IDS])).draw(1, "tie")


@given(order=st.permutations(range(40)), cut=st.integers(0, 40))
def test_a_query_draws_the_same_in_any_order_and_company(order: list[int], cut: int) -> None:
    parts = [[IDS[i] for i in part] for part in (order[:cut], order[cut:])]
    some = Lots(pa.chunked_array(parts, pa.string()))
    assert some.draw(1, "tie").tolist() == DRAWN[order].tolist()


def test_draws_are_even_and_independent_between_purposes_and_seeds() -> None:
    lots = Lots(pa.chunked_array([IDS]))
    drawn = np.array([unit(lots.draw(*purpose)) for purpose in ((1, "a"), (1, "b"), (2, "a"))])
    assert np.all((drawn >= 0) & (drawn < 1))
    # Four standard errors of a mean, and of a correlation, of 2,000 draws.
    assert np.all(abs(drawn.mean(axis=1) - 0.5) < 4 / np.sqrt(12 * 2000))
    assert np.all(abs(np.corrcoef(drawn) - np.eye(3)) < 4 / np.sqrt(2000))

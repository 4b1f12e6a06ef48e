from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.codes import codes, positions

IDS = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=20, unique=True)


@given(known=IDS, data=st.data(), encoded=st.booleans(), chunks=st.integers(1, 3))
def test_positions_are_those_in_the_sorted_list(
    known: list[str], data: st.DataObject, encoded: bool, chunks: int
) -> None:
    known = sorted(known)
    asked = data.draw(st.lists(st.sampled_from(known), max_size=30))
    column = pa.chunked_array([pa.array(asked[i::chunks], pa.string()) for i in range(chunks)])
    expected = [known.index(name) for name in column.to_pylist()]
    column = column.dictionary_encode() if encoded else column
    assert positions(column, pa.array(known)).tolist() == expected
    assert codes(column, known).tolist() == expected


@pytest.mark.parametrize("known", [["a", "c"], ["c", "b", "a"]])
def test_an_id_that_is_not_known_or_not_in_order_is_named(known: list[str]) -> None:
    with pytest.raises(ValueError, match="known ids, or they are not sorted"):
        positions(pa.array(["a", "b"]), pa.array(known))

"""Columns of few distinct values as numbers, which is what fast counting wants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Codes = npt.NDArray[np.int64]


def codes(values: pa.ChunkedArray | pa.Array, known: Sequence[str]) -> Codes:
    """Return each value's position in ``known``, which holds all of them."""
    distinct, place = _distinct(values)
    return pc.index_in(distinct, value_set=pa.array(known)).to_numpy().astype(np.int64)[place]


def positions(ids: pa.ChunkedArray | pa.Array, known: pa.Array) -> Codes:
    """Return each id's position in ``known``, which is sorted and holds all of them."""
    distinct, place = _distinct(ids)
    if not len(place):
        return place
    low = _bound(known, distinct[0].as_py())
    if known.slice(low, len(distinct)).equals(distinct):  # no id lacks rows: no need to look up
        return place + low
    low, high = (_bound(known, bound(distinct).as_py()) for bound in (pc.min, pc.max))
    found = pc.index_in(distinct, value_set=known.slice(low, high - low + 1))
    if found.null_count:
        missing = distinct.filter(pc.is_null(found))[0]
        raise ValueError(f"{missing}: not among the {len(known)} known ids, or they are not sorted")
    return (found.to_numpy().astype(np.int64) + low)[place]


def _distinct(values: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, Codes]:
    """The distinct values, and each value's position among them."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    if isinstance(values, pa.ChunkedArray):
        values = values.unify_dictionaries().combine_chunks()
    return values.dictionary, values.indices.to_numpy().astype(np.int64)


def _bound(known: pa.Array, value: str) -> int:
    """The position of the first of sorted values that is not below ``value``."""
    low, high = 0, len(known)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if known[middle].as_py() < value else (low, middle)
    return low

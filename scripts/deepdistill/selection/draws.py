"""Random choices that depend on a seed and on what is drawn for, and on nothing else.

A query draws the same number whatever the order of the rows, the number of shards and the other
queries are; so a set changes only where its queries do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.keys import digest

Draws = npt.NDArray[np.uint64]

ID_LENGTH = 32
"""Characters of a query id (:func:`deepdistill.keys.query_id`)."""


class Lots:
    """Draws for the queries of ``ids``.

    Example:
        >>> lots = Lots(table["query_id"])
        >>> order = np.argsort(lots.draw(seed, "tie"))
    """

    def __init__(self, ids: pa.ChunkedArray) -> None:
        bytes_ = pc.cast(ids, pa.binary()).cast(pa.binary(ID_LENGTH)).combine_chunks()
        words = np.frombuffer(bytes_.buffers()[1], np.uint64).reshape(-1, ID_LENGTH // 8)
        base = np.zeros(len(bytes_), np.uint64)
        for word in words[bytes_.offset : bytes_.offset + len(bytes_)].T:
            base = _mixed(base ^ word)
        self._base: Draws = base

    def draw(self, *purpose: Any) -> Draws:
        """Return a number below 2^64 for each query; other purposes give independent numbers."""
        return _mixed(self._base ^ np.uint64(int(digest(list(purpose))[:16], 16)))


def unit(draws: Draws) -> npt.NDArray[np.float64]:
    """Return the draws as fractions in [0, 1)."""
    return (draws >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mixed(values: Draws) -> Draws:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that spreads every bit."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

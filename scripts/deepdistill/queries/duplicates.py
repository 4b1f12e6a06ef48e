"""Exact and near duplicates, across all sources, the first occurrence winning."""

from __future__ import annotations

import re

from rensa import RMinHash, RMinHashLSH

SHINGLE = 5
PERMUTATIONS = 120
BANDS = 20  # of 6 values: a pair of similarity 0.8 is found with probability 0.998, 0.5 with 0.27
_SEED = 42

_PLAIN = re.compile(r"[^\W\d_]|[\s.,;:!?'\"]")


class DuplicateIndex:
    """Finds, for each query in turn, an earlier query that it repeats.

    Exact duplicates have the same id. Near duplicates have a Jaccard similarity of character
    5-grams of at least ``similarity`` (found by MinHash with banding, then computed exactly), *and*
    the same numbers and symbols in the same order, *and* the same reference: "7+12" and "7-12" are
    close as texts and yet two questions.

    Example:
        >>> index = DuplicateIndex(0.8)
        >>> index.add("a", "Compute the value of 7+12.", "19")
        >>> index.add("b", "compute the value of 7+12", "19")
        ('near_duplicate', 'a')
    """

    def __init__(self, similarity: float | None) -> None:
        self._similarity = similarity
        self._ids: set[str] = set()
        self._kept: list[tuple[str, str, str | None]] = []
        self._lsh = RMinHashLSH(threshold=similarity or 1.0, num_perm=PERMUTATIONS, num_bands=BANDS)

    def add(self, query_id: str, text: str, reference: str | None) -> tuple[str, str] | None:
        """Add a query; return ``(reason, id of the query it repeats)``, or None if it is new."""
        if query_id in self._ids:
            return "exact_duplicate", query_id
        if self._similarity is not None:
            folded = " ".join(text.casefold().split())
            signature = RMinHash(num_perm=PERMUTATIONS, seed=_SEED)
            signature.update(sorted(shingles(folded)))
            for candidate in sorted(self._lsh.query(signature)):
                other, other_text, other_reference = self._kept[candidate]
                if (
                    reference == other_reference
                    and symbols(folded) == symbols(other_text)
                    and jaccard(folded, other_text) >= self._similarity
                ):
                    return "near_duplicate", other
            self._lsh.insert(len(self._kept), signature)
            self._kept.append((query_id, folded, reference))
        self._ids.add(query_id)
        return None


def shingles(text: str) -> set[str]:
    """Return the character 5-grams of ``text``, or ``text`` itself if it is shorter."""
    return {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}


def jaccard(left: str, right: str) -> float:
    """Return the Jaccard similarity of two texts' 5-grams."""
    a, b = shingles(left), shingles(right)
    return len(a & b) / len(a | b)


def symbols(text: str) -> str:
    """Return the digits and symbols of ``text`` in order, without letters and punctuation."""
    return _PLAIN.sub("", text)

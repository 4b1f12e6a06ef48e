"""Texts as sets of character 5-grams, by which near duplicates are found."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5

_SYMBOL = re.compile(r"\d+(?:[.,]\d+)*|[^\w\s.,;:!?'\"]|_")
_LETTERS = {ord(letter): " " for letter in "abcdefghijklmnopqrstuvwxyz;:!?'\""}
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""An odd number whose bits are well mixed: the golden ratio, in 64 bits."""


def fold(text: str) -> str:
    """Return ``text`` without case and with single blanks, which make no difference."""
    return " ".join(text.casefold().split())


def symbols(folded: str) -> str:
    """Return numbers and symbols in order, without letters, punctuation and white space.

    Point and comma count between digits: 1.5 is not 15.
    """
    if folded.isascii():
        # Mostly letters: without them little is left to look at.
        folded = " ".join(folded.translate(_LETTERS).split())
    return " ".join(_SYMBOL.findall(folded))


def shingle_hashes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the hashes of all texts' 5-grams, one text after the other, and where each begins.

    A text that is shorter has one hash, of itself with zeros behind it; equal 5-grams have equal
    hashes. The second array has one more entry than there are texts.
    """
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(np.maximum(lengths, SHINGLE))])
    padded = "".join(text if len(text) >= SHINGLE else text.ljust(SHINGLE, "\0") for text in texts)
    codes = np.frombuffer(padded.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    size = max(0, len(codes) - SHINGLE + 1)
    hashes = np.zeros(size, dtype=np.uint64)
    for place in range(SHINGLE):
        hashes *= _FACTOR
        hashes += codes[place : place + size]
    hashes ^= hashes >> np.uint64(29)
    hashes *= _FACTOR
    hashes ^= hashes >> np.uint64(32)
    # A 5-gram that begins in the last four characters of a text reaches into the next one.
    inside = np.ones(size, dtype=bool)
    for back in range(1, SHINGLE):
        ends = starts[1:] - back
        inside[ends[ends < size]] = False
    counts = np.maximum(lengths, SHINGLE) - SHINGLE + 1
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    return hashes[inside], offsets


def jaccard(left: str, right: str) -> float:
    """Return the Jaccard similarity of two texts' 5-grams."""
    a, b = _shingles(left), _shingles(right)
    return len(a & b) / len(a | b)


def _shingles(text: str) -> set[str]:
    return {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}

"""Finding the queries that a published question is, among millions, in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepdistill.messages import last_user_text
from deepdistill.queries.clean import identity_text, normalise
from deepdistill.schemas import QUERIES
from deepdistill.tables import iter_batches

Hashes = npt.NDArray[np.bytes_]
"""Hashes or query ids, 16 bytes each. Two different texts do not have the same."""

Numbers = npt.NDArray[np.int64]

MOST_KNOWN = 1 << 24
"""Texts as written that are remembered, 20 bytes each; others are normalised each time."""

_HASH = "S16"
_BYTES = 16
_NOWHERE = -1


def kept_questions(paths: Iterable[str | Path]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield ids and questions (the last user turn) of the queries that filtered sources keep."""
    for path in paths:
        for batch in iter_batches(path, QUERIES, ["query_id", "messages", "kept"]):
            kept = batch.filter(batch["kept"])
            texts = [last_user_text(messages) for messages in kept["messages"].to_pylist()]
            yield kept["query_id"].to_pylist(), texts


class QuestionIndex:
    """Queries by their question: the normalised text with white space collapsed.

    Two queries of different categories may have one question, so a question stands for a group
    of queries. Texts are looked up as they are written first, in one table that begins with the
    queries' own; only a text that is not in it is normalised, and then it is. Memory: 60 bytes
    per query and 20 per other text, whatever the length of the texts.

    Example:
        >>> index = QuestionIndex([(["0" * 32], ["What is 1 + 2?"])])
        >>> rows, ids = index.find(pa.array(["What is 1 +  2?", "Why?"]))
        >>> rows.tolist()
        [0]
    """

    def __init__(self, queries: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
        """``queries`` are ids (32 hexadecimal digits) and normalised questions, in batches."""
        empty = np.empty(0, _HASH)
        ids, written, questions = [empty], [empty], [empty]
        for some, texts in queries:
            ids.append(_from_hex(some))
            written.append(_hashes(text.encode() for text in texts))
            questions.append(_hashes(identity_text(text).encode() for text in texts))
        asked = np.concatenate(questions)
        self._questions, groups = np.unique(asked, return_inverse=True)
        every = np.concatenate(ids)
        order = np.lexsort((every, groups))
        self._ids = every[order]
        self._ends = np.searchsorted(groups[order], np.arange(len(self._questions)), side="right")
        self._written, first = np.unique(np.concatenate(written), return_index=True)
        self._groups = groups[first].astype(np.int32)

    def find(self, texts: pa.Array) -> tuple[Numbers, Hashes]:
        """Return the positions of ``texts`` that are questions of queries, with the queries' ids.

        A position stands there once for each of its queries.
        """
        groups = self._groups_of(texts)
        positions = np.flatnonzero(groups != _NOWHERE)
        groups = groups[positions]
        starts = np.where(groups > 0, self._ends[groups - 1], 0)
        counts = self._ends[groups] - starts
        before = np.cumsum(counts) - counts  # how many ids come before each position's own
        own = np.arange(counts.sum()) - np.repeat(before - starts, counts)
        return np.repeat(positions, counts), self._ids[own]

    def _groups_of(self, texts: pa.Array) -> Numbers:
        """The group of each text, or :data:`_NOWHERE`."""
        hashes = _hashes(texts.cast(pa.large_binary()).to_pylist())
        places = _places(self._written, hashes)
        known, new = np.flatnonzero(places != _NOWHERE), np.flatnonzero(places == _NOWHERE)
        groups = np.full(len(hashes), _NOWHERE)
        groups[known] = self._groups[places[known]]
        if len(new):
            unknown, first, of = np.unique(hashes[new], return_index=True, return_inverse=True)
            found = self._groups_by_question(texts.take(pa.array(new[first])).to_pylist())
            self._remember(unknown, found)
            groups[new] = found[of]
        return groups

    def _groups_by_question(self, texts: Iterable[str]) -> Numbers:
        return _places(
            self._questions, _hashes(identity_text(normalise(text)).encode() for text in texts)
        )

    def _remember(self, unknown: Hashes, groups: Numbers) -> None:
        room = max(0, MOST_KNOWN - len(self._written))
        places = np.searchsorted(self._written, unknown[:room])
        self._written = np.insert(self._written, places, unknown[:room])
        self._groups = np.insert(self._groups, places, groups[:room])


def to_binary(ids: Hashes) -> pa.FixedSizeBinaryArray:
    """Return query ids as an Arrow array of their bytes."""
    buffers = [None, pa.py_buffer(ids.tobytes())]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(_BYTES), len(ids), buffers)


def from_binary(ids: pa.ChunkedArray) -> Hashes:
    """Return query ids of an Arrow array of their bytes."""
    return np.frombuffer(b"".join(ids.to_pylist()), _HASH)


def to_hex(ids: Hashes) -> pa.StringArray:
    """Return query ids as the tables have them."""
    ends = np.arange(len(ids) + 1, dtype=np.int32) * (2 * _BYTES)
    digits = ids.tobytes().hex().encode()
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(ends), pa.py_buffer(digits))


def _from_hex(ids: Sequence[str]) -> Hashes:
    return np.frombuffer(bytes.fromhex("".join(ids)), _HASH)


def _hashes(texts: Iterable[bytes]) -> Hashes:
    digests = [blake2b(text, digest_size=_BYTES).digest() for text in texts]
    return np.frombuffer(b"".join(digests), _HASH)


def _places(table: Hashes, hashes: Hashes) -> Numbers:
    """Where each hash stands in a sorted table, or :data:`_NOWHERE`.

    Sorted ones are looked up several times faster than those that jump about in the table.
    """
    places = np.full(len(hashes), _NOWHERE)
    if len(table):
        order = np.argsort(hashes)
        found = np.minimum(np.searchsorted(table, hashes[order]), len(table) - 1)
        places[order] = np.where(table[found] == hashes[order], found, _NOWHERE)
    return places

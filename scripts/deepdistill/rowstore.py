"""Rows of a shard that are there already, so that a job computes only those that are missing.

A job may find rows in three places: its own earlier output, part files that an interrupted
attempt left, and shards of another shard count, whose ranges of query ids overlap with its own.
Whether a row is still good is for its key to say, not for where it lies.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from deepdistill.errors import InputError
from deepdistill.files import atomic_path
from deepdistill.schemas import Artifact
from deepdistill.tables import from_rows, read_artifact, write_artifact

log = logging.getLogger(__name__)

_SHARD = re.compile(r"(\d+)-of-(\d+)\.parquet")


class RowStore:
    """The rows of one shard's artifact at ``output``.

    Example:
        >>> store = RowStore("results/responses/r1/00000-of-00004.parquet", RESPONSES)
        >>> kept = [row for row in store.rows() if still_holds(row)]
        >>> store.append(new_rows)  # safe on disk from here on
        >>> store.publish(kept + new_rows)
    """

    def __init__(self, output: str | Path, artifact: Artifact) -> None:
        self._output = Path(output)
        self._artifact = artifact
        self._parts = self._output.with_suffix(".parts")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield rows of every place that may hold some, the newest place first.

        A file that cannot be read is named in the log and left out: its rows are made again.
        """
        for path in [*self._part_files()[::-1], *_overlapping(self._output)]:
            try:
                yield from read_artifact(path, self._artifact).to_pylist()
            except InputError as error:
                log.warning("rows are made again: %s", error)

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows to a part file, where a later attempt finds them."""
        number = len(self._part_files())
        with atomic_path(self._parts / f"{number:06}.parquet") as temporary:
            pq.write_table(from_rows(self._artifact, rows), temporary, compression="zstd")

    def publish(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write all of the shard's rows as the artifact and remove the part files."""
        write_artifact(self._output, self._artifact, from_rows(self._artifact, rows))
        shutil.rmtree(self._parts, ignore_errors=True)

    def _part_files(self) -> list[Path]:
        return sorted(self._parts.glob("*.parquet"))


def _overlapping(output: Path) -> list[Path]:
    """Existing shard files beside ``output``, itself first, whose id ranges overlap with its."""
    own = _range(output)
    if own is None:
        return [output] if output.exists() else []
    found = []
    for path in sorted(output.parent.glob("*-of-*.parquet"), key=lambda p: (p != output, p)):
        other = _range(path)
        if other and other[0] < own[1] and own[0] < other[1]:
            found.append(path)
    return found


def _range(path: Path) -> tuple[Fraction, Fraction] | None:
    """The share of the id space that a shard file holds, or None if it is not a shard."""
    match = _SHARD.fullmatch(path.name)
    if not match:
        return None
    index, count = map(int, match.groups())
    return Fraction(index, count), Fraction(index + 1, count)

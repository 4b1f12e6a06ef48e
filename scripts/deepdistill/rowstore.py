"""Rows of a shard that are there already, so that a job computes only those that are missing.

A job may find rows in three places: its own earlier output, part files that an interrupted
attempt left, and shards of another shard count, whose ranges of query ids overlap with its own.
Whether a row is still good is for its key to say, not for where it lies.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow.parquet as pq

from deepdistill.errors import InputError
from deepdistill.exclusive import Hold, lock_path
from deepdistill.files import atomic_path
from deepdistill.preparation import preparation_seconds
from deepdistill.progress import Progress
from deepdistill.schemas import Artifact
from deepdistill.tables import Place, Row, from_rows, read_artifact, write_artifact
from deepdistill.termination import raised_signals

log = logging.getLogger(__name__)

Item = TypeVar("Item")

_SHARD = re.compile(r"(\d+)-of-(\d+)\.parquet")


@dataclass(frozen=True, slots=True)
class Demand(Generic[Item]):
    """The rows that a shard is to have: what a job fills in, and what a plan of it counts.

    wanted: what each row is made from, by the row's place
    keep: an existing row, brought up to date where it need be, if it still holds for the item,
        else None
    """

    wanted: Mapping[Place, Item]
    keep: Callable[[Row, Item], Row | None]


@dataclass(frozen=True, slots=True)
class Filled:
    """A shard's rows, those of them that were computed, and the seconds that it took."""

    rows: Sequence[Row]
    computed: Sequence[Row]
    seconds: float

    @property
    def kept(self) -> int:
        """How many rows were there already."""
        return len(self.rows) - len(self.computed)

    def metrics(self, repairs: int) -> dict[str, Any]:
        """Return what every row-keyed job's ``metrics.json`` says.

        ``repairs`` counts how often the shard was found damaged
        (:func:`deepdistill.artifacts.repairs`).
        """
        return {
            "rows_kept": self.kept,
            "rows_computed": len(self.computed),
            "seconds": round(self.seconds, 3),
            "preparation_seconds": round(preparation_seconds(), 3),
            "repairs": repairs,
        }


class RowStore:
    """The rows of one shard's artifact at ``output``.

    Example:
        >>> store = RowStore("results/responses/r1/00000-of-00004.parquet", RESPONSES)
        >>> filled = store.fill(Demand(requests_by_place, row_if_it_holds), compute=generate)
    """

    def __init__(self, output: str | Path, artifact: Artifact) -> None:
        self._output = Path(output)
        self._artifact = artifact
        self._parts = self._output.with_suffix(".parts")
        self._hold: Hold | None = None

    def fill(
        self,
        demand: Demand[Item],
        compute: Callable[[Sequence[Item]], Iterable[Sequence[Row]]],
    ) -> Filled:
        """Publish the artifact with one row for each place that is wanted.

        ``compute`` yields the rows of the missing items in groups as they are finished, and is
        called only if there are any; each group is safe on disk before the next is asked for.
        """
        filled = self.gather(demand, compute)
        self.publish(filled.rows)
        return filled

    def gather(
        self,
        demand: Demand[Item],
        compute: Callable[[Sequence[Item]], Iterable[Sequence[Row]]],
    ) -> Filled:
        """Do the same without publishing: new rows stay in part files.

        For a job that may still fail after its rows are made. Snakemake takes away what a failed
        job published.
        """
        self.take()
        from_rows(self._artifact, ())  # imports pandas, which is no row's time
        started = time.monotonic()
        rows = self.held(demand)
        missing = [item for place, item in demand.wanted.items() if place not in rows]
        log.info("%d rows, %d kept, %d to compute", len(demand.wanted), len(rows), len(missing))
        computed = self.add(missing, compute)
        return Filled([*rows.values(), *computed], computed, time.monotonic() - started)

    def take(self) -> None:
        """Take the shard for this process, until it is published or the process is over.

        Another process that has taken it, as on a cluster one that was believed to be dead, is
        waited for; what it has computed is there then.
        """
        if self._hold is None:
            self._hold = Hold(lock_path(self._output))

    def held(self, demand: Demand[Item]) -> dict[Place, Row]:
        """Return the rows that are there and still hold."""
        rows: dict[Place, Row] = {}
        for old in self.rows():
            place = (old["query_id"], old["pass"])
            if place in demand.wanted and place not in rows:
                held = demand.keep(old, demand.wanted[place])
                if held is not None:
                    rows[place] = held
        return rows

    def add(
        self,
        missing: Sequence[Item],
        compute: Callable[[Sequence[Item]], Iterable[Sequence[Row]]],
    ) -> list[Row]:
        """Compute the rows of missing items, each group safe on disk before the next begins."""
        computed: list[Row] = []
        if missing:
            with Progress(len(missing), log) as progress:
                for group in compute(missing):
                    self.append(group)
                    computed += group
                    progress.update(len(group), sum(row.get("tokens_out") or 0 for row in group))
        return computed

    def rows(self) -> Iterator[Row]:
        """Yield rows of every place that may hold some, the newest place first.

        A file that cannot be read is named in the log and left out: its rows are made again.
        """
        for path in [*self._part_files()[::-1], *_overlapping(self._output)]:
            try:
                yield from read_artifact(path, self._artifact).to_pylist()
            except InputError as error:
                log.warning("rows are made again: %s", error)

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows to a part file, where a later attempt finds them."""
        number = len(self._part_files())
        path = self._parts / f"{number:06}.parquet"
        with raised_signals() as signals, signals.held_back(), atomic_path(path) as temporary:
            pq.write_table(from_rows(self._artifact, rows), temporary, write_page_checksum=True)

    def publish(self, rows: Iterable[Row]) -> None:
        """Write all of the shard's rows as the artifact and remove the part files."""
        write_artifact(self._output, self._artifact, from_rows(self._artifact, rows))
        shutil.rmtree(self._parts, ignore_errors=True)
        if self._hold is not None:
            self._hold.release()
            self._hold = None

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

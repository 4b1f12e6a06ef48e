"""From files of published rows to one table of a teacher's responses, by query and pass."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from deepdistill.errors import InputError
from deepdistill.files import write_json
from deepdistill.responses.published.columns import ROW, Wanted
from deepdistill.responses.published.files import DataFile
from deepdistill.responses.published.questions import (
    Hashes,
    Numbers,
    QuestionIndex,
    from_binary,
    kept_questions,
    to_binary,
    to_hex,
)
from deepdistill.responses.published.reading import read_batches
from deepdistill.responses.published.spill import ROWS, Spill, ranges_for
from deepdistill.schemas import PUBLISHED
from deepdistill.tables import write_batches

log = logging.getLogger(__name__)

ROW_GROUP = 2048
"""Rows of a row group: a shard's job reads those that its queries lie in, and no more."""

_COUNTED = 0
"""Stands for the pass of a row until the rows of its question are counted."""


@dataclass
class _Counts:
    """Rows that were read, that were matched with a query, that have a score.

    bytes: of the columns that were read
    answers: matched rows once for each of their queries
    by_pass: how many of these were written
    """

    read: int = 0
    bytes: int = 0
    matched: int = 0
    with_score: int = 0
    answers: int = 0
    by_pass: Counter[int] = field(default_factory=Counter)

    def metrics(self) -> dict[str, Any]:
        """Return the counts by the names that they have in the metrics file."""
        return {
            "rows_read": self.read,
            "bytes": self.bytes,
            "rows_matched": self.matched,
            "rows_without_query": self.read - self.matched,
            "rows_with_score": self.with_score,
            "rows_repeated": self.answers - self.by_pass.total(),
            "rows_written": self.by_pass.total(),
            "rows_by_pass": {str(number): self.by_pass[number] for number in sorted(self.by_pass)},
        }


def collect_published(
    files: Sequence[DataFile],
    queries: Iterable[str | Path],
    config: Mapping[str, Any],
    output: str | Path,
    metrics: str | Path,
) -> None:
    """Write the published responses to the kept queries as :data:`deepdistill.schemas.PUBLISHED`.

    ``queries`` are the filtered sources; rows whose question is none of their kept queries are
    left out. ``config`` holds the names of the fields ``question``, ``response`` and, where there
    is one, ``score``. A row's pass is that of its file's name, of which the first row of a query
    counts, or else its number among the query's rows in the order of files and rows. ``metrics``
    receives the counts as JSON. Memory holds the ids of the queries, one batch and one range of
    the rows (:mod:`deepdistill.responses.published.spill`).

    Raises :class:`InputError` naming file and row for a row that cannot be read or has no text,
    and if no row at all has the score.
    """
    started = time.monotonic()
    counts = _Counts()
    wanted = wanted_fields(config)
    index = QuestionIndex(kept_questions(queries))
    ranges = ranges_for(sum(file.path.stat().st_size for file in files))
    with Spill(Path(output).with_suffix(".parts"), ranges) as spill:
        for number, file in enumerate(files):
            for batch in read_batches(file.path, wanted):
                spill.add(_matched(batch, index, file.pass_number, number, counts))
            log.info("%s: %d rows so far, %d matched", file.name, counts.read, counts.matched)
        if "score" in config and not counts.with_score:
            raise InputError(
                f"{files[0].path}: field {config['score']!r}: found in none of "
                f"{counts.read} rows, allowed: a field that holds the score"
            )
        names = [file.name for file in files]
        batches = (b for table in spill.tables() for b in _ordered(table, names, counts))
        write_batches(output, PUBLISHED, batches, ROW_GROUP)
    seconds = round(time.monotonic() - started, 3)
    write_json(metrics, {**counts.metrics(), "seconds": seconds})


def wanted_fields(config: Mapping[str, Any]) -> Wanted:
    """Return the columns question, text and, if ``config`` names one, score."""
    numbers = {"score": config["score"]} if "score" in config else {}
    return Wanted({"question": config["question"], "text": config["response"]}, numbers)


def _matched(
    batch: pa.RecordBatch,
    index: QuestionIndex,
    pass_number: int | None,
    file: int,
    counts: _Counts,
) -> pa.RecordBatch:
    """The rows of :data:`~.spill.ROWS` for the rows of a batch that answer queries."""
    places, ids = index.find(batch["question"])
    scores = batch["score"] if "score" in batch.schema.names else pa.nulls(len(batch), pa.float64())
    counts.read += len(batch)
    counts.bytes += batch.nbytes
    counts.matched += len(np.unique(places))
    counts.with_score += len(scores) - scores.null_count
    counts.answers += len(places)
    taken = pa.array(places)
    columns = [
        to_binary(ids),
        pa.array(np.full(len(places), pass_number or _COUNTED, np.int32)),
        pa.array(np.full(len(places), file, np.int32)),
        batch[ROW].take(taken),
        batch["text"].take(taken),
        scores.take(taken),
    ]
    return pa.record_batch(columns, schema=ROWS)


def _ordered(table: pa.Table, names: Sequence[str], counts: _Counts) -> Iterator[pa.RecordBatch]:
    """The rows of one range in the order of query and pass, with :data:`PUBLISHED`'s columns."""
    ids = from_binary(table["id"])
    passes, files = table["pass"].to_numpy(), table["file"].to_numpy()
    order = np.lexsort((table["row"].to_numpy(), files, passes, ids))
    ids, passes = ids[order], passes[order]
    first = _changes(ids)
    if passes[0] == _COUNTED:
        starts = np.flatnonzero(first)
        passes = np.arange(len(ids)) - np.repeat(starts, np.diff([*starts, len(ids)])) + 1
    else:
        once = np.flatnonzero(first | _changes(passes))
        ids, passes, order = ids[once], passes[once], order[once]
    counts.by_pass.update(passes.tolist())
    texts, scores, rows = (table[name].combine_chunks() for name in ("text", "score", "row"))
    for start in range(0, len(order), ROW_GROUP):
        part = slice(start, start + ROW_GROUP)
        taken = pa.array(order[part])
        columns = [
            to_hex(ids[part]),
            pa.array(passes[part].astype(np.int32)),
            texts.take(taken).cast(pa.string()),
            scores.take(taken),
            pa.array([names[number] for number in files[order[part]]]),
            rows.take(taken),
        ]
        yield pa.record_batch(columns, schema=PUBLISHED.schema)


def _changes(values: Hashes | Numbers) -> np.ndarray:
    """Say of each value whether it is another than the one before."""
    return np.append(True, values[1:] != values[:-1])

"""Filters that look at all sources at once: duplicates and contamination."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from deepdistill.messages import last_user_text
from deepdistill.queries.contamination import Benchmarks, read_questions
from deepdistill.queries.duplicates import DuplicateIndex
from deepdistill.schemas import QUERIES
from deepdistill.tables import iter_batches


def read_benchmarks(files: Iterable[tuple[str, str | Path, str]], ngram: int) -> Benchmarks:
    """Return the index of all benchmarks' questions.

    ``files`` are the benchmarks' names, their JSON lines and the field that holds the question.
    """
    benchmarks = Benchmarks(ngram)
    for name, path, field in files:
        for number, question in read_questions(path, field):
            benchmarks.add(f"{name} line {number}", question)
    return benchmarks


class QueryFilter:
    """Judges the sources' rows in the order of the configuration.

    The earlier source keeps a query that occurs in several, so that a source added later never
    takes one away from an earlier source.
    """

    def __init__(self, duplicates: DuplicateIndex, benchmarks: Benchmarks) -> None:
        self._duplicates = duplicates
        self._benchmarks = benchmarks

    def batches(self, path: str | Path) -> Iterator[pa.RecordBatch]:
        """Yield a cleaned source's rows with ``kept``, ``drop_reason`` … of these filters too."""
        for batch in iter_batches(path, QUERIES):
            rows = [self._judged(row) if row["kept"] else row for row in batch.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=QUERIES.schema)

    def _judged(self, row: dict[str, Any]) -> dict[str, Any]:
        text = last_user_text(row["messages"])
        if repeated := self._duplicates.add(row["query_id"], text, row["reference"]):
            reason, other = repeated
            return {**row, "kept": False, "drop_reason": reason, "duplicate_of": other}
        if name := self._benchmarks.match(text):
            return {**row, "kept": False, "drop_reason": "contaminated", "detail": name}
        return row

"""Rows by ranges of query ids, in files, so that memory sorts one range at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from deepdistill.responses.published.questions import Numbers, from_binary

ROWS = pa.schema(
    {
        "id": pa.binary(16),
        "pass": pa.int32(),  # 0 where the rows of a question are counted
        "file": pa.int32(),  # number in the order of the files
        "row": pa.int64(),
        "text": pa.large_string(),
        "score": pa.float64(),
    }
)

MOST_RANGES = 512
"""Files that are open at the same time; systems allow a thousand."""

RANGE_BYTES = 64 * 1024 * 1024
"""Bytes of the input for which there is a range."""

BUFFER = 128 * 1024 * 1024
"""Bytes of rows that are held before they are written, so that each range has a good deal."""


def ranges_for(size: int) -> int:
    """Return the number of ranges for ``size`` bytes of input."""
    return max(1, min(MOST_RANGES, size // RANGE_BYTES))


class Spill:
    """Takes rows of :data:`ROWS` in any order and gives them back range by range.

    It is a context manager; leaving it removes ``folder``.
    """

    def __init__(self, folder: Path, ranges: int) -> None:
        self._folder = folder
        self._ranges = ranges
        self._writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        self._pending: list[pa.RecordBatch] = []

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)  # what a killed job left
        self._folder.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        shutil.rmtree(self._folder)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the rows of a batch."""
        self._pending.append(batch)
        if sum(pending.nbytes for pending in self._pending) >= BUFFER:
            self._flush()

    def tables(self) -> Iterator[pa.Table]:
        """Yield the rows range by range, in the order of the ids, each range in any order."""
        self._flush()
        ranges = sorted(self._writers)
        self._close()
        for number in ranges:
            path = self._path(number)
            with pa.OSFile(str(path)) as source:
                table = pa.ipc.open_stream(source).read_all()
            path.unlink()
            yield table

    def _flush(self) -> None:
        """Write what is pending, each row to the file of its range."""
        if not self._pending:
            return
        table = pa.Table.from_batches(self._pending)
        self._pending = []
        numbers = self._numbers(table)
        order = np.argsort(numbers, kind="stable")
        table = table.take(pa.array(order))
        ends = np.searchsorted(numbers[order], np.arange(self._ranges), side="right")
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if end > start:
                self._writer(number).write_table(table.slice(start, end - start))

    def _numbers(self, table: pa.Table) -> Numbers:
        """The number of each row's range, by the first two bytes of its id."""
        first = from_binary(table["id"]).view(">u2").reshape(-1, 8)[:, 0]
        numbers: Numbers = first.astype(np.int64) * self._ranges >> 16
        return numbers

    def _writer(self, number: int) -> pa.ipc.RecordBatchStreamWriter:
        if number not in self._writers:
            self._writers[number] = pa.ipc.new_stream(
                str(self._path(number)), ROWS, options=pa.ipc.IpcWriteOptions(compression="lz4")
            )
        return self._writers[number]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:03}.arrow"

    def _close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

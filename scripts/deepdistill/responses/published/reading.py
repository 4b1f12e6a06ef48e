"""Published rows of any supported file as record batches of the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from deepdistill.errors import InputError
from deepdistill.responses.published.columns import Wanted, wanted_columns
from deepdistill.responses.published.files import JSON_LINES
from deepdistill.responses.published.jsonlines import read_json_lines

BATCH = 16 * 1024 * 1024
"""Bytes of a batch, roughly."""

MOST_ROWS = 64 * 1024

_FILE_MAGIC = b"ARROW1"


def read_batches(path: Path, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """Yield the wanted columns of a file of :data:`~.files.SUFFIXES`, in the file's order.

    Batches have the columns of ``wanted.schema``; memory holds one, and of the file no columns
    that are not wanted, as far as the format allows. Raises :class:`InputError` naming file and
    row for what cannot be read or lacks a text.
    """
    try:
        if path.name.endswith(JSON_LINES):
            yield from read_json_lines(path, wanted)
            return
        first = 1
        for batch in (_parquet if path.suffix == ".parquet" else _arrow)(path, wanted):
            yield wanted_columns(batch, wanted, path, first)
            first += len(batch)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path}: not readable: {reason}") from None


def _parquet(path: Path, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """Batches of the needed columns; a buffered stream, since a row group may be gigabytes."""
    with pq.ParquetFile(path, buffer_size=BATCH // 8) as stream:
        yield pa.RecordBatch.from_pylist([], schema=stream.schema_arrow)  # shows what is missing
        size = _rows(stream.metadata, wanted.fields)
        yield from stream.iter_batches(size, columns=wanted.fields)


def _rows(metadata: pq.FileMetaData, columns: list[str]) -> int:
    """How many rows make a batch."""
    size = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        chunks = [row_group.column(i) for i in range(row_group.num_columns)]
        size += sum(c.total_uncompressed_size for c in chunks if c.path_in_schema in columns)
    return max(1, min(MOST_ROWS, BATCH * metadata.num_rows // max(size, 1)))


def _arrow(path: Path, wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """Batches of an Arrow file or stream, as ``datasets`` writes it, cut to size."""
    with pa.memory_map(str(path)) as source:
        if source.read(len(_FILE_MAGIC)) == _FILE_MAGIC:
            stream = pa.ipc.open_file(source)
            batches = (stream.get_batch(i) for i in range(stream.num_record_batches))
        else:
            source.seek(0)
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            size = max(1, min(MOST_ROWS, BATCH * len(batch) // max(batch.nbytes, 1)))
            for start in range(0, len(batch), size):
                yield batch.slice(start, size)

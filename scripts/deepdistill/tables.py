"""Reading and writing Parquet artifacts: declared columns, sorted rows, deterministic bytes.

A path is that of an artifact or of its digest file (:mod:`deepdistill.artifacts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deepdistill.artifacts import artifact_path, digest_path, is_damaged, write_digest
from deepdistill.errors import InputError
from deepdistill.files import atomic_path
from deepdistill.schemas import Artifact

Row = dict[str, Any]
Place = tuple[str, int]
"""Where a row about a response belongs: query id and pass."""

ROW_GROUP = 64 * 1024
STREAM_GROUP = 8 * 1024
"""Rows of a row group, of a table that is there and of one that comes as a stream."""


def from_rows(artifact: Artifact, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Return ``rows`` as a table with exactly the artifact's columns."""
    return pa.Table.from_pylist(list(rows), schema=artifact.schema)


def write_artifact(path: str | Path, artifact: Artifact, table: pa.Table) -> None:
    """Write ``table`` sorted by the artifact's key, and its digest file beside it.

    Columns of the table that the artifact does not have are left out.
    """
    table = table.select(artifact.schema.names).cast(artifact.schema)
    table = table.sort_by([(column, "ascending") for column in artifact.key])
    with atomic_path(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            row_group_size=ROW_GROUP,
            write_page_checksum=True,
        )
        digest_path(path).unlink(missing_ok=True)  # rather none than that of another table
    write_digest(path, table.num_rows)


def read_artifact(
    path: str | Path,
    artifact: Artifact,
    columns: Sequence[str] | None = None,
    dictionary: Sequence[str] = (),
) -> pa.Table:
    """Read an artifact, all of its columns or the named ones.

    ``path`` is the artifact or its digest file. Columns named in ``dictionary`` come as codes of
    their distinct values, as the file has them, which is several times faster. Raises
    :class:`InputError` if the file is not Parquet, is damaged or lacks a declared column.
    """
    with open_artifact(path, artifact, dictionary) as stream, _damage_named(path):
        return stream.read(columns=list(columns or artifact.schema.names))


def count_rows(path: str | Path, artifact: Artifact) -> int:
    """Return the number of an artifact's rows; errors as in :func:`read_artifact`."""
    with open_artifact(path, artifact) as stream:
        rows: int = stream.metadata.num_rows
        return rows


def iter_batches(
    path: str | Path, artifact: Artifact, columns: Sequence[str] | None = None, size: int = 8192
) -> Iterator[pa.RecordBatch]:
    """Yield an artifact's record batches of at most ``size`` rows, in the file's order."""
    with open_artifact(path, artifact) as stream, _damage_named(path):
        yield from stream.iter_batches(size, columns=list(columns or artifact.schema.names))


def read_range(path: str | Path, artifact: Artifact, low: str, high: str) -> pa.Table:
    """Read the rows whose first key column, a text, lies from ``low`` to ``high`` inclusive.

    Only row groups whose statistics allow such rows are read. Errors as in
    :func:`read_artifact`.
    """
    key = artifact.key[0]
    with open_artifact(path, artifact) as stream, _damage_named(path):
        groups = _groups_between(stream, key, low, high)
        table = stream.read_row_groups(groups, columns=artifact.schema.names)
        inside = pc.and_(pc.greater_equal(table[key], low), pc.less_equal(table[key], high))
        places = pc.indices_nonzero(inside)
        start = places[0].as_py() if len(places) else 0
        return table.slice(start, len(places))  # rows are sorted, so these are neighbours


def _groups_between(stream: pq.ParquetFile, column: str, low: str, high: str) -> list[int]:
    """The row groups that may have values of ``column`` from ``low`` to ``high``."""
    metadata = stream.metadata
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    index = paths.index(column)
    groups = []
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(index).statistics
        unknown = statistics is None or not statistics.has_min_max
        if unknown or (statistics.min <= high and statistics.max >= low):
            groups.append(group)
    return groups


def open_artifact(
    path: str | Path, artifact: Artifact, dictionary: Sequence[str] = ()
) -> pq.ParquetFile:
    """Open an artifact and check that it is one; see :func:`read_artifact` for the errors."""
    path = artifact_path(path)
    if path.exists() and is_damaged(path):
        raise InputError(f"{path}: its size is not what {digest_path(path).name} says; {_REMEDY}")
    try:
        with _damage_named(path):
            stream = pq.ParquetFile(
                path, page_checksum_verification=True, read_dictionary=list(dictionary)
            )
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the artifact {artifact.name}") from None
    missing = [n for n in artifact.schema.names if n not in stream.schema_arrow.names]
    if missing:
        stream.close()
        raise InputError(
            f"{path}: not an artifact {artifact.name}: column {missing[0]} is missing, "
            f"found {', '.join(stream.schema_arrow.names)}"
        )
    return stream


_REMEDY = "delete it to have it made again"


@contextmanager
def _damage_named(path: str | Path) -> Iterator[None]:
    """Turn what Parquet's reader says of a damaged file into one line that names it."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{artifact_path(path)}: not a readable Parquet file: {reason}; {_REMEDY}"
        ) from None


def write_batches(
    path: str | Path,
    artifact: Artifact,
    batches: Iterable[pa.RecordBatch],
    group: int = STREAM_GROUP,
) -> None:
    """Write record batches that come in the order of the artifact's key, and the digest file.

    For artifacts that are made as a stream: memory holds one row group, of ``group`` rows. The
    bytes do not depend on how the rows are divided into batches.
    """
    with atomic_path(path) as temporary:
        rows = write_stream(temporary, artifact, batches, group)
        digest_path(path).unlink(missing_ok=True)
    write_digest(path, rows)


def write_stream(
    path: str | Path,
    artifact: Artifact,
    batches: Iterable[pa.RecordBatch],
    group: int = STREAM_GROUP,
) -> int:
    """Write as :func:`write_batches` does, without a digest and in place; return the rows."""
    rows = 0
    with pq.ParquetWriter(
        path,
        artifact.schema,
        compression="zstd",
        write_page_checksum=True,
        write_statistics=list(artifact.key),  # those of texts are long and help nobody
    ) as writer:
        for table in _regrouped(batches, group):
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _regrouped(batches: Iterable[pa.RecordBatch], group: int) -> Iterator[pa.Table]:
    """Yield the batches' rows as tables of ``group`` rows, each in one piece."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        pending.append(batch)
        while sum(map(len, pending)) >= group:
            table = pa.Table.from_batches(pending)
            yield table.slice(0, group).combine_chunks()
            pending = table.slice(group).to_batches()
    if any(map(len, pending)):
        yield pa.Table.from_batches(pending).combine_chunks()


def batched_rows(
    artifact: Artifact, rows: Iterable[dict[str, Any]], size: int = 8192
) -> Iterator[pa.RecordBatch]:
    """Yield ``rows`` as record batches of ``size`` with the artifact's columns."""
    pending: list[dict[str, Any]] = []
    for row in rows:
        pending.append(row)
        if len(pending) == size:
            yield pa.RecordBatch.from_pylist(pending, schema=artifact.schema)
            pending = []
    if pending:
        yield pa.RecordBatch.from_pylist(pending, schema=artifact.schema)

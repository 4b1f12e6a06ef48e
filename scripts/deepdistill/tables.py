"""Reading and writing Parquet artifacts: declared columns, sorted rows, deterministic bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deepdistill.errors import InputError
from deepdistill.files import atomic_path, sha256_file, write_json
from deepdistill.schemas import Artifact

ROW_GROUP = 64 * 1024


def digest_path(path: str | Path) -> Path:
    """Return the name of the digest file that stands beside the artifact at ``path``."""
    return Path(path).with_suffix(".digest.json")


def from_rows(artifact: Artifact, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Return ``rows`` as a table with exactly the artifact's columns."""
    return pa.Table.from_pylist(list(rows), schema=artifact.schema)


def write_artifact(path: str | Path, artifact: Artifact, table: pa.Table) -> None:
    """Write ``table`` sorted by the artifact's key, and its digest file beside it.

    The digest file (``rows``, ``sha256`` of the Parquet bytes) is what consumers depend on: it is
    small, so that Snakemake compares it by content.
    """
    table = table.select(artifact.schema.names).cast(artifact.schema)
    table = table.sort_by([(column, "ascending") for column in artifact.key])
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)
    write_json(digest_path(path), {"rows": table.num_rows, "sha256": sha256_file(path)})


def read_artifact(
    path: str | Path, artifact: Artifact, columns: Sequence[str] | None = None
) -> pa.Table:
    """Read an artifact, all of its columns or the named ones.

    Raises :class:`InputError` if the file is not Parquet or lacks a declared column.
    """
    with open_artifact(path, artifact) as stream:
        return stream.read(columns=list(columns or artifact.schema.names))


def iter_batches(
    path: str | Path, artifact: Artifact, columns: Sequence[str] | None = None, size: int = 8192
) -> Iterator[pa.RecordBatch]:
    """Yield an artifact's record batches of at most ``size`` rows, in the file's order."""
    with open_artifact(path, artifact) as stream:
        yield from stream.iter_batches(size, columns=list(columns or artifact.schema.names))


def open_artifact(path: str | Path, artifact: Artifact) -> pq.ParquetFile:
    """Open an artifact and check that it is one; see :func:`read_artifact` for the errors."""
    try:
        stream = pq.ParquetFile(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the artifact {artifact.name}") from None
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path}: not a readable Parquet file: {reason}; delete it to have it made again"
        ) from None
    missing = [n for n in artifact.schema.names if n not in stream.schema_arrow.names]
    if missing:
        stream.close()
        raise InputError(
            f"{path}: not an artifact {artifact.name}: column {missing[0]} is missing, "
            f"found {', '.join(stream.schema_arrow.names)}"
        )
    return stream


def write_batches(path: str | Path, artifact: Artifact, batches: Iterable[pa.RecordBatch]) -> None:
    """Write record batches that come in the order of the artifact's key, and the digest file.

    For artifacts that are made as a stream: memory holds one batch.
    """
    rows = 0
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, artifact.schema, compression="zstd") as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    write_json(digest_path(path), {"rows": rows, "sha256": sha256_file(path)})


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

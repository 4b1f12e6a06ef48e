"""Writing a data set as several Parquet files and their manifest."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from deepdistill.artifacts import DIGEST
from deepdistill.export.manifest import Manifest
from deepdistill.files import canonical_json, sha256_file, write_json
from deepdistill.schemas import Artifact
from deepdistill.tables import write_stream

PART_ROWS = 50_000
"""Rows of a file; of long responses, 5,000 tokens each, that is about 300 MB."""


def write_parts(
    manifest: str | Path,
    artifact: Artifact,
    batches: Iterable[pa.RecordBatch],
    rows: int,
    part_rows: int = PART_ROWS,
) -> Manifest:
    """Write ``rows`` rows that come in the order of the artifact's key, and their manifest.

    The files of ``NAME.digest.json`` are NAME-00000-of-00003.parquet and so on, ``part_rows`` rows
    each but for the last. Memory holds a row group. Files of an earlier manifest of this name are
    removed once the new ones are complete. Raises ValueError if there are not as many rows.
    """
    manifest = Path(manifest)
    name, folder = manifest.name.removesuffix(DIGEST), manifest.parent
    staged = folder / f".{name}.staged"
    shutil.rmtree(staged, ignore_errors=True)  # what a killed job left
    staged.mkdir(parents=True)
    try:
        written = _write_files(staged, name, artifact, batches, rows, part_rows)
        earlier = re.compile(rf"{re.escape(name)}-\d+-of-\d+\.parquet")
        return publish(manifest, staged, written, earlier)
    finally:
        shutil.rmtree(staged)


def publish(
    manifest: Path, staged: Path, rows: Mapping[str, int], earlier: re.Pattern[str]
) -> Manifest:
    """Move files from ``staged`` to their place beside the manifest, and write it.

    ``rows`` are those of each file, by its name. Files of an earlier manifest, whose names are
    like ``earlier``, are removed.
    """
    files: list[dict[str, Any]] = [
        {
            "name": name,
            "rows": rows[name],
            "bytes": (staged / name).stat().st_size,
            "sha256": sha256_file(staged / name),
        }
        for name in sorted(rows)
    ]
    manifest.unlink(missing_ok=True)
    for old in manifest.parent.iterdir():
        if earlier.fullmatch(old.name):
            old.unlink()
    for name in rows:
        (staged / name).rename(manifest.parent / name)
    record = {
        "rows": sum(rows.values()),
        "bytes": sum(file["bytes"] for file in files),
        "sha256": hashlib.sha256(canonical_json(files).encode()).hexdigest(),
        "files": files,
    }
    write_json(manifest, record)
    return record


def _write_files(
    folder: Path,
    name: str,
    artifact: Artifact,
    batches: Iterable[pa.RecordBatch],
    rows: int,
    part_rows: int,
) -> dict[str, int]:
    """Write the files and return their rows, by name."""
    count = max(1, -(-rows // part_rows))
    source = _Rows(batches)
    written = {}
    for number in range(count):
        file = f"{name}-{number:05}-of-{count:05}.parquet"
        written[file] = write_stream(folder / file, artifact, source.next(part_rows))
    found = sum(written.values())
    if found != rows or any(len(batch) for batch in source.next(1)):
        raise ValueError(f"{name}: {found} rows or more, {rows} were announced")
    return written


class _Rows:
    """Record batches handed out by numbers of rows."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self._rest: pa.RecordBatch | None = None

    def next(self, rows: int) -> Iterator[pa.RecordBatch]:
        """Yield the next ``rows`` rows, or as many as there are."""
        while rows:
            batch = self._rest if self._rest is not None else next(self._batches, None)
            if batch is None:
                return
            self._rest = batch.slice(rows) if len(batch) > rows else None
            batch = batch.slice(0, rows)
            rows -= len(batch)
            yield batch

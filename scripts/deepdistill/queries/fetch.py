"""Data sets of the Hugging Face hub as JSON lines, the one form in which sources are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.files import atomic_path, sha256_file, write_json
from deepdistill.hub import fetch_dataset
from deepdistill.queries.files import read_rows

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".parquet", ".arrow", ".csv")
"""How the names of readable files end."""


def fetch_data(repository: str, revision: str, pattern: str, output: str | Path) -> None:
    """Write the rows of a data set's files, in the order of their names, as JSON lines.

    ``pattern`` is what the names in the repository look like, such as ``data/train-*.parquet``.
    Beside ``output`` appears NAME.json: the repository, its commit, and name, SHA-256 and rows of
    each file. Raises :class:`InputError` if the hub cannot give it, no file has such a name, or
    one cannot be read.
    """
    folder = fetch_dataset(repository, revision, pattern)
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and fnmatch(path.relative_to(folder).as_posix(), pattern)
    )
    if not files:
        raise InputError(f"{repository}: revision {revision!r}: found no file like {pattern!r}")
    fetched = {}
    with atomic_path(output) as temporary, open(temporary, "wb") as stream:
        for path in files:
            rows = 0
            for line in _lines(path, repository):
                stream.write(line)
                rows += 1
            name = path.relative_to(folder).as_posix()
            fetched[name] = {"sha256": sha256_file(path), "rows": rows}
    source = {"repository": repository, "commit": folder.name, "files": fetched}
    write_json(Path(output).with_suffix(".json"), source)


def _lines(path: Path, repository: str) -> Iterator[bytes]:
    """A file's rows, each as a line of JSON with its newline."""
    if not path.name.endswith(SUFFIXES):
        raise InputError(
            f"{repository}: {path.name}: found another kind of file, allowed: names that end in "
            f"{', '.join(SUFFIXES)}"
        )
    for _, row in read_rows(path):
        # A line that is no JSON is for the reader of the source, who counts it as dropped.
        yield (row if isinstance(row, bytes) else _json(row)) + b"\n"


def _json(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, default=str).encode()

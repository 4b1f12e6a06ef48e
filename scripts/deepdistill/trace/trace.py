"""The trace of a query: all that the artifacts say of it, as one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepdistill.artifacts import DIGEST
from deepdistill.errors import InputError
from deepdistill.export.manifest import read_manifest
from deepdistill.schemas import DATASET
from deepdistill.trace.lookup import row_at
from deepdistill.trace.measures import measures, not_asked, passes, sets
from deepdistill.trace.origin import find_query, origin
from deepdistill.trace.run import Run


def trace_query(run: Run, prefix: str) -> dict[str, Any]:
    """Return the trace of the query whose id starts with ``prefix``.

    Keys: ``query_id``, ``origin`` (:func:`deepdistill.trace.origin.origin`), ``passes`` by
    teacher, ``not_asked`` (the condition by teacher), ``difficulty`` and ``sets``
    (:mod:`deepdistill.trace.measures`), and ``missing``, the files that are not there. A dropped
    query has only its origin: nobody was asked. Raises :class:`InputError` as
    :func:`deepdistill.trace.origin.find_query` does.
    """
    query, rows = find_query(run, prefix)
    trace: dict[str, Any] = {"query_id": query, "origin": origin(run, query, rows)}
    if trace["origin"]["kept"]:
        teachers = {name: passes(run, query, name) for name in run.config["teachers"]}
        trace["passes"] = {name: rows for name, rows in teachers.items() if rows}
        trace["not_asked"] = not_asked(run, query)
        trace["difficulty"] = measures(run, query)
        trace["sets"] = sets(run, query)
    trace["missing"] = run.missing
    return trace


def trace_sample(run: Run, dataset: str | Path, line: int) -> dict[str, Any]:
    """Return the trace of a training sample's query, and the sample as ``sample``.

    ``dataset`` is the folder of an exported data set, whose rows ``line`` counts over all files,
    or one of the files; from 1. Raises :class:`InputError` if there is no such row, or as
    :func:`trace_query` does.
    """
    path, number = _file_with(Path(dataset), line)
    row = row_at(path, DATASET, number, ["query_id", "teacher", "pass"])
    sample = {"dataset": str(path), "line": number, "teacher": row["teacher"], "pass": row["pass"]}
    return {"sample": sample, **trace_query(run, row["query_id"])}


def _file_with(dataset: Path, line: int) -> tuple[Path, int]:
    """The file of a data set that has a line, and the line's number in it."""
    if not dataset.is_dir():
        return dataset, line
    manifest = read_manifest(dataset / f"train{DIGEST}")
    if not 1 <= line <= manifest["rows"]:
        raise InputError(f"{dataset}: line {line}: there is none, allowed: 1 to {manifest['rows']}")
    number = line
    for file in manifest["files"]:
        if number <= file["rows"]:
            break
        number -= file["rows"]
    return dataset / file["name"], number

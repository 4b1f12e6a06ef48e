"""Columns of every Parquet artifact: the contract between the stages.

Each artifact is sorted by its key columns, and its bytes follow from its content alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

CATEGORIES = ("math", "code", "science", "instruction_following", "other")
"""The paper's categories; ``other`` includes multi-turn dialogues (arXiv 2504.17565, section 2)."""

STATES = (
    "passed",
    "failed",
    "truncated",
    "unparsable",
    "timeout",
    "verifier_error",
    "unverifiable",
)
"""States of a verdict. Only the first two enter a pass rate."""

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


@dataclass(frozen=True)
class Artifact:
    """A declared table: its columns and the columns that order and identify its rows."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]


def _artifact(name: str, key: Sequence[str], columns: dict[str, pa.DataType]) -> Artifact:
    return Artifact(name, pa.schema(list(columns.items())), tuple(key))


QUERIES = _artifact(
    "queries",
    ["source_line"],
    {
        "source": pa.string(),
        "source_line": pa.int64(),  # 1-based line of the source file
        "query_id": pa.string(),  # null where no question could be read
        "category": pa.string(),
        "messages": MESSAGES,
        "reference": pa.string(),  # the verifier's canonical text of it
        "kept": pa.bool_(),
        "drop_reason": pa.string(),  # null for a kept row
        "detail": pa.string(),  # what was found, for a dropped row
        "duplicate_of": pa.string(),  # query_id of the row that this one repeats
    },
)

SHARD = _artifact(
    "queries/shards",
    ["query_id"],
    {
        "query_id": pa.string(),
        "category": pa.string(),
        "source": pa.string(),
        "source_line": pa.int64(),
        "messages": MESSAGES,
        "reference": pa.string(),
    },
)

RESPONSES = _artifact(
    "responses",
    ["query_id", "pass"],
    {
        "query_id": pa.string(),
        "pass": pa.int32(),  # 1-based
        "request_key": pa.string(),
        "thinking": pa.string(),
        "answer": pa.string(),  # null unless the response has a complete answer part
        "problem": pa.string(),  # null, truncated, unparsable or error
        "finish_reason": pa.string(),  # stop, length or error
        "max_tokens": pa.int32(),  # the limit under which the row was made
        "tokens_in": pa.int32(),
        "tokens_out": pa.int32(),
        "seed": pa.int64(),
        "error": pa.string(),
    },
)

VERDICTS = _artifact(
    "verdicts",
    ["query_id", "pass"],
    {
        "query_id": pa.string(),
        "pass": pa.int32(),
        "verdict_key": pa.string(),
        "state": pa.string(),  # one of STATES
        "verify_score": pa.float64(),  # null unless passed or failed
        "verifier": pa.string(),
        "detail": pa.string(),
        "format_ok": pa.bool_(),  # non-empty thinking and non-empty answer
    },
)

SELECTED = _artifact(
    "selected",
    ["query_id", "teacher", "pass"],
    {
        "query_id": pa.string(),
        "teacher": pa.string(),
        "pass": pa.int32(),
        "category": pa.string(),
        "source": pa.string(),
        "clause": pa.string(),  # the clause of the selection rule that took the row
        "verify_score": pa.float64(),
        "pass_rate": pa.float64(),
        "cv": pa.float64(),
    },
)

DATASET = _artifact(
    "datasets",
    ["query_id", "teacher", "pass"],
    {
        "query_id": pa.string(),
        "teacher": pa.string(),
        "pass": pa.int32(),
        "category": pa.string(),
        "source": pa.string(),
        "messages": MESSAGES,
    },
)


def difficulty(teachers: Sequence[str]) -> Artifact:
    """Return the difficulty table's artifact for ``teachers``.

    Per teacher: ``passes_`` (rows there are), ``n_`` (those that count: passed or failed),
    ``pass_rate_`` with its 95 % Wilson interval ``pass_rate_low_`` and ``pass_rate_high_``,
    ``mean_``, ``std_`` and ``cv_`` of the verify scores, and a count for each state of a verdict
    as ``{state}_``. Null where nothing counts, and ``cv_`` also where the mean is 0.
    """
    columns = {
        "query_id": pa.string(),
        "category": pa.string(),
        "source": pa.string(),
        "grade": pa.string(),  # name of the first grade rule that holds, else null
    }
    for teacher in teachers:
        for name in ("passes", "n", *STATES):
            columns[f"{name}_{teacher}"] = pa.int32()
        for name in ("pass_rate", "pass_rate_low", "pass_rate_high", "mean", "std", "cv"):
            columns[f"{name}_{teacher}"] = pa.float64()
    return _artifact("difficulty", ["query_id"], columns)

"""Checking a shard's responses: which checks still hold, and the rest through the verifiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from deepdistill.codedigest import module_digest
from deepdistill.files import write_json
from deepdistill.keys import check_key
from deepdistill.messages import last_user_text
from deepdistill.rowstore import Demand, RowStore
from deepdistill.schemas import CHECKS
from deepdistill.tables import Place, Row
from deepdistill.verification.check import Check, Task
from deepdistill.verification.verify import Checkers, verifier_modules

BATCH = 4096
PASSING_FAILURES = ("unverifiable", "verifier_error")
"""Failures whose reason, such as a missing sandbox, may be gone the next time."""

FREE = ("sandbox", "sandbox_command")
"""Settings that say where a check is made and not what it says."""


class _Wanted(NamedTuple):
    """A check to be made: where it belongs, its key, and what to verify."""

    place: Place
    key: str
    task: Task


def check_shard(
    queries: pa.Table,
    responses: pa.Table,
    config: Mapping[str, Any],
    workers: int,
    output: str | Path,
    metrics: str | Path,
    repairs: int = 0,
) -> None:
    """Write a check for each response of one teacher to one shard's queries that has an answer.

    ``config`` holds the verifiers' settings by category. A check is kept if its key holds
    (:func:`deepdistill.keys.check_key`), unless its verifier failed for a reason that may be gone.
    ``metrics`` receives the counts as JSON.
    """

    def compute(missing: Sequence[_Wanted]) -> Iterator[list[Row]]:
        return checked_batches(missing, config, workers)

    demand = demanded_checks(queries, responses, config)
    filled = RowStore(output, CHECKS).fill(demand, compute)
    write_json(metrics, filled.metrics(repairs))


def demanded_checks(
    queries: pa.Table, responses: pa.Table, config: Mapping[str, Any]
) -> Demand[_Wanted]:
    """Return the checks that responses need; arguments as for :func:`check_shard`."""

    def keep(row: Row, wanted: _Wanted) -> Row | None:
        final = row["failure"] not in PASSING_FAILURES or not verifier_modules(wanted.task.category)
        return row if row["check_key"] == wanted.key and final else None

    return Demand({w.place: w for w in _wanted(queries, responses, config)}, keep)


def check_rows(
    queries: pa.Table, responses: pa.Table, config: Mapping[str, Any], workers: int
) -> Iterator[Row]:
    """Return the check of each response that has an answer; arguments as for check_shard."""
    return chain.from_iterable(
        checked_batches(list(_wanted(queries, responses, config)), config, workers)
    )


def _wanted(queries: pa.Table, responses: pa.Table, config: Mapping[str, Any]) -> Iterator[_Wanted]:
    known = {query["query_id"]: query for query in queries.to_pylist()}
    for row in responses.to_pylist():
        if row["problem"] is None:
            query = known[row["query_id"]]
            category, reference = query["category"], query["reference"] or ""
            settings = {k: v for k, v in config.get(category, {}).items() if k not in FREE}
            key = check_key(row["answer"], reference, _verifier_digest(category), settings)
            task = Task(category, last_user_text(query["messages"]), row["answer"], reference)
            yield _Wanted((row["query_id"], row["pass"]), key, task)


@cache
def _verifier_digest(category: str) -> str:
    return module_digest(verifier_modules(category))


def checked_batches(
    wanted: Sequence[_Wanted], config: Mapping[str, Any], workers: int
) -> Iterator[list[Row]]:
    """Yield the checks of all that is wanted in batches; arguments as for :func:`check_shard`."""
    with Checkers(config, workers) as checkers:
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            checks = checkers.check([w.task for w in batch])
            yield [_row(w, check) for w, check in zip(batch, checks, strict=True)]


def _row(wanted: _Wanted, check: Check) -> Row:
    return {
        "query_id": wanted.place[0],
        "pass": wanted.place[1],
        "check_key": wanted.key,
        "score": check.score,
        "failure": check.failure,
        "verifier": check.verifier,
        "detail": check.detail,
    }

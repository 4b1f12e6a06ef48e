"""Verifying a shard's responses: which verdicts still hold, and the rest through the verifiers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from deepdistill.codedigest import module_digest
from deepdistill.files import write_json
from deepdistill.keys import verdict_key
from deepdistill.messages import last_user_text
from deepdistill.rowstore import RowStore
from deepdistill.schemas import VERDICTS
from deepdistill.verification.check import Check, Task
from deepdistill.verification.state import state
from deepdistill.verification.verify import check_tasks, verifier_modules

log = logging.getLogger(__name__)

BATCH = 4096
NEVER_KEPT = ("unverifiable", "verifier_error")  # cheap to ask again, and the reason may be gone
_PROBLEM_STATES = {"truncated": "truncated", "unparsable": "unparsable", "error": "unverifiable"}


def verify_shard(
    queries: pa.Table,
    responses: pa.Table,
    config: Mapping[str, Any],
    workers: int,
    output: str | Path,
    metrics: str | Path,
) -> None:
    """Write a verdict for each response of one teacher to one shard's queries.

    ``config`` is the configuration's section ``verification``. A verdict is kept if its key holds
    (:func:`deepdistill.keys.verdict_key`); a changed threshold only turns scores into states
    anew. ``metrics`` receives the counts as JSON.
    """
    known = {query["query_id"]: query for query in queries.to_pylist()}
    wanted = {
        (row["query_id"], row["pass"]): (row, known[row["query_id"]])
        for row in responses.to_pylist()
    }
    keys = {place: _key(row, query, config) for place, (row, query) in wanted.items()}
    store = RowStore(output, VERDICTS)
    verdicts: dict[tuple[str, int], dict[str, Any]] = {}
    for old in store.rows():
        place = (old["query_id"], old["pass"])
        held = keys.get(place) == old["verdict_key"] and old["state"] not in NEVER_KEPT
        if held and place not in verdicts:
            threshold = config["thresholds"][wanted[place][1]["category"]]
            verdicts[place] = {**old, "state": state(old["verify_score"], old["state"], threshold)}
    missing = [place for place in wanted if place not in verdicts]
    log.info("%d rows, %d kept, %d to verify", len(wanted), len(verdicts), len(missing))

    kept = len(verdicts)
    with tqdm(total=len(missing), unit="row", disable=None) as progress:
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            new = list(_verdicts([(*wanted[p], keys[p]) for p in batch], config, workers))
            store.append(new)
            verdicts.update(zip(batch, new, strict=True))
            progress.update(len(new))
    store.publish(verdicts.values())
    write_json(metrics, {"rows_kept": kept, "rows_computed": len(missing)})


def _key(row: Mapping[str, Any], query: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    category = query["category"]
    return verdict_key(
        row["answer"],
        row["problem"],
        query["reference"],
        _verifier_digest(category),
        config.get(category),
    )


@cache
def _verifier_digest(category: str) -> str:
    return module_digest(verifier_modules(category))


def _verdicts(
    rows: Sequence[tuple[dict[str, Any], dict[str, Any], str]],
    config: Mapping[str, Any],
    workers: int,
) -> Iterator[dict[str, Any]]:
    answered = [(row, query) for row, query, _ in rows if row["problem"] is None]
    checks = check_tasks([_task(row, query) for row, query in answered], config, workers)
    for row, query, key in rows:
        check = _problem(row) if row["problem"] else next(checks)
        yield {
            "query_id": row["query_id"],
            "pass": row["pass"],
            "verdict_key": key,
            "state": state(check.score, check.failure, config["thresholds"][query["category"]]),
            "verify_score": check.score,
            "verifier": check.verifier,
            "detail": check.detail,
            "format_ok": bool(row["answer"]) and row["thinking"] != "",
        }


def _problem(row: Mapping[str, Any]) -> Check:
    return Check(None, _PROBLEM_STATES[row["problem"]], "format", row["error"] or row["problem"])


def _task(row: Mapping[str, Any], query: Mapping[str, Any]) -> Task:
    question = last_user_text(query["messages"])
    return Task(query["category"], question, row["answer"], query["reference"] or "")

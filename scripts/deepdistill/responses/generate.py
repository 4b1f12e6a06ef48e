"""Generating a shard's missing responses."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from deepdistill.files import write_json
from deepdistill.responses.backends.backend import Backend
from deepdistill.responses.prompts import Prompt
from deepdistill.responses.rows import holds, requests, response_row
from deepdistill.rowstore import RowStore
from deepdistill.schemas import RESPONSES

log = logging.getLogger(__name__)


def generate_shard(
    queries: pa.Table,
    prompt: Prompt,
    model: str,
    make_backend: Callable[[], Backend],
    config: Mapping[str, Any],
    output: str | Path,
    metrics: str | Path,
) -> None:
    """Write the responses of one teacher to one shard's queries (all passes).

    Rows that hold are kept; only the others are generated, and ``make_backend`` is called only if
    there are any. Finished rows go to part files at once, so that a killed job loses no more than
    the batch it was at. ``metrics`` receives rows, tokens and seconds of this run as JSON.
    """
    wanted = {(r.query_id, r.pass_number): r for r in requests(queries, prompt, model, config)}
    limit, think = config["max_tokens"], config["format"] == "think"
    store = RowStore(output, RESPONSES)
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for row in store.rows():
        place = (row["query_id"], row["pass"])
        if place in wanted and place not in rows and holds(row, wanted[place], limit):
            rows[place] = row
    missing = [request for place, request in wanted.items() if place not in rows]
    log.info("%d rows, %d kept, %d to generate", len(wanted), len(rows), len(missing))

    kept, started, made = len(rows), time.monotonic(), []
    if missing:
        with tqdm(total=len(missing), unit="row", disable=None) as progress:
            for group in make_backend().complete(missing):
                new = [response_row(completion, limit, think) for completion in group]
                store.append(new)
                made += new
                progress.update(len(new))
    store.publish([*rows.values(), *made])
    seconds = time.monotonic() - started
    write_json(metrics, _metrics(kept, made, seconds))


def _metrics(kept: int, made: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    tokens_out = sum(row["tokens_out"] or 0 for row in made)
    return {
        "rows_kept": kept,
        "rows_computed": len(made),
        "tokens_in": sum(row["tokens_in"] or 0 for row in made),
        "tokens_out": tokens_out,
        "truncated": sum(row["finish_reason"] == "length" for row in made),
        "errors": sum(row["finish_reason"] == "error" for row in made),
        "seconds": round(seconds, 3),
        "tokens_per_second": round(tokens_out / seconds, 1) if made else None,
    }

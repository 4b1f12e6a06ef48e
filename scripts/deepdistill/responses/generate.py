"""Generating a shard's missing responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from deepdistill.files import write_json
from deepdistill.responses.backends.backend import Backend, Request
from deepdistill.responses.prompts import Prompt
from deepdistill.responses.rows import holds, requests, response_row, with_parts
from deepdistill.rowstore import Filled, RowStore
from deepdistill.schemas import RESPONSES
from deepdistill.tables import Row


def generate_shard(
    queries: pa.Table,
    prompt: Prompt,
    model: str,
    make_backend: Callable[[], Backend],
    config: Mapping[str, Any],
    output: str | Path,
    metrics: str | Path,
    repairs: int = 0,
) -> None:
    """Write the responses of one teacher to one shard's queries (all passes).

    Rows that hold are kept; only the others are generated, and ``make_backend`` is called only if
    there are any. Finished rows go to part files at once, so that a killed job loses no more than
    the batch it was at. ``metrics`` receives rows, tokens and seconds of this run as JSON.
    """
    limit, think = config["max_tokens"], config["format"] == "think"

    def keep(row: Row, request: Request) -> Row | None:
        if not holds(row, request, limit):
            return None
        return {**with_parts(row, think), "max_tokens": limit}

    def compute(missing: Sequence[Request]) -> Iterator[list[Row]]:
        for group in make_backend().complete(missing):
            yield [response_row(completion, limit, think) for completion in group]

    wanted = {(r.query_id, r.pass_number): r for r in requests(queries, prompt, model, config)}
    filled = RowStore(output, RESPONSES).fill(wanted, keep, compute)
    write_json(metrics, {**filled.metrics(repairs), **token_metrics(filled)})


def token_metrics(filled: Filled) -> dict[str, Any]:
    """Return what generation adds to a shard's metrics: tokens, their rate, cut and failed rows."""
    tokens_out = sum(row["tokens_out"] or 0 for row in filled.computed)
    return {
        "tokens_in": sum(row["tokens_in"] or 0 for row in filled.computed),
        "tokens_out": tokens_out,
        "truncated": sum(row["finish_reason"] == "length" for row in filled.computed),
        "errors": sum(row["finish_reason"] == "error" for row in filled.computed),
        "tokens_per_second": round(tokens_out / filled.seconds, 1) if filled.computed else None,
    }

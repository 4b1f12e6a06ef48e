"""Generating a shard's missing responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from deepdistill.files import write_json
from deepdistill.responses.attempts import complete
from deepdistill.responses.backends.backend import Backend, Request
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.engine import context_limit
from deepdistill.responses.passes import most_passes
from deepdistill.responses.prompts import Prompt
from deepdistill.responses.rows import holds, requests, response_row, with_parts
from deepdistill.rowstore import Demand, Filled, RowStore
from deepdistill.schemas import RESPONSES
from deepdistill.tables import Row

log = logging.getLogger(__name__)


def generate_shard(
    queries: pa.Table,
    prompt: Prompt,
    model: str,
    make_backend: Callable[[], Backend],
    config: Mapping[str, Any],
    output: str | Path,
    metrics: str | Path,
    repairs: int = 0,
    purse: Purse | None = None,
    left_out: int = 0,
) -> None:
    """Write the responses of one teacher to one shard's queries (all passes).

    Rows that hold are kept; only the others are generated, and ``make_backend`` is called only if
    there are any. Finished rows go to part files at once, so that a killed job loses no more than
    the batch it was at. ``metrics`` receives rows, tokens and seconds of this run as JSON;
    ``left_out`` counts the shard's queries that the teacher is not asked. ``purse`` is told what
    the kept rows have cost.
    """

    def compute(missing: Sequence[Request]) -> Iterator[list[Row]]:
        return generated_rows(make_backend, missing, config)

    demand = demanded_responses(queries, prompt, model, config, purse)
    filled = RowStore(output, RESPONSES).fill(demand, compute)
    write_metrics(metrics, filled, repairs, len(queries), left_out, config)


def demanded_responses(
    queries: pa.Table,
    prompt: Prompt,
    model: str,
    config: Mapping[str, Any],
    purse: Purse | None = None,
) -> Demand[Request]:
    """Return the requests for each query's passes, as many as it may get; arguments as above."""
    limit, context, think = config["max_tokens"], context_limit(config), config["format"] == "think"

    def keep(row: Row, request: Request) -> Row | None:
        if not holds(row, request, limit, context):
            return None
        if purse:
            purse.pay(request, row["tokens_in"], row["tokens_out"])
        return {**with_parts(row, think), "max_tokens": limit}

    asked = requests(queries, prompt, model, config)
    return Demand({(r.query_id, r.pass_number): r for r in asked}, keep)


def generated_rows(
    make_backend: Callable[[], Backend], requests: Sequence[Request], config: Mapping[str, Any]
) -> Iterator[list[Row]]:
    """Yield the rows of all requests in groups, as they are finished."""
    limit, think = config["max_tokens"], config["format"] == "think"
    for group in complete(make_backend, requests, config["attempts"]):
        yield [response_row(completion, limit, think) for completion in group]


def write_metrics(
    path: str | Path,
    filled: Filled,
    repairs: int,
    asked: int,
    left_out: int,
    config: Mapping[str, Any],
) -> None:
    """Write a shard's metrics, with what was saved against asking all queries all passes.

    ``asked`` and ``left_out`` count the shard's queries.
    """
    saved = (asked + left_out) * most_passes(config["passes"]) - len(filled.rows)
    log.info("%d queries left out, %d responses saved", left_out, saved)
    savings = {"queries_left_out": left_out, "responses_saved": saved}
    write_json(path, {**filled.metrics(repairs), **token_metrics(filled), **savings})


def token_metrics(filled: Filled) -> dict[str, Any]:
    """Return what generation adds to a shard's metrics: tokens, their rate, cut and failed rows."""
    tokens_out = sum(row["tokens_out"] or 0 for row in filled.computed)
    truncated = sum(row["finish_reason"] == "length" for row in filled.computed)
    return {
        "tokens_in": sum(row["tokens_in"] or 0 for row in filled.computed),
        "tokens_out": tokens_out,
        "truncated": truncated,
        "truncated_share": round(truncated / len(filled.computed), 4) if filled.computed else None,
        "errors": sum(row["finish_reason"] == "error" for row in filled.computed),
        "tokens_per_second": round(tokens_out / filled.seconds, 1) if filled.computed else None,
    }

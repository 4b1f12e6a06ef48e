"""Requests of a shard, and which of its rows still hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from deepdistill.keys import request_key, row_seed
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.format import split_response
from deepdistill.responses.prompts import Prompt


def requests(
    queries: pa.Table, prompt: Prompt, model: str, config: Mapping[str, Any]
) -> Iterator[Request]:
    """Yield a request for each query of a shard and each pass.

    ``config`` holds the teacher's ``passes``, ``temperature`` and ``top_p`` and the ``seed``;
    ``model`` identifies the model (see :func:`deepdistill.keys.request_key`).
    """
    sampling = {name: config[name] for name in ("temperature", "top_p")}
    for query in queries.to_pylist():
        messages = prompt.render(query["category"], query["messages"])
        for number in range(1, config["passes"] + 1):
            yield Request(
                query_id=query["query_id"],
                pass_number=number,
                messages=messages,
                key=request_key(messages, model, sampling, number, config["seed"]),
                seed=row_seed(config["seed"], query["query_id"], number),
            )


def holds(row: Mapping[str, Any], request: Request, max_tokens: int) -> bool:
    """Say whether a row is what ``request`` would give under the token limit ``max_tokens``.

    A response that ended by itself holds under every limit that it fits into; one that was cut
    holds only under the limit that cut it; a failed one never holds, so that it is tried again.
    """
    if row["request_key"] != request.key:
        return False
    if row["finish_reason"] == "stop":
        return row["tokens_out"] is None or bool(row["tokens_out"] <= max_tokens)
    return bool(row["finish_reason"] == "length" and row["max_tokens"] == max_tokens)


def response_row(completion: Completion, max_tokens: int, think: bool) -> dict[str, Any]:
    """Return the row of :data:`deepdistill.schemas.RESPONSES` for a completion.

    ``think`` says that the text has the form ``<think>…</think><answer>…</answer>``; otherwise all
    of it is the answer.
    """
    request = completion.request
    thinking, answer, problem = _parts(completion, think)
    return {
        "query_id": request.query_id,
        "pass": request.pass_number,
        "request_key": request.key,
        "thinking": thinking,
        "answer": answer,
        "problem": problem,
        "finish_reason": completion.finish_reason,
        "max_tokens": max_tokens,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "seed": request.seed,
        "error": completion.error,
    }


def _parts(completion: Completion, think: bool) -> tuple[str | None, str | None, str | None]:
    """Thinking, answer and problem of a completion."""
    if completion.finish_reason == "error":
        return None, None, "error"
    finished = completion.finish_reason == "stop"
    if think:
        return split_response(completion.text, finished)
    if not finished:
        return None, None, "truncated"
    text = completion.text.strip()
    return None, text or None, None if text else "unparsable"

"""Requests of a shard, and which of its rows still hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from deepdistill.keys import request_key, row_seed
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.engine import decisive
from deepdistill.responses.format import join_response, split_response
from deepdistill.responses.passes import most_passes
from deepdistill.responses.prompts import Prompt

LOCAL = ("vllm", "transformers")
"""Backends that load the model themselves; which of the two does is no part of a key."""


def requests(
    queries: pa.Table, prompt: Prompt, model: str, config: Mapping[str, Any]
) -> Iterator[Request]:
    """Yield a request for each query of a shard and each pass that it may get.

    ``config`` holds the teacher's ``backend``, ``passes``, ``dtype``, ``temperature`` and ``top_p``
    and the ``seed``; ``model`` identifies the model (:func:`deepdistill.keys.request_key`).
    """
    for query in queries.to_pylist():
        messages = prompt.render(query["category"], query["messages"])
        for number in range(1, most_passes(config["passes"]) + 1):
            yield request(query["query_id"], number, messages, model, config)


def request(
    query_id: str,
    pass_number: int,
    messages: list[dict[str, str]],
    model: str,
    config: Mapping[str, Any],
) -> Request:
    """Return a request with its key and, where anything is drawn, its seed.

    Settings that have no effect are not in the key: a greedy answer depends on no seed.
    """
    settings: dict[str, Any] = {"temperature": config["temperature"]}
    if config["backend"] in LOCAL:
        settings |= {"dtype": config["dtype"]}
    if config["backend"] == "vllm":
        settings |= decisive(config["engine"])
    drawn = settings["temperature"] > 0
    if drawn:
        settings["top_p"] = config["top_p"]
    seed = config["seed"] if drawn else None
    return Request(
        query_id=query_id,
        pass_number=pass_number,
        messages=messages,
        key=request_key(messages, model, settings, pass_number, seed),
        seed=row_seed(config["seed"], query_id, pass_number) if drawn else None,
    )


def holds(
    row: Mapping[str, Any], request: Request, max_tokens: int, context: int | None = None
) -> bool:
    """Say whether a row is what ``request`` would give under the token limit ``max_tokens``.

    ``context`` is the longest context of prompt and response, None for the model's own. A response
    that ended by itself holds under every limit that it fits into, one that was cut only under the
    limit that cut it; a failed one never holds, so that it is tried again.
    """
    if row["request_key"] != request.key:
        return False
    match row["finish_reason"]:
        case "stop":
            return row["tokens_out"] is None or bool(row["tokens_out"] <= max_tokens)
        case "length":
            return bool(row["max_tokens"] == max_tokens) and _cut_there(row, max_tokens, context)
        case _:
            return False


def _cut_there(row: Mapping[str, Any], max_tokens: int, context: int | None) -> bool:
    """Say whether ``context`` would cut a response where it was cut, unless ``max_tokens`` did.

    A response that the context cut fills it with its prompt to the last token. Where that is the
    model's own, any such response is taken for one that filled it.
    """
    made = row["tokens_out"]
    if context is None or made is None or made >= max_tokens:
        return True
    return bool(row["tokens_in"] + made == context)


def response_row(completion: Completion, max_tokens: int | None, think: bool) -> dict[str, Any]:
    """Return the row of :data:`deepdistill.schemas.RESPONSES` for a completion.

    ``max_tokens`` is the limit that holds, None where nobody set one; ``think`` says that the text
    has the form ``<think>…</think><answer>…</answer>``; otherwise all of it is the answer.
    """
    request = completion.request
    return {
        "query_id": request.query_id,
        "pass": request.pass_number,
        "request_key": request.key,
        **_parts(completion.text, completion.finish_reason, think),
        "finish_reason": completion.finish_reason,
        "max_tokens": max_tokens,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "seed": request.seed,
        "error": completion.error,
    }


def with_parts(row: Mapping[str, Any], think: bool) -> dict[str, Any]:
    """Return a row with its text split anew, which costs nothing, as form and code now have it."""
    text = row["text"] if row["problem"] else join_response(row["thinking"], row["answer"])
    return {**row, **_parts(text or "", row["finish_reason"], think)}


def _parts(text: str, finish_reason: str, think: bool) -> dict[str, Any]:
    """The columns that follow from a completion's text; blanks around it do not count."""
    text = text.strip()
    thinking, answer, problem = _split(text, finish_reason, think)
    return {
        "thinking": None if problem else thinking,
        "answer": answer,
        "problem": problem,
        "text": (text or None) if problem else None,
        "format_ok": bool(answer) and thinking != "",
    }


def _split(text: str, finish_reason: str, think: bool) -> tuple[str | None, str | None, str | None]:
    """Thinking, answer and problem of a completion."""
    if finish_reason in ("error", "absent"):
        return None, None, finish_reason
    finished = finish_reason == "stop"
    if think:
        return split_response(text, finished)
    if not finished:
        return None, None, "truncated"
    return None, text or None, None if text else "unparsable"

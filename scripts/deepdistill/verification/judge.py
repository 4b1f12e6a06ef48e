"""The judge: a language model's opinion where the verifiers have none, or say no.

Maths has a second look at responses that the verifier failed; science has no other verifier (arXiv
2504.17565, section 3). The reply ends in a line such as ``Score: 1``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from deepdistill.files import write_json
from deepdistill.messages import last_user_text
from deepdistill.responses.attempts import complete
from deepdistill.responses.backends.backend import Backend, Completion, Request
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.engine import context_limit
from deepdistill.responses.generate import token_metrics
from deepdistill.responses.prompts import Prompt
from deepdistill.responses.rows import holds, request
from deepdistill.rowstore import Demand, RowStore
from deepdistill.schemas import JUDGEMENTS
from deepdistill.tables import Row

SCALES: Mapping[str, tuple[float, ...]] = {"math": (0, 1), "science": (0, 1, 2, 3, 4, 5)}
"""Scores that a judge may give, by category: right or wrong, and similarity to the reference."""

FIELDS = ("question", "reference", "answer")
"""Fields of the judge's templates."""

_SCORE = re.compile(r"^\W*score\W*:\W*(\d+(?:\.\d+)?)\W*$", re.IGNORECASE | re.MULTILINE)


def judge_shard(
    queries: pa.Table,
    responses: pa.Table,
    checks: pa.Table,
    prompt: Prompt,
    model: str,
    make_backend: Callable[[], Backend],
    config: Mapping[str, Any],
    output: str | Path,
    metrics: str | Path,
    repairs: int = 0,
    purse: Purse | None = None,
) -> None:
    """Write a judgement for each response of one teacher that needs one.

    Those are answers with a reference, in a category that ``prompt`` has a template for, which the
    verifier failed or could not judge at all. ``config`` holds the judge's ``temperature``,
    ``top_p``, ``max_tokens``, ``attempts`` and the ``seed``. Judgements are kept as responses are:
    by the rendered prompt, the model and the sampling (:func:`deepdistill.responses.rows.holds`);
    ``purse`` is told what the kept ones have cost.
    """
    limit, categories = config["max_tokens"], _categories(queries)

    def compute(missing: Sequence[Request]) -> Iterator[list[Row]]:
        for group in complete(make_backend, missing, config["attempts"]):
            yield [_row(completion, categories, limit) for completion in group]

    demand = demanded_judgements(queries, responses, checks, prompt, model, config, purse)
    filled = RowStore(output, JUDGEMENTS).fill(demand, compute)
    write_json(metrics, {**filled.metrics(repairs), **token_metrics(filled)})


def demanded_judgements(
    queries: pa.Table,
    responses: pa.Table,
    checks: pa.Table,
    prompt: Prompt,
    model: str,
    config: Mapping[str, Any],
    purse: Purse | None = None,
) -> Demand[Request]:
    """Return the questions to the judge; arguments as for :func:`judge_shard`."""
    limit, context = config["max_tokens"], context_limit(config)
    categories = _categories(queries)

    def keep(row: Row, wanted: Request) -> Row | None:
        if not holds(row, wanted, limit, context):
            return None
        if purse:
            purse.pay(wanted, row["tokens_in"], row["tokens_out"])
        read = _read(categories[row["query_id"]], row["reply"], row["finish_reason"])
        return {**row, **read, "max_tokens": limit}

    requests = _requests(queries, responses, checks, prompt, model, config)
    return Demand({(r.query_id, r.pass_number): r for r in requests}, keep)


def read_score(category: str, reply: str) -> float | None:
    """Return the score that a judge's reply ends in, or None if there is none on the scale."""
    found = _SCORE.findall(reply)
    score = float(found[-1]) if found else None
    return score if score in SCALES[category] else None


def _requests(
    queries: pa.Table,
    responses: pa.Table,
    checks: pa.Table,
    prompt: Prompt,
    model: str,
    config: Mapping[str, Any],
) -> Iterator[Request]:
    known = {query["query_id"]: query for query in queries.to_pylist()}
    answers = {(row["query_id"], row["pass"]): row["answer"] for row in responses.to_pylist()}
    for check in checks.to_pylist():
        query = known[check["query_id"]]
        if _needs_judge(check, query, prompt):
            messages = prompt.ask(
                query["category"],
                question=last_user_text(query["messages"]),
                reference=query["reference"],
                answer=answers[check["query_id"], check["pass"]],
            )
            yield request(check["query_id"], check["pass"], messages, model, config)


def _categories(queries: pa.Table) -> dict[str, str]:
    ids, categories = queries["query_id"].to_pylist(), queries["category"].to_pylist()
    return dict(zip(ids, categories, strict=True))


def _needs_judge(check: Row, query: Row, prompt: Prompt) -> bool:
    if query["category"] not in prompt.templates or not query["reference"]:
        return False
    if check["score"] is not None:
        return bool(check["score"] < 1)
    return bool(check["failure"] == "unverifiable")


def _row(completion: Completion, categories: Mapping[str, str], limit: int) -> Row:
    wanted = completion.request
    return {
        "query_id": wanted.query_id,
        "pass": wanted.pass_number,
        "request_key": wanted.key,
        **_read(categories[wanted.query_id], completion.text, completion.finish_reason),
        "reply": completion.text,
        "finish_reason": completion.finish_reason,
        "max_tokens": limit,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "seed": wanted.seed,
        "error": completion.error,
    }


def _read(category: str, reply: str, finish_reason: str) -> dict[str, Any]:
    """The columns that follow from a reply."""
    if finish_reason != "stop":
        problem = {"length": "truncated"}.get(finish_reason, finish_reason)
        return {"score": None, "problem": problem}
    score = read_score(category, reply)
    return {"score": score, "problem": "unparsable" if score is None else None}

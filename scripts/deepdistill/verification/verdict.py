"""Verdicts: what checks, judgements and rewards together say of each response."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from deepdistill.schemas import VERDICTS
from deepdistill.tables import Place, Row, from_rows
from deepdistill.verification.state import state

PROBLEM_STATES = {
    "truncated": "truncated",
    "unparsable": "unparsable",
    "absent": "unverifiable",
    "error": "unverifiable",
}
"""States of responses that have no answer part, by their problem."""


@dataclass(frozen=True)
class Opinions:
    """The tables that verdicts are made of; those of verifiers that are not configured are None."""

    checks: pa.Table
    judgements: pa.Table | None = None
    rewards: pa.Table | None = None
    perplexities: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class _Opinion:
    """One verifier's word on one response."""

    key: str | None
    score: float | None
    failure: str | None
    verifier: str
    detail: str


def decide_verdicts(
    queries: pa.Table, responses: pa.Table, opinions: Opinions, thresholds: Mapping[str, float]
) -> pa.Table:
    """Return the verdict of each response; columns of :data:`deepdistill.schemas.VERDICTS`.

    A judgement or a reward with a score outweighs the check. One without leaves a check's score as
    it is; where there is none either, the state is ``verifier_error``. A score that a response is
    published with counts where nobody has an opinion. ``queries`` needs query_id and category,
    ``responses`` query_id, pass, problem, published_score, error, format_ok and tokens_out.
    """
    categories = dict(
        zip(queries["query_id"].to_pylist(), queries["category"].to_pylist(), strict=True)
    )
    checks = _by_place(opinions.checks)
    judgements, rewards = _by_place(opinions.judgements), _by_place(opinions.rewards)
    perplexities = _by_place(opinions.perplexities)

    def rows() -> Iterator[Row]:
        for row in responses.to_pylist():
            place = (row["query_id"], row["pass"])
            if row["problem"] is None:
                opinion = _decisive(checks[place], judgements.get(place), rewards.get(place))
                if opinion.failure == "unverifiable" and row["published_score"] is not None:
                    opinion = _of_publisher(row["published_score"])
            else:
                opinion = _of_problem(row)
            yield {
                "query_id": row["query_id"],
                "pass": row["pass"],
                "verdict_key": opinion.key,
                "state": state(
                    opinion.score, opinion.failure, thresholds[categories[row["query_id"]]]
                ),
                "verify_score": opinion.score,
                "verifier": opinion.verifier,
                "detail": opinion.detail,
                "format_ok": row["format_ok"],
                "perplexity": perplexities.get(place, {}).get("perplexity"),
                "tokens_out": row["tokens_out"],
            }

    return from_rows(VERDICTS, rows())


def _by_place(table: pa.Table | None) -> dict[Place, Row]:
    rows = [] if table is None else table.to_pylist()
    return {(row["query_id"], row["pass"]): row for row in rows}


def _of_problem(row: Row) -> _Opinion:
    failure = PROBLEM_STATES[row["problem"]]
    return _Opinion(None, None, failure, "format", row["error"] or row["problem"])


def _of_publisher(score: float) -> _Opinion:
    return _Opinion(None, score, None, "published", f"published with the score {score:g}")


def _decisive(check: Row, judgement: Row | None, reward: Row | None) -> _Opinion:
    opinion = _Opinion(
        check["check_key"], check["score"], check["failure"], check["verifier"], check["detail"]
    )
    if judgement is not None:
        opinion = _outweighed(
            opinion, "judge", judgement, judgement["request_key"], judgement["problem"]
        )
    if reward is not None:
        opinion = _outweighed(opinion, "reward", reward, reward["reward_key"], reward["error"])
    return opinion


def _outweighed(
    opinion: _Opinion, verifier: str, row: Mapping[str, Any], key: str, problem: str | None
) -> _Opinion:
    if row["score"] is not None:
        detail = row.get("detail") or f"{verifier} {row['score']:g}, {opinion.detail}"
        return _Opinion(key, row["score"], None, verifier, detail)
    if opinion.score is not None:
        return opinion
    return _Opinion(key, None, "verifier_error", verifier, str(problem))

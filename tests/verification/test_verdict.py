"""What becomes of a check, a judgement and a reward."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from deepdistill.schemas import CHECKS, JUDGEMENTS, PERPLEXITIES, RESPONSES, REWARDS, SHARD
from deepdistill.tables import from_rows
from deepdistill.verification.verdict import Opinions, decide_verdicts

THRESHOLDS = {"math": 0.99, "science": 4.99, "other": 0.7}
PLACE = {"query_id": "q", "pass": 1}
YES = {"check_key": "c", "score": 1.0, "verifier": "math", "detail": "7"}
NO = {**YES, "score": 0.0, "detail": "8"}
NONE = {"check_key": "c", "failure": "unverifiable", "verifier": "none", "detail": "no verifier"}


def verdict(
    category: str,
    check: dict[str, Any] | None,
    judgement: dict[str, Any] | None = None,
    reward: dict[str, Any] | None = None,
    thresholds: dict[str, float] = THRESHOLDS,
    **response: Any,
) -> dict[str, Any]:
    def table(artifact: Any, row: dict[str, Any] | None) -> pa.Table:
        return from_rows(artifact, [] if row is None else [{**PLACE, **row}])

    opinions = Opinions(
        table(CHECKS, check),
        None if judgement is None else table(JUDGEMENTS, {"request_key": "j", **judgement}),
        None if reward is None else table(REWARDS, {"reward_key": "r", **reward}),
        table(PERPLEXITIES, {"perplexity": 3.5}),
    )
    queries = from_rows(SHARD, [{"query_id": "q", "category": category}])
    responses = from_rows(RESPONSES, [{**PLACE, "format_ok": True, **response}])
    (row,) = decide_verdicts(queries, responses, opinions, thresholds).to_pylist()
    assert row["perplexity"] == 3.5
    result: dict[str, Any] = row
    return result


def said(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["state"], row["verify_score"], row["verifier"], row["verdict_key"]


def test_a_check_alone_decides() -> None:
    assert said(verdict("math", YES)) == ("passed", 1.0, "math", "c")
    assert said(verdict("math", NO)) == ("failed", 0.0, "math", "c")
    assert said(verdict("science", NONE)) == ("unverifiable", None, "none", "c")


def test_a_score_passes_strictly_above_the_threshold() -> None:
    assert verdict("math", YES, thresholds={"math": 1.0})["state"] == "failed"
    assert verdict("other", NONE, reward={"score": 0.7})["state"] == "failed"
    assert verdict("other", NONE, reward={"score": 0.71})["state"] == "passed"
    assert verdict("science", NONE, {"score": 4.0})["state"] == "failed"
    assert verdict("science", NONE, {"score": 5.0})["state"] == "passed"


def test_a_published_score_counts_where_nobody_has_an_opinion() -> None:
    row = verdict("science", NONE, published_score=5.0)
    assert said(row) == ("passed", 5.0, "published", None)
    assert row["detail"] == "published with the score 5"
    assert said(verdict("other", NONE, published_score=0.7))[:2] == ("failed", 0.7)
    assert said(verdict("math", NO, published_score=1.0)) == ("failed", 0.0, "math", "c")
    judged = verdict("science", NONE, {"score": 2.0}, published_score=5.0)
    assert said(judged) == ("failed", 2.0, "judge", "j")
    silent = verdict("science", NONE, {"problem": "truncated"}, published_score=5.0)
    assert said(silent) == ("verifier_error", None, "judge", "j")
    rewarded = verdict("other", NONE, reward={"score": 0.9}, published_score=0.1)
    assert said(rewarded) == ("passed", 0.9, "reward", "r")
    timeout = {**NONE, "failure": "timeout"}
    assert verdict("code", timeout, thresholds={"code": 0.99}, published_score=1.0)["state"] == (
        "timeout"
    )
    assert verdict("science", None, problem="unparsable", published_score=5.0)["state"] == (
        "unparsable"
    )


def test_the_judge_has_the_second_look() -> None:
    row = verdict("math", NO, {"score": 1.0})
    assert said(row) == ("passed", 1.0, "judge", "j")
    assert row["detail"] == "judge 1, 8"
    assert said(verdict("math", NO, {"score": 0.0})) == ("failed", 0.0, "judge", "j")


def test_a_judge_without_a_score_leaves_the_check_or_is_an_error() -> None:
    assert said(verdict("math", NO, {"problem": "unparsable"})) == ("failed", 0.0, "math", "c")
    row = verdict("science", NONE, {"problem": "unparsable"})
    assert said(row) == ("verifier_error", None, "judge", "j")
    assert row["detail"] == "unparsable"


def test_a_failed_reward_is_an_error() -> None:
    row = verdict("other", NONE, reward={"error": "9000 tokens, at most 8192"})
    assert said(row) == ("verifier_error", None, "reward", "r")
    assert row["detail"] == "9000 tokens, at most 8192"


@pytest.mark.parametrize(
    ("problem", "state"),
    [
        ("truncated", "truncated"),
        ("unparsable", "unparsable"),
        ("absent", "unverifiable"),
        ("error", "unverifiable"),
    ],
)
def test_a_response_without_an_answer_is_never_failed(problem: str, state: str) -> None:
    row = verdict("math", None, problem=problem, error="why" if problem == "error" else None)
    assert said(row) == (state, None, "format", None)
    assert row["detail"] == ("why" if problem == "error" else problem)

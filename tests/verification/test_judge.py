"""Which responses are judged, how a reply is read, and which judgements are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.keys import query_id
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.backends.purse import Purse
from deepdistill.responses.prompts import Prompt, read_prompt
from deepdistill.schemas import CHECKS, JUDGEMENTS, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact
from deepdistill.verification.judge import FIELDS, SCALES, judge_shard, read_score

CONFIG = {
    "backend": "transformers",
    "dtype": "float32",
    "temperature": 0,
    "top_p": 1,
    "max_tokens": 50,
    "attempts": 3,
    "engine": {},
    "seed": 1,
}
PROMPT = Prompt(None, dict.fromkeys(SCALES, "{question} | {reference} | {answer}"))

# name: category, reference, the verifier's score or failure, is it judged?
RESPONSES_OF = {
    "right": ("math", "7", 1.0, False),
    "wrong": ("math", "7", 0.0, True),
    "slow": ("math", "7", "timeout", False),
    "why": ("science", "because", "unverifiable", True),
    "why not": ("science", "", "unverifiable", False),  # nothing to compare with
    "program": ("code", "{}", 0.0, False),  # no template
}


class Recorder:
    """A judge that replies to each question in the same way."""

    def __init__(self, reply: str, reason: str = "stop") -> None:
        self.asked: list[str] = []
        self._reply, self._reason = reply, reason

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        for request in requests:
            self.asked.append(request.messages[-1]["content"])
            yield [Completion(request, self._reply, self._reason, 5, 5)]


def tables(answer: str) -> tuple[pa.Table, pa.Table, pa.Table]:
    queries, responses, checks = [], [], []
    for name, (category, reference, said, _) in RESPONSES_OF.items():
        place = {"query_id": query_id(category, name), "pass": 1}
        queries.append(
            {
                "query_id": place["query_id"],
                "category": category,
                "source": "s",
                "source_line": 1,
                "messages": [{"role": "user", "content": name}],
                "reference": reference,
            }
        )
        responses.append({**place, "answer": answer})
        score = said if isinstance(said, float) else None
        checks.append({**place, "score": score, "failure": None if score is not None else said})
    return from_rows(SHARD, queries), from_rows(RESPONSES, responses), from_rows(CHECKS, checks)


def run(
    folder: Path,
    judge: Recorder,
    prompt: Prompt = PROMPT,
    model: str = "m",
    answer: str = "x",
    **config: Any,
) -> list[dict[str, Any]]:
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    settings = {**CONFIG, **config}
    judge_shard(*tables(answer), prompt, model, lambda: judge, settings, output, metrics)
    assert read_json(metrics)["rows_computed"] == len(judge.asked)
    rows: list[dict[str, Any]] = read_artifact(output, JUDGEMENTS).to_pylist()
    return rows


def test_kept_judgements_count_as_paid(tmp_path: Path) -> None:
    run(tmp_path, Recorder("Score: 1"))
    purse = Purse({**CONFIG, "server": {"budget": {"tokens": 1000}}, "shares": 1})
    output, metrics = tmp_path / "00000-of-00001.parquet", tmp_path / "metrics.json"
    judge_shard(*tables("x"), PROMPT, "m", lambda: Recorder(""), CONFIG, output, metrics, 0, purse)
    assert sum(purse.paid) == 2 * (5 + 5)


def test_the_judge_is_asked_where_the_verifier_says_no_or_nothing(tmp_path: Path) -> None:
    judge = Recorder("Score: 1")
    run(tmp_path, judge)
    expected = {
        f"{name} | {reference} | x"
        for name, (_, reference, _, judged) in RESPONSES_OF.items()
        if judged
    }
    assert set(judge.asked) == expected


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({}, 0),
        ({"batch_size": 3}, 0),
        ({"top_p": 0.5, "seed": 2}, 0),  # greedy: nothing is drawn
        ({"max_tokens": 60}, 0),
        ({"model": "m2"}, 2),
        ({"answer": "y"}, 2),
        ({"temperature": 0.5}, 2),
        ({"prompt": Prompt("Be fair.", PROMPT.templates)}, 2),
        ({"prompt": Prompt(None, {**PROMPT.templates, "math": "{question}?"})}, 1),
    ],
)
def test_only_the_judgements_that_a_change_affects_are_made_again(
    tmp_path: Path, change: dict[str, Any], asked: int
) -> None:
    run(tmp_path, Recorder("Score: 1"))
    again = Recorder("Score: 1")
    run(tmp_path, again, **change)
    assert len(again.asked) == asked


@pytest.mark.parametrize(
    ("category", "reply", "score"),
    [
        ("math", "They agree.\nScore: 1", 1),
        ("math", "Score: 0\nOn second thought…\n**Score: 1**", 1),
        ("math", "score : 0.", 0),
        ("science", "SCORE: 3", 3),
        ("science", "Score: 5.0", 5),
        ("math", "Score: 3", None),  # not on the scale
        ("science", "Score: 2.5", None),
        ("science", "The score: it depends", None),
        ("science", "Score: 4/5", None),
        ("math", "", None),
    ],
)
def test_the_last_score_on_the_scale_counts(category: str, reply: str, score: float | None) -> None:
    assert read_score(category, reply) == score


@pytest.mark.parametrize(
    ("reply", "reason", "problem"),
    [
        ("no idea", "stop", "unparsable"),
        ("Score: 1", "length", "truncated"),
        ("", "error", "error"),
    ],
)
def test_a_reply_without_a_score_says_why(
    tmp_path: Path, reply: str, reason: str, problem: str
) -> None:
    rows = run(tmp_path, Recorder(reply, reason))
    assert [(row["score"], row["problem"]) for row in rows] == [(None, problem)] * 2


def test_the_shipped_prompt_is_complete(root: Path) -> None:
    prompt = read_prompt(root / "config" / "prompts" / "judge.yaml", FIELDS, SCALES, optional=True)
    assert set(prompt.templates) == set(SCALES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates: {code: '{question}{reference}{answer}'}", "templates: found 'code', allowed"),
        ("templates: {math: '{question}{answer}'}", r"templates\.math: .* holds {reference}"),
        ("templates: {}", "templates: missing"),
        ("- no", "templates: missing"),
    ],
)
def test_a_bad_prompt_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "judge.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"judge\.yaml: " + message):
        read_prompt(path, FIELDS, SCALES, optional=True)


def test_a_field_inside_an_answer_is_not_filled(tmp_path: Path) -> None:
    judge = Recorder("Score: 1")
    run(tmp_path, judge, answer="{reference} {question}")
    assert all(asked.endswith("| {reference} {question}") for asked in judge.asked)

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deepdistill.files import write_json
from deepdistill.plan import counts
from deepdistill.plan.counting import count
from deepdistill.plan.counts import count_rows
from deepdistill.plan.jobs import Job
from deepdistill.plan.shadow import Shadow
from deepdistill.responses.backends.backend import Completion
from deepdistill.responses.generate import demanded_responses
from deepdistill.responses.prompts import read_prompt
from deepdistill.responses.rows import response_row
from deepdistill.schemas import RESPONSES, SHARD, VERDICTS
from deepdistill.tables import from_rows, read_artifact, write_artifact

TEACHER = {
    "backend": "transformers",
    "passes": 2,
    "temperature": 0.0,
    "top_p": 1.0,
    "dtype": "float32",
    "max_tokens": 8,
    "format": "plain",
}
ABOVE = "results/models/learner.json"
PROMPT = "prompt.yaml"


@pytest.fixture(autouse=True)
def folder(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two shards of three queries each, and a known model."""
    monkeypatch.chdir(tmp_path)
    Path(PROMPT).write_text((root / "config/prompts/question_only.yaml").read_text())
    write_json(ABOVE, {"path": "model", "digest": "0"})
    for index in range(2):
        rows = [
            {
                "query_id": f"{index}{number}",
                "category": category,
                "source": "s",
                "source_line": number,
                "messages": [{"role": "user", "content": f"Question {index} {number}"}],
                "reference": "7",
            }
            for number, category in enumerate(("math", "math", "other"))
        ]
        write_artifact(
            f"results/queries/shards/{shard(index)}.parquet", SHARD, from_rows(SHARD, rows)
        )
    return tmp_path


def shard(index: int) -> str:
    return f"{index:05}-of-00002"


def make(index: int, answered: int, passes: int = 2) -> None:
    """Write the first rows of a shard's responses, as the teacher would with so many passes."""
    queries = read_artifact(f"results/queries/shards/{shard(index)}.parquet", SHARD)
    demand = demanded_responses(queries, read_prompt(PROMPT), "0", {**TEACHER, "passes": passes})
    rows = [
        response_row(Completion(request, "7", "stop", 1, 1), 8, think=False)
        for request in list(demand.wanted.values())[:answered]
    ]
    path = f"results/responses/learner/{shard(index)}.parquet"
    write_artifact(path, RESPONSES, from_rows(RESPONSES, rows))


def job(number: int, rule: str, index: int, words: Mapping[str, str], output: str) -> Job:
    options = " ".join(f"--{name} '{value}'" for name, value in words.items())
    path = f"results/{output}/learner/{shard(index)}"
    inputs = [word for word in words.values() if word.startswith("results/")]
    wildcards = {"teacher": "learner", "shard": shard(index)}
    command = f"python scripts/{rule}.py {options} --output {path}.parquet"
    outputs = [f"{path}.parquet", f"{path}.digest.json"]
    return Job(number, rule, wildcards, inputs, outputs, "", command, 1, {})


def responses(number: int, index: int = 0, **settings: Any) -> Job:
    words = {
        "queries": f"results/queries/shards/{shard(index)}.digest.json",
        "prompt": PROMPT,
        "model": ABOVE,
        "config": json.dumps({**TEACHER, **settings}),
    }
    return job(number, "generate_responses", index, words, "responses")


def checks(number: int, index: int = 0) -> Job:
    words = {
        "queries": f"results/queries/shards/{shard(index)}.digest.json",
        "responses": f"results/responses/learner/{shard(index)}.digest.json",
        "config": "{}",
    }
    return job(number, "check_responses", index, words, "checks")


def identity(number: int) -> Job:
    """A job that makes the model's identity anew, from what nobody has."""
    command = f"python scripts/identify_model.py --model nowhere --output {ABOVE}"
    wildcards = {"model": "learner"}
    return Job(number, "identify_model", wildcards, ["nowhere"], [ABOVE], "", command, 1, {})


def test_without_rows_all_are_missing() -> None:
    found = count_rows([responses(1)], "results")[1]
    assert (found.missing.certain, found.missing.possible) == ({"math": 4, "other": 2}, {})


def test_rows_that_hold_are_kept_and_what_follows_from_the_others_is_possible() -> None:
    make(0, answered=5)
    found = count_rows([responses(1), checks(2)], "results")
    assert (found[1].missing.certain, found[1].missing.kept) == ({"other": 1}, 5)
    assert (found[2].missing.certain, found[2].missing.possible) == (
        {"math": 4, "other": 1},
        {"other": 1},
    )


def test_another_setting_makes_all_stale_and_one_without_effect_none() -> None:
    make(0, answered=6)
    assert count_rows([responses(1, dtype="bfloat16")], "results")[1].missing.kept == 0
    assert count_rows([responses(1, batch_size=7)], "results")[1].missing.kept == 6


def test_rows_may_hold_for_a_model_that_is_not_known_yet() -> None:
    make(0, answered=6)
    found = count_rows([identity(1), responses(2), responses(3, index=1)], "results")
    assert 1 not in found
    assert (found[2].missing.certain, found[2].missing.possible) == ({}, {"math": 4, "other": 2})
    # Where nothing is there, nothing can hold.
    assert found[3].missing.certain == {"math": 4, "other": 2}


def test_adaptive_passes_are_certain_up_to_the_least() -> None:
    passes = {"min": 1, "max": 3, "until": "n >= 1"}
    adaptive = responses(1, passes=passes)
    found = count_rows([adaptive], "results")[1].missing
    assert (found.certain, found.possible) == ({"math": 2, "other": 3}, {"math": 4})


def test_without_their_input_jobs_are_not_counted(folder: Path) -> None:
    Path(f"results/queries/shards/{shard(0)}.digest.json").unlink()
    Path(f"results/queries/shards/{shard(0)}.parquet").unlink()
    assert count_rows([responses(1), checks(2)], "results") == {}


def test_of_many_rows_some_shards_stand_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    make(0, answered=2)
    make(1, answered=6)
    monkeypatch.setattr(counts, "ROWS", 5)
    found = count_rows([responses(1), responses(2, index=1)], "results")
    assert (found[1].own, found[2].own) == (True, False)
    assert found[2].missing == found[1].missing
    assert found[1].missing.kept == 2


def test_nothing_is_written_and_nothing_that_reads_the_network_is_done(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    fetch = Job(3, "fetch_data", {}, [], ["resources/x"], "", "python scripts/fetch_data.py", 1, {})
    count_rows([responses(1), checks(2), fetch], "results")
    assert sorted(folder.rglob("*")) == before


def test_a_condition_over_verdicts_that_are_not_known_yet_leaves_queries_open() -> None:
    rows = [
        {"query_id": query, "pass": number, "state": state, "verify_score": 1.0}
        for query, number, state in (("00", 1, "passed"), ("00", 2, "passed"), ("01", 1, "failed"))
    ]
    verdicts = f"results/verdicts/other/{shard(0)}"
    write_artifact(f"{verdicts}.parquet", VERDICTS, from_rows(VERDICTS, rows))
    only = {"where": "pass_rate_other < 1", "teachers": ["other"], "ddof": 0, "policies": {}}
    asked = responses(1, only=only)
    words = asked.command.replace("--prompt", f"--verdicts {verdicts}.digest.json --prompt")
    with Shadow("results", []) as shadow:
        found = count(shadow, replace(asked, command=words))
        assert found
        assert (found.certain, found.possible) == ({"math": 2}, {})
        # The second pass of 01 is not known, nor are both of 02.
        shadow.put(f"{verdicts}.parquet", VERDICTS, rows, {("01", 2), ("02", 1), ("02", 2)})
        found = count(shadow, replace(asked, command=words))
        assert found
        assert (found.certain, found.possible) == ({}, {"math": 2, "other": 2})

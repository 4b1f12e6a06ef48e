"""Which verdicts are computed again: the verifier is real, the answers are numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.files import read_json
from deepdistill.keys import query_id
from deepdistill.schemas import RESPONSES, SHARD, VERDICTS
from deepdistill.tables import from_rows, read_artifact
from deepdistill.verification import shard

CONFIG: dict[str, Any] = {
    "thresholds": {"math": 0.99, "instruction_following": 0.99, "science": 4.99},
    "math": {"timeout_s": 5},
    "instruction_following": {"mode": "strict"},
}
INSTRUCTIONS = (
    '{"instruction_id_list":["punctuation:no_comma","keywords:existence"],'
    '"kwargs":[{},{"keywords":["oak"]}]}'
)
QUERIES = {
    "sum": ("math", "7"),
    "product": ("math", "12"),
    "trees": ("instruction_following", INSTRUCTIONS),
    "why": ("science", "because"),
}
ANSWERS = {"sum": "\\boxed{7}", "product": "\\boxed{13}", "trees": "an oak, a fir", "why": "so"}


def queries(**references: str) -> pa.Table:
    rows = [
        {
            "query_id": query_id(category, name),
            "category": category,
            "source": "s",
            "source_line": 1,
            "messages": [{"role": "user", "content": name}],
            "reference": references.get(name, reference),
        }
        for name, (category, reference) in QUERIES.items()
    ]
    return from_rows(SHARD, rows)


def responses(**answers: str | None) -> pa.Table:
    rows = [
        {
            "query_id": query_id(QUERIES[name][0], name),
            "pass": 1,
            "thinking": "t",
            "answer": answer,
            "problem": None if answer else "truncated",
        }
        for name, answer in {**ANSWERS, **answers}.items()
    ]
    return from_rows(RESPONSES, rows)


def run(
    folder: Path, asked: pa.Table, answered: pa.Table, config: dict[str, Any] = CONFIG
) -> tuple[dict[str, str], int]:
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    shard.verify_shard(asked, answered, config, 1, output, metrics)
    names = {query_id(category, name): name for name, (category, _) in QUERIES.items()}
    rows = read_artifact(output, VERDICTS).to_pylist()
    states = {names[row["query_id"]]: row["state"] for row in rows}
    return states, read_json(metrics)["rows_computed"]


@pytest.fixture
def done(tmp_path: Path) -> Path:
    states, computed = run(tmp_path, queries(), responses())
    assert computed == 4
    assert states == {
        "sum": "passed",
        "product": "failed",
        "trees": "failed",
        "why": "unverifiable",
    }
    return tmp_path


# The science row has no verifier and is asked again each time, which costs nothing.
ALWAYS = 1


def test_verdicts_that_hold_are_kept(done: Path) -> None:
    assert run(done, queries(), responses())[1] == ALWAYS


def test_a_changed_answer_or_reference_costs_its_row(done: Path) -> None:
    states, computed = run(done, queries(), responses(product="\\boxed{12}"))
    assert (states["product"], computed) == ("passed", 1 + ALWAYS)
    states, computed = run(done, queries(sum="8"), responses(product="\\boxed{12}"))
    assert (states["sum"], computed) == ("failed", 1 + ALWAYS)


def test_a_threshold_turns_scores_into_states_without_verifying(done: Path) -> None:
    thresholds = {**CONFIG["thresholds"], "instruction_following": 0.4}
    states, computed = run(done, queries(), responses(), {**CONFIG, "thresholds": thresholds})
    assert (states["trees"], computed) == ("passed", ALWAYS)


def test_a_verifiers_settings_cost_its_category(done: Path) -> None:
    config = {**CONFIG, "math": {"timeout_s": 6}}
    assert run(done, queries(), responses(), config)[1] == 2 + ALWAYS


def test_a_verifiers_code_costs_its_category(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = shard._verifier_digest
    monkeypatch.setattr(shard, "_verifier_digest", lambda c: digest(c) + "x" * (c == "math"))
    assert run(done, queries(), responses())[1] == 2 + ALWAYS


def test_a_response_that_was_cut_is_truncated_and_not_failed(tmp_path: Path) -> None:
    states, _ = run(tmp_path, queries(), responses(sum=None))
    assert states["sum"] == "truncated"

"""Which checks are made again: the verifiers are real, the answers are numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.files import read_json
from deepdistill.keys import query_id
from deepdistill.schemas import CHECKS, RESPONSES, SHARD
from deepdistill.tables import from_rows, read_artifact, write_artifact
from deepdistill.verification import shard

CONFIG: dict[str, Any] = {
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
            "problem": None if answer is not None else "truncated",
        }
        for name, answer in {**ANSWERS, **answers}.items()
    ]
    return from_rows(RESPONSES, rows)


def run(
    folder: Path, asked: pa.Table, answered: pa.Table, config: dict[str, Any] = CONFIG
) -> tuple[dict[str, float | str], int]:
    """Return what each check says, its score or why it has none, and how many were made."""
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    shard.check_shard(asked, answered, config, 1, output, metrics)
    names = {query_id(category, name): name for name, (category, _) in QUERIES.items()}
    rows = read_artifact(output, CHECKS).to_pylist()
    said = {
        names[row["query_id"]]: row["failure"] if row["score"] is None else row["score"]
        for row in rows
    }
    return said, read_json(metrics)["rows_computed"]


@pytest.fixture
def done(tmp_path: Path) -> Path:
    said, computed = run(tmp_path, queries(), responses())
    assert computed == 4
    assert said == {"sum": 1, "product": 0, "trees": 0.5, "why": "unverifiable"}
    return tmp_path


def test_checks_that_hold_are_kept(done: Path) -> None:
    assert run(done, queries(), responses())[1] == 0


def test_a_changed_answer_or_reference_costs_its_row(done: Path) -> None:
    said, computed = run(done, queries(), responses(product="\\boxed{12}"))
    assert (said["product"], computed) == (1, 1)
    said, computed = run(done, queries(sum="8"), responses(product="\\boxed{12}"))
    assert (said["sum"], computed) == (0, 1)


def test_a_verifiers_settings_cost_its_category(done: Path) -> None:
    config = {**CONFIG, "math": {"timeout_s": 6}}
    assert run(done, queries(), responses(), config)[1] == 2


def test_where_programs_run_costs_nothing(tmp_path: Path) -> None:
    tests = '{"kind":"stdin","language":"python","tests":[{"input":"","output":"1"}]}'
    code = {"timeout_s": 5, "memory_mb": 256, "max_tests": 1, "sandbox_command": []}

    def keys(**settings: Any) -> list[str]:
        config = {**CONFIG, "code": {**code, **settings}}
        rows = [{**row, "category": "code", "reference": tests} for row in queries().to_pylist()]
        shard.check_shard(
            from_rows(SHARD, rows), responses(), config, 1, tmp_path / "x", tmp_path / "m"
        )
        return [row["check_key"] for row in read_artifact(tmp_path / "x", CHECKS).to_pylist()]

    assert keys(sandbox="auto") == keys(sandbox="unshare") != keys(sandbox="auto", max_tests=2)


def test_a_verifiers_code_costs_its_category(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = shard._verifier_digest
    monkeypatch.setattr(shard, "_verifier_digest", lambda c: digest(c) + "x" * (c == "math"))
    assert run(done, queries(), responses())[1] == 2


def test_a_response_without_an_answer_has_no_check(tmp_path: Path) -> None:
    said, computed = run(tmp_path, queries(), responses(sum=None))
    assert "sum" not in said
    assert computed == 3


def test_a_verifier_that_failed_is_asked_again(done: Path) -> None:
    path = done / "00000-of-00001.parquet"
    rows = read_artifact(path, CHECKS).to_pylist()
    for row in rows:
        if row["score"] == 1:
            row.update(score=None, failure="verifier_error")
    write_artifact(path, CHECKS, from_rows(CHECKS, rows))
    said, computed = run(done, queries(), responses())
    assert (said["sum"], computed) == (1, 1)

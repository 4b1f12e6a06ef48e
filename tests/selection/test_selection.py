from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from deepdistill.difficulty.table import measure_difficulty
from deepdistill.errors import InputError
from deepdistill.keys import query_id
from deepdistill.schemas import DATASET, RESPONSES, SELECTED, SHARD, VERDICTS, difficulty
from deepdistill.selection.dataset import data_card, dataset_batches
from deepdistill.selection.rules import RULES
from deepdistill.selection.select import select
from deepdistill.tables import from_rows, write_artifact

CONFIG: dict[str, Any] = {
    "cv_threshold": 0.05,
    "keep_easy_other": 0.5,
    "caps": {},
    "max_perplexity": None,
}
CV = {0: np.nan, 1: 1.732, 2: 1.0, 3: 0.577, 4: 0.0}


def table(category: str, passed: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "query_id": [query_id(category, str(i)) for i in range(len(passed))],
            "category": category,
            "passed": passed,
            "pass_rate": [p / 4 for p in passed],
            "cv": [CV[p] for p in passed],
        }
    )


def taken(frame: pd.DataFrame, rule: str, seed: int = 1, **config: Any) -> list[int]:
    chosen = RULES[rule].choose(frame, {**CONFIG, **config}, seed)
    return frame.loc[frame["query_id"].isin(list(chosen)), "passed"].tolist()


def test_stage1_keeps_what_is_solved_unevenly() -> None:
    assert taken(table("math", [0, 1, 2, 3, 4]), "deepdistill_stage1") == [1, 2, 3]


def test_stage1_keeps_about_half_of_the_easy_queries_of_category_other() -> None:
    frame = table("other", [4] * 1000)
    assert 450 < len(taken(frame, "deepdistill_stage1")) < 550
    assert len(taken(frame, "deepdistill_stage1", keep_easy_other=1)) == 1000
    assert taken(frame, "deepdistill_stage1", keep_easy_other=0) == []


def test_stage2_takes_the_highest_cv_up_to_the_cap() -> None:
    frame = table("math", [1, 3, 2, 4, 0, 1, 2])
    assert taken(frame, "deepdistill_stage2", caps={"math": 4}) == [1, 2, 1, 2]
    assert taken(frame, "deepdistill_stage2", caps={"code": 0}) == [1, 3, 2, 1, 2]
    assert taken(frame, "deepdistill_stage2", caps={"math": 0}) == []


def test_ties_depend_on_the_seed_and_not_on_the_order_of_rows() -> None:
    frame = table("math", [2] * 100)
    choose = RULES["deepdistill_stage2"].choose
    config = {**CONFIG, "caps": {"math": 10}}
    chosen = choose(frame, config, 1)
    assert choose(frame.sample(frac=1, random_state=3), config, 1).keys() == chosen.keys()
    assert choose(frame, config, 2).keys() != chosen.keys()


def test_the_baselines_look_at_correctness_alone() -> None:
    frame = table("math", [0, 1, 2, 3, 4])
    assert taken(frame, "all_correct") == [1, 2, 3, 4]
    assert len(taken(frame, "random", caps={"math": 2})) == 2


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Three queries of one teacher: solved in 2 of 3 passes, in 3 of 3, never."""
    states = {"q1": "ppf", "q2": "ppp", "q3": "fff"}
    ids = {name: query_id("math", name) for name in states}
    queries, responses, verdicts = [], [], []
    for name, listed in states.items():
        queries.append(
            {
                "query_id": ids[name],
                "category": "math",
                "source": "s",
                "source_line": 1,
                "messages": [{"role": "user", "content": name}],
                "reference": "1",
            }
        )
        for i, letter in enumerate(listed, start=1):
            key = {"query_id": ids[name], "pass": i}
            responses.append({**key, "thinking": f"t{i}", "answer": f"{name} {i}"})
            state, score = ("passed", 1.0) if letter == "p" else ("failed", 0.0)
            perplexity = None if name == "q2" and i == 1 else 10.0 * i
            verdict = {"state": state, "verify_score": score, "perplexity": perplexity}
            verdicts.append({**key, **verdict})
    queries_table = from_rows(SHARD, queries)
    verdicts_table = from_rows(VERDICTS, verdicts)
    write_artifact(tmp_path / "queries.parquet", SHARD, queries_table)
    write_artifact(tmp_path / "responses.parquet", RESPONSES, from_rows(RESPONSES, responses))
    write_artifact(tmp_path / "verdicts.parquet", VERDICTS, verdicts_table)
    measured = measure_difficulty(queries_table, {"r1": verdicts_table}, 0, [])
    write_artifact(tmp_path / "table.parquet", difficulty(["r1"]), measured)
    return tmp_path


def selected(folder: Path, rule: str, **config: Any) -> pa.Table:
    return select(
        "stage",
        folder / "table.parquet",
        [folder / "verdicts.parquet"],
        {**CONFIG, "rule": rule, "teacher": "r1", **config},
        1,
    )


def test_stage1_selects_every_passing_response_and_stage2_one(shard: Path) -> None:
    first = selected(shard, "deepdistill_stage1").to_pylist()
    assert [(r["pass"], r["clause"], r["pass_rate"]) for r in first] == [
        (1, "hard", pytest.approx(2 / 3)),
        (2, "hard", pytest.approx(2 / 3)),
    ]
    assert selected(shard, "deepdistill_stage2").num_rows == 1


def test_improbable_responses_are_left_out_and_unmeasured_ones_kept(shard: Path) -> None:
    passes: dict[str, list[int]] = {}
    for row in selected(shard, "all_correct", max_perplexity=20).to_pylist():
        passes.setdefault(row["query_id"], []).append(row["pass"])
    assert passes == {query_id("math", "q1"): [1, 2], query_id("math", "q2"): [1, 2]}
    assert selected(shard, "all_correct").num_rows == 5


def test_a_rule_that_selects_nothing_says_so(shard: Path) -> None:
    with pytest.raises(InputError, match=r"selection\.stage: selects nothing: of 3 queries 2 have"):
        selected(shard, "deepdistill_stage1", cv_threshold=9)


def test_a_data_set_holds_question_and_response_as_messages(shard: Path) -> None:
    path = shard / "selected.parquet"
    write_artifact(path, SELECTED, selected(shard, "all_correct"))
    batches = dataset_batches(path, [shard / "queries.parquet"], [shard / "responses.parquet"])
    rows = pa.Table.from_batches(batches, DATASET.schema).to_pylist()
    assert len(rows) == 5
    roles = [[m["role"] for m in row["messages"]] for row in rows]
    assert roles == [["user", "assistant"]] * 5
    q1 = next(r for r in rows if r["messages"][0]["content"] == "q1" and r["pass"] == 2)
    assert q1["messages"][1]["content"] == "<think>t2</think><answer>q1 2</answer>"


def test_a_data_card_counts_and_names_licences(shard: Path) -> None:
    path = shard / "selected.parquet"
    write_artifact(path, SELECTED, selected(shard, "all_correct"))
    card = data_card("stage", path, {"rule": "all_correct", "teacher": "r1"}, {"s": "MIT"})
    assert "| math | s | MIT | 2 | 5 |" in card

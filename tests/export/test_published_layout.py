"""All responses of a teacher in the layout of the published 40M set."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from deepdistill.difficulty.table import measure_difficulty
from deepdistill.export.manifest import part_paths, read_manifest
from deepdistill.export.published import CATEGORIES, Shard, export_published
from deepdistill.keys import query_id, shard_names, shard_of
from deepdistill.queries.clean import identity_text
from deepdistill.responses.published.collect import collect_published
from deepdistill.responses.published.files import data_files
from deepdistill.responses.published.take import take_shard
from deepdistill.schemas import CATEGORIES as OURS
from deepdistill.schemas import QUERIES, RESPONSES, SHARD, STATES, VERDICTS, difficulty
from deepdistill.tables import from_rows, read_artifact, write_artifact
from deepdistill.verification.references import read_reference
from deepdistill.verification.state import state
from deepdistill.verification.verdict import PROBLEM_STATES
from export_published import main

NAMES = {"small": "1.5b", "medium": "7b", "large": "r1"}
CONFIG = {"names": NAMES, "model": "Large-R1"}
PASSES = 4
ASKED = 5
COLUMNS = {
    *("question", "answer", "question_source", "answer_source", "category", "ground_truth"),
    *("test_case", "instruction_constrain", "model_name", "verify_score", "ppl"),
    *("pass_rate_r1", "pass_rate_7b", "pass_rate_1.5b"),
}
PROBLEMS = {(1, 1): "truncated", (2, 2): "unparsable", (3, 3): "absent"}
"""Problems by number of the question and pass."""


class Run:
    """Two shards of five questions of each category, and all that was made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = shard_names(2)
        queries = [self._query(c, i) for c, i in product(OURS, range(ASKED))]
        rows = [{**q, "source_line": n, "kept": True} for n, q in enumerate(queries, start=1)]
        write_artifact(folder / "all.parquet", QUERIES, from_rows(QUERIES, rows))
        for name in self.names:
            shard = [q for q in queries if shard_of(q["query_id"], 2) == name]
            write_artifact(self.path("queries", name), SHARD, from_rows(SHARD, shard))
            for teacher, skill in zip(NAMES, (1, 2, 3), strict=True):
                responses = [_response(q, n, skill) for q in shard for n in range(1, PASSES + 1)]
                path = self.path(f"responses/{teacher}", name)
                write_artifact(path, RESPONSES, from_rows(RESPONSES, responses))
        self.table = self.measure("responses")

    def path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.parquet"

    def shards(self, teacher: str) -> list[Shard]:
        kinds = ("queries", f"responses/{teacher}", f"verdicts/{teacher}")
        return [Shard(*(self.path(kind, name) for kind in kinds)) for name in self.names]

    def measure(self, responses: str) -> Path:
        """Write verdicts of all teachers' responses, and the difficulty table."""
        tables = []
        for name in self.names:
            queries = read_artifact(self.path("queries", name), SHARD)
            verdicts = {}
            for teacher in NAMES:
                rows = read_artifact(self.path(f"{responses}/{teacher}", name), RESPONSES)
                verdicts[teacher] = from_rows(VERDICTS, map(_verdict, rows.to_pylist()))
                path = self.path(f"verdicts/{teacher}", name)
                write_artifact(path, VERDICTS, verdicts[teacher])
            tables.append(measure_difficulty(queries, verdicts, 0, []))
        path = self.folder / f"{responses}.difficulty.parquet"
        write_artifact(path, difficulty(list(NAMES)), pa.concat_tables(tables))
        return path

    @staticmethod
    def _query(category: str, number: int) -> dict[str, Any]:
        text = f"{category} question {number}:\n  how many, “exactly”?"
        return {
            "query_id": query_id(category, identity_text(text)),
            "category": category,
            "source": f"{category}_set",
            "messages": [{"role": "user", "content": text}],
            "reference": json.dumps({"of": number}),
        }


def _response(query: dict[str, Any], number: int, skill: int) -> dict[str, Any]:
    asked = json.loads(query["reference"])["of"]
    problem = PROBLEMS.get((asked, number))
    right = number <= asked - 3 + skill
    parts: dict[str, Any] = {"thinking": f"é {number}", "answer": "right" if right else "wrong"}
    if problem:
        parts = {"text": None if problem == "absent" else "<think>and so"}
    score = 1 / 3 if not right else 2 / 3
    finish = {"truncated": "length", "absent": "absent"}.get(problem or "", "stop")
    key = {"query_id": query["query_id"], "pass": number, "tokens_out": 7, "problem": problem}
    return {**key, **parts, "published_score": score, "finish_reason": finish}


def _verdict(row: dict[str, Any]) -> dict[str, Any]:
    """By the score that the response has, above a half."""
    failure = PROBLEM_STATES.get(row["problem"] or "")
    score = None if failure else row["published_score"]
    return {
        **{name: row[name] for name in ("query_id", "pass", "tokens_out")},
        "state": state(score, failure, 0.5),
        "verify_score": score,
        "perplexity": 3.5,
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def export(run: Run) -> dict[str, list[dict[str, Any]]]:
    """Export all teachers; return the rows by file name."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for teacher in NAMES:
        manifest = run.folder / "export" / f"{teacher}.digest.json"
        export_published(run.shards(teacher), run.table, teacher, CONFIG, manifest)
        for path in part_paths(manifest):
            lines = path.read_text(encoding="utf-8").splitlines()
            rows[path.name] = [json.loads(line) for line in lines]
    return rows


def test_the_files_and_columns_are_the_published_ones(run: Run) -> None:
    found = export(run)
    assert set(found) == {
        f"{category}_{teacher}_{number}pass.jsonl"
        for category in ("math", "code", "science", "if", "other")
        for teacher in ("1.5b", "7b", "r1")
        for number in range(1, PASSES + 1)
    }
    for name, rows in found.items():
        category, teacher, _ = name.split("_")
        assert rows
        for row in rows:
            assert set(row) == COLUMNS
            assert row["category"] == category
            assert NAMES[row["answer_source"]] == teacher


def test_a_row_holds_what_the_run_knows_of_the_response(run: Run) -> None:
    rows = {row["question"].split(":")[0]: row for row in export(run)["if_r1_4pass.jsonl"]}
    row = rows["instruction_following question 3"]
    assert row["question"] == "instruction_following question 3:\n  how many, “exactly”?"
    assert row["answer"] == "<think>é 4</think><answer>wrong</answer>"
    assert row["question_source"] == "instruction_following_set"
    assert (row["ground_truth"], row["test_case"]) == (None, None)
    assert json.loads(row["instruction_constrain"]) == {"of": 3}
    assert (row["model_name"], row["ppl"]) == ("Large-R1", 3.5)
    # Pass 3 is absent, so three count; the small teacher solved pass 1, the medium one 1 and 2.
    rates = (row["pass_rate_1.5b"], row["pass_rate_7b"], row["pass_rate_r1"])
    assert rates == (1 / 3, 2 / 3, 2 / 3)
    assert row["verify_score"] == 1 / 3


def test_reading_the_export_back_gives_the_same_difficulty(run: Run) -> None:
    export(run)
    for teacher, label in NAMES.items():
        published, metrics = run.folder / f"{teacher}.parquet", run.folder / "metrics.json"
        pattern = f"*_{label}_{{pass}}pass.jsonl"
        files = data_files(run.folder / "export", pattern)
        config = {"question": "question", "response": "answer", "score": "verify_score"}
        collect_published(files, [run.folder / "all.parquet"], config, published, metrics)
        for name in run.names:
            queries = read_artifact(run.path("queries", name), SHARD)
            settings = {"passes": PASSES, "format": "think"}
            output = run.path(f"back/{teacher}", name)
            take_shard(queries, published, settings, output, metrics)
    before = read_artifact(run.table, difficulty(list(NAMES)))
    after = read_artifact(run.measure("back"), difficulty(list(NAMES)))
    # The layout has no lengths, and no row for a response that was cut.
    lost = [f"{column}_{t}" for t in NAMES for column in ("tokens", "truncated", "unverifiable")]
    assert after.drop_columns(lost).equals(before.drop_columns(lost))
    for teacher in NAMES:
        cut = before[f"truncated_{teacher}"]
        missing = pc.subtract(after[f"unverifiable_{teacher}"], before[f"unverifiable_{teacher}"])
        assert missing.to_pylist() == cut.to_pylist()
        assert sum(cut.to_pylist()) == len(OURS)


def test_other_files_of_the_teacher_go_and_those_of_others_stay(run: Run) -> None:
    folder = run.folder / "export"
    folder.mkdir()
    stale, other = folder / "math_r1_9pass.jsonl", folder / "math_not_r1_1pass.jsonl"
    stale.write_text("")
    other.write_text("")
    first = export(run)
    assert (stale.exists(), other.exists()) == (False, True)
    digest = read_manifest(folder / "large.digest.json")["sha256"]
    assert export(run) == first
    assert read_manifest(folder / "large.digest.json")["sha256"] == digest
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_the_script_writes_the_same(run: Run) -> None:
    export(run)
    expected = read_manifest(run.folder / "export" / "small.digest.json")
    output = run.folder / "again" / "small.digest.json"
    folders = {"queries": "queries", "responses": "responses/small", "verdicts": "verdicts/small"}
    words = [w for n, folder in folders.items() for w in (f"--{n}", str(run.folder / folder))]
    words += ["--teacher", "small", "--shards", "2", "--difficulty", str(run.table)]
    main([*words, "--config", json.dumps(CONFIG), "--output", str(output)])
    assert read_manifest(output) == expected


@pytest.mark.parametrize(
    ("category", "file", "field"),
    [
        ("math", "questions", "answer"),
        ("code", "tasks", "tests"),
        ("instruction_following", "instructions", "constraints"),
    ],
)
def test_a_reference_read_back_is_the_same(
    root: Path, category: str, file: str, field: str
) -> None:
    lines = (root / "tests" / "workflow" / "data" / f"{file}.jsonl").read_text().splitlines()
    references = {read_reference(category, json.loads(line)[field]) for line in lines if line}
    assert len(references) > 1
    assert {read_reference(category, reference) for reference in references} == references


def test_every_category_and_state_has_its_place() -> None:
    assert set(CATEGORIES) == set(OURS)
    assert set(PROBLEM_STATES.values()) <= set(STATES)

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deepdistill.demo import arithmetic
from deepdistill.demo.planting import DISTINCT_BELOW, similarity
from deepdistill.demo.sources import write_demo_sources
from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.queries.filter import QueryFilter, find_repeats, read_benchmarks
from deepdistill.queries.source import read_source
from deepdistill.schemas import QUERIES
from deepdistill.tables import batched_rows, write_batches

CATEGORIES = {
    "arithmetic": ("math", "answer"),
    "python_tasks": ("code", "tests"),
    "instructions": ("instruction_following", "constraints"),
}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_sources_follow_from_the_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_demo_sources({"seed": seed, "questions_per_level": 10}, tmp_path / name)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")
    different = _files(tmp_path / "c")
    assert all(different[name] != text for name, text in _files(tmp_path / "a").items()
               if name.endswith(".jsonl"))  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_filters_find_exactly_what_was_planted(
    tmp_path: Path, cleaning: dict[str, Any], seed: int
) -> None:
    write_demo_sources({"seed": seed}, tmp_path)
    questions = tmp_path / "benchmarks/arithmetic.jsonl"
    benchmarks = read_benchmarks([("arithmetic", questions, "question")], 13)
    all_planted = read_json(tmp_path / "planted.json")
    paths = []
    for source in all_planted:
        category, reference = CATEGORIES[source]
        config = {
            "category": category,
            "category_field": "category",
            "question": "question",
            "reference": reference,
            **cleaning,
        }
        rows = read_source(tmp_path / f"sources/{source}.jsonl", source, config)
        paths.append(tmp_path / f"{source}.parquet")
        write_batches(paths[-1], QUERIES, batched_rows(QUERIES, rows))
    repeats = find_repeats(paths, 0.8, "keep_first")
    queries = QueryFilter(benchmarks)
    for planted, path, found in zip(all_planted.values(), paths, repeats, strict=True):
        rows = [row for batch in queries.batches(path, found) for row in batch.to_pylist()]
        counts = Counter(row["drop_reason"] or "clean" for row in rows)
        assert {"rows": len(rows), **counts} == planted


def test_every_flaw_occurs(tmp_path: Path) -> None:
    write_demo_sources({}, tmp_path)
    for counts in read_json(tmp_path / "planted.json").values():
        assert all(counts.values())


def _questions(path: Path) -> list[str]:
    found: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [row["question"] for row in found if row.get("question", "").strip("? ")]


def test_the_benchmark_is_held_out_and_graded(tmp_path: Path) -> None:
    write_demo_sources({"benchmark_per_level": 20, "benchmark_levels": 7}, tmp_path)
    questions = _questions(tmp_path / "benchmarks/arithmetic.jsonl")
    chains = [next(w for w in q.rstrip(".?").split() if w[0].isdigit()) for q in questions]
    assert len(set(chains)) == 140
    assert all(arithmetic.is_held_out(chain) for chain in chains)
    levels = Counter(chain.count("+") + chain.count("-") for chain in chains)
    assert levels == dict.fromkeys(range(1, 8), 20)


def test_clean_texts_are_no_near_duplicates_by_accident(tmp_path: Path) -> None:
    write_demo_sources({"python_tasks": 120, "instructions": 60}, tmp_path)
    planted = read_json(tmp_path / "planted.json")
    for source in ("python_tasks", "instructions"):
        questions = _questions(tmp_path / f"sources/{source}.jsonl")
        close = [
            (a, b)
            for i, a in enumerate(questions)
            for b in questions[:i]
            if similarity(a, b) >= DISTINCT_BELOW
        ]
        duplicates = planted[source]["exact_duplicate"] + planted[source]["near_duplicate"]
        assert len(close) <= duplicates


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(InputError, match=r"demo\.sources\.levels: found 12, allowed: .*maximum 9"):
        write_demo_sources({"levels": 12}, "unused")
    with pytest.raises(InputError, match=r"demo\.sources: found key 'level', allowed: .*levels"):
        write_demo_sources({"level": 2}, "unused")

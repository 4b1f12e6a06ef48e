"""Public data as sources and benchmarks: the tables of docs/queries.md, counted anew."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepdistill.queries.filter import QueryFilter, find_repeats, read_benchmarks
from deepdistill.queries.source import read_source
from deepdistill.schemas import QUERIES
from deepdistill.tables import batched_rows, write_batches

DATA = os.environ.get("DEEPDISTILL_DATA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DATA is None, reason="DEEPDISTILL_DATA names no folder of public data"),
]

SOURCES = {
    "gsm8k": ("gsm8k/train.jsonl", "math", "question", "answer", "after_hashes"),
    "math": ("math/test.jsonl", "math", "problem", "solution", "last_box"),
    "mbpp": ("mbpp/mbpp.jsonl", "code", "text", "test_list", "mbpp"),
    "humaneval": ("humaneval/HumanEval.jsonl.gz", "code", "prompt", "test", "humaneval"),
    "ifeval": (
        "ifeval/input_data.jsonl",
        "instruction_following",
        "prompt",
        "instruction_id_list",
        "ifeval",
    ),
}
BENCHMARKS = {
    "aime24": ("aime24/test.jsonl", "problem"),
    "amc23": ("amc23/test.jsonl", "question"),
    "gsm8k_test": ("gsm8k/test.jsonl", "question"),
}


@pytest.fixture(scope="module")
def filtered(
    tmp_path_factory: pytest.TempPathFactory, cleaning: dict[str, Any]
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """The rows of each source, and the hits."""
    assert DATA is not None
    folder, data = tmp_path_factory.mktemp("queries"), Path(DATA)
    paths = {name: folder / f"{name}.parquet" for name in SOURCES}
    for name, (path, category, question, reference, form) in SOURCES.items():
        settings = {
            "category": category,
            "question": question,
            "reference": reference,
            "reference_form": form,
            **cleaning,
        }
        rows = read_source(data / path, name, settings)
        write_batches(paths[name], QUERIES, batched_rows(QUERIES, rows))
    files = [(name, data / path, field) for name, (path, field) in BENCHMARKS.items()]
    queries = QueryFilter(read_benchmarks(files, 13))
    repeats = find_repeats([*paths.values()], 0.8, "keep_first")
    rows = {
        name: [row for batch in queries.batches(path, found) for row in batch.to_pylist()]
        for (name, path), found in zip(paths.items(), repeats, strict=True)
    }
    return rows, queries.hits


def source_lines(rows: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    for name, found in rows.items():
        reasons = Counter(row["drop_reason"] for row in found if not row["kept"])
        dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        kept = sum(row["kept"] for row in found)
        yield f"| {name} | {len(found)} | {kept} | {dropped}{' ' if dropped else ''}|"


def hit_lines(hits: list[dict[str, Any]]) -> Iterator[str]:
    for hit in hits:
        places = f"{hit['source']} | {hit['source_line']} | {hit['benchmark']}"
        yield f"| {places} | {hit['benchmark_line']} | {hit['shared']} |"


def test_the_documented_tables_are_what_is_counted(root: Path, filtered: Any) -> None:
    rows, hits = filtered
    documented = (root / "docs" / "queries.md").read_text(encoding="utf-8")
    counted = "\n".join([*source_lines(rows), *hit_lines(hits)])
    print(counted)
    missing = [line for line in counted.splitlines() if line not in documented.splitlines()]
    assert missing == []


def test_every_row_is_kept_or_dropped_for_one_reason(filtered: Any) -> None:
    rows, hits = filtered
    for found in rows.values():
        assert all(row["kept"] == (row["drop_reason"] is None) for row in found)
    contaminated = [
        (row["source"], row["source_line"])
        for found in rows.values()
        for row in found
        if row["drop_reason"] == "contaminated"
    ]
    assert contaminated == [(hit["source"], hit["source_line"]) for hit in hits]

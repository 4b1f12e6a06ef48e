"""Which queries a teacher with `only` is asked, and that its other rows stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdistill.files import read_json
from deepdistill.responses.asking import named_teachers
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.generate import generate_shard
from deepdistill.responses.only import asked_queries
from deepdistill.responses.prompts import Prompt
from deepdistill.schemas import CATEGORIES, RESPONSES, SHARD, VERDICTS
from deepdistill.tables import from_rows, read_artifact, write_artifact

TEACHERS: dict[str, dict[str, Any]] = {"weak": {}, "medium": {}, "my-7b": {}, "strong": {}}
CONFIG = {
    "backend": "transformers",
    "dtype": "float32",
    "passes": 2,
    "temperature": 0,
    "max_tokens": 10,
    "attempts": 1,
    "engine": {},
    "format": "plain",
}
PROMPT = Prompt(None, dict.fromkeys(CATEGORIES, "{question}"))
STATES = {"p": "passed", "f": "failed", "t": "truncated"}


def queries(*names: str) -> pa.Table:
    rows = [
        {
            "query_id": name,
            "category": "math",
            "source": "s",
            "messages": [{"role": "user", "content": name}],
        }
        for name in names
    ]
    return from_rows(SHARD, rows).sort_by("query_id")


def verdicts(path: Path, **states: str) -> Path:
    """Write verdicts, a letter for each pass of a query."""
    rows = [
        {
            "query_id": query,
            "pass": number,
            "state": STATES[letter],
            "verify_score": {"p": 1.0, "f": 0.0}.get(letter),
        }
        for query, letters in states.items()
        for number, letter in enumerate(letters, start=1)
    ]
    write_artifact(path, VERDICTS, from_rows(VERDICTS, rows))
    return path


def asked(table: pa.Table, where: str, **paths: Path) -> list[str]:
    only = {"where": where, "teachers": list(paths), "ddof": 0, "policies": {}}
    found: list[str] = asked_queries(table, only, list(paths.values()))["query_id"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("pass_rate_weak < 1", "bc"),
        ("pass_rate_weak < 1 or n_weak = 0", "bcde"),
        ("coalesce(pass_rate_weak, 0) < 1", "bcde"),
        ("cv_weak > 0.05", "b"),
        ("truncated_weak = 0", "abce"),
        ("category = 'code'", ""),
        ("true", "abcde"),
    ],
)
def test_queries_for_which_the_condition_is_true_are_asked(
    tmp_path: Path, where: str, expected: str
) -> None:
    weak = verdicts(tmp_path / "weak.parquet", a="pppp", b="pppf", c="ffff", d="tttt")
    assert "".join(asked(queries(*"abcde"), where, weak=weak)) == expected


def test_two_teachers_may_be_named(tmp_path: Path) -> None:
    weak = verdicts(tmp_path / "weak.parquet", a="pp", b="pf", c="ff")
    medium = verdicts(tmp_path / "medium.parquet", a="ff", b="pp", c="pf")
    where = "pass_rate_medium > pass_rate_weak"
    assert asked(queries(*"abc"), where, weak=weak, medium=medium) == ["b", "c"]


def test_a_condition_over_categories_waits_for_nobody() -> None:
    table = queries("a", "b")
    assert asked(table, "category = 'math' and source = 's'") == ["a", "b"]
    assert asked(table, "category = 'code'") == []


def test_without_a_condition_all_queries_are_asked() -> None:
    assert asked_queries(queries("a", "b"), None, []) == queries("a", "b")


def test_the_log_says_how_many_are_left_out_and_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weak = verdicts(tmp_path / "weak.parquet", a="pp", b="pf")
    with caplog.at_level("INFO"):
        asked(queries(*"abc"), "pass_rate_weak < 1", weak=weak)
    assert "1 of 3 queries are asked: only pass_rate_weak < 1, which is undefined for 1" in (
        caplog.text
    )


@pytest.mark.parametrize(
    ("where", "named"),
    [
        ("pass_rate_weak < 1", ["weak"]),
        ("n_medium = 0 or Passed_Weak > 1", ["weak", "medium"]),
        ('"pass_rate_my-7b" < 1', ["my-7b"]),
        ("category = 'math'", []),
    ],
)
def test_a_condition_names_teachers_by_their_columns(where: str, named: list[str]) -> None:
    assert named_teachers(where, TEACHERS) == named


class Counter:
    """A backend that answers everything and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        self.asked += [request.query_id for request in requests]
        yield [Completion(request, "text", "stop", 1, 1) for request in requests]


def generated(folder: Path, table: pa.Table, left_out: int) -> list[str]:
    """Generate, and return the queries for which something was computed."""
    backend = Counter()
    output, metrics = folder / "00000-of-00001.parquet", folder / "metrics.json"
    generate_shard(table, PROMPT, "m", lambda: backend, CONFIG, output, metrics, left_out=left_out)
    rows = read_artifact(output, RESPONSES)
    assert sorted(set(rows["query_id"].to_pylist())) == table["query_id"].to_pylist()
    said = read_json(metrics)
    assert (said["queries_left_out"], said["responses_saved"]) == (left_out, 2 * left_out)
    return sorted(set(backend.asked))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.frozensets(st.sampled_from("abcdef")), min_size=1, max_size=5))
def test_only_queries_that_were_not_asked_before_are_generated(
    tmp_path_factory: pytest.TempPathFactory, choices: list[frozenset[str]]
) -> None:
    folder, before = tmp_path_factory.mktemp("shard"), frozenset[str]()
    for choice in choices:
        table = queries(*sorted(choice))
        assert generated(folder, table, 6 - len(choice)) == sorted(choice - before)
        before = choice

from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.queries.contamination import Benchmarks, read_questions, tokens
from deepdistill.queries.duplicates import DuplicateIndex
from deepdistill.queries.filter import QueryFilter, read_benchmarks
from deepdistill.queries.source import read_source
from deepdistill.schemas import QUERIES
from deepdistill.tables import batched_rows, from_rows, write_artifact, write_batches

LONG = "A farmer has 12 sheep and buys 30 more at the market; how many sheep does he have now?"


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        (LONG.replace(";", ",").upper(), "42", ("near_duplicate", "first")),
        (LONG.replace("12", "13"), "42", None),
        (LONG, "43", None),
        ("How many sheep are 12 and 30 sheep?", "42", None),
    ],
)
def test_near_duplicates_have_the_same_numbers_and_reference(
    text: str, reference: str, expected: tuple[str, str] | None
) -> None:
    index = DuplicateIndex(0.8)
    assert index.add("first", LONG, "42") is None
    assert index.add("second", text, reference) == expected


def test_operators_make_another_question() -> None:
    index = DuplicateIndex(0.8)
    assert index.add("a", "Compute the value of this expression: 7+12-5.", "14") is None
    assert index.add("b", "Compute the value of this expression: 7-12+5.", "14") is None


def test_exact_duplicates_have_the_same_id_and_the_first_stays() -> None:
    index = DuplicateIndex(None)
    assert index.add("a", "x", "1") is None
    assert index.add("a", "x", "1") == ("exact_duplicate", "a")
    assert index.add("b", "x!", "1") is None  # near duplicates are switched off


def test_tokens_are_blind_to_case_and_punctuation_but_not_to_operators() -> None:
    assert tokens("Compute: 7+12!") == tokens("compute 7 + 12")
    assert tokens("7+12") != tokens("7-12")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("compute 7 + 12", True),
        ("Compute 7+12.", True),
        ("Compute 7+12+5.", False),  # contains a short question, and is another
        (f"He said: {LONG.lower()}", True),
        ("A farmer has 12 sheep.", False),
    ],
)
def test_contamination(text: str, found: bool) -> None:
    benchmarks = Benchmarks(13)
    benchmarks.add("short line 1", "Compute 7+12")
    benchmarks.add("long line 1", LONG)
    assert (benchmarks.match(text) is not None) == found


def test_a_benchmark_row_without_a_question_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text('{"question": "a"}\n{"q": "b"}\n')
    with pytest.raises(InputError, match=r"b\.jsonl: line 2: no field 'question'"):
        list(read_questions(path, "question"))


def test_the_earlier_source_keeps_a_query(tmp_path: Path) -> None:
    config = {"category": "math", "question": "q", "reference": "a", "unusual_characters": 0.3}
    cleaned = []
    for name, questions in {"one": ["x 1", "y 2"], "two": ["y 2", "z 3", "w 4"]}.items():
        raw = tmp_path / f"{name}.jsonl"
        raw.write_text("".join(f'{{"q": "{q}", "a": "1"}}\n' for q in questions))
        cleaned.append(tmp_path / f"{name}.parquet")
        write_batches(cleaned[-1], QUERIES, batched_rows(QUERIES, read_source(raw, name, config)))
    benchmarks = Benchmarks(13)
    benchmarks.add("test line 9", "Z 3?")
    queries = QueryFilter(DuplicateIndex(0.8), benchmarks)
    one, two = ([r for b in queries.batches(path) for r in b.to_pylist()] for path in cleaned)
    assert [r["kept"] for r in one] == [True, True]
    assert [r["drop_reason"] for r in two] == ["exact_duplicate", "contaminated", None]
    assert two[0]["duplicate_of"] == one[1]["query_id"]
    assert two[1]["detail"] == "test line 9"


def test_bytes_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    row = dict.fromkeys(QUERIES.schema.names)
    rows = [{**row, "source": "s", "source_line": i, "kept": True} for i in range(5)]
    write_artifact(tmp_path / "a.parquet", QUERIES, from_rows(QUERIES, rows))
    write_artifact(tmp_path / "b.parquet", QUERIES, from_rows(QUERIES, rows[::-1]))
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    digests = [(tmp_path / f"{name}.digest.json").read_text() for name in "ab"]
    assert digests[0] == digests[1]


def test_each_benchmark_is_read_with_its_own_question_field(tmp_path: Path) -> None:
    (tmp_path / "z.jsonl").write_text('{"problem": "first 1"}\n')
    (tmp_path / "a.jsonl").write_text('{"question": "second 2"}\n')
    files = [("z", tmp_path / "z.jsonl", "problem"), ("a", tmp_path / "a.jsonl", "question")]
    benchmarks = read_benchmarks(files, 13)
    assert benchmarks.match("First 1?") == "z line 1"
    assert benchmarks.match("Second 2?") == "a line 1"

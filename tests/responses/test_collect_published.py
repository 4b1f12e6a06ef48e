"""Published rows become one table of responses by query and pass."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.keys import query_id
from deepdistill.queries.clean import identity_text, normalise
from deepdistill.responses.published import collect, spill
from deepdistill.responses.published.collect import collect_published
from deepdistill.responses.published.files import data_files
from deepdistill.schemas import PUBLISHED, QUERIES
from deepdistill.tables import from_rows, read_artifact, read_range, write_artifact

FIELDS = {"files": "*", "question": "question", "response": "answer"}
TEACHERS = ("1.5b", "7b", "r1")
QUESTIONS = {
    "math": [f"What is {i} + {i}?" for i in range(8)],
    "science": [f"Why is {i} prime?" for i in range(5)],
    "other": ["Tell me a story."],
}


def write_queries(folder: Path, questions: Mapping[str, Iterable[str]]) -> list[Path]:
    """Write a filtered source for each category; return the files."""
    paths = []
    for category, texts in questions.items():
        rows = [
            {
                "source": category,
                "source_line": line,
                "query_id": query_id(category, identity_text(normalise(text))),
                "category": category,
                "messages": [{"role": "user", "content": normalise(text)}],
                "kept": True,
            }
            for line, text in enumerate(texts, start=1)
        ]
        dropped = {**rows[0], "source_line": len(rows) + 1, "kept": False}
        paths.append(folder / "queries" / f"{category}.parquet")
        write_artifact(paths[-1], QUERIES, from_rows(QUERIES, [*rows, dropped]))
    return paths


def published_row(question: str, category: str, teacher: str, number: int) -> dict[str, Any]:
    """A row of the published 40M data set's layout; every third has no answer tags."""
    tagged = len(question) % 3
    answer = f"{teacher} {number} of {question}"
    return {
        "question": question,
        "answer": f"<think>t</think>{f'<answer>{answer}</answer>' if tagged else answer}",
        "question_source": "somewhere",
        "answer_source": teacher,
        "category": category,
        "ground_truth": "1",
        "test_case": None,
        "instruction_constrain": None,
        "model_name": teacher,
        "pass_rate_r1": 0.5,
        "pass_rate_7b": 0.5,
        "pass_rate_1.5b": 0.5,
        "verify_score": number / 4,
        "ppl": 2.0,
    }


def lacks(question: str, number: int) -> bool:
    """Say whether a pass lacks a question."""
    return (len(question) + number) % 4 == 0 or (number == 4 and "story" in question)


def write_layout(folder: Path) -> Path:
    """Write all files of the layout in little, each with a question that is no query."""
    data = folder / "data"
    data.mkdir()
    for category, teacher, number in itertools.product(QUESTIONS, TEACHERS, range(1, 5)):
        asked = [q for q in QUESTIONS[category] if not lacks(q, number)]
        random.Random(number).shuffle(asked)
        rows = [published_row(q, category, teacher, number) for q in [*asked, "Nobody asked"]]
        name = f"{category}_{teacher}_{number}pass.jsonl"
        (data / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return data


def run(
    folder: Path, data: Path, queries: list[Path], **config: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Collect, and return the rows and the counts."""
    output, metrics = folder / "published.parquet", folder / "published.metrics.json"
    named = {**FIELDS, **config}
    collect_published(data_files(data, named["files"]), queries, named, output, metrics)
    assert not list(folder.glob("*.parts"))
    return read_artifact(output, PUBLISHED).to_pylist(), read_json(metrics)


def write_rows(path: Path, *rows: tuple[str, str]) -> Path:
    lines = [json.dumps({"question": q, "answer": a}) + "\n" for q, a in rows]
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(lines))
    return path


def test_a_teacher_is_collected_from_the_layout_of_the_40m_set(tmp_path: Path) -> None:
    queries, data = write_queries(tmp_path, QUESTIONS), write_layout(tmp_path)
    rows, counts = run(tmp_path, data, queries, files="*_r1_{pass}pass.jsonl", score="verify_score")
    expected = {
        (query_id(c, q), n): published_row(q, c, "r1", n)
        for c, asked in QUESTIONS.items()
        for q in asked
        for n in range(1, 5)
        if not lacks(q, n)
    }
    assert {(r["query_id"], r["pass"]): r["text"] for r in rows} == {
        place: row["answer"] for place, row in expected.items()
    }
    assert [r["score"] for r in rows] == [r["pass"] / 4 for r in rows]
    assert [(r["query_id"], r["pass"]) for r in rows] == sorted(expected)
    for row in rows:
        line = (data / row["file"]).read_text().splitlines()[row["row"] - 1]
        assert json.loads(line)["answer"] == row["text"]
    unmatched = len(QUESTIONS) * 4
    assert counts.pop("seconds") >= 0
    assert counts.pop("bytes") > 0
    assert counts == {
        "rows_read": len(expected) + unmatched,
        "rows_matched": len(expected),
        "rows_without_query": unmatched,
        "rows_with_score": len(expected) + unmatched,
        "rows_repeated": 0,
        "rows_written": len(expected),
        "rows_by_pass": {str(n): sum(place[1] == n for place in expected) for n in range(1, 5)},
    }


def test_without_a_number_in_the_name_passes_are_counted(tmp_path: Path) -> None:
    queries = write_queries(tmp_path, {"math": ["1 + 1", "2 + 2"]})
    write_rows(tmp_path / "data" / "b.jsonl", ("1 +  1", "third"))
    write_rows(tmp_path / "data" / "a.jsonl", ("1 + 1", "first"), ("2 + 2", "a"), (" 1 + 1", "2nd"))
    rows, counts = run(tmp_path, tmp_path / "data", queries)
    texts = {(r["query_id"], r["pass"]): (r["text"], r["file"], r["row"]) for r in rows}
    first, second = query_id("math", "1 + 1"), query_id("math", "2 + 2")
    assert texts == {
        (first, 1): ("first", "a.jsonl", 1),
        (first, 2): ("2nd", "a.jsonl", 3),
        (first, 3): ("third", "b.jsonl", 1),
        (second, 1): ("a", "a.jsonl", 2),
    }
    assert counts["rows_by_pass"] == {"1": 2, "2": 1, "3": 1}


def test_of_a_pass_that_has_a_question_twice_the_first_row_counts(tmp_path: Path) -> None:
    queries = write_queries(tmp_path, {"math": ["1 + 1"]})
    write_rows(tmp_path / "data" / "a_2.jsonl", ("1 + 1", "one"), ("1 + 1", "two"))
    write_rows(tmp_path / "data" / "b_2.jsonl", ("1 + 1", "three"))
    rows, counts = run(tmp_path, tmp_path / "data", queries, files="*_{pass}.jsonl")
    assert [(row["pass"], row["text"]) for row in rows] == [(2, "one")]
    assert (counts["rows_read"], counts["rows_repeated"], counts["rows_written"]) == (3, 2, 1)


def test_a_question_of_two_categories_answers_both_queries(tmp_path: Path) -> None:
    queries = write_queries(tmp_path, {"math": ["Sum up."], "code": ["Sum  up."]})
    path = write_rows(tmp_path / "r.jsonl", ("Sum up.", "yes"))
    rows, counts = run(tmp_path, path, queries)
    ids = sorted(query_id(category, "Sum up.") for category in ("math", "code"))
    assert [(row["query_id"], row["text"]) for row in rows] == [(i, "yes") for i in ids]
    assert (counts["rows_matched"], counts["rows_written"]) == (1, 2)


def test_a_score_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    queries = write_queries(tmp_path, {"math": ["1 + 1"]})
    path = write_rows(tmp_path / "r.jsonl", ("1 + 1", "yes"))
    with pytest.raises(InputError, match=r"r\.jsonl: field 'scor': found in none of 1 rows"):
        run(tmp_path, path, queries, score="scor")
    assert not list(tmp_path.glob("published*"))


def test_a_bad_row_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    queries = write_queries(tmp_path, {"math": ["1 + 1"]})
    path = write_rows(tmp_path / "r.jsonl", ("1 + 1", "yes"))
    path.write_text(path.read_text() + '{"question": "1 + 1"}\n')
    with pytest.raises(InputError, match=r"r\.jsonl: line 2: field 'answer': found None"):
        run(tmp_path, path, queries)
    assert not list(tmp_path.glob("published*"))


row = st.tuples(st.integers(0, 30), st.text("ab", max_size=3))


@settings(max_examples=25, deadline=None)
@given(
    files=st.lists(st.lists(row, max_size=20), min_size=1, max_size=4),
    named=st.booleans(),
    ranges=st.sampled_from([1, 2, 7, 512]),
    buffer=st.sampled_from([1, 400, 1 << 27]),
)
def test_bytes_depend_on_the_rows_alone_and_counts_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[tuple[int, str]]],
    named: bool,
    ranges: int,
    buffer: int,
) -> None:
    folder = tmp_path_factory.mktemp("collected")
    queries = write_queries(folder, {"math": [f"{i} + {i}" for i in range(20)]})
    expected: dict[tuple[str, int], str] = {}
    counted: dict[str, int] = {}
    repeated = 0
    for number, rows in enumerate(files):
        path = folder / "data" / f"{number}_{number // 2 + 1}.jsonl"
        write_rows(path, *((f"{i} + {i}", text) for i, text in rows))
        for i, text in rows:
            if i < 20:
                query = query_id("math", f"{i} + {i}")
                counted[query] = counted.get(query, 0) + 1
                place = (query, number // 2 + 1 if named else counted[query])
                repeated += place in expected
                expected.setdefault(place, text)
    pattern = "*_{pass}.jsonl" if named else "*"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collect, "ROW_GROUP", 8)
        patch.setattr(spill, "BUFFER", buffer)
        patch.setattr(collect, "ranges_for", lambda size: ranges)
        rows, counts = run(folder, folder / "data", queries, files=pattern)
        content = (folder / "published.parquet").read_bytes()
        patch.setattr(collect, "ranges_for", lambda size: 3)
        patch.setattr(spill, "BUFFER", 1000)
        run(folder, folder / "data", queries, files=pattern)
    assert (folder / "published.parquet").read_bytes() == content
    assert {(r["query_id"], r["pass"]): r["text"] for r in rows} == expected
    assert [(r["query_id"], r["pass"]) for r in rows] == sorted(expected)
    assert counts["rows_read"] == sum(map(len, files))
    assert counts["rows_read"] == counts["rows_matched"] + counts["rows_without_query"]
    assert counts["rows_matched"] == counts["rows_written"] + counts["rows_repeated"]
    assert counts["rows_repeated"] == repeated
    assert sum(counts["rows_by_pass"].values()) == counts["rows_written"] == len(rows)


def test_what_a_killed_job_left_does_no_harm(tmp_path: Path) -> None:
    queries = write_queries(tmp_path, {"math": ["1 + 1"]})
    path = write_rows(tmp_path / "r.jsonl", ("1 + 1", "yes"))
    (tmp_path / "published.parts").mkdir()
    (tmp_path / "published.parts" / "000.arrow").write_text("half a file")
    rows, _ = run(tmp_path, path, queries)
    assert len(rows) == 1


def test_a_range_is_read_from_the_row_groups_that_hold_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "ROW_GROUP", 16)
    queries = write_queries(tmp_path, {"math": [f"{i} + {i}" for i in range(200)]})
    path = write_rows(tmp_path / "r.jsonl", *((f"{i} + {i}", f"{i}") for i in range(200)))
    rows, _ = run(tmp_path, path, queries)
    groups = pq.ParquetFile(tmp_path / "published.parquet").num_row_groups
    assert groups == 13
    asked: list[list[int]] = []
    whole = pq.ParquetFile.read_row_groups

    def read_row_groups(
        self: pq.ParquetFile, groups: list[int], *args: Any, **named: Any
    ) -> pa.Table:
        asked.append(groups)
        return whole(self, groups, *args, **named)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", read_row_groups)
    low, high = rows[40]["query_id"], rows[70]["query_id"]
    part = read_range(tmp_path / "published.parquet", PUBLISHED, low, high)
    assert part.to_pylist() == rows[40:71]
    assert asked == [[2, 3, 4]]
    assert len(read_range(tmp_path / "published.parquet", PUBLISHED, "g", "h")) == 0
    assert len(read_range(tmp_path / "published.parquet", PUBLISHED, "0", "g")) == 200

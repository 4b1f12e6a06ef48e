from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepdistill.errors import InputError
from deepdistill.queries.source import read_source
from deepdistill.schemas import QUERIES
from deepdistill.tables import from_rows

CONFIG = {
    "category": "math",
    "question": "question",
    "reference": "answer",
    "unusual_characters": 0.3,
}

LINES: list[tuple[bytes, str | None]] = [
    (b'{"question": "What is 1+1?", "answer": "2"}', None),
    (b"not json", "unreadable_line"),
    (b'{"question": "caf\xe9?", "answer": "2"}', "unreadable_line"),
    (b"[1, 2]", "unreadable_line"),
    (b'{"answer": "2"}', "missing_question"),
    (b'{"question": 7, "answer": "2"}', "missing_question"),
    (b'{"question": " ", "answer": "2"}', "empty_question"),
    (b'{"question": "What is www.a.org?", "answer": "2"}', "url"),
    (b'{"question": "What is 2+2?", "answer": ""}', "unreadable_reference"),
    (b'{"question": "What is 2+3?"}', "unreadable_reference"),
]


def rows_of(path: Path, lines: list[bytes], **config: Any) -> list[dict[str, Any]]:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return list(read_source(path, "s", {**CONFIG, **config}))


def test_every_line_is_kept_or_dropped_with_a_reason(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "s.jsonl", [line for line, _ in LINES])
    assert [row["drop_reason"] for row in rows] == [reason for _, reason in LINES]
    assert [row["source_line"] for row in rows] == list(range(1, len(LINES) + 1))
    assert all(row["kept"] == (row["drop_reason"] is None) for row in rows)
    assert all(row["detail"] for row in rows if not row["kept"])
    assert from_rows(QUERIES, rows).num_rows == len(LINES)


def test_blank_lines_are_not_rows_but_count_as_lines(tmp_path: Path) -> None:
    rows = rows_of(tmp_path / "s.jsonl", [b"", LINES[0][0]])
    assert [row["source_line"] for row in rows] == [2]


def test_the_category_may_come_from_the_row(tmp_path: Path) -> None:
    lines = [
        json.dumps({"question": f"q{i}", "answer": "1", "kind": kind}).encode()
        for i, kind in enumerate(["science", "maths"])
    ]
    rows = rows_of(tmp_path / "s.jsonl", lines, category_field="kind")
    assert rows[0]["category"] == "science"
    assert rows[1]["drop_reason"] == "unknown_category"
    assert "found 'maths', allowed: math" in rows[1]["detail"]


def test_a_pattern_takes_the_part_of_the_reference_that_counts(tmp_path: Path) -> None:
    lines = [b'{"question": "a", "answer": "so 3. #### 18"}', b'{"question": "b", "answer": "18"}']
    rows = rows_of(tmp_path / "s.jsonl", lines, reference_pattern=r"####\s*(.+)")
    assert rows[0]["reference"] == "18"
    assert rows[1]["drop_reason"] == "unreadable_reference"


def test_the_same_question_has_the_same_id_whatever_its_white_space(tmp_path: Path) -> None:
    lines = [
        b'{"question": "1 + 1", "answer": "2"}',
        b'{"question": " 1 +\\n1\\u200b", "answer": "2"}',
    ]
    first, second = rows_of(tmp_path / "s.jsonl", lines)
    assert first["query_id"] == second["query_id"]


def test_a_source_that_is_not_there_or_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source s: .*missing\.jsonl: No such file"):
        list(read_source(tmp_path / "missing.jsonl", "s", CONFIG))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="no rows"):
        list(read_source(tmp_path / "empty.jsonl", "s", CONFIG))

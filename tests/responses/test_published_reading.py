"""Published rows come out the same, whatever the format, and bad ones are named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdistill.errors import InputError
from deepdistill.responses.published import jsonlines, reading
from deepdistill.responses.published.columns import Wanted
from deepdistill.responses.published.reading import read_batches

Rows = list[dict[str, Any]]
Write = Callable[[Path, Rows], Path]

WANTED = Wanted({"question": "q", "text": "by.m"}, {"score": "s"})
ROWS: Rows = [
    {"q": "1 + 1", "by": {"m": "two", "n": 1}, "s": 1.0, "tests": "[1]"},
    {"q": "Größe\n?", "by": {"m": "a\u2028b\t" * 50, "n": None}, "s": None, "tests": "x" * 999},
    {"q": "", "by": {"m": "", "n": 2}, "s": 0.25, "tests": None},
]


def as_json(folder: Path, rows: Rows) -> Path:
    path = folder / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_gzip(folder: Path, rows: Rows) -> Path:
    path = folder / "r.jsonl.gz"
    path.write_bytes(gzip.compress(as_json(folder, rows).read_bytes()))
    return path


def as_zstd(folder: Path, rows: Rows) -> Path:
    path = folder / "r.json.zst"
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write(as_json(folder, rows).read_bytes())
    return path


def as_parquet(folder: Path, rows: Rows) -> Path:
    path = folder / "r.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


def as_dataset(folder: Path, rows: Rows) -> Path:
    from datasets import Dataset

    Dataset.from_list(rows).save_to_disk(str(folder / "d"))
    return folder / "d" / "data-00000-of-00001.arrow"


def as_arrow_file(folder: Path, rows: Rows) -> Path:
    path = folder / "r.arrow"
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)
    return path


FORMATS = [as_json, as_gzip, as_zstd, as_parquet, as_dataset, as_arrow_file]


def read(path: Path, wanted: Wanted = WANTED) -> Rows:
    return [row for batch in read_batches(path, wanted) for row in batch.to_pylist()]


EXPECTED = [
    {"question": row["q"], "text": row["by"]["m"], "score": row["s"], "row": number}
    for number, row in enumerate(ROWS, start=1)
]


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, write: Write) -> None:
    assert read(write(tmp_path, ROWS)) == EXPECTED


@pytest.mark.parametrize("write", FORMATS)
def test_small_batches_number_the_rows_alike(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 64)
    monkeypatch.setattr(jsonlines, "BLOCK", 64)  # shorter than most lines
    path = write(tmp_path, ROWS * 20)
    batches = [batch for batch in read_batches(path, WANTED) if len(batch)]
    assert len(batches) > 5
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert [row.pop("row") for row in rows] == [*range(1, 61)]
    assert rows == [{k: v for k, v in row.items() if k != "row"} for row in EXPECTED] * 20


@pytest.mark.parametrize("write", FORMATS)
def test_a_score_that_no_row_has_is_null(tmp_path: Path, write: Write) -> None:
    wanted = Wanted(WANTED.texts, {"score": "by.absent"})
    assert {row["score"] for row in read(write(tmp_path, ROWS), wanted)} == {None}


def test_a_name_with_a_dot_is_a_column_of_its_own_first(tmp_path: Path) -> None:
    pq.write_table(pa.table({"by.m": ["yes"], "q": ["?"]}), tmp_path / "r.parquet")
    assert read(tmp_path / "r.parquet")[0]["text"] == "yes"


def test_blank_lines_are_no_rows_and_count_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('\n{"q": "a", "by": {"m": "b"}}\n  \n{"q": "c", "by": {"m": "d"}}')
    assert [(row["question"], row["row"]) for row in read(path)] == [("a", 2), ("c", 4)]


def test_what_only_python_reads_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('\ufeff{"q": "a", "by": {"m": "b"}, "s": NaN}\n', encoding="utf-8")
    assert read(path) == [{"question": "a", "text": "b", "score": None, "row": 1}]


def test_infinite_numbers_are_no_scores(tmp_path: Path) -> None:
    table = pa.table({"q": ["a"] * 3, "by.m": ["b"] * 3, "s": [float("nan"), float("inf"), 2.0]})
    pq.write_table(table, tmp_path / "r.parquet")
    assert [row["score"] for row in read(tmp_path / "r.parquet")] == [None, None, 2.0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON: "),
        ("[1]", "line 2: field 'q': found None, allowed: a text"),
        ('{"q": "a"}', r"line 2: field 'by\.m': found None, allowed: a text"),
        ('{"q": "a", "by": 1}', r"line 2: field 'by\.m': found None, allowed: a text"),
        ('{"q": 7, "by": {"m": "b"}}', "line 2: field 'q': found 7, allowed: a text"),
        (
            '{"q": "a", "by": {"m": "b"}, "s": "1"}',
            "line 2: field 's': found '1', allowed: a number or null",
        ),
        ('{"q": "a", "by": {"m": "b"}, "s": true}', "line 2: field 's': found True"),
        ('{"q": "\\ud800", "by": {"m": "b"}}', "line 2: field 'q': found half of a character"),
        ('{"q": "\udcff", "by": {"m": "b"}}', "line 2: field 'q': found no UTF-8"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "r.jsonl"
    good = json.dumps(ROWS[0])
    path.write_text(f"{good}\n{line}\n{good}\n", encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError, match=rf"r\.jsonl: {message}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"q": ["a", "b"]}, r"field 'by\.m': missing; found q$"),
        ({"q": ["a", None], "by.m": ["a", "b"]}, "row 2: field 'q': found None, allowed: a text"),
        ({"q": [1, 2], "by.m": ["a", "b"]}, "field 'q': found int64, allowed: texts"),
        (
            {"q": ["a", "b"], "by.m": ["a", "b"], "s": ["1", "2"]},
            "field 's': found string, allowed: numbers",
        ),
    ],
)
def test_a_bad_row_of_a_table_is_named(
    tmp_path: Path, columns: dict[str, list[Any]], message: str
) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=rf"r\.parquet: {message}"):
        read(path)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers())
    pq.write_table(pa.table({"q": bad, "by.m": ["b"]}), tmp_path / "r.parquet")
    with pytest.raises(InputError, match=r"r\.parquet: row 1: field 'q': found no UTF-8"):
        read(tmp_path / "r.parquet")


@pytest.mark.parametrize("write", [as_gzip, as_zstd, as_parquet, as_arrow_file])
def test_a_cut_file_is_named(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, ROWS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=path.name):
        read(path)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(texts, st.none() | st.floats(allow_nan=False, allow_infinity=False)))
)
def test_arrow_and_python_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float | None]]
) -> None:
    path = tmp_path_factory.mktemp("r") / "r.jsonl"
    lines = [json.dumps({"q": t, "by": {"m": t[::-1]}, "s": s}) + "\n" for t, s in rows]
    path.write_text("".join(lines))
    by_arrow = read(path)
    path.write_text("\n" + "".join(lines))  # a blank line is for Python
    assert [{**row, "row": row["row"] + 1} for row in by_arrow] == read(path)
    assert [row["question"] for row in by_arrow] == [t for t, _ in rows]

"""Data sets of the hub, from a cache as its client lays it out, become JSON lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepdistill.errors import InputError
from deepdistill.files import read_json, sha256_file
from deepdistill.queries.fetch import fetch_data

COMMIT = "4" * 40


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the data set org/questions at its only commit."""
    repository = tmp_path / "hub" / "datasets--org--questions"
    folder = repository / "snapshots" / COMMIT
    (folder / "data").mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


def fetched(pattern: str, output: Path) -> list[Any]:
    fetch_data("org/questions", "main", pattern, output)
    return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]


ROWS = [{"question": "1+1?", "answer": "2"}, {"question": "π?", "answer": None}]


def test_every_kind_of_file_gives_its_rows(snapshot: Path, tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (snapshot / "plain.jsonl").write_text(lines.rstrip("\n"))
    (snapshot / "packed.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(pa.Table.from_pylist(ROWS), snapshot / "data" / "test.parquet")
    (snapshot / "quoted.csv").write_text('question,answer\n"1+1?",2\n"two\nlines",3\n')
    assert fetched("plain.jsonl", tmp_path / "plain.jsonl") == ROWS
    assert fetched("*.jsonl.gz", tmp_path / "packed.jsonl") == ROWS
    assert fetched("data/*.parquet", tmp_path / "parquet.jsonl") == ROWS
    second = {"question": "two\nlines", "answer": "3"}
    assert fetched("*.csv", tmp_path / "csv.jsonl") == [{"question": "1+1?", "answer": "2"}, second]


def test_files_follow_each_other_by_name_and_are_named_beside(
    snapshot: Path, tmp_path: Path
) -> None:
    for name, text in {"b": "2", "a": "1", "c": "other"}.items():
        (snapshot / f"train-{name}.jsonl").write_text(f'{{"n": "{text}"}}\n')
    rows = fetched("train-[ab].jsonl", tmp_path / "rows.jsonl")
    assert rows == [{"n": "1"}, {"n": "2"}]
    source = read_json(tmp_path / "rows.json")
    assert (source["repository"], source["commit"]) == ("org/questions", COMMIT)
    assert [*source["files"]] == ["train-a.jsonl", "train-b.jsonl"]
    first = {"sha256": sha256_file(snapshot / "train-a.jsonl"), "rows": 1}
    assert source["files"]["train-a.jsonl"] == first


@pytest.mark.parametrize(
    ("name", "content", "pattern", "message"),
    [
        ("a.jsonl", b"{}", "b*", r"org/questions: revision 'main': found no file like 'b\*'"),
        ("a.txt", b"", "*", r"a\.txt: found another kind of file, allowed: names that end in \.j"),
        ("a.parquet", b"no", "*", r"a\.parquet: not readable: "),
        ("a.csv", b"a\n\xff\n", "*", r"a\.csv: not readable: 'utf-8' codec"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_leaves_nothing(
    snapshot: Path, tmp_path: Path, name: str, content: bytes, pattern: str, message: str
) -> None:
    (snapshot / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        fetch_data("org/questions", "main", pattern, tmp_path / "out" / "rows.jsonl")
    assert not list(tmp_path.glob("out/*"))

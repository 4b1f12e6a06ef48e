"""A shard's responses of what is published: every query and pass has a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.keys import shard_of
from deepdistill.responses.published.take import take_shard
from deepdistill.schemas import PUBLISHED, RESPONSES
from deepdistill.tables import from_rows, read_artifact, write_artifact

IDS = [f"{start}{'0' * 31}" for start in "048c"]
CONFIG = {"passes": 2, "format": "think"}
TAGGED = "<think>t</think><answer>7</answer>"
UNTAGGED = "t</think>\n\n7\n"


def publish(folder: Path, *texts: tuple[str, int, str], score: float | None = None) -> Path:
    path = folder / "published" / "r1.parquet"
    rows = [
        {"query_id": q, "pass": n, "text": t, "score": score, "file": "f", "row": i}
        for i, (q, n, t) in enumerate(texts, start=1)
    ]
    write_artifact(path, PUBLISHED, from_rows(PUBLISHED, rows))
    return path


def run(
    folder: Path, published: Path, ids: list[str], shard: str = "00000-of-00001", **config: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    output, metrics = folder / f"{shard}.parquet", folder / f"{shard}.metrics.json"
    queries = pa.table({"query_id": pa.array(ids, pa.string())})
    take_shard(queries, published, {**CONFIG, **config}, output, metrics, repairs=3)
    return read_artifact(output, RESPONSES).to_pylist(), read_json(metrics)


EVERY = [(query, number, TAGGED) for query in IDS for number in (1, 2, 3)]


def test_answer_tags_are_optional(tmp_path: Path) -> None:
    published = publish(tmp_path, (IDS[0], 1, TAGGED), (IDS[0], 2, UNTAGGED), score=0.5)
    rows, metrics = run(tmp_path, published, IDS[:1])
    assert [(r["thinking"], r["answer"], r["problem"], r["format_ok"]) for r in rows] == [
        ("t", "7", None, True)
    ] * 2
    assert {r["published_score"] for r in rows} == {0.5}
    assert {(r["finish_reason"], r["max_tokens"], r["seed"]) for r in rows} == {
        ("stop", None, None)
    }
    assert (metrics["rows_computed"], metrics["absent"], metrics["repairs"]) == (2, 0, 3)


def test_a_text_without_an_answer_is_kept_as_it_is(tmp_path: Path) -> None:
    (row,), _ = run(tmp_path, publish(tmp_path, (IDS[0], 1, "No end")), IDS[:1], passes=1)
    assert (row["problem"], row["text"], row["answer"]) == ("unparsable", "No end", None)
    (row,), metrics = run(
        tmp_path, tmp_path / "published/r1.parquet", IDS[:1], passes=1, format="plain"
    )
    assert (row["problem"], row["answer"]) == (None, "No end")
    assert metrics["rows_computed"] == 0


def test_what_is_not_published_is_a_row_too(tmp_path: Path) -> None:
    published = publish(tmp_path, (IDS[1], 2, TAGGED), (IDS[3], 1, TAGGED))
    rows, metrics = run(tmp_path, published, IDS[:3])
    assert [(r["query_id"], r["pass"], r["problem"]) for r in rows] == [
        (IDS[0], 1, "absent"),
        (IDS[0], 2, "absent"),
        (IDS[1], 1, "absent"),
        (IDS[1], 2, None),
        (IDS[2], 1, "absent"),
        (IDS[2], 2, "absent"),
    ]
    assert [r["error"] for r in rows][::2] == [
        "0 published responses, pass 1 is not there",
        "1 published responses, pass 1 is not there",
        "0 published responses, pass 1 is not there",
    ]
    assert metrics["absent"] == 5


def test_an_edited_row_is_one_row(tmp_path: Path) -> None:
    first, _ = run(tmp_path, publish(tmp_path, *EVERY), IDS)
    edited = [(q, n, "other" if (q, n) == (IDS[2], 1) else t) for q, n, t in EVERY]
    second, metrics = run(tmp_path, publish(tmp_path, *edited), IDS)
    assert (metrics["rows_kept"], metrics["rows_computed"]) == (7, 1)
    changed = [new["query_id"] for old, new in zip(first, second, strict=True) if old != new]
    assert changed == [IDS[2]]


def test_another_score_or_file_computes_no_row(tmp_path: Path) -> None:
    run(tmp_path, publish(tmp_path, *EVERY), IDS)
    rows, metrics = run(tmp_path, publish(tmp_path, *EVERY[::-1], score=1.0), IDS)
    assert metrics["rows_computed"] == 0
    assert {row["published_score"] for row in rows} == {1.0}


def test_one_more_pass_is_one_row_of_each_query(tmp_path: Path) -> None:
    published = publish(tmp_path, *EVERY)
    run(tmp_path, published, IDS)
    assert run(tmp_path, published, IDS, passes=3)[1]["rows_computed"] == len(IDS)
    assert run(tmp_path, published, IDS, passes=1)[1]["rows_computed"] == 0


def test_doubled_shards_move_the_rows(tmp_path: Path) -> None:
    published = publish(tmp_path, *EVERY)
    whole, _ = run(tmp_path, published, IDS)
    moved = []
    for shard in ("00000-of-00002", "00001-of-00002"):
        ids = [query for query in IDS if shard_of(query, 2) == shard]
        rows, metrics = run(tmp_path, published, ids, shard)
        assert metrics["rows_computed"] == 0
        moved += rows
    assert moved == whole


def test_a_shard_without_queries_is_empty(tmp_path: Path) -> None:
    assert run(tmp_path, publish(tmp_path, *EVERY), [])[0] == []


def test_a_damaged_artifact_is_named(tmp_path: Path) -> None:
    published = publish(tmp_path, *EVERY)
    published.write_bytes(published.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"r1\.parquet: its size is not what r1\.digest\.json"):
        run(tmp_path, published, IDS)

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.keys import query_id, shard_of
from deepdistill.queries.shards import shard_queries
from deepdistill.schemas import QUERIES
from deepdistill.tables import from_rows, write_artifact


def write(path: Path, kept: list[bool], category: str = "math") -> Path:
    row = {**dict.fromkeys(QUERIES.schema.names), "source": "s", "category": category}
    rows = [
        {**row, "source_line": i, "kept": k, "query_id": query_id(category, str(i))}
        for i, k in enumerate(kept)
    ]
    write_artifact(path, QUERIES, from_rows(QUERIES, rows))
    return path


def test_each_kept_query_lies_in_its_shard_and_empty_shards_exist(tmp_path: Path) -> None:
    path = write(tmp_path / "q.parquet", [i % 3 > 0 for i in range(30)])
    shards = dict(shard_queries([path], 64))
    assert len(shards) == 64
    assert sum(table.num_rows for table in shards.values()) == 20
    assert min(table.num_rows for table in shards.values()) == 0
    for name, table in shards.items():
        assert {shard_of(q, 64) for q in table["query_id"].to_pylist()} <= {name}


def test_no_query_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no query is left"):
        list(shard_queries([write(tmp_path / "q.parquet", [False])], 2))


def test_a_part_of_the_shards_is_made_by_the_beginning_of_their_names(tmp_path: Path) -> None:
    path = write(tmp_path / "q.parquet", [True] * 30)
    whole = dict(shard_queries([path], 200))
    parts = [dict(shard_queries([path], 200, hundred)) for hundred in ("000", "001")]
    assert [len(part) for part in parts] == [100, 100]
    assert parts[0] | parts[1] == whole


def test_a_pilot_draws_some_queries_of_each_category_from_all_over(tmp_path: Path) -> None:
    math = write(tmp_path / "m.parquet", [True] * 200)
    code = write(tmp_path / "c.parquet", [True] * 5, "code")
    ((_, drawn),) = shard_queries([math, code], 1, most=20)
    assert drawn["category"].to_pylist().count("math") == 20
    assert drawn["category"].to_pylist().count("code") == 5
    ((_, again),) = shard_queries([code, math], 1, most=20)
    assert {*again["query_id"].to_pylist()} == {*drawn["query_id"].to_pylist()}
    shards = {shard_of(q, 10) for q in drawn["query_id"].to_pylist()[:20]}
    assert len(shards) > 5


@pytest.mark.slow
def test_shards_are_even_within_a_twentieth_at_the_papers_scale() -> None:
    counts = Counter(shard_of(query_id("math", str(i)), 334) for i in range(3_340_000))
    assert len(counts) == 334
    assert min(counts.values()) > 9_500
    assert max(counts.values()) < 10_500

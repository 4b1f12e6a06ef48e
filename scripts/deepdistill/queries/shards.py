"""Distributing the kept queries over shards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.errors import InputError
from deepdistill.keys import digest, shard_names, shard_of
from deepdistill.schemas import QUERIES, SHARD
from deepdistill.tables import read_artifact


def shard_queries(
    paths: Iterable[str | Path], shards: int, only: str = "", most: int | None = None
) -> Iterator[tuple[str, pa.Table]]:
    """Yield ``(shard, its queries)`` for every shard whose name begins with ``only``.

    Which queries it has: see :func:`deepdistill.keys.shard_of`. With ``most`` no category has more
    queries: they are drawn, always the same ones.

    Raises :class:`InputError` if no source keeps a query.
    """
    tables = [_kept(path) for path in paths]
    queries = pa.concat_tables(tables)
    if not queries.num_rows:
        raise InputError(
            "no query is left: every row of every source was dropped (see drop_reason)"
        )
    if most is not None:
        queries = _drawn(queries, most)
    names = pa.array([shard_of(q, shards) for q in queries["query_id"].to_pylist()])
    for shard in shard_names(shards):
        if shard.startswith(only):
            yield shard, queries.filter(pc.equal(names, shard))


def _kept(path: str | Path) -> pa.Table:
    table = read_artifact(path, QUERIES, ["kept", *SHARD.schema.names])
    return table.filter(table["kept"]).drop_columns("kept")


def _drawn(queries: pa.Table, most: int) -> pa.Table:
    """As many queries of each category, by the order of a digest that their ids do not follow."""
    ranks = pa.array([digest(["pilot", q]) for q in queries["query_id"].to_pylist()])
    ranked = queries.append_column("rank", ranks).sort_by("rank").drop_columns("rank")
    categories = pc.unique(ranked["category"])
    parts = [
        ranked.filter(pc.equal(ranked["category"], name)).slice(0, most) for name in categories
    ]
    return pa.concat_tables(parts)

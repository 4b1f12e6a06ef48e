"""A shard's responses of what is published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.files import write_json
from deepdistill.keys import published_key
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.rows import response_row
from deepdistill.rowstore import Demand, RowStore
from deepdistill.schemas import PUBLISHED, RESPONSES
from deepdistill.tables import Place, Row, read_range


@dataclass(frozen=True, slots=True)
class Taken:
    """What is published for a query and pass; the text is None where nothing is."""

    query_id: str
    pass_number: int
    text: str | None
    score: float | None
    known: int
    """How many responses to the query are published."""

    @property
    def key(self) -> str:
        """The key of the response's row."""
        return published_key(self.text)


def take_shard(
    queries: pa.Table,
    published: str | Path,
    config: Mapping[str, Any],
    output: str | Path,
    metrics: str | Path,
    repairs: int = 0,
) -> None:
    """Write the published responses to one shard's queries, ``passes`` of each.

    ``published`` is the artifact of all shards, of which only the part is read that the queries
    lie in. ``config`` holds ``passes`` and ``format``. A row is its text: one whose text is the
    same counts as kept. What is not published is a row too, ``absent``. ``metrics`` receives the
    counts as JSON.
    """
    demand = demanded_texts(queries, published, config)

    def compute(missing: Sequence[Taken]) -> Iterator[list[Row]]:
        yield taken_rows(missing, config)

    filled = RowStore(output, RESPONSES).fill(demand, compute)
    absent = sum(taken.text is None for taken in demand.wanted.values())
    write_json(metrics, {**filled.metrics(repairs), "absent": absent})


def demanded_texts(
    queries: pa.Table, published: str | Path, config: Mapping[str, Any]
) -> Demand[Taken]:
    """Return what is published for each query and pass; arguments as for :func:`take_shard`."""

    def keep(row: Row, taken: Taken) -> Row | None:
        return taken_rows([taken], config)[0] if row["request_key"] == taken.key else None

    return Demand(_wanted(queries, published, config["passes"]), keep)


def taken_rows(texts: Sequence[Taken], config: Mapping[str, Any]) -> list[Row]:
    """Return the rows of published texts, also of those that are not there."""
    think = config["format"] == "think"
    return [_row(taken, think) for taken in texts]


def _wanted(queries: pa.Table, published: str | Path, passes: int) -> dict[Place, Taken]:
    """What is published for each query and pass, by its place."""
    ids = queries["query_id"]
    if not len(ids):
        return {}
    rows = read_range(published, PUBLISHED, *pc.min_max(ids).as_py().values())
    known = Counter(rows["query_id"].to_pylist())
    there = {
        (query, number): (text, score)
        for query, number, text, score in zip(
            *(rows[name].to_pylist() for name in ("query_id", "pass", "text", "score")), strict=True
        )
    }
    return {
        (query, number): Taken(
            query, number, *there.get((query, number), (None, None)), known[query]
        )
        for query in ids.to_pylist()
        for number in range(1, passes + 1)
    }


def _row(taken: Taken, think: bool) -> Row:
    request = Request(taken.query_id, taken.pass_number, [], taken.key, None)
    if taken.text is None:
        error = f"{taken.known} published responses, pass {taken.pass_number} is not there"
        completion = Completion(request, "", "absent", error=error)
    else:
        completion = Completion(request, taken.text, "stop")
    return {**response_row(completion, None, think), "published_score": taken.score}

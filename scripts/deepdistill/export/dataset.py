"""A selected set as messages that are ready to train on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.errors import InputError
from deepdistill.export.manifest import Manifest
from deepdistill.export.parts import PART_ROWS, write_parts
from deepdistill.responses.format import join_response
from deepdistill.schemas import DATASET, RESPONSES, SELECTED, SHARD
from deepdistill.tables import (
    Place,
    Row,
    batched_rows,
    count_rows,
    iter_batches,
    read_artifact,
    read_range,
)

BATCH = 1024
"""Responses in memory at a time; one may have 100 kB."""

_CHOICE = ("query_id", "teacher", "pass", "category", "source")


def export_dataset(
    selected: str | Path,
    shards: Sequence[str | Path],
    responses: Sequence[str | Path],
    manifest: str | Path,
    part_rows: int = PART_ROWS,
) -> Manifest:
    """Write the set ``selected`` as :data:`deepdistill.schemas.DATASET`, ``part_rows`` a file.

    ``shards`` and ``responses`` are the query shards and the teacher's response shards, in the
    same order. A row's messages are the query's and, as the assistant's turn, the response. Memory
    holds a shard's queries and a batch of responses. Raises :class:`InputError` if a selected row
    has no response.
    """
    rows = count_rows(selected, SELECTED)
    batches = batched_rows(DATASET, _rows(selected, shards, responses, rows), BATCH)
    return write_parts(manifest, DATASET, batches, rows, part_rows)


def _rows(
    selected: str | Path, shards: Sequence[str | Path], responses: Sequence[str | Path], rows: int
) -> Iterator[Row]:
    found = 0
    for shard, response in zip(shards, responses, strict=True):
        for row in _shard_rows(selected, shard, response):
            found += 1
            yield row
    if found != rows:
        raise InputError(f"{selected}: {rows - found} rows have no response in the shards")


def _shard_rows(
    selected: str | Path, shard: str | Path, responses: str | Path
) -> Iterator[dict[str, Any]]:
    queries = read_artifact(shard, SHARD, ["query_id", "messages"])
    if not len(queries):
        return
    bounds = pc.min_max(queries["query_id"]).as_py()
    chosen = read_range(selected, SELECTED, bounds["min"], bounds["max"]).to_pylist()
    wanted = {(row["query_id"], row["pass"]): row for row in chosen}
    messages = dict(zip(*(queries[c].to_pylist() for c in queries.column_names), strict=True))
    for place, row in _responses(responses, wanted):
        content = join_response(row["thinking"], row["answer"])
        yield {
            **{name: wanted[place][name] for name in _CHOICE},
            "messages": [*messages[place[0]], {"role": "assistant", "content": content}],
        }


def _responses(path: str | Path, wanted: Mapping[Place, Row]) -> Iterator[tuple[Place, Row]]:
    """The responses at the wanted places, with their places."""
    if not wanted:
        return
    columns = ["query_id", "pass", "thinking", "answer"]
    for batch in iter_batches(path, RESPONSES, columns, BATCH):
        places = list(zip(*(batch[c].to_pylist() for c in columns[:2]), strict=True))
        taken = [number for number, place in enumerate(places) if place in wanted]
        for row in batch.take(pa.array(taken, pa.int64())).to_pylist():
            yield (row["query_id"], row["pass"]), row

"""A selected set as a data set ready to train on, with its data card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from deepdistill.errors import InputError
from deepdistill.responses.format import join_response
from deepdistill.schemas import DATASET, RESPONSES, SELECTED, SHARD
from deepdistill.tables import batched_rows, read_artifact


def dataset_batches(
    selected: str | Path, shards: Sequence[str | Path], responses: Sequence[str | Path]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of :data:`deepdistill.schemas.DATASET`, shard by shard in their order.

    ``shards`` and ``responses`` are the query shards and the teacher's response shards, in the
    same order. A row's messages are the query's and, as the assistant's turn, the response.
    """
    wanted = {(r["query_id"], r["pass"]): r for r in read_artifact(selected, SELECTED).to_pylist()}
    found = 0
    for shard, response in zip(shards, responses, strict=True):
        rows = list(_shard_rows(wanted, shard, response))
        found += len(rows)
        yield from batched_rows(DATASET, rows)
    if found != len(wanted):
        raise InputError(f"{selected}: {len(wanted) - found} rows have no response in the shards")


def _shard_rows(
    wanted: Mapping[tuple[str, int], dict[str, Any]], shard: str | Path, responses: str | Path
) -> Iterator[dict[str, Any]]:
    queries = {q["query_id"]: q for q in read_artifact(shard, SHARD).to_pylist()}
    columns = ["query_id", "pass", "thinking", "answer"]
    for row in read_artifact(responses, RESPONSES, columns).to_pylist():
        choice = wanted.get((row["query_id"], row["pass"]))
        if choice is None:
            continue
        content = join_response(row["thinking"], row["answer"])
        messages = queries[row["query_id"]]["messages"]
        yield {
            **{
                name: choice[name] for name in ("query_id", "teacher", "pass", "category", "source")
            },
            "messages": [*messages, {"role": "assistant", "content": content}],
        }


def data_card(
    name: str, selected: str | Path, config: Mapping[str, Any], licences: Mapping[str, str]
) -> str:
    """Return the data card (README.md with a YAML header) of a set.

    ``config`` is the set's entry in the configuration, ``licences`` maps sources to licences.
    """
    table = read_artifact(selected, SELECTED).to_pandas()
    counts = table.groupby(["category", "source"]).agg(
        responses=("query_id", "size"), queries=("query_id", "nunique")
    )
    header = {
        "pretty_name": f"DeepDistill {name}",
        "license": "other",
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "train.parquet"}],
            }
        ],
    }
    lines = [
        "---",
        yaml.safe_dump(header, sort_keys=False).rstrip(),
        "---",
        "",
        f"# {name}",
        "",
        f"Selected by the rule `{config['rule']}` from verified responses of the teacher "
        f"`{config['teacher']}` ({len(table)} responses to {table['query_id'].nunique()} queries).",
        "",
        "| category | source | licence | queries | responses |",
        "|---|---|---|---:|---:|",
    ]
    for (category, source), row in counts.iterrows():
        lines.append(
            f"| {category} | {source} | {licences[source]} | {row['queries']} | "
            f"{row['responses']} |"
        )
    return "\n".join(lines) + "\n"

"""Responses in the layout in which DeepDistill's authors published theirs.

a-m-team/AM-DeepSeek-Distilled-40M: JSON lines in files ``{category}_{teacher}_{n}pass.jsonl``, a
row for each response, no query id; passes are joined on ``question``. With teachers of the names
r1, 7b and 1.5b a row has exactly the published 14 columns.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow.compute as pc

from deepdistill.artifacts import DIGEST
from deepdistill.export.manifest import Manifest
from deepdistill.export.parts import publish
from deepdistill.messages import last_user_text
from deepdistill.responses.format import join_response
from deepdistill.schemas import RESPONSES, SHARD, VERDICTS, difficulty
from deepdistill.tables import Place, Row, iter_batches, read_artifact, read_range

CATEGORIES = {
    "math": "math",
    "code": "code",
    "science": "science",
    "instruction_following": "if",
    "other": "other",
}
"""Our categories as the layout spells them."""

REFERENCES = {"code": "test_case", "instruction_following": "instruction_constrain"}
"""The columns of the categories' references; of the others ``ground_truth``."""

_COLUMNS = ("ground_truth", "test_case", "instruction_constrain")
_BATCH = 1024
_LEFT_OUT = ("truncated", "absent", "error")
"""Problems of responses that the layout has no row for: nothing there says that a text was cut."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard's artifacts: its queries, and one teacher's responses and verdicts."""

    queries: str | Path
    responses: str | Path
    verdicts: str | Path


def export_published(
    shards: Sequence[Shard],
    table: str | Path,
    teacher: str,
    config: Mapping[str, Any],
    manifest: str | Path,
) -> Manifest:
    """Write all of a teacher's responses that ended by themselves, and the files' manifest.

    ``table`` is the difficulty table. ``config`` has ``names``, the teachers' names in the layout,
    and ``model``, that of the teacher's model. Files lie beside ``manifest``; earlier ones of the
    teacher are removed once the new ones are complete. Scores and pass rates are written in full,
    so that reading them back gives the same numbers. Memory holds a shard's queries and a batch of
    responses.
    """
    manifest = Path(manifest)
    staged = manifest.parent / f".{manifest.name.removesuffix(DIGEST)}.staged"
    shutil.rmtree(staged, ignore_errors=True)  # what a killed job left
    staged.mkdir(parents=True)
    label = config["names"][teacher]
    rows: Counter[str] = Counter()
    files: dict[str, TextIO] = {}
    try:
        with ExitStack() as stack:
            for shard in shards:
                for category, number, row in _shard_rows(shard, table, teacher, config):
                    name = f"{CATEGORIES[category]}_{label}_{number}pass.jsonl"
                    if name not in files:
                        files[name] = stack.enter_context(
                            (staged / name).open("w", encoding="utf-8")
                        )
                    files[name].write(json.dumps(row, ensure_ascii=False) + "\n")
                    rows[name] += 1
        categories = "|".join(CATEGORIES.values())
        earlier = re.compile(rf"({categories})_{re.escape(label)}_\d+pass\.jsonl")
        return publish(manifest, staged, rows, earlier)
    finally:
        shutil.rmtree(staged)


def _shard_rows(
    shard: Shard, table: str | Path, teacher: str, config: Mapping[str, Any]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Category, pass and row of each response, in the order of query and pass."""
    columns = ["query_id", "category", "source", "messages", "reference"]
    queries = read_artifact(shard.queries, SHARD, columns)
    if not len(queries):
        return
    rates = _pass_rates(table, config["names"], pc.min_max(queries["query_id"]).as_py())
    known = {query["query_id"]: query for query in queries.to_pylist()}
    verdicts = _verdicts(shard.verdicts)
    wanted = ["query_id", "pass", "thinking", "answer", "problem", "text"]
    for batch in iter_batches(shard.responses, RESPONSES, wanted, _BATCH):
        for response in batch.to_pylist():
            if response["problem"] in _LEFT_OUT:
                continue
            query = known[response["query_id"]]
            verdict = verdicts[response["query_id"], response["pass"]]
            row = {
                **_question(query, teacher, config["model"]),
                **rates[query["query_id"]],
                "verify_score": verdict["verify_score"],
                "ppl": verdict["perplexity"],
            }
            row["answer"] = _text(response)
            yield query["category"], response["pass"], row


def _question(query: Row, teacher: str, model: str) -> dict[str, Any]:
    """The columns of texts, in the published order."""
    references = dict.fromkeys(_COLUMNS)
    references[REFERENCES.get(query["category"], "ground_truth")] = query["reference"]
    return {
        "question": last_user_text(query["messages"]),
        "answer": None,
        "question_source": query["source"],
        "answer_source": teacher,
        "category": CATEGORIES[query["category"]],
        **references,
        "model_name": model,
    }


def _text(response: Row) -> str:
    """All that the model wrote."""
    if response["problem"] is None:
        return join_response(response["thinking"], response["answer"])
    return response["text"] or ""


def _pass_rates(
    table: str | Path, names: Mapping[str, str], bounds: Mapping[str, str]
) -> dict[str, dict[str, float | None]]:
    """Query → the columns of all teachers' pass rates."""
    rows = read_range(table, difficulty(list(names)), bounds["min"], bounds["max"])
    columns = {f"pass_rate_{label}": f"pass_rate_{name}" for name, label in names.items()}
    return {
        row["query_id"]: {ours: row[theirs] for ours, theirs in columns.items()}
        for row in rows.select(["query_id", *columns.values()]).to_pylist()
    }


def _verdicts(path: str | Path) -> dict[Place, Row]:
    rows = read_artifact(path, VERDICTS, ["query_id", "pass", "verify_score", "perplexity"])
    return {(row["query_id"], row["pass"]): row for row in rows.to_pylist()}

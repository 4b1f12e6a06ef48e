"""Where rule and judge disagree: right responses that the rule missed and the judge found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.schemas import CHECKS, JUDGEMENTS, SHARD
from deepdistill.tables import read_artifact

KEY = ["query_id", "pass"]

Counts = dict[str, dict[str, int]]
"""Category → counts of responses: ``passed`` by the rule, ``asked`` of the judge after the rule
failed them, ``overruled``: those of them that the judge passed."""


def count_overruled(
    queries: Sequence[str | Path],
    checks: Sequence[str | Path],
    judgements: Sequence[str | Path],
    thresholds: Mapping[str, float],
) -> Counts:
    """Count one teacher's responses that rule and judge had a score for.

    Artifacts are those of all shards, in the same order; memory holds a shard. A category in which
    the rule has no score, such as science, is left out: there is nothing to disagree with.
    """
    counts: dict[str, Counter[str]] = {}
    for shard, checked, judged in zip(queries, checks, judgements, strict=True):
        table = _scores(shard, checked, judged)
        for category in pc.unique(table["category"]).to_pylist():
            rows = table.filter(pc.equal(table["category"], category))
            found = _counted(rows, thresholds[category])
            counts.setdefault(category, Counter()).update(found)
    return {category: dict(counts[category]) for category in sorted(counts)}


def _scores(queries: str | Path, checks: str | Path, judgements: str | Path) -> pa.Table:
    """The rule's score of each response that has one, with the judge's and the category."""
    rule = read_artifact(checks, CHECKS, [*KEY, "score"])
    judge = read_artifact(judgements, JUDGEMENTS, [*KEY, "score"])
    rule = rule.filter(pc.is_valid(rule["score"])).rename_columns([*KEY, "rule"])
    table = rule.join(judge.rename_columns([*KEY, "judge"]), KEY)
    return table.join(read_artifact(queries, SHARD, ["query_id", "category"]), "query_id")


def _counted(rows: pa.Table, threshold: float) -> dict[str, int]:
    failed = rows.filter(pc.less_equal(rows["rule"], threshold))
    found = pc.greater(failed["judge"], threshold)
    return {
        "passed": len(rows) - len(failed),
        "asked": len(failed) - failed["judge"].null_count,
        "overruled": pc.sum(found).as_py() or 0,
    }

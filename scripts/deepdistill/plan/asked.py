"""Which share of the queries a teacher with ``only`` is expected to be asked.

Until jobs have shown it, the condition is asked of made-up queries: one for each way in which the
teachers that it names may solve it, none to all of four passes, weighted by how often that is (the
rates ``solved``, teachers taken to be independent).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import pyarrow as pa

from deepdistill.plan.rates import Rates
from deepdistill.schemas import SHARD, VERDICTS

MOST_TEACHERS = 4
"""Named teachers up to which all ways are looked at: 5 to the power of their number."""


def asked_share(
    only: str, teachers: Sequence[str], ddof: int, category: str, rates: Rates
) -> float:
    """Return the share of a category's queries for which the condition is expected to hold.

    1 for a condition that names no teacher, or too many.
    """
    # Imported where it is needed: planning without such a teacher does not load DuckDB.
    from deepdistill.conditions import truth
    from deepdistill.difficulty.measures import measure_teachers

    solved = rates.shares("solved", category)
    if not solved or not 0 < len(teachers) <= MOST_TEACHERS:
        return 1.0
    ways = list(product(range(len(solved)), repeat=len(teachers)))
    passes = len(solved) - 1
    names = [f"{number:08}" for number in range(len(ways))]
    queries = pa.Table.from_pylist(
        [{"query_id": name, "category": category} for name in names], schema=SHARD.schema
    )
    verdicts = {
        teacher: _verdicts(names, [way[place] for way in ways], passes)
        for place, teacher in enumerate(teachers)
    }
    holds = truth("only", only, measure_teachers(queries, verdicts, ddof))
    weights = (prod(solved[right] for right in way) for way in ways)
    return sum(w for name, w in zip(names, weights, strict=True) if holds[name])


def _verdicts(names: Sequence[str], right: Sequence[int], passes: int) -> pa.Table:
    """Verdicts of which each query has so many right ones."""
    rows: list[Mapping[str, Any]] = [
        {
            "query_id": name,
            "pass": number + 1,
            "state": "passed" if number < count else "failed",
            "verify_score": float(number < count),
        }
        for name, count in zip(names, right, strict=True)
        for number in range(passes)
    ]
    return pa.Table.from_pylist(rows, schema=VERDICTS.schema)

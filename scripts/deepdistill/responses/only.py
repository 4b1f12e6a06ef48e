"""Which queries a teacher is asked: all, or only those for which a condition holds.

The condition is over other teachers' columns of the difficulty table, so that an expensive teacher
is spared what a cheap one always solves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.conditions import truth
from deepdistill.difficulty.measures import measure_teachers
from deepdistill.schemas import VERDICTS
from deepdistill.tables import read_artifact

log = logging.getLogger(__name__)


def asked_queries(
    queries: pa.Table, only: Mapping[str, Any] | None, verdicts: Sequence[str | Path]
) -> pa.Table:
    """Return the queries of a shard that a teacher is asked.

    ``only`` has ``where``, the condition, ``teachers``, those that it names, ``ddof`` and
    ``policies``; ``verdicts`` are these teachers' verdicts for the shard, in the same order.
    Without ``only`` all queries are asked; a condition that is undefined for a query does not hold.
    """
    if only is None:
        return queries
    columns = ["query_id", "state", "verify_score", "tokens_out"]
    tables = [read_artifact(path, VERDICTS, columns) for path in verdicts]
    by_teacher = dict(zip(only["teachers"], tables, strict=True))
    table = measure_teachers(queries, by_teacher, only["ddof"], only["policies"])
    holds = truth("only", only["where"], table)
    asked = [query for query, value in holds.items() if value]
    log.info(
        "%d of %d queries are asked: only %s, which is undefined for %d",
        len(asked),
        len(queries),
        " ".join(only["where"].split()),
        sum(value is None for value in holds.values()),
    )
    return queries.filter(pc.is_in(queries["query_id"], value_set=pa.array(asked, pa.string())))

"""The condition until which a query gets another pass, over its own results so far."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.conditions import truth
from deepdistill.difficulty.measures import LEAVE_OUT, Policies, measure_one


def unfinished(
    queries: pa.Table, verdicts: pa.Table, until: str, ddof: int, policies: Policies = LEAVE_OUT
) -> pa.Table:
    """Return the queries for which ``until`` is not true, so also where it is undefined.

    ``verdicts`` are those of one teacher for these queries; the condition is over the columns of
    :func:`deepdistill.difficulty.measures.measure_one`.
    """
    done = truth("passes.until", until, measure_one(queries, verdicts, ddof, policies))
    ids = [query for query, value in done.items() if not value]
    return queries.filter(pc.is_in(queries["query_id"], value_set=pa.array(ids, pa.string())))

"""The difficulty table: one row per query with every teacher's statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.difficulty.statistics import moments, wilson_interval
from deepdistill.errors import InputError
from deepdistill.schemas import STATES, difficulty


def measure_difficulty(
    queries: pa.Table,
    verdicts: Mapping[str, pa.Table],
    ddof: int,
    grades: Sequence[Mapping[str, str]],
) -> pa.Table:
    """Return the difficulty rows of one shard; columns as in :func:`schemas.difficulty`.

    ``queries`` is the shard, ``verdicts`` maps each teacher to its verdicts for it. Only passed
    and failed verdicts enter the statistics; all states are counted. ``grades`` have a ``name``
    and ``where``, an SQL condition over the table's columns; the first that holds is the query's.
    """
    ids = queries["query_id"].combine_chunks()
    columns: dict[str, Any] = {name: queries[name] for name in ("query_id", "category", "source")}
    for teacher, table in verdicts.items():
        for name, values in _teacher_columns(ids, table, ddof).items():
            columns[f"{name}_{teacher}"] = values
    artifact = difficulty(list(verdicts))
    columns["grade"] = pa.nulls(len(ids), pa.string())
    table = pa.table({name: columns[name] for name in artifact.schema.names})
    table = table.cast(artifact.schema)
    return table.set_column(table.schema.get_field_index("grade"), "grade", _grades(table, grades))


def _teacher_columns(ids: pa.Array, verdicts: pa.Table, ddof: int) -> dict[str, pa.Array]:
    place = pc.index_in(verdicts["query_id"], value_set=ids)
    query = place.to_numpy(zero_copy_only=False).astype(np.int64)
    size, states = len(ids), verdicts["state"]

    def count(mask: np.ndarray[Any, Any], weights: Any = None) -> Any:
        chosen = None if weights is None else weights[mask]
        return np.bincount(query[mask], weights=chosen, minlength=size)

    by_state = {s: count(pc.equal(states, s).to_numpy(zero_copy_only=False)) for s in STATES}
    counts = pc.is_in(states, value_set=pa.array(["passed", "failed"])).to_numpy(
        zero_copy_only=False
    )
    score = pc.fill_null(verdicts["verify_score"], 0.0).to_numpy()
    n = count(counts).astype(np.float64)
    passed = by_state["passed"].astype(np.float64)
    low, high = wilson_interval(passed, n)
    mean, std, cv = moments(count(counts, score), count(counts, score**2), n, ddof)
    with np.errstate(invalid="ignore"):
        rate = passed / n
    statistics = {
        "pass_rate": rate,
        "pass_rate_low": low,
        "pass_rate_high": high,
        "mean": mean,
        "std": std,
        "cv": cv,
    }
    whole = {"passes": np.bincount(query, minlength=size), "n": n, **by_state}
    return {name: pa.array(v.astype(np.int32)) for name, v in whole.items()} | {
        name: pa.array(v, from_pandas=True) for name, v in statistics.items()
    }


def _grades(table: pa.Table, grades: Sequence[Mapping[str, str]]) -> pa.ChunkedArray:
    """Return each row's grade; :class:`InputError` names the condition that is not valid SQL."""
    if not grades:
        return table["grade"]
    with duckdb.connect() as connection:
        connection.register("difficulty", table)
        for grade in grades:
            condition = grade["where"]
            try:
                connection.execute(f"EXPLAIN SELECT ({condition})::BOOLEAN FROM difficulty")
            except duckdb.Error as error:
                reason = str(error).splitlines()[0]
                columns = ", ".join(table.column_names)
                raise InputError(
                    f"config: difficulty.grades: {grade['name']}: found {condition!r}: {reason}; "
                    f"allowed: a condition over the columns {columns}"
                ) from None
        cases = " ".join(f"WHEN {grade['where']} THEN '{grade['name']}'" for grade in grades)
        query = f"SELECT CASE {cases} END AS grade FROM difficulty ORDER BY query_id"
        result = connection.sql(query).to_arrow_table()
    order = pc.sort_indices(table["query_id"])
    back = pc.sort_indices(order)
    return result["grade"].take(back).cast(pa.string())

"""A selection's own report: what is in a set, and how much was left out by which clause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.selection.select import Selection

GROUPS = ["category", "source", "clause"]


def summarise(selection: Selection) -> dict[str, Any]:
    """Return counts of a selection.

    - ``queries``, ``responses``, ``tokens`` (of the responses; null if one is unknown)
    - ``selected``: the same by category, source and clause
    - ``left_out``: a list in the order in which a query is looked at, each with ``reason`` and
      ``queries`` by category; with the selected ones these are all queries of the table
    """
    rows = selection.rows
    columns = {"query_id": ("count_distinct", "count"), "tokens_out": ("sum", "count")}
    groups = rows.group_by(GROUPS).aggregate(
        [(column, function) for column, functions in columns.items() for function in functions]
    )
    selected = [
        {
            **{name: group[name] for name in GROUPS},
            "queries": group["query_id_count_distinct"],
            "responses": group["query_id_count"],
            "tokens": _known(group["tokens_out_sum"], group),
        }
        for group in groups.sort_by([(name, "ascending") for name in GROUPS]).to_pylist()
    ]
    tokens = [group["tokens"] for group in selected]
    return {
        "queries": sum(group["queries"] for group in selected),
        "responses": len(rows),
        "tokens": None if None in tokens else sum(tokens),
        "selected": selected,
        "left_out": [
            {"reason": reason, "queries": _by_category(selection, queries)}
            for reason, queries in selection.candidates.left_out().items()
        ],
    }


def read_tokens(path: str | Path) -> int:
    """Return the tokens of the set whose summary is at ``path``.

    Raises :class:`InputError` if they are unknown.
    """
    tokens: int | None = read_json(path)["tokens"]
    if tokens is None:
        raise InputError(f"{path}: tokens: found null; a set of known tokens is needed as a budget")
    return tokens


def _known(tokens: int | None, group: dict[str, Any]) -> int | None:
    return tokens if group["tokens_out_count"] == group["query_id_count"] else None


def _by_category(selection: Selection, queries: np.ndarray[Any, Any]) -> dict[str, int]:
    counts = pc.value_counts(selection.candidates.queries["category"].take(pa.array(queries)))
    found = {row["values"]: row["counts"] for row in counts.to_pylist()}
    return dict(sorted(found.items()))

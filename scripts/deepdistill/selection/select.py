"""Selecting the responses of a training set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.errors import InputError
from deepdistill.keys import unit_hash
from deepdistill.schemas import SELECTED, VERDICTS, difficulty
from deepdistill.selection.rules import RULES, Chosen
from deepdistill.tables import from_rows, read_artifact

_MEASURES = ("passed", "pass_rate", "cv")


def select(
    name: str,
    table: str | Path,
    verdicts: Iterable[str | Path],
    config: Mapping[str, Any],
    seed: int,
) -> pa.Table:
    """Return the rows of :data:`deepdistill.schemas.SELECTED` for the set called ``name``.

    ``table`` is the difficulty table, ``verdicts`` are the shards of the set's teacher, ``config``
    is the set's entry in the configuration. Raises :class:`InputError` if nothing is selected.
    """
    teacher = config["teacher"]
    measures = _read_measures(table, teacher)
    rule = RULES[config["rule"]]
    chosen = rule.choose(measures, config, seed)
    known = measures.set_index("query_id")
    rows: list[dict[str, Any]] = []
    for path in verdicts:
        passing = _passing(path, chosen, config["max_perplexity"])
        taken = _one_each(passing, seed) if rule.one_response else passing
        rows += [_row(row, chosen, known, teacher) for row in taken]
    if not rows:
        raise InputError(
            f"config: selection.{name}: selects nothing: of {len(measures)} queries "
            f"{int((measures['passed'] > 0).sum())} have a passing response of {teacher} and "
            f"{len(chosen)} satisfy the rule {config['rule']}"
        )
    return from_rows(SELECTED, rows)


def _read_measures(path: str | Path, teacher: str) -> pd.DataFrame:
    columns = [f"{name}_{teacher}" for name in _MEASURES]
    names = ["query_id", "category", "source", *columns]
    frame: pd.DataFrame = read_artifact(path, difficulty([teacher]), names).to_pandas()
    return frame.rename(columns=dict(zip(columns, _MEASURES, strict=True)))


def _passing(
    path: str | Path, chosen: Chosen, max_perplexity: float | None
) -> list[dict[str, Any]]:
    """The passing rows of chosen queries; without a limit or a perplexity a row is not dropped."""
    columns = ["query_id", "pass", "state", "verify_score", "perplexity"]
    verdicts = read_artifact(path, VERDICTS, columns)
    taken = pc.is_in(verdicts["query_id"], value_set=pa.array(list(chosen), pa.string()))
    mask = pc.and_(taken, pc.equal(verdicts["state"], "passed"))
    if max_perplexity is not None:
        fluent = pc.less_equal(verdicts["perplexity"], max_perplexity)
        mask = pc.and_(mask, pc.fill_null(fluent, True))
    rows: list[dict[str, Any]] = verdicts.filter(mask).to_pylist()
    return rows


def _one_each(rows: Iterable[dict[str, Any]], seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row of each query, drawn at random."""
    best: dict[str, tuple[float, dict[str, Any]]] = {}
    for row in rows:
        draw = unit_hash(seed, "response", row["query_id"], row["pass"])
        if row["query_id"] not in best or draw < best[row["query_id"]][0]:
            best[row["query_id"]] = (draw, row)
    return (row for _, row in best.values())


def _row(
    row: Mapping[str, Any], chosen: Chosen, known: pd.DataFrame, teacher: str
) -> dict[str, Any]:
    query = known.loc[row["query_id"]]
    return {
        "query_id": row["query_id"],
        "teacher": teacher,
        "pass": row["pass"],
        "category": query["category"],
        "source": query["source"],
        "clause": chosen[row["query_id"]],
        "verify_score": row["verify_score"],
        "pass_rate": query["pass_rate"],
        "cv": query["cv"],
    }

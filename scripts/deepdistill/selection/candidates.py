"""The queries of a selection: what the rule says of each, and the order in which they are taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deepdistill.artifacts import artifact_path
from deepdistill.conditions import database, require_condition, require_order
from deepdistill.errors import InputError
from deepdistill.schemas import LEFT_OUT
from deepdistill.selection.draws import Lots, unit
from deepdistill.selection.rules import Rule, rule_of

Mask = npt.NDArray[np.bool_]


class Candidates:
    """All queries of the difficulty table, by id.

    queries: query_id, category, source, clause, and pass_rate and cv under the set's teacher
    lots: what the queries draw
    """

    def __init__(self, queries: pa.Table, rank: npt.NDArray[np.int64], seed: int) -> None:
        self.queries = queries
        self.lots = Lots(queries["query_id"])
        self._rank, self._seed = rank, seed
        self._order: npt.NDArray[np.int64] | None = None
        self._reasons: list[str] = []
        self._dropped = np.zeros(len(queries), np.int8)

    def __len__(self) -> int:
        return len(self._dropped)

    @property
    def kept(self) -> Mask:
        """A mask of the queries that are still in."""
        return self._dropped == 0

    def in_order(self) -> npt.NDArray[np.int64]:
        """Return the positions of those that are still in, in the order in which limits take them.

        Later calls return fewer: queries that were left out do not come back.
        """
        if self._order is None:
            places = np.flatnonzero(self.kept)
            lots = self.lots.draw(self._seed, "order")[places]
            self._order = places[np.lexsort((lots, self._rank[places]))]
        self._order = self._order[self.kept[self._order]]
        return self._order

    def drop(self, mask: Mask, reason: str) -> None:
        """Leave out the queries of ``mask`` that are still in."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        self._dropped[mask & self.kept] = self._reasons.index(reason) + 1

    def left_out_rows(self) -> pa.Table:
        """Return the queries that are left out, columns of :data:`schemas.LEFT_OUT`."""
        places = np.flatnonzero(self._dropped)
        codes = pa.array(self._dropped[places] - 1)
        queries = self.queries.select(["query_id", "category"]).take(pa.array(places))
        reasons = pa.DictionaryArray.from_arrays(codes, pa.array(self._reasons, pa.string()))
        return queries.append_column("reason", reasons).cast(LEFT_OUT.schema)

    def left_out(self) -> dict[str, npt.NDArray[np.int64]]:
        """Return for each reason, in the order in which they were looked at, the queries."""
        return {
            reason: np.flatnonzero(self._dropped == code)
            for code, reason in enumerate(self._reasons, start=1)
        }


def read_candidates(
    name: str, table: str | Path, config: Mapping[str, Any], seed: int, threads: int = 1
) -> Candidates:
    """Apply a set's rule to the difficulty table.

    ``config`` is the entry of the set called ``name``. Raises :class:`InputError` for a column of
    ``where`` or ``order`` that the table does not have, and for other errors in them.
    """
    path = artifact_path(table)
    rule = rule_of(config)
    _check(name, path, config, rule)
    teacher = config["teacher"]
    with database(threads) as opened:
        opened.read_parquet(str(path), file_row_number=True).create_view("difficulty")
        found = opened.sql(
            f"""
            SELECT query_id, category, source, {rule.clause} AS clause,
                "pass_rate_{teacher}" AS pass_rate, "cv_{teacher}" AS cv,
                {_first(rule.drops)} AS dropped
            FROM difficulty
            """
        ).to_arrow_table()
        dropped = found["dropped"].to_numpy()
        rank = _ranks(opened, rule, len(found))
    queries = found.drop_columns("dropped")
    for column in ("category", "source", "clause"):
        place = queries.schema.get_field_index(column)
        queries = queries.set_column(place, column, queries[column].dictionary_encode())
    candidates = Candidates(queries, rank, seed)
    for code, reason in enumerate(rule.drops, start=1):
        candidates.drop(dropped == code, reason)
    for clause, entry in rule.sampled.items():
        unlucky = unit(candidates.lots.draw(seed, clause)) >= config[entry]
        is_clause = pc.equal(queries["clause"], clause).to_numpy()
        candidates.drop(is_clause & unlucky, f"{clause}_not_drawn")
    return candidates


def _first(conditions: Mapping[str, str]) -> str:
    """SQL for the number of the first condition that holds, from 1, or 0."""
    cases = [f"WHEN {test} THEN {code}" for code, test in enumerate(conditions.values(), start=1)]
    return f"(CASE {' '.join(cases)} ELSE 0 END)::TINYINT"


def _ranks(opened: duckdb.DuckDBPyConnection, rule: Rule, queries: int) -> npt.NDArray[np.int64]:
    """Each query's rank in the rule's order, equal for ties; only of those that it takes."""
    rank = np.zeros(queries, np.int64)
    if rule.order:
        found = opened.sql(
            f"""
            SELECT file_row_number AS place, dense_rank() OVER (ORDER BY {rule.order}\n) AS rank
            FROM difficulty WHERE {_first(rule.drops)} = 0
            """
        ).to_arrow_table()
        rank[found["place"].to_numpy()] = found["rank"].to_numpy()
    return rank


def _check(name: str, path: Path, config: Mapping[str, Any], rule: Rule) -> None:
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: not a readable difficulty table: {error}") from None
    if config["rule"] == "sql":
        require_condition(f"selection.{name}.where", config["where"], schema.empty_table())
    if rule.order:
        require_order(f"selection.{name}.order", rule.order, schema.empty_table())

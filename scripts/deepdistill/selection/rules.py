"""Selection rules: which queries are taken, by which clause, and how many of their responses.

A rule sees the difficulty table of one teacher as a data frame with ``query_id``, ``category``,
``passed`` (number of passing responses), ``pass_rate`` and ``cv``; it returns the clause that takes
each query, by query id. Random choices hash the seed with the query id, so they do not depend on
the order of rows or on which other queries there are, and ties are broken the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from deepdistill.keys import unit_hash

Chosen = dict[str, str]


@dataclass(frozen=True)
class Rule:
    """A rule's choice of queries, and whether one passing response is taken of each or all."""

    choose: Callable[[pd.DataFrame, Mapping[str, Any], int], Chosen]
    one_response: bool


def deepdistill_stage1(table: pd.DataFrame, config: Mapping[str, Any], seed: int) -> Chosen:
    """Choose as the paper's first stage does (arXiv 2504.17565, section 3).

    A query that is never solved is dropped. With a CV above ``cv_threshold`` it is kept. Otherwise
    it is easy: category other is kept with probability ``keep_easy_other``, any other is dropped.
    """
    solved = table[table["passed"] > 0]
    is_hard = solved["cv"] > config["cv_threshold"]
    easy = solved[~is_hard & (solved["category"] == "other")]
    draw = easy["query_id"].map(lambda q: unit_hash(seed, "easy", q))
    kept = easy.loc[draw < config["keep_easy_other"], "query_id"]
    return dict.fromkeys(solved.loc[is_hard, "query_id"], "hard") | dict.fromkeys(
        kept, "easy_other"
    )


def deepdistill_stage2(table: pd.DataFrame, config: Mapping[str, Any], seed: int) -> Chosen:
    """Choose as the paper's second stage does: per category the solved queries of the highest CV.

    At most ``caps`` of a category (all of a category without a cap), only above ``cv_threshold``.
    """
    hard = table[(table["passed"] > 0) & (table["cv"] > config["cv_threshold"])]
    draw = hard["query_id"].map(lambda q: unit_hash(seed, "tie", q))
    ordered = hard.assign(draw=draw).sort_values(["cv", "draw"], ascending=[False, True])
    return _capped(ordered, config, "highest_cv")


def random(table: pd.DataFrame, config: Mapping[str, Any], seed: int) -> Chosen:
    """Choose solved queries at random, at most ``caps`` of a category: a baseline."""
    solved = table[table["passed"] > 0]
    draw = solved["query_id"].map(lambda q: unit_hash(seed, "random", q))
    return _capped(solved.assign(draw=draw).sort_values("draw"), config, "random")


def all_correct(table: pd.DataFrame, config: Mapping[str, Any], seed: int) -> Chosen:
    """Choose every solved query: the baseline without a look at difficulty."""
    return dict.fromkeys(table.loc[table["passed"] > 0, "query_id"], "solved")


RULES: Mapping[str, Rule] = {
    "deepdistill_stage1": Rule(deepdistill_stage1, one_response=False),
    "deepdistill_stage2": Rule(deepdistill_stage2, one_response=True),
    "random": Rule(random, one_response=False),
    "all_correct": Rule(all_correct, one_response=False),
}


def _capped(ordered: pd.DataFrame, config: Mapping[str, Any], clause: str) -> Chosen:
    caps = ordered["category"].map(config["caps"]).fillna(float("inf"))
    rank = ordered.groupby("category").cumcount()
    return dict.fromkeys(ordered.loc[rank < caps, "query_id"], clause)

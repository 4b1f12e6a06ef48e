"""Selection rules: which queries are taken, why, in which order, and how many responses of each.

A rule is SQL over the columns of the difficulty table, where ``{teacher}`` stands for the set's
teacher and other names in braces for entries of the set's configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepdistill.schemas import CATEGORIES


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How a rule decides about a query.

    drops: why a query is left out, and the condition; the first that holds counts
    clause: SQL for the name of the clause that takes a query
    order: SQL by which limits take queries, ties drawn; empty for a random order
    one_response: whether one passing response is taken of each query, drawn, or all
    sampled: clauses of which a query is taken with a probability, and the entry that holds it
    """

    drops: Mapping[str, str]
    clause: str
    order: str = ""
    one_response: bool = False
    sampled: Mapping[str, str] = field(default_factory=dict)


UNSOLVED = {
    "unsolved": '"passed_{teacher}" = 0',
    # Something passed and nothing counts: a state whose policy is drop_query.
    "dropped_by_policy": '"n_{teacher}" = 0',
}

EASY = '("cv_{teacher}" > {cv_threshold}) IS NOT TRUE'

RULES: Mapping[str, Rule] = {
    # arXiv 2504.17565, section 3: never solved, drop; uneven (CV above CV_t), keep; easy ones only
    # of category other, with a probability.
    "deepdistill_stage1": Rule(
        drops={
            **UNSOLVED,
            "easy": f"{EASY} AND category <> 'other'",
        },
        clause=f"CASE WHEN {EASY} THEN 'easy_other' ELSE 'hard' END",
        sampled={"easy_other": "keep_easy_other"},
    ),
    # The same, section 4: of each category the queries with the highest CV, one response each.
    "deepdistill_stage2": Rule(
        drops={**UNSOLVED, "easy": EASY},
        clause="'highest_cv'",
        order='"cv_{teacher}" DESC',
        one_response=True,
    ),
    "random": Rule(drops=UNSOLVED, clause="'random'"),
    "all_correct": Rule(drops=UNSOLVED, clause="'solved'"),
    "easiest": Rule(drops=UNSOLVED, clause="'easiest'", order='"pass_rate_{teacher}" DESC'),
    "hardest": Rule(drops=UNSOLVED, clause="'hardest'", order='"pass_rate_{teacher}" ASC'),
}
"""The rules by name; ``sql`` is made of a set's own ``where`` and ``order``."""


def rule_of(config: Mapping[str, Any]) -> Rule:
    """Return the rule of a set with names in braces replaced.

    ``config`` is the set's entry in the configuration. Its ``responses`` (one or all) overrides
    what the rule says.
    """
    if config["rule"] == "sql":
        where = config["where"]
        rule = Rule(
            drops={**UNSOLVED, "where": f"({where}\n) IS NOT TRUE"},
            clause="'where'",
            order=config.get("order", ""),
        )
    else:
        rule = RULES[config["rule"]]
    names = {"teacher": config["teacher"], "cv_threshold": repr(float(config["cv_threshold"]))}

    def filled(text: str) -> str:
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    responses = config.get("responses")
    return Rule(
        drops={name: filled(condition) for name, condition in rule.drops.items()},
        clause=filled(rule.clause),
        order=filled(rule.order),
        one_response=rule.one_response if responses is None else responses == "one",
        sampled=rule.sampled,
    )


def caps_of(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the most queries of each category that has a cap."""
    return {name: config["caps"][name] for name in CATEGORIES if name in config["caps"]}

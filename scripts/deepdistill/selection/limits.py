"""Limits of a selection: caps, fractions, ratios between categories and a budget of tokens.

Each takes the queries that are still in, in the candidates' order, and leaves out the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from deepdistill.codes import codes
from deepdistill.schemas import CATEGORIES
from deepdistill.selection.candidates import Candidates

Positions = npt.NDArray[np.int64]


def apply_limits(
    candidates: Candidates, tokens: npt.NDArray[np.float64], config: Mapping[str, Any]
) -> None:
    """Leave out what is beyond the limits of a set's ``config``, in this order.

    - ``caps``: most queries of a category
    - ``fraction``: share of each category's queries, rounded down
    - ``mix``: ratios between categories; a category that it does not name is left out. As many
      queries are taken as the scarcest category allows.
    - ``tokens``: most tokens in all (of ``tokens`` by query); with ``mix``, its ratios are of them

    The set goes on to the first query that does not fit into the tokens, so that two sets with the
    same budget differ by less than a query from it.
    """
    _cut(candidates, "cap", config["caps"])
    if (fraction := config.get("fraction")) is not None:
        sizes = {name: int(len(found) * fraction) for name, found in _by_category(candidates)}
        _cut(candidates, "fraction", sizes)
    shares = _shares(config.get("mix"))
    budget = config.get("tokens")
    if shares:
        found = dict(_by_category(candidates))
        sizes = dict.fromkeys(found, 0) | (_sizes(found, shares) if budget is None else {})
        if budget is not None:
            sizes |= {
                name: _fitting(tokens[found[name]], budget * share)
                for name, share in shares.items()
                if name in found
            }
        _cut(candidates, "mix" if budget is None else "tokens", sizes)
    elif budget is not None:
        order = candidates.in_order()
        _drop(candidates, order[_fitting(tokens[order], budget) :], "tokens")


def _by_category(candidates: Candidates) -> Iterator[tuple[str, Positions]]:
    """Yield each category and its queries that are still in, in order."""
    order = candidates.in_order()
    category = codes(candidates.queries["category"], CATEGORIES)[order]
    for code, name in enumerate(CATEGORIES):
        found = order[category == code]
        if len(found):
            yield name, found


def _cut(candidates: Candidates, reason: str, sizes: Mapping[str, int]) -> None:
    """Leave out each category's queries beyond its size, if it has one."""
    if sizes:  # the order of millions takes a while
        for name, found in list(_by_category(candidates)):
            if name in sizes:
                _drop(candidates, found[sizes[name] :], reason)


def _drop(candidates: Candidates, positions: Positions, reason: str) -> None:
    mask = np.zeros(len(candidates), bool)
    mask[positions] = True
    candidates.drop(mask, reason)


def _fitting(tokens: npt.NDArray[np.float64], budget: float) -> int:
    """How many of the first queries have no more tokens than the budget together."""
    return int(np.searchsorted(np.cumsum(tokens), budget, side="right"))


def _shares(mix: Mapping[str, float] | None) -> dict[str, float]:
    total = sum(mix.values()) if mix else 0
    return {name: ratio / total for name, ratio in (mix or {}).items() if ratio > 0}


def _sizes(found: Mapping[str, Positions], shares: Mapping[str, float]) -> dict[str, int]:
    total = min(len(found.get(name, ())) / share for name, share in shares.items())
    # A share of the scarcest category's own total must not be rounded to one less than it has.
    return {name: int(total * share + 1e-9) for name, share in shares.items()}

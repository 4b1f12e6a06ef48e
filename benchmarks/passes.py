"""How many passes an adaptive teacher costs, computed exactly for queries of known pass rates.

For a query that is solved with probability p in each pass: the mean number of passes, and mean and
standard deviation of the measured pass rate, under min, max and until, beside the deviation of as
many fixed passes as max.

    make benchmark NAME=passes ARGS='--min 2 --max 8 --until "ci_width < 0.4"'
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.responses.until import unfinished
from deepdistill.schemas import SHARD, VERDICTS
from deepdistill.tables import from_rows

RATES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

Ends = dict[tuple[int, int], float]
"""Probability that a query stops after n passes of which k passed."""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--min", type=int, default=2)
    parser.add_argument("--max", type=int, default=8)
    parser.add_argument("--until", default="ci_width < 0.4")
    args = parser.parse_args(argv)
    going_on = states_that_go_on(args.max, args.until)
    print(f"{args.min} to {args.max} passes, until {args.until}\n")
    print(f"| p | passes | mean rate | its deviation | with {args.max} fixed |")
    print("|---|---|---|---|---|")
    for rate in RATES:
        ends = stops(rate, args.min, args.max, going_on)
        passes = sum(p * n for (n, _), p in ends.items())
        mean = sum(p * k / n for (n, k), p in ends.items())
        spread = math.sqrt(sum(p * (k / n - mean) ** 2 for (n, k), p in ends.items()))
        fixed = math.sqrt(rate * (1 - rate) / args.max)
        print(f"| {rate:g} | {passes:.2f} | {mean:.3f} | {spread:.3f} | {fixed:.3f} |")


def states_that_go_on(most: int, until: str) -> set[tuple[int, int]]:
    """Return (passes, passed) of the queries that get another pass, by the workflow's own rule."""
    states = {f"{n} {k}": (n, k) for n in range(1, most) for k in range(n + 1)}
    queries = pa.Table.from_pylist([{"query_id": name} for name in states], SHARD.schema)
    verdicts = [
        {
            "query_id": name,
            "pass": number,
            "state": "passed" if number <= k else "failed",
            "verify_score": float(number <= k),
        }
        for name, (n, k) in states.items()
        for number in range(1, n + 1)
    ]
    left = unfinished(queries, from_rows(VERDICTS, verdicts), until, 0)
    return {states[name] for name in left["query_id"].to_pylist()}


def stops(rate: float, least: int, most: int, going_on: set[tuple[int, int]]) -> Ends:
    """Return where a query with this probability of passing stops."""
    now: Ends = {(0, 0): 1.0}
    ends: Ends = {}
    for n in range(1, most + 1):
        then: Ends = defaultdict(float)
        for (_, k), p in now.items():
            then[n, k + 1] += p * rate
            then[n, k] += p * (1 - rate)
        now = {s: p for s, p in then.items() if n < most and (n < least or s in going_on)}
        ends.update({state: p for state, p in then.items() if state not in now and p})
    return dict(ends)


if __name__ == "__main__":
    main(sys.argv[1:])

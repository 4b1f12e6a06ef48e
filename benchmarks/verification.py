"""Responses per second of the maths verifier against plain Math-Verify, in one run.

References are written numbers (integers, decimals, fractions, thousands separators); each has four
responses, some right in another form and some wrong. Math-Verify parses and compares each response
in this process without a deadline, which is the fastest way to use it.

    make benchmark NAME=verification
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.verification.check import Task
from deepdistill.verification.verify import check_tasks

QUERIES = 1500
PASSES = 4
WORKERS = 2
SETTINGS = {"math": {"timeout_s": 5}}


def forms(value: int, rng: random.Random) -> str:
    """Return one way to write ``value / 4``."""
    whole, rest = divmod(value, 4)
    if rest:
        return rng.choice([f"{value / 4}", f"\\frac{{{value}}}{{4}}", f"{value}/4"])
    return rng.choice([str(whole), f"{whole:,}", f"{whole}.0", f"\\${whole}"])


def tasks() -> list[Task]:
    """Return the responses to verify, always the same ones."""
    rng = random.Random(1)
    made = []
    for number in range(QUERIES):
        value = rng.randrange(4, 400_000)
        reference = str(value // 4) if value % 4 == 0 else f"\\frac{{{value}}}{{4}}"
        for _ in range(PASSES):
            wrong = rng.random() < 0.3
            answer = forms(value + 4 * rng.randint(1, 9) * wrong, rng)
            text = f"The result of question {number} is \\boxed{{{answer}}}."
            made.append(Task("math", "", text, reference))
    return made


def ours(rows: list[Task]) -> list[bool]:
    """Verify with the project's verifier."""
    return [check.score == 1.0 for check in check_tasks(rows, SETTINGS, WORKERS)]


def plain(rows: list[Task]) -> list[bool]:
    """Verify with Math-Verify alone."""
    from math_verify import parse, verify

    return [
        bool(
            verify(
                parse(f"${row.reference}$", parsing_timeout=None),
                parse(row.answer, parsing_timeout=None),
                timeout_seconds=None,
            )
        )
        for row in rows
    ]


def timed(verify: Callable[[list[Task]], list[bool]], rows: list[Task]) -> tuple[list[bool], float]:
    """Return the verdicts and the responses per second, after a warm-up."""
    verify(rows[:20])
    start = time.perf_counter()
    verdicts = verify(rows)
    return verdicts, len(rows) / (time.perf_counter() - start)


def main() -> None:
    """Run both and print the ratio."""
    import logging

    for name in ("math_verify", "latex2sympy2_extended"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    rows = tasks()
    (our_verdicts, our_rate), (plain_verdicts, plain_rate) = timed(ours, rows), timed(plain, rows)
    differ = [r for r, a, b in zip(rows, our_verdicts, plain_verdicts, strict=True) if a != b]
    print(f"responses {len(rows)}, verdicts that differ {len(differ)}")
    for row in differ[:5]:
        print(f"  {row.reference} against {row.answer}")
    print(f"ours {our_rate:.0f} per second, Math-Verify {plain_rate:.0f} per second")
    print(f"ratio verification {our_rate / plain_rate:.1f}")


if __name__ == "__main__":
    main()

"""Flaws planted in the demo's sources, so that every filter of the queries has something to do.

Each flaw is named like the reason for which its row is to be dropped. A row has one flaw at most,
and the original of each duplicate is a clean row that no other flaw uses, so the counts add up to
what the filters must find, whatever the order of the rows.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]

DUPLICATE_SHARES = {"exact_duplicate": 0.05, "near_duplicate": 0.04}
MALFORMED_SHARES = {
    "unreadable_line": 0.01,
    "missing_question": 0.01,
    "unknown_category": 0.01,
    "empty_question": 0.01,
    "url": 0.01,
    "table": 0.01,
    "figure": 0.01,
    "unusual_characters": 0.01,
    "unreadable_reference": 0.01,
}
CONTAMINATED_SHARE = 0.04
"""Shares of a source's clean rows, rounded to whole rows, at least one each."""

SHINGLE = 5
# Texts this close may be merged by a near-duplicate search at 0.8 that estimates with MinHash.
DISTINCT_BELOW = 0.7
SAME_ABOVE = 0.85
_ZERO_WIDTH = "\u200b"
_PICTOGRAPHS = "".join(map(chr, range(0x2701, 0x2768)))


def similarity(left: str, right: str) -> float:
    """Return the Jaccard similarity of two texts' character 5-grams, blind to case."""
    a, b = _shingles(left), _shingles(right)
    return len(a & b) / len(a | b)


def _shingles(text: str) -> set[str]:
    text = text.casefold()
    return {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}


def plant_duplicates(clean: Sequence[Row], rng: random.Random) -> dict[str, list[Row]]:
    """Return exact and near duplicates of clean rows, by flaw.

    Exact duplicates are verbatim or differ in white space or a zero-width character. Near
    duplicates ask the same in slightly other words, at a similarity of 5-grams above 0.85, which
    only questions that are long enough allow.
    """
    count = {flaw: _count(share, clean) for flaw, share in DUPLICATE_SHARES.items()}
    shuffled = rng.sample(clean, len(clean))
    near: list[Row] = []
    originals: list[Row] = []
    for row in shuffled:
        reworded = rng.choice((_introduced, _unpunctuated))(row["question"])
        close = similarity(row["question"], reworded) >= SAME_ABOVE
        if close and len(near) < count["near_duplicate"]:
            near.append({**row, "question": reworded})
        else:
            originals.append(row)
    exact = [
        {**row, "question": rng.choice((str, _spaced, _zero_width))(row["question"])}
        for row in originals[: count["exact_duplicate"]]
    ]
    return {"exact_duplicate": exact, "near_duplicate": near}


def _introduced(text: str) -> str:
    return f"So {text[0].lower()}{text[1:]}"


def _unpunctuated(text: str) -> str:
    return f"{text[0].lower()}{text[1:].rstrip('.?')}"


def _spaced(text: str) -> str:
    return f"  {text.replace(' ', '  ', 1)} \n"


def _zero_width(text: str) -> str:
    return text[:3] + _ZERO_WIDTH + text[3:]


def plant_malformed(
    clean_count: int, draw_row: Callable[[], Row], reference: str, rng: random.Random
) -> dict[str, list[Row | str]]:
    """Return malformed rows made from newly drawn ones, by flaw; a ``str`` is a raw line.

    ``reference`` names the field that the source's verifier reads.
    """

    def with_question(change: Callable[[str], str]) -> Callable[[Row], Row]:
        return lambda row: {**row, "question": change(row["question"])}

    def unusual(text: str) -> str:
        return f"{''.join(rng.choices(_PICTOGRAPHS, k=2 * len(text)))} {text}"

    spoil: Mapping[str, Callable[[Row], Row | str]] = {
        "unreadable_line": lambda row: json.dumps(row)[:-3],
        "missing_question": lambda row: {k: v for k, v in row.items() if k != "question"},
        "unknown_category": lambda row: {**row, "category": "riddles"},
        "empty_question": with_question(lambda _: rng.choice(("", "  ", "?"))),
        "url": with_question(lambda text: f"{text} See https://example.org/help for more."),
        "table": with_question(lambda text: f"{text}\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        "figure": with_question(lambda text: f"{text} ![A sketch](sketch.png)"),
        "unusual_characters": with_question(unusual),
        "unreadable_reference": lambda row: {**row, reference: ""},
    }
    return {
        flaw: [spoil[flaw](draw_row()) for _ in range(_count(share, range(clean_count)))]
        for flaw, share in MALFORMED_SHARES.items()
    }


def plant_contaminated(
    clean_count: int, benchmark: Sequence[Row], rng: random.Random
) -> dict[str, list[Row]]:
    """Return rows that repeat different questions of the benchmark.

    Half of them are verbatim, the others are changed in case and punctuation.
    """
    count = min(_count(CONTAMINATED_SHARE, range(clean_count)), len(benchmark))
    rows = [
        row if i % 2 else {**row, "question": f"{row['question'].upper().rstrip('.?')} !!"}
        for i, row in enumerate(rng.sample(benchmark, count))
    ]
    return {"contaminated": rows}


def _count(share: float, rows: Sequence[Any]) -> int:
    return max(1, round(share * len(rows)))

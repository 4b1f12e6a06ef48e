"""What was selected: queries and responses of each set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deepdistill.files import read_json
from deepdistill.report.difficulty import rate_classes
from deepdistill.report.numbers import NONE, count, decimal, words
from deepdistill.report.table import Table
from deepdistill.schemas import SELECTED
from deepdistill.tables import read_artifact

_GROUP = ["category", "source", "clause"]


def read_selected(paths: Sequence[str | Path], sets: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return set → its selected responses, a row each, columns of SELECTED."""
    return {
        name: read_artifact(path, SELECTED).to_pandas()
        for name, path in zip(sets, paths, strict=True)
    }


def distinct_responses(selected: Mapping[str, pd.DataFrame]) -> int:
    """Return the number of responses that are in at least one set."""
    keys = [frame[list(SELECTED.key)] for frame in selected.values()]
    return len(pd.concat(keys).drop_duplicates()) if keys else 0


def selection_table(name: str, frame: pd.DataFrame) -> Table:
    """Return a set as a table: queries and responses by category, source and clause."""
    rows = [
        [words(str(category)), str(source), words(str(clause)), *_measures(part)]
        for (category, source, clause), part in frame.groupby(_GROUP)
    ]
    rows.append(["all", "", "", *_measures(frame)])
    teachers = ", ".join(sorted(frame["teacher"].unique()))
    return Table(
        f"{name}: responses of {teachers}",
        [*_GROUP, "queries", "responses", "tokens", "mean pass rate", "mean CV"],
        rows,
        text=3,
        total=True,
    )


def read_summaries(paths: Sequence[str | Path], sets: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return set → its summary (:func:`deepdistill.selection.summary.summarise`)."""
    return {name: read_json(path) for name, path in zip(sets, paths, strict=True)}


def left_out_table(name: str, summary: Mapping[str, Any]) -> Table:
    """Return how many queries each clause of a set's rule left out, in order, by category."""
    steps = [(words(step["reason"]), step["queries"]) for step in summary["left_out"]]
    taken: Counter[str] = Counter()
    for group in summary["selected"]:
        taken[group["category"]] += group["queries"]
    categories = sorted({*taken, *(c for _, found in steps for c in found)})

    def row(label: str, found: Mapping[str, int]) -> list[str]:
        return [label, count(sum(found.values())), *(count(found.get(c, 0)) for c in categories)]

    rows = [row(reason, found) for reason, found in steps if found]
    rows.append(row("taken", taken))
    header = ["left out as", "queries", *map(words, categories)]
    return Table(f"{name}: queries left out, by the first clause", header, rows, total=True)


def overlap_table(selected: Mapping[str, pd.DataFrame]) -> Table:
    """Return how many queries each two sets have in common."""
    queries = {name: set(frame["query_id"]) for name, frame in selected.items()}
    rows = [
        [name, *(count(len(found & other)) for other in queries.values())]
        for name, found in queries.items()
    ]
    return Table("Queries that two sets have in common", ["set", *queries], rows)


def _measures(frame: pd.DataFrame) -> list[str]:
    queries = frame.drop_duplicates("query_id")
    return [
        count(len(queries)),
        count(len(frame)),
        NONE if frame["tokens_out"].isna().any() else count(int(frame["tokens_out"].sum())),
        decimal(float(queries["pass_rate"].mean())),
        decimal(float(queries["cv"].mean())),
    ]


def selected_classes(
    selected: Mapping[str, pd.DataFrame], labels: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return set → class of pass rates under the set's teacher → queries."""
    counts = {}
    for name, frame in selected.items():
        rates = frame.drop_duplicates("query_id")["pass_rate"]
        found = rate_classes(rates, labels).value_counts()
        counts[name] = {label: int(found[label]) for label in labels}
    return counts

"""What studies measured: accuracy by the values that a study varies, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from deepdistill.evaluation.statistics import crossed
from deepdistill.files import canonical_json
from deepdistill.report.evaluation import Results, scores
from deepdistill.report.numbers import NONE, count, decimal, interval, words
from deepdistill.report.table import Table

SEEDS = ("seed", "parent_seed")
"""Keys whose values repeat a training rather than change it."""

Members = Mapping[str, Mapping[str, Any]]
"""Recipe → what tells it from the study's others (:func:`deepdistill.studies.members`)."""

COLUMNS = ("benchmark", "trainings", "questions", "mean", "low", "high")
"""Of a study's frame, beside those of its :func:`settings`."""


@dataclass(frozen=True)
class Study:
    """A study's name, the keys that it varies and its frame (:func:`study_frame`)."""

    name: str
    settings: Sequence[str]
    frame: pd.DataFrame

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks on which it was measured."""
        return list(dict.fromkeys(self.frame["benchmark"]))


def read_studies(
    studies: Mapping[str, Members], benchmarks: Sequence[str], results: Results
) -> list[Study]:
    """Return the studies of which anything was measured."""
    found = [
        Study(name, settings(members), study_frame(members, benchmarks, results))
        for name, members in studies.items()
    ]
    return [study for study in found if len(study.frame)]


def settings(members: Members) -> list[str]:
    """Return the keys by which members differ other than as repetitions, the learning rate last."""
    keys = {key for values in members.values() for key in values} - {*SEEDS}
    return sorted(keys, key=lambda key: (key == "learning_rate", key))


def study_frame(members: Members, benchmarks: Sequence[str], results: Results) -> pd.DataFrame:
    """Return a row for each benchmark and each combination of a study's settings, sorted by them.

    Columns: benchmark, one for each of :func:`settings`, trainings and questions (counts), mean
    (pass@1, a share) and the ends of its interval over seeds and questions, of one seed over the
    questions alone (:func:`deepdistill.evaluation.statistics.crossed`). Members that were not
    measured on a benchmark are left out, and questions that not all of a row's members have.
    """
    keys = settings(members)
    rows = []
    for benchmark in benchmarks:
        groups: dict[tuple[Any, ...], list[dict[Any, float]]] = {}
        for member, values in members.items():
            if found := scores(results.get((benchmark, member))):
                groups.setdefault(tuple(_plain(values.get(key)) for key in keys), []).append(found)
        for combination in sorted(groups, key=lambda values: [*map(_place, values)]):
            measured = groups[combination]
            common = [q for q in measured[0] if all(q in other for other in measured)]
            if not common:
                continue
            told = crossed([[of[question] for question in common] for of in measured])
            values = dict(zip(keys, combination, strict=True))
            rows.append(
                {"benchmark": benchmark, **values}
                | {"trainings": len(measured), "questions": len(common)}
                | {"mean": told.mean, "low": _share(told.low), "high": _share(told.high)}
            )
    return pd.DataFrame(rows, columns=[COLUMNS[0], *keys, *COLUMNS[1:]])


def study_table(study: Study, benchmark: str) -> Table:
    """Return a study's numbers on a benchmark, a row for each combination of its settings."""
    here = study.frame[study.frame["benchmark"] == benchmark]
    rows = [
        [
            *(text(row[key]) for key in study.settings),
            *(decimal(100 * row["mean"], 1), interval(row["low"], row["high"])),
            *(count(row["trainings"]), count(row["questions"])),
        ]
        for _, row in here.iterrows()
    ]
    header = [*(words(key) for key in study.settings), "pass@1, %", "95 % interval"]
    caption = f"{study.name} on {benchmark}"
    return Table(caption, [*header, "trainings", "questions"], rows, text=len(study.settings) or 1)


def _share(end: float | None) -> float | None:
    """An interval's end; near 0 and 1 it may lie beyond what a share can be."""
    return None if end is None else min(max(end, 0.0), 1.0)


def _plain(value: Any) -> Any:
    """A setting's value that can be compared and shown in a cell."""
    return canonical_json(value) if isinstance(value, Mapping | list) else value


def _place(value: Any) -> tuple[bool, float, str]:
    """Numbers by their size, before texts."""
    number = isinstance(value, int | float)
    return not number, value if number else 0, str(value)


def text(value: Any) -> str:
    """Return a setting's value as in the names of a study's members: 3e-4, 0.05, base."""
    if value is None:
        return NONE
    if isinstance(value, float):
        mantissa, _, exponent = f"{value:.4e}".partition("e")
        plain = f"{value:g}"
        short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return min(plain, short, key=len)
    return str(value)

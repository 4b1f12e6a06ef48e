"""Which artifacts of a report are there, and which are not yet."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepdistill.artifacts import artifact_path
from deepdistill.errors import InputError
from deepdistill.report.names import Names

SECTIONS = ("queries", "difficulty", "selection", "training", "evaluation")
"""Sections of the page that show artifacts."""

SHOWN = 4
"""Files that are named one by one; of more, the whole workflow is what makes them."""


@dataclass(frozen=True)
class Inputs:
    """Paths of the artifacts that a report shows; lists are in the order of :class:`Names`.

    overruled: counts of rule and judge, where there is a judge
    results: the folder with the records of runs, None for a report without them
    hits: the queries that repeat a benchmark's question, None for a report without them
    """

    queries: Sequence[str | Path]
    difficulty: str | Path
    selected: Sequence[str | Path]
    summaries: Sequence[str | Path]
    checkpoints: Sequence[str | Path]
    evals: Sequence[str | Path]
    overruled: str | Path | None = None
    results: str | Path | None = None
    hits: str | Path | None = None


@dataclass(frozen=True)
class Found:
    """The artifacts to show, by the name of what they are about.

    missing: section of the page → files that it would show too
    """

    queries: Mapping[str, str | Path]
    difficulty: str | Path | None
    selected: Mapping[str, str | Path]
    summaries: Mapping[str, str | Path]
    checkpoints: Mapping[str, str | Path]
    evals: Sequence[str | Path]
    overruled: str | Path | None
    hits: str | Path | None
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def false_negatives(self, names: Names) -> dict[str, float | str]:
        """Return the rates of ``names`` that are known with these artifacts."""
        return {
            category: rate
            for category, rate in names.false_negatives.items()
            if self.overruled or not self.missing or not isinstance(rate, str)
        }


@dataclass(frozen=True)
class Missing:
    """Files that are not there yet; ``command`` with their names makes them."""

    files: Sequence[str]
    command: str

    @property
    def named(self) -> Sequence[str]:
        """The files that are named."""
        return self.files[:SHOWN]

    @property
    def making(self) -> str:
        """The command that makes them."""
        few = len(self.files) <= SHOWN
        return f"{self.command} {shlex.join(self.files) if few else 'all'}"


NOTHING = Missing((), "")


def all_there(names: Names, inputs: Inputs) -> Found:
    """Return all artifacts, by their names.

    Raises :class:`InputError` for a list that does not match the names.
    """
    pairs: dict[str, tuple[Sequence[str | Path], Sequence[str]]] = {
        "queries": (inputs.queries, names.sources),
        "selected": (inputs.selected, names.sets),
        "summaries": (inputs.summaries, names.sets),
        "checkpoints": (inputs.checkpoints, names.recipes),
    }
    for option, (paths, about) in pairs.items():
        if len(paths) != len(about):
            raise InputError(
                f"report: --{option}: found {len(paths)} files, allowed: {len(about)}, "
                f"one for each of {', '.join(about) or 'nothing'}"
            )
    named = {o: dict(zip(about, paths, strict=True)) for o, (paths, about) in pairs.items()}
    return Found(
        queries=named["queries"],
        difficulty=inputs.difficulty,
        selected=named["selected"],
        summaries=named["summaries"],
        checkpoints=named["checkpoints"],
        evals=inputs.evals,
        overruled=inputs.overruled,
        hits=inputs.hits,
    )


def there(names: Names, inputs: Inputs) -> Found:
    """Return the artifacts that are there, and say which are missing. Errors as above."""
    every = all_there(names, inputs)
    selected = {
        name: path
        for name, path in every.selected.items()
        if _exists(path) and _exists(every.summaries[name])
    }
    return Found(
        queries={name: path for name, path in every.queries.items() if _exists(path)},
        difficulty=every.difficulty if _exists(inputs.difficulty) else None,
        selected=selected,
        summaries={name: every.summaries[name] for name in selected},
        checkpoints={name: path for name, path in every.checkpoints.items() if _trained(path)},
        evals=[path for path in every.evals if _exists(path)],
        overruled=every.overruled if every.overruled and _exists(every.overruled) else None,
        hits=every.hits if every.hits and _exists(every.hits) else None,
        missing={
            "queries": absent([*inputs.queries, *([inputs.hits] if inputs.hits else [])]),
            "difficulty": absent(
                [inputs.difficulty, *([inputs.overruled] if inputs.overruled else [])]
            ),
            "selection": absent(
                [*([inputs.difficulty] if inputs.selected else []), *inputs.selected]
            ),
            "training": [str(path) for path in inputs.checkpoints if not _trained(path)],
            "evaluation": absent(inputs.evals),
        },
    )


def absent(paths: Sequence[str | Path]) -> list[str]:
    """Return the artifacts that are not there."""
    return [str(path) for path in paths if not _exists(path)]


def _exists(path: str | Path) -> bool:
    """Whether an artifact is there, itself and the digest file that stands for it."""
    return Path(path).exists() and artifact_path(path).exists()


def _trained(path: str | Path) -> bool:
    return Path(path).exists() and Path(path).with_name("log.csv").exists()

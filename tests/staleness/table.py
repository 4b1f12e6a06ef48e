"""The page about what edits cost, written from what the tests observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = Path(__file__).with_name("page.md")


@dataclass(frozen=True)
class Line:
    """One edit: what was expected, what was observed, and what the plain workflow would redo."""

    edit: str
    jobs: int
    jobs_run: int
    rows: Mapping[str, int]
    rows_computed: Mapping[str, int]
    trainings: int
    evaluated: int
    plain: Mapping[str, int]
    plain_trainings: int
    plain_evaluations: int


def page(lines: Sequence[Line], rows: Mapping[str, int]) -> str:
    """Return the page; ``rows`` are those of the finished run, by artifact."""
    return HEAD.read_text().format(rows=_counts(rows)) + "".join(_line(line) for line in lines)


def _line(line: Line) -> str:
    cells = [
        line.edit,
        line.jobs,
        line.jobs_run,
        _counts(line.rows),
        _counts(line.rows_computed),
        line.trainings,
        line.evaluated,
        _counts(line.plain),
        line.plain_trainings,
        line.plain_evaluations,
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {artifact}" for artifact, count in sorted(rows.items())) or "0"

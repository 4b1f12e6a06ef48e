"""A small Gantt chart of a plan: how many jobs of each rule run when, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from deepdistill.plan.units import duration

WIDTH, LABEL, ROW = 960, 260, 18
"""Of the chart, of the names on its left, and the height of a line, in SVG's units."""

COLUMNS = 350
"""Steps of time: jobs are too many to draw each."""


@dataclass(frozen=True, slots=True)
class Line:
    """Jobs of one rule and subject: their share of the time that they could take, by step."""

    name: str
    running: Sequence[float]


def chart(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Return the chart of a plan's jobs (``start`` and ``end`` in seconds); empty without any.

    The darker a place, the more jobs of a line run then, compared with its busiest time.
    """
    end = max((job["end"] for job in jobs), default=0.0)
    if not end:
        return ""
    lines = _lines(jobs, end)
    height = ROW * (len(lines) + 2)
    body = [_row(line, number) for number, line in enumerate(lines)]
    axis = [_tick(step / 4, end, ROW * len(lines)) for step in range(5)]
    return (
        f'<svg class="gantt" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Jobs over {escape(duration(end))}">{"".join([*axis, *body])}</svg>'
    )


def _lines(jobs: Sequence[Mapping[str, Any]], end: float) -> list[Line]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for job in sorted(jobs, key=lambda job: (job["start"], job["end"])):
        name = job["rule"] + (f" {job['subject']}" if job["subject"] else "")
        groups.setdefault(name, []).append(job)
    return [Line(name, _running(group, end)) for name, group in groups.items()]


def _running(jobs: Sequence[Mapping[str, Any]], end: float) -> list[float]:
    """How many jobs run in each step of time, as a share of the most."""
    changes = [0.0] * (COLUMNS + 1)
    for job in jobs:
        first = min(int(job["start"] / end * COLUMNS), COLUMNS - 1)
        last = min(max(int(job["end"] / end * COLUMNS), first + 1), COLUMNS)
        changes[first] += 1
        changes[last] -= 1
    running, now = [], 0.0
    for change in changes[:-1]:
        now += change
        running.append(now)
    most = max(running)
    return [count / most for count in running]


def _row(line: Line, number: int) -> str:
    """A line: its name, and a rectangle for each stretch of equal numbers of jobs."""
    step, top = (WIDTH - LABEL) / COLUMNS, number * ROW
    parts = [f'<text x="0" y="{top + 13}">{escape(line.name)}</text>']
    start = 0
    for place in range(1, COLUMNS + 1):
        if place == COLUMNS or line.running[place] != line.running[start]:
            if share := line.running[start]:
                parts.append(
                    f'<rect x="{LABEL + start * step:.1f}" y="{top + 3}" '
                    f'width="{(place - start) * step:.1f}" height="{ROW - 6}" '
                    f'opacity="{0.25 + 0.75 * share:.2f}"/>'
                )
            start = place
    return "".join(parts)


def _tick(share: float, end: float, bottom: int) -> str:
    place = LABEL + share * (WIDTH - LABEL)
    anchor = "end" if share == 1 else "middle"
    return (
        f'<line x1="{place:.1f}" x2="{place:.1f}" y1="0" y2="{bottom}"/>'
        f'<text x="{place:.1f}" y="{bottom + 16}" text-anchor="{anchor}" class="tick">'
        f"{escape(duration(share * end))}</text>"
    )

"""What jobs were expected to take, and what they took: from the records of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deepdistill.plan.runs import read_runs
from deepdistill.plan.units import duration, hours
from deepdistill.report.numbers import NONE, count, percent
from deepdistill.report.table import Table


def cost_table(results: str | Path) -> Table | None:
    """Return planned and actual hours by rule and subject, None if no finished job is recorded.

    Planned is what the rates from before a job's run gave for the rows that it then computed, so
    the table judges rates. Hours are GPUs' of jobs that hold some, else cores'.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for line in read_runs(results):
        if line["finished"]:
            name = line["rule"] + (f" {line['subject']}" if line["subject"] else "")
            groups.setdefault(name, []).append(line)
    if not groups:
        return None
    rows = [_row(name, lines) for name, lines in sorted(groups.items())]
    every = [line for lines in groups.values() for line in lines]
    header = ["jobs of", "hours of", "jobs", "planned", "actual", "actual of planned", "longest"]
    caption = "Hours of finished jobs, over all recorded runs"
    gpu = [_row("all", [line for line in every if line["gpus"]], "GPUs")]
    cpu = [_row("all", [line for line in every if not line["gpus"]], "cores")]
    totals = [row for row in (*gpu, *cpu) if row[2] != "0"]
    return Table(caption, header, [*rows, *totals], text=2, total=True)


def _row(name: str, lines: Sequence[Mapping[str, Any]], unit: str | None = None) -> list[str]:
    if unit is None:
        unit = "GPUs" if any(line["gpus"] for line in lines) else "cores"
    planned = sum(_held(line) * line["planned_seconds"]["expected"] for line in lines) / 3600
    actual = sum(_held(line) * line["seconds"] for line in lines) / 3600
    return [
        name,
        unit,
        count(len(lines)),
        hours(planned),
        hours(actual),
        percent(actual / planned, 0) if planned else NONE,
        duration(max((line["seconds"] for line in lines), default=0.0)),
    ]


def _held(line: Mapping[str, Any]) -> float:
    """GPUs that a job holds, or cores if it holds none."""
    return float(line["gpus"] or line["threads"])

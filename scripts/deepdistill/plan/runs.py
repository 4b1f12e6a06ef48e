"""Records of runs: a line of JSON for each job, below ``<results>/runs``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RUNS = "runs"
"""Name of the folder below the results with the records of runs."""


def read_runs(results: str | Path) -> list[dict[str, Any]]:
    """Return the lines of all records below ``results``, the oldest run first.

    A line that a killed process left unfinished is left out.
    """
    lines = []
    for path in sorted((Path(results) / RUNS).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append({**json.loads(line), "run": path.stem})
            except ValueError:
                continue
    return lines

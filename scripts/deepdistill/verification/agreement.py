"""Comparing verdicts with an answer key that the workflow itself never reads."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.errors import InputError


@dataclass(frozen=True, slots=True)
class Comparison:
    """One verdict beside the key's. Any state but passed counts as not correct."""

    source_line: int
    pass_number: int
    state: str
    correct: bool
    detail: str

    @property
    def agrees(self) -> bool:
        """Whether both say the same."""
        return (self.state == "passed") == self.correct


def read_key(path: str | Path, field: str) -> list[bool]:
    """Return a field of every line of a JSON-lines file; dots in ``field`` lead into objects.

    Raises :class:`InputError` for a line without a true or false there.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a JSON-lines file") from None
    lines = text.rstrip("\n").split("\n")
    return [_value(line, field, f"{path}: line {i}") for i, line in enumerate(lines, 1)]


def compare_with_key(
    queries: pa.Table, verdicts: Sequence[pa.Table], key: Sequence[bool]
) -> list[Comparison]:
    """Return a comparison for each verdict, by line of the source and pass.

    ``queries`` has the columns query_id and source_line (1-based; the line in the key), and each
    table of ``verdicts`` query_id, pass, state and detail. Raises :class:`InputError` if a query
    has no line in the key, a verdict no query, or a kept query no verdict.
    """
    if "kept" in queries.column_names:
        queries = queries.filter(pc.field("kept"))
    lines = dict(zip(*(queries[c].to_pylist() for c in ("query_id", "source_line")), strict=True))
    beyond = [line for line in lines.values() if not 1 <= line <= len(key)]
    if beyond:
        raise InputError(f"source line {beyond[0]}: the answer key ends at line {len(key)}")
    rows = [row for table in verdicts for row in _rows(table)]
    stray = [row["query_id"] for row in rows if row["query_id"] not in lines]
    if stray:
        raise InputError(f"query_id {stray[0]}: has a verdict, but is not among the queries")
    missing = lines.keys() - {row["query_id"] for row in rows}
    if missing:
        line = min(lines[query] for query in missing)
        raise InputError(f"source line {line}: the query has no verdict")
    compared = (_comparison(row, lines[row["query_id"]], key) for row in rows)
    return sorted(compared, key=lambda c: (c.source_line, c.pass_number))


def agreement_report(comparisons: Sequence[Comparison]) -> str:
    """Return the share that agrees, the counts per state, and a table of those that do not."""
    agreeing = sum(comparison.agrees for comparison in comparisons)
    total = len(comparisons)
    share = f"{agreeing / total:.2%}" if total else "no rows"
    counts = Counter((c.state, c.correct) for c in comparisons)
    lines = [f"{agreeing} of {total} verdicts agree with the key ({share})", ""]
    lines += ["| state | correct in the key | rows |", "|---|---|---|"]
    lines += [f"| {s} | {_yes(correct)} | {n} |" for (s, correct), n in sorted(counts.items())]
    disagreeing = [comparison for comparison in comparisons if not comparison.agrees]
    if disagreeing:
        lines += [
            "",
            "| line | pass | state | correct in the key | detail |",
            "|---|---|---|---|---|",
        ]
        lines += [_table_row(comparison) for comparison in disagreeing]
    return "\n".join(lines) + "\n"


def _value(line: str, field: str, place: str) -> bool:
    try:
        value: Any = json.loads(line)
    except ValueError:
        raise InputError(f"{place}: not JSON") from None
    for name in field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, bool):
        raise InputError(f"{place}: {field}: found {value!r}, allowed: true or false")
    return value


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.select(["query_id", "pass", "state", "detail"]).to_pylist()
    return rows


def _comparison(row: Mapping[str, Any], line: int, key: Sequence[bool]) -> Comparison:
    return Comparison(line, row["pass"], row["state"], key[line - 1], row["detail"] or "")


def _yes(correct: bool) -> str:
    return "yes" if correct else "no"


def _table_row(c: Comparison) -> str:
    detail = c.detail.replace("|", r"\|")
    return f"| {c.source_line} | {c.pass_number} | {c.state} | {_yes(c.correct)} | {detail} |"

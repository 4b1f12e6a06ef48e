"""A benchmark's questions: reading them, and where each benchmark keeps its reference.

The functions named after benchmarks are what the task files give lm-eval as ``process_docs``:
they add ``category`` and ``reference``, which the verifier needs, to each row.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdistill.errors import InputError
from deepdistill.verification.references import read_reference

if TYPE_CHECKING:
    from datasets import Dataset


def read_questions(path: str | Path) -> list[dict[str, Any]]:
    """Read a benchmark's JSON lines and return its rows, each with an ``id``.

    A row needs a non-empty ``question`` and ``answer``; without an ``id`` of its own it gets its
    line number. Raises :class:`InputError` naming the line that lacks one of them or that is no
    JSON object, and for an empty or missing file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a benchmark's questions as JSON lines")
    rows = []
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                rows.append(_row(line, f"{path}: line {number}", str(number)))
    if not rows:
        raise InputError(f"{path}: no questions; at least one line is needed")
    return rows


def _row(line: str, place: str, default_id: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place}: not JSON: {error}") from None
    if not isinstance(row, dict):
        raise InputError(f"{place}: found {type(row).__name__}; expected an object")
    for name in ("question", "answer"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise InputError(f"{place}: {name} is {row.get(name)!r}; expected non-empty text")
    return {
        "id": str(row.get("id", default_id)),
        "question": row["question"],
        "answer": row["answer"],
    }


def demo_arithmetic(rows: Dataset) -> Dataset:
    """Add category and reference: the answer is the number itself."""
    return rows.map(lambda row: _for_verifier("math", row["question"], row["answer"]))


def gsm8k(rows: Dataset) -> Dataset:
    """Add category and reference: the answer is a worked solution that ends in ``#### 18``."""
    return rows.map(
        lambda row: _for_verifier("math", row["question"], row["answer"].rpartition("####")[2])
    )


def _for_verifier(category: str, question: str, reference: str) -> dict[str, str]:
    try:
        return {"category": category, "reference": read_reference(category, reference)}
    except ValueError as error:
        raise InputError(f"benchmark: reference of question {question!r}: {error}") from None

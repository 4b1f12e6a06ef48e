"""A benchmark's questions: reading them, and where each benchmark keeps its reference.

The functions named after benchmarks are what the task files give lm-eval as ``process_docs``:
they add the ``reference`` and, where there is none yet, the ``category`` that the verifier needs.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdistill.errors import InputError
from deepdistill.keys import digest
from deepdistill.verification.references import read_reference

if TYPE_CHECKING:
    from datasets import Dataset


def read_questions(
    path: str | Path, question: str = "question", answer: str = "answer"
) -> list[dict[str, str]]:
    """Read a benchmark's JSON lines and return id, question, answer and ``row`` of each.

    ``question`` and ``answer`` are the fields that hold these, as text that is not empty; ``row``
    is the line. Without an ``id`` of its own a row gets one that follows from its question, so
    that a new line changes no other row's. Raises
    :class:`InputError` naming the line that lacks one of them, that is no JSON object or that has
    another line's id, and for an empty or missing file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a benchmark's questions as JSON lines")
    rows: dict[str, dict[str, str]] = {}
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                place = f"{path}: line {number}"
                row = _row(line, place, question, answer)
                name = _id(row, row[question], rows)
                if name in rows:
                    raise InputError(f"{place}: id {name!r} is an earlier line's; ids are unique")
                rows[name] = {
                    "id": name,
                    "question": row[question],
                    "answer": row[answer],
                    "row": line,
                }
    if not rows:
        raise InputError(f"{path}: no questions; at least one line is needed")
    return list(rows.values())


def _row(line: str, place: str, *fields: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place}: not JSON: {error}") from None
    if not isinstance(row, dict):
        raise InputError(f"{place}: found {type(row).__name__}; expected an object")
    for name in fields:
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise InputError(f"{place}: {name} is {row.get(name)!r}; expected non-empty text")
    return row


def _id(row: Mapping[str, Any], question: str, known: Container[str]) -> str:
    """The row's own id, else one by its question and how often that was asked before."""
    if row.get("id") is not None:
        return str(row["id"])
    ids = (digest([question, number]) for number in count(1))
    return next(name for name in ids if name not in known)


def boxed(rows: Dataset) -> Dataset:
    """Add category and reference: the answer is the expression itself (AIME, MATH-500)."""
    return rows.map(lambda row: _for_verifier(row, row["answer"]))


def gpqa_diamond(rows: Dataset) -> Dataset:
    """Add category, reference and the four options, in an order drawn by the question."""
    return rows.map(_with_options)


def gsm8k(rows: Dataset) -> Dataset:
    """Add category and reference: the answer is a worked solution that ends in ``#### 18``."""
    return rows.map(lambda row: _for_verifier(row, row["answer"].rpartition("####")[2]))


OPTIONS = ("Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3")
"""Fields of GPQA's rows."""


def _with_options(row: Mapping[str, Any]) -> dict[str, str]:
    raw = json.loads(row["row"])
    missing = [name for name in OPTIONS if not isinstance(raw.get(name), str)]
    if missing:
        question = row["question"]
        raise InputError(f"benchmark: question {question!r}: field {missing[0]!r} is missing")
    drawn = sorted(OPTIONS, key=lambda name: digest([row["question"], name]))
    lines = [f"{letter}) {raw[name].strip()}" for letter, name in zip("ABCD", drawn, strict=True)]
    letter = "ABCD"[drawn.index(OPTIONS[0])]
    return {"options": "\n".join(lines), **_for_verifier(row, letter)}


def _for_verifier(row: Mapping[str, Any], reference: str) -> dict[str, str]:
    category = row.get("category", "math")  # the configuration's, or by hand
    try:
        return {"category": category, "reference": read_reference(category, reference)}
    except ValueError as error:
        question = row["question"]
        raise InputError(f"benchmark: reference of question {question!r}: {error}") from None

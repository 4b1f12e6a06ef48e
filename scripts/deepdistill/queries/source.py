"""Reading a source: each line of the file becomes one row, fit or with the reason why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.keys import query_id
from deepdistill.queries.clean import identity_text, normalise, unfit
from deepdistill.schemas import CATEGORIES
from deepdistill.verification.references import read_reference


def read_source(path: str | Path, name: str, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row with the columns of :data:`deepdistill.schemas.QUERIES` for each line.

    ``config`` holds the source's settings and ``unusual_characters``. Blank lines are not rows.
    Raises :class:`InputError` if there is no such file or it has no rows.
    """
    number = rows = 0
    try:
        with open(path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    rows += 1
                    yield _row(line, name, number, config)
    except OSError as error:
        raise InputError(f"source {name}: {path}: {error.strerror}") from None
    if not rows:
        raise InputError(f"source {name}: {path}: no rows, expected JSON lines")


def _row(line: bytes, source: str, number: int, config: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "source": source,
        "source_line": number,
        "query_id": None,
        "category": config["category"],
        "messages": None,
        "reference": None,
        "duplicate_of": None,
    }
    reason, detail = _fill(row, line, config) or (None, None)
    return {**row, "kept": reason is None, "drop_reason": reason, "detail": detail}


def _fill(row: dict[str, Any], line: bytes, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Fill ``row`` from its line as far as possible; return why it is dropped, or None."""
    try:
        raw = json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        return "unreadable_line", f"not JSON: {error}"[:200]
    if not isinstance(raw, dict):
        return "unreadable_line", f"found {type(raw).__name__}, allowed: an object"

    question = raw.get(config["question"])
    if not isinstance(question, str):
        return "missing_question", f"field {config['question']!r} holds {_kind(question)}"
    if field := config.get("category_field"):
        if raw.get(field) not in CATEGORIES:
            return "unknown_category", f"found {raw.get(field)!r}, allowed: {', '.join(CATEGORIES)}"
        row["category"] = raw[field]

    text = normalise(question)
    row["messages"] = [{"role": "user", "content": text}]
    row["query_id"] = query_id(row["category"], identity_text(text))
    if problem := unfit(text, config["unusual_characters"]):
        return problem
    try:
        row["reference"] = read_reference(row["category"], _reference(raw, config))
    except ValueError as error:
        return "unreadable_reference", str(error)[:200]
    return None


def _reference(raw: Mapping[str, Any], config: Mapping[str, Any]) -> Any:
    value = raw.get(config["reference"])
    pattern = config.get("reference_pattern")
    if pattern is None or not isinstance(value, str):
        return value
    match = re.search(pattern, value)
    if match is None:
        raise ValueError(f"field {config['reference']!r} does not match {pattern!r}")
    return match.group(1)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"

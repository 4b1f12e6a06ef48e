"""Responses that exist already: a file of questions and responses."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.queries.clean import identity_text, normalise
from deepdistill.responses.backends.backend import Completion, Request

GROUP = 4096


class PublishedBackend:
    """Looks responses up by the question's text; pass *n* is the question's *n*-th row.

    ``question`` and ``response`` name fields of the JSON lines; dots lead into objects. Raises
    :class:`InputError` naming the line that is not JSON or lacks one of the two fields.
    """

    def __init__(self, path: str | Path, question: str, response: str) -> None:
        self._responses: dict[str, list[str]] = defaultdict(list)
        try:
            with open(path, encoding="utf-8") as stream:
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        self._add(line, question, response, f"{path}: line {number}")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None

    def _add(self, line: str, question: str, response: str, place: str) -> None:
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{place}: not JSON: {error}") from None
        key = identity_text(normalise(_field(row, question, place)))
        self._responses[key].append(_field(row, response, place))

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield the published responses; a question or pass that is not there is absent."""
        for start in range(0, len(requests), GROUP):
            yield [self._completion(r) for r in requests[start : start + GROUP]]

    def _completion(self, request: Request) -> Completion:
        texts = self._responses.get(identity_text(request.messages[-1]["content"]), [])
        if request.pass_number > len(texts):
            error = f"{len(texts)} published responses, pass {request.pass_number} is not there"
            return Completion(request, "", "absent", error=error)
        return Completion(request, texts[request.pass_number - 1], "stop")


def _field(row: Any, path: str, place: str) -> str:
    value = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise InputError(f"{place}: field {path!r}: found {value!r}, allowed: a text")
    return value

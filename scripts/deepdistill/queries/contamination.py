"""Which queries repeat a question of an evaluation benchmark."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from deepdistill.errors import InputError

_TOKEN = re.compile(r"[^\W_]+|[+\-*/^=<>%]")


def tokens(text: str) -> list[str]:
    """Return words, numbers and operators of ``text``, blind to case, punctuation and accents'
    encoding. Operators count: "7+12" and "7-12" are two questions.
    """
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


class Benchmarks:
    """The questions that training must not see.

    A query is contaminated if its tokens equal a benchmark question's, or if it shares ``ngram``
    tokens in a row with one. Questions shorter than ``ngram`` are compared whole, since a part of a
    longer question may well be a short one.
    """

    def __init__(self, ngram: int) -> None:
        self._ngram = ngram
        self._whole: dict[tuple[str, ...], str] = {}
        self._parts: dict[tuple[str, ...], str] = {}

    def add(self, name: str, question: str) -> None:
        """Add a question; ``name`` says which one it is in :meth:`match`'s answer."""
        words = tuple(tokens(question))
        self._whole.setdefault(words, name)
        for part in _windows(words, self._ngram):
            self._parts.setdefault(part, name)

    def match(self, text: str) -> str | None:
        """Return the name of the first benchmark question that ``text`` repeats, or None."""
        words = tuple(tokens(text))
        if name := self._whole.get(words):
            return name
        found = (self._parts.get(part) for part in _windows(words, self._ngram))
        return next((name for name in found if name), None)


def _windows(words: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    return (words[i : i + size] for i in range(len(words) - size + 1))


def read_questions(path: str | Path, field: str) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, question)`` of a benchmark's JSON lines.

    Raises :class:`InputError` naming file and line for a row without a question: a benchmark must
    be whole, or its score means something else.
    """
    try:
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    question = json.loads(line)[field]
                except (ValueError, KeyError, TypeError):
                    raise InputError(
                        f"{path}: line {number}: no field {field!r} in {line.strip()[:60]!r}"
                    ) from None
                yield number, str(question)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None

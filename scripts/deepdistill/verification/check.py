"""What goes into a verifier and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

FAILURES = ("truncated", "unparsable", "timeout", "verifier_error", "unverifiable")
"""States of a response that has no score. None of them means that the answer is wrong."""

DETAIL_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Task:
    """One response to be checked."""

    category: str
    """math, code, science, instruction_following or other."""
    question: str
    """Text of the last user turn."""
    answer: str
    """The response's answer part, without its thinking."""
    reference: str
    """Canonical text, from :func:`deepdistill.verification.references.read_reference`."""


@dataclass(frozen=True, slots=True)
class Check:
    """What a verifier says of one response."""

    score: float | None
    """From 0 to 1, the mean over tests or constraints; None if there is no score."""
    failure: str | None
    """One of :data:`FAILURES` when there is no score, otherwise None."""
    verifier: str
    """Name of the verifier, such as ``math`` or ``code:bubblewrap``."""
    detail: str
    """For people: the extracted answer, ``7/10 tests``, the first error … (≤ 200 characters)."""

    @classmethod
    def scored(cls, score: float, verifier: str, detail: str) -> Self:
        """Return the check of a response that has a score."""
        return cls(score, None, verifier, _short(detail))

    @classmethod
    def failed(cls, failure: str, verifier: str, detail: str) -> Self:
        """Return the check of a response that has no score, for the reason ``failure``."""
        return cls(None, failure, verifier, _short(detail))


Pending = Callable[[], Check]
"""A check that is under way; calling it waits for the result. It may be called again."""


def _short(text: str) -> str:
    # What a program wrote may hold halves of characters, which no file can.
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if len(line) <= DETAIL_LENGTH else line[: DETAIL_LENGTH - 1] + "…"

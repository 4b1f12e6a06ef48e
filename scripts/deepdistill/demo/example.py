"""A question with the response that a perfect teacher would give to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """What a teacher learns from: the user's turn and the assistant's turn."""

    question: str
    response: str

"""How many passes a query gets: a number, or as many as its own results ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Passes = int | Mapping[str, Any]
"""A number, or ``min``, ``max`` and ``until``, the condition under which a query gets no more."""


def most_passes(passes: Passes) -> int:
    """Return how many passes a query may get."""
    return passes if isinstance(passes, int) else int(passes["max"])


def adaptive_teachers(teachers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names of the teachers of whom a query's results decide how often it is asked."""
    return [name for name, settings in teachers.items() if not isinstance(settings["passes"], int)]

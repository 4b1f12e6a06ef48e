"""IFEval's two ways of comparing a count with a number."""

from __future__ import annotations


def holds(count: int, relation: str, number: int) -> bool:
    """Return whether ``count`` is ``less than`` or ``at least`` ``number``.

    Raises ValueError for any other relation.
    """
    if relation == "less than":
        return count < number
    if relation == "at least":
        return count >= number
    raise ValueError(f"relation: found {relation!r}, allowed: 'less than', 'at least'")

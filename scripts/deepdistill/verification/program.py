"""Finding the program in the answer to a programming question."""

from __future__ import annotations

import ast
import re

_FENCE = re.compile(
    r"^[ \t]*```[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)(?:^[ \t]*```[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_PYTHON = frozenset({"python", "python3", "py"})


def find_program(answer: str) -> str | None:
    """Return the program text, or None if the answer has none.

    It is the last fenced block marked as Python, otherwise the last fenced block, otherwise the
    whole answer if that is Python and does something.
    """
    blocks = [match for match in _FENCE.finditer(answer) if match["text"].strip()]
    if blocks:
        python = [match for match in blocks if match["language"].lower() in _PYTHON]
        return str((python or blocks)[-1]["text"])
    return answer if _is_program(answer) else None


def _is_program(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    # A word or a number is Python too.
    return any(not isinstance(s, ast.Expr) or isinstance(s.value, ast.Call) for s in body)

"""Finding the program in the answer to a programming question."""

from __future__ import annotations

import ast
import re

_FENCE = re.compile(
    r"^[ \t]*```[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)(?:^[ \t]*```[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_MARKS = {
    "python": frozenset({"python", "python3", "py"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx"}),
}
_CPP_MAIN = re.compile(
    r"^\s*(?:#\s*include\b.*|using namespace std;)|\bint\s+main\s*\(", re.MULTILINE
)


def find_program(answer: str, language: str) -> str | None:
    """Return the program text, or None if the answer has none.

    It is the last fenced block marked as in the language (``python`` or ``cpp``), otherwise the
    last fenced block, otherwise the whole answer if that is a program and does something.
    """
    blocks = [match for match in _FENCE.finditer(answer) if match["text"].strip()]
    if blocks:
        marked = [match for match in blocks if match["language"].lower() in _MARKS[language]]
        return str((marked or blocks)[-1]["text"])
    is_program = _is_python if language == "python" else _CPP_MAIN.search
    return answer if is_program(answer) else None


def _is_python(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    # A word or a number is Python too.
    return any(not isinstance(s, ast.Expr) or isinstance(s.value, ast.Call) for s in body)

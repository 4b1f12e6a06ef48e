r"""Finding the final answer in the text of a mathematical answer or reference.

The first rule that finds something decides:

1. the last ``\boxed{…}`` or ``\fbox{…}`` with balanced braces;
2. a last line ``#### 18``, the form of GSM8K's references;
3. a last line ``A: 18``, ``Answer: 18`` or ``Final Answer: 18`` (in the published model solutions
   to GSM8K it is the first), the label also on a line of its own above the last one;
4. a last line that holds ``the answer is 18`` or ``the final answer is 18``;
5. the whole text, if it is one line of at most 40 characters and two words.

A text in which none of them finds anything has no final answer: a number that merely comes last
in a sentence is not taken for one.
"""

from __future__ import annotations

import re

MAX_BARE_LENGTH = 40
MAX_BARE_WORDS = 2

_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
_HASHES = re.compile(r"####\s*(\S.*)")
_LABEL = re.compile(r"(?:A|(?:the\s+)?(?:final\s+)?answer)\s*:\s*(.*)", re.IGNORECASE)
_SENTENCE = re.compile(r"\b(?:the|final)\s+answer\s+is\s*:?\s+(?!.*\banswer\s+is\b)(\S.*)", re.I)
_EMPHASIS = re.compile(r"\*\*|__")
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))


def final_answer(text: str) -> str | None:
    """Return the final answer in ``text``, or None if no rule finds one."""
    if boxes := _boxed(text):
        return _bare(boxes[-1]) or None
    lines = [line for line in map(_plain_line, text.splitlines()) if line]
    if not lines:
        return None
    found = _labelled(lines[-1])
    if found is None and len(lines) > 1 and _is_label(lines[-2]):
        found = lines[-1]
    if found is None and len(lines) == 1 and _is_short(lines[0]):
        found = lines[0]
    return _bare(found or "") or None


def reference_answer(text: str) -> str:
    """Return the final answer of a reference: found as above, otherwise the whole text."""
    found = final_answer(text)
    return _bare(text) if found is None else found


def _boxed(text: str) -> list[str]:
    contents = []
    for match in _BOX.finditer(text):
        end = _closing_brace(text, match.end())
        if end is not None:
            contents.append(text[match.end() : end])
    return contents


def _closing_brace(text: str, start: int) -> int | None:
    depth, position = 1, start
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 1
        elif char in "{}":
            depth += 1 if char == "{" else -1
            if depth == 0:
                return position
        position += 1
    return None


def _plain_line(line: str) -> str:
    return _EMPHASIS.sub("", line).strip()


def _labelled(line: str) -> str | None:
    for match in (_HASHES.match(line), _LABEL.match(line), _SENTENCE.search(line)):
        if match and match[1]:
            return match[1]
    return None


def _is_label(line: str) -> bool:
    match = _LABEL.fullmatch(line.lstrip("# "))
    return match is not None and not match[1]


def _is_short(line: str) -> bool:
    return len(line) <= MAX_BARE_LENGTH and len(re.findall(r"[^\W\d]{2,}", line)) <= MAX_BARE_WORDS


def _bare(text: str) -> str:
    """Strip blanks, a full stop at the end and the marks of mathematics around the whole text."""
    text = text.strip()
    if text.endswith(".") and not text.endswith(".."):
        text = text[:-1].rstrip()
    for opening, closing in _DELIMITERS:
        inner = text[len(opening) : -len(closing)]
        if text == opening + inner + closing and inner.strip() and "$" not in inner:
            return inner.strip()
    return text

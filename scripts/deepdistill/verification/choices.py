r"""Answers to multiple-choice questions: a letter, with or without what it stands for."""

from __future__ import annotations

import re
from typing import NamedTuple

_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_SPACE = re.compile(r"\\[,;:! ]|\\q?quad(?![A-Za-z])|~|\*\*")
_LETTER = re.compile(r"\(?([A-Ja-j])[.):]*")
_WITH_REST = re.compile(r"(?:\(([A-J])\)[.:]?|([A-J])[.):])\s+(\S.*)")


class Choice(NamedTuple):
    """The letter, and the rest: empty if there is the letter alone."""

    letter: str
    rest: str


def read_choice(text: str) -> Choice | None:
    """Return the choice that ``text`` makes, or None if it makes none.

    It does as ``C``, ``(C)``, ``C.``, ``(C) 12``, ``C. 12`` or ``C) 12``, also in ``\\text{…}``.
    """
    plain = _SPACE.sub(" ", _WRAPPER.sub(r"\1", text)).strip()
    if match := _LETTER.fullmatch(plain):
        balanced = plain.startswith("(") == (")" in plain) or not plain.startswith("(")
        return Choice(match[1].upper(), "") if balanced else None
    if match := _WITH_REST.fullmatch(plain):
        return Choice(match[1] or match[2], match[3])
    return None


def without_choice(reference: str, answer: str) -> tuple[str, str] | bool:
    """Return what is left to compare of a reference and an answer, or whether they agree.

    Of two choices the letters decide, unless they agree and both say what they stand for. The
    letter of one alone is no part of what is compared, if it says what it stands for.
    """
    expected, found = read_choice(reference), read_choice(answer)
    if expected and found:
        if expected.letter != found.letter:
            return False
        if expected.rest and found.rest:
            return expected.rest, found.rest
        return True
    if expected and expected.rest:
        return expected.rest, answer
    if found and found.rest:
        return reference, found.rest
    return reference, answer

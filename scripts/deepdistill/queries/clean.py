"""Normalising a question's text, and the reasons for which a single question is unfit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # category Cc but for line feed and tab
_ZERO_WIDTH = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD])
_URL = re.compile(r"\b(?:https?|ftp)://\S|\bwww\.\w")
_TABLE = re.compile(r"^\s*\|?(?:\s*:?-{3,}:?\s*\|)+|\\begin\{(?:tabular|array\*?)\}|<table\b", re.M)
_FIGURE = re.compile(r"!\[[^\]]*\]\(|<img\b|\\includegraphics|\[asy\]|\\begin\{tikzpicture\}")
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.M)
_OPEN_END = re.compile(r"(?:[,，]|\b(?:the|and|or|of|with))$", re.I)
_TRUE_FALSE = re.compile(r"\btrue or false\b|\b(?:true|right) or (?:wrong|not)\b|判断题|对错", re.I)
_CHOICE = re.compile(r"(?:^|\s)[(\[]?([A-E])[.):\]]\s", re.M)
_PROOF = re.compile(r"\b(?:prove|show) (?:that|the|if|by|this|each|every|for)\b|证明", re.I)


def normalise(text: str) -> str:
    """Return ``text`` as NFC without zero-width and control characters and trailing blanks.

    Inner white space stays, since it carries meaning in code; formulas are not touched.
    """
    text = unicodedata.normalize("NFC", text).translate(_ZERO_WIDTH)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", text)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip()


def identity_text(text: str) -> str:
    """Return what makes two normalised questions the same: the text with white space collapsed."""
    return " ".join(text.split())


def unusual_share(text: str) -> float:
    """Return the share of characters that are pictographs, private, unassigned or undecodable."""
    if text.isascii():
        return 0.0
    unusual = sum(1 for c in text if unicodedata.category(c) in ("So", "Co", "Cn", "Cs"))
    return unusual / len(text)


def url(text: str) -> str | None:
    """Return the first address of the web in ``text``, None if there is none."""
    return _found(_URL, text)


def table(text: str) -> str | None:
    """Return the first sign of a table, in Markdown, LaTeX or HTML."""
    return _found(_TABLE, text)


def figure(text: str) -> str | None:
    """Return the first sign of a figure, in Markdown, LaTeX, HTML or Asymptote."""
    return _found(_FIGURE, text)


def incomplete(text: str) -> str | None:
    """Return how ``text`` breaks off: in a block of code or in a sentence."""
    if len(_FENCE.findall(text)) % 2:
        return "a block of code that does not end"
    match = _OPEN_END.search(text)
    return f"ends with {match.group()!r}" if match else None


def true_false(text: str) -> str | None:
    """Return the sign of a question that half of all guesses answer."""
    return _found(_TRUE_FALSE, text)


def multiple_choice(text: str) -> str | None:
    """Return the letters of the options, if there are at least A, B and C in this order."""
    letters = "".join(_CHOICE.findall(text))
    return letters if "ABC" in letters else None


def proof(text: str) -> str | None:
    """Return the words that ask for a proof, of which no verifier can say whether it is right."""
    return _found(_PROOF, text)


SIGNS: dict[str, Callable[[str], str | None]] = {
    "url": url,
    "table": table,
    "figure": figure,
    "incomplete": incomplete,
    "true_false": true_false,
    "multiple_choice": multiple_choice,
    "proof": proof,
}
"""What a question can be dropped for, by the names in the configuration."""

MATH_ONLY = ("true_false", "multiple_choice", "proof")
"""Signs that are looked for in questions of category math alone."""


def unfit(text: str, category: str, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return ``(drop_reason, detail)`` of a normalised question that must not be asked.

    ``config`` has ``drop`` (names of :data:`SIGNS`), ``unusual_characters`` (the largest share),
    ``max_characters`` (of the question) and ``languages`` (codes, or None for any). The paper
    drops empty or incomplete queries, queries with URLs, tables or figures, and queries with many
    unusual Unicode characters (arXiv 2504.17565, section 2).
    """
    if not any(c.isalnum() for c in text):
        return "empty_question", f"no letter or digit in {text[:40]!r}"
    for name in config["drop"]:
        if (category == "math" or name not in MATH_ONLY) and (found := SIGNS[name](text)):
            return name, f"found {found}"
    share = unusual_share(text)
    if share > config["unusual_characters"]:
        return (
            "unusual_characters",
            f"share {share:.2f}, allowed {config['unusual_characters']:.2f}",
        )
    most = config["max_characters"]
    if most is not None and len(text) > most:
        return "too_long", f"found {len(text)} characters, allowed {most}"
    if config["languages"] and (language := _language(text)) not in config["languages"]:
        return "language", f"found {language}, allowed {', '.join(config['languages'])}"
    return None


def _found(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.search(text)
    return repr(match.group().strip()[:40]) if match else None


def _language(text: str) -> str:
    """The code of the language, such as ``en``; ``unknown`` of a text without words."""
    from langdetect import DetectorFactory, detect
    from langdetect.lang_detect_exception import LangDetectException

    DetectorFactory.seed = 0  # it samples
    try:
        return str(detect(text))
    except LangDetectException:
        return "unknown"

"""Normalising a question's text, and the reasons for which a single row is unfit."""

from __future__ import annotations

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # category Cc but for line feed and tab
_ZERO_WIDTH = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD])
_URL = re.compile(r"\b(?:https?|ftp)://\S|\bwww\.\w")
_TABLE = re.compile(r"^\s*\|?(?:\s*:?-{3,}:?\s*\|)+|\\begin\{(?:tabular|array\*?)\}|<table\b", re.M)
_FIGURE = re.compile(r"!\[[^\]]*\]\(|<img\b|\\includegraphics|\[asy\]|\\begin\{tikzpicture\}")


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
    unusual = sum(1 for c in text if unicodedata.category(c) in ("So", "Co", "Cn", "Cs"))
    return unusual / len(text) if text else 0.0


def unfit(text: str, unusual_characters: float) -> tuple[str, str] | None:
    """Return ``(drop_reason, detail)`` of a normalised question that must not be asked.

    The reasons are the paper's (arXiv 2504.17565, section 2): empty or incomplete queries, queries
    with URLs, tables or figures, and queries with many unusual Unicode characters.
    """
    if not any(c.isalnum() for c in text):
        return "empty_question", f"no letter or digit in {text[:40]!r}"
    for reason, pattern in (("url", _URL), ("table", _TABLE), ("figure", _FIGURE)):
        if match := pattern.search(text):
            return reason, f"found {match.group().strip()[:40]!r}"
    share = unusual_share(text)
    if share > unusual_characters:
        return "unusual_characters", f"share {share:.2f}, allowed {unusual_characters:.2f}"
    return None

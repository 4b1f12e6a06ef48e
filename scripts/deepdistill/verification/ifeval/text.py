"""Words, sentences and paragraphs of a response, by simple rules that need no data files."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|[A-Z])\.$")
_SENTENCE_END = re.compile(r"[.!?]+[\"'\u201d\u2019)\]]*(?=\s)|[\u3002\uff01\uff1f\u0964\u061f]")


def words(text: str) -> list[str]:
    """Return the words: runs of letters, digits and underscores, as IFEval counts them."""
    return _WORD.findall(text)


def sentences(text: str) -> list[str]:
    """Return the sentences, without those that hold no word.

    A sentence ends after ``.``, ``!`` or ``?`` (with closing quotes and brackets) before a blank,
    except after a common abbreviation or an initial, after the full stops of other scripts, and at
    an empty line.
    """
    found = []
    for block in re.split(r"\n\s*\n", text):
        start = 0
        for match in _SENTENCE_END.finditer(block):
            if not _ABBREVIATION.search(block[start : match.end()]):
                found.append(block[start : match.end()])
                start = match.end()
        found.append(block[start:])
    return [sentence.strip() for sentence in found if _WORD.search(sentence)]


def count_phrase(text: str, phrase: str) -> int:
    """Return how often ``phrase`` occurs, whatever its case, parts of words included."""
    return len(re.findall(re.escape(phrase), text, re.IGNORECASE))


def parts(text: str, separator: str) -> list[str] | None:
    """Return the parts between separators (a regular expression), without empty ends.

    None if a part in the middle is empty.
    """
    pieces = [piece.strip() for piece in re.split(separator, text)]
    if not pieces[-1]:
        pieces.pop()
    if pieces and not pieces[0]:
        pieces.pop(0)
    return pieces if all(pieces) else None

"""Instructions about a response's form: its length, format, first and last words."""

from __future__ import annotations

import json
import re

from deepdistill.verification.ifeval.relation import holds
from deepdistill.verification.ifeval.text import parts, sentences, words

CONSTRAINED_RESPONSES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
DIVIDER = r"\s?\*\*\*\s?"
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}


def number_words(response: str, *, num_words: int, relation: str) -> bool:
    """There are less than or at least so many words."""
    return holds(len(words(response)), relation, num_words)


def number_sentences(response: str, *, num_sentences: int, relation: str) -> bool:
    """There are less than or at least so many sentences."""
    return holds(len(sentences(response)), relation, num_sentences)


def number_paragraphs(response: str, *, num_paragraphs: int) -> bool:
    """There are exactly so many paragraphs, divided by ``***``, none of them empty."""
    paragraphs = parts(response, DIVIDER)
    return paragraphs is not None and len(paragraphs) == num_paragraphs


def nth_paragraph_first_word(
    response: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> bool:
    """There are so many paragraphs, divided by two line ends, and the nth begins with a word."""
    pieces = response.split("\n\n")
    paragraphs = [piece.strip() for piece in pieces]
    if nth_paragraph > len(paragraphs) or not paragraphs[nth_paragraph - 1]:
        return False
    word = paragraphs[nth_paragraph - 1].split()[0].lstrip("\"'")
    word = re.split(r"[.,?!'\"]", word)[0]
    return sum(map(bool, paragraphs)) == num_paragraphs and word.lower() == first_word.lower()


def number_placeholders(response: str, *, num_placeholders: int) -> bool:
    """There are at least so many placeholders in square brackets."""
    return len(re.findall(r"\[.*?\]", response)) >= num_placeholders


def postscript(response: str, *, postscript_marker: str) -> bool:
    """There is a postscript with this marker."""
    marker = _POSTSCRIPTS.get(postscript_marker, re.escape(postscript_marker.lower()))
    return re.search(marker, response.lower()) is not None


def number_bullet_lists(response: str, *, num_bullets: int) -> bool:
    """There are exactly so many bullet points, lines that begin with ``*`` or ``-``."""
    stars = re.findall(r"^\s*\*[^\*].*$", response, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", response, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


def number_highlighted_sections(response: str, *, num_highlights: int) -> bool:
    """There are at least so many parts in ``*emphasis*`` or ``**strong emphasis**``."""
    single = re.findall(r"\*([^\n\*]*)\*", response)
    double = re.findall(r"\*\*([^\n\*]*)\*\*", response)
    return sum(bool(part.strip()) for part in [*single, *double]) >= num_highlights


def multiple_sections(response: str, *, section_spliter: str, num_sections: int) -> bool:
    """There are at least so many sections, each begun by the splitter and a number."""
    pattern = rf"\s?{re.escape(section_spliter.strip())}\s?\d+\s?"
    return len(re.split(pattern, response)) - 1 >= num_sections


def json_format(response: str) -> bool:
    """The response is JSON, in a fenced block or without one."""
    text = response.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(response: str) -> bool:
    """There is a title in double angular brackets."""
    titles = re.findall(r"<<[^\n]+>>", response)
    return any(found.lstrip("<").rstrip(">").strip() for found in titles)


def constrained_response(response: str) -> bool:
    """One of three given sentences occurs."""
    return any(sentence in response for sentence in CONSTRAINED_RESPONSES)


def repeat_prompt(response: str, *, prompt_to_repeat: str) -> bool:
    """The response begins with the prompt."""
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())


def two_responses(response: str) -> bool:
    """There are two different responses, divided by ``******``."""
    responses = parts(response, re.escape("******"))
    return responses is not None and len(responses) == 2 and responses[0] != responses[1]


def end_checker(response: str, *, end_phrase: str) -> bool:
    """The response ends with a phrase; a quotation mark may follow it."""
    end = response.strip().strip('"').lower()
    return end.endswith(end_phrase.strip().lower())


def quotation(response: str) -> bool:
    """The whole response is in double quotation marks."""
    text = response.strip()
    return len(text) > 1 and text[0] == text[-1] == '"'

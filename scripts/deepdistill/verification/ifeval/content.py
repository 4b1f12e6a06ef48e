"""Instructions about what a response says: keywords, letters, language, case, punctuation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from langdetect import DetectorFactory, LangDetectException, detect
from langdetect.detector_factory import init_factory

from deepdistill.preparation import preparing
from deepdistill.verification.ifeval.relation import holds
from deepdistill.verification.ifeval.text import count_phrase, words

DetectorFactory.seed = 0


def existence(response: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword occurs."""
    return all(count_phrase(response, keyword) for keyword in keywords)


def frequency(response: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """A keyword occurs less than or at least so many times."""
    return holds(count_phrase(response, keyword.strip()), relation, frequency)


def forbidden_words(response: str, *, forbidden_words: Sequence[str]) -> bool:
    """None of the words occurs as a word."""
    patterns = (rf"\b{re.escape(word)}\b" for word in forbidden_words)
    return not any(re.search(pattern, response, re.IGNORECASE) for pattern in patterns)


def letter_frequency(response: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """A letter occurs, in either case, less than or at least so many times."""
    return holds(response.lower().count(letter.lower()), let_relation, let_frequency)


def response_language(response: str, *, language: str) -> bool:
    """The response is in a language (ISO 639-1); true if no language can be recognised."""
    return _is_language(response, language)


def no_comma(response: str) -> bool:
    """There is no comma."""
    return "," not in response


def english_capital(response: str) -> bool:
    """The response is in English, in capital letters only."""
    return response.isupper() and _is_language(response, "en")


def english_lowercase(response: str) -> bool:
    """The response is in English, in lower-case letters only."""
    return response.islower() and _is_language(response, "en")


def capital_word_frequency(response: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """Words in capital letters occur less than or at least so many times; I and A are words."""
    count = sum(word.isupper() for word in words(response))
    return holds(count, capital_relation, capital_frequency)


@cache
def _read_languages() -> None:
    """Have what languages look like read, which the first text would wait for."""
    with preparing():
        init_factory()


def _is_language(response: str, language: str) -> bool:
    _read_languages()
    try:
        found: str = detect(response)
    except LangDetectException:
        return True
    # It tells two ways of writing Chinese apart, which an instruction may not.
    return language in (found, found.partition("-")[0])

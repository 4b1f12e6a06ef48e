"""IFEval's 25 instructions by id, and what their arguments must be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from deepdistill.verification.ifeval import content, form

Instruction = Callable[..., bool]

INSTRUCTIONS: dict[str, Instruction] = {
    "change_case:capital_word_frequency": content.capital_word_frequency,
    "change_case:english_capital": content.english_capital,
    "change_case:english_lowercase": content.english_lowercase,
    "combination:repeat_prompt": form.repeat_prompt,
    "combination:two_responses": form.two_responses,
    "detectable_content:number_placeholders": form.number_placeholders,
    "detectable_content:postscript": form.postscript,
    "detectable_format:constrained_response": form.constrained_response,
    "detectable_format:json_format": form.json_format,
    "detectable_format:multiple_sections": form.multiple_sections,
    "detectable_format:number_bullet_lists": form.number_bullet_lists,
    "detectable_format:number_highlighted_sections": form.number_highlighted_sections,
    "detectable_format:title": form.title,
    "keywords:existence": content.existence,
    "keywords:forbidden_words": content.forbidden_words,
    "keywords:frequency": content.frequency,
    "keywords:letter_frequency": content.letter_frequency,
    "language:response_language": content.response_language,
    "length_constraints:nth_paragraph_first_word": form.nth_paragraph_first_word,
    "length_constraints:number_paragraphs": form.number_paragraphs,
    "length_constraints:number_sentences": form.number_sentences,
    "length_constraints:number_words": form.number_words,
    "punctuation:no_comma": content.no_comma,
    "startend:end_checker": form.end_checker,
    "startend:quotation": form.quotation,
}

_NUMBERS = """
    capital_frequency num_placeholders num_sections num_bullets num_highlights frequency
    let_frequency num_paragraphs nth_paragraph num_sentences num_words
"""
_LISTS = "keywords forbidden_words"
# By name and not by type hint: hints do not count in the digest of a verifier's code.
_KINDS: dict[str, type] = dict.fromkeys(_NUMBERS.split(), int) | dict.fromkeys(_LISTS.split(), list)


def argument_problem(instruction: str, arguments: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an instruction's arguments, or None."""
    needed = set(inspect.signature(INSTRUCTIONS[instruction]).parameters) - {"response"}
    if arguments.keys() != needed:
        return f"arguments: found {sorted(arguments)}, needed: {sorted(needed)}"
    for name, value in arguments.items():
        kind = _KINDS.get(name, str)
        if not isinstance(value, kind) or isinstance(value, bool):
            return f"{name}: found {value!r}, needed: {kind.__name__}"
        if name.endswith("relation") and value not in ("less than", "at least"):
            return f"{name}: found {value!r}, needed: 'less than' or 'at least'"
    return None

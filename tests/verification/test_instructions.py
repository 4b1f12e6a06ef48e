from __future__ import annotations

from typing import Any

import pytest

from deepdistill.verification.check import Check, Task
from deepdistill.verification.ifeval.registry import INSTRUCTIONS
from deepdistill.verification.ifeval.text import sentences
from deepdistill.verification.instruction_following import check_instructions, read_instructions

# id, arguments, a response that follows it, one that does not
CASES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        "One LOUD word",
        "TWO LOUD words",
    ),
    (
        "change_case:english_capital",
        {},
        "THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG AND RUNS AWAY FROM IT",
        "This Is One Too",
    ),
    ("change_case:english_lowercase", {}, "this is an english sentence", "This is one too"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi."}, "Say hi. Hi!", "Hi! Say hi."),
    ("combination:two_responses", {}, "one\n******\ntwo", "same\n******\nsame"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b]", "[a]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\nP. S. x", "Bye. PS x"),
    ("detectable_format:constrained_response", {}, "Well. My answer is no.", "My answer: no."),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{'a': 1}"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        "Section 1\na\nSection 2\nb",
        "Section 1\na\nSection two",
    ),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n* b\n* c"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "*a*", "**"),
    ("detectable_format:title", {}, "<<A title>>\ntext", "<< >> text"),
    ("keywords:existence", {"keywords": ["red", "blue"]}, "Blue and red", "red only"),
    ("keywords:forbidden_words", {"forbidden_words": ["cat"]}, "concatenate", "a Cat"),
    (
        "keywords:frequency",
        {"keyword": "go", "frequency": 2, "relation": "at least"},
        "Go, go",
        "go on",
    ),
    (
        "keywords:letter_frequency",
        {"letter": "q", "let_frequency": 2, "let_relation": "at least"},
        "Quick quiz",
        "quite",
    ),
    (
        "language:response_language",
        {"language": "de"},
        "Das ist ein ganz gewöhnlicher deutscher Satz.",
        "This is a quite ordinary English sentence.",
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
        "First.\n\nThen, more.",
        "Then.\n\nMore.",
    ),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n\nb"),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        "He came. He saw!",
        "Dr. J. Smith came",
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": "less than"},
        "two words",
        "now three words",
    ),
    ("punctuation:no_comma", {}, "none at all", "one, here"),
    ("startend:end_checker", {"end_phrase": "The end."}, 'It is over. the END."', "The end. Or?"),
    ("startend:quotation", {}, ' "all of it" ', '"a part" of it'),
]


def check(
    instructions: list[tuple[str, dict[str, Any]]], response: str, loose: bool = False
) -> Check:
    ids, arguments = [i for i, _ in instructions], [a for _, a in instructions]
    reference = read_instructions({"instruction_id_list": ids, "kwargs": arguments})
    return check_instructions(Task("instruction_following", "", response, reference), loose)


@pytest.mark.parametrize(("instruction", "arguments", "follows", "breaks"), CASES)
def test_each_instruction(
    instruction: str, arguments: dict[str, Any], follows: str, breaks: str
) -> None:
    assert check([(instruction, arguments)], follows).score == 1
    assert check([(instruction, arguments)], breaks).score == 0


def test_every_instruction_has_a_case() -> None:
    assert {instruction for instruction, *_ in CASES} == INSTRUCTIONS.keys()


def test_the_score_is_the_mean_and_the_detail_names_what_was_not_followed() -> None:
    both: list[tuple[str, dict[str, Any]]] = [
        ("punctuation:no_comma", {}),
        ("startend:quotation", {}),
    ]
    result = check(both, "no quotation")
    assert result.score == 0.5
    assert result.detail == "1/2 instructions; not followed: startend:quotation"


def test_a_repeated_instruction_counts_each_time() -> None:
    twice: list[tuple[str, dict[str, Any]]] = [
        ("keywords:existence", {"keywords": ["oak"]}),
        ("keywords:existence", {"keywords": ["fir"]}),
        ("punctuation:no_comma", {}),
    ]
    assert check(twice, "an oak").score == pytest.approx(2 / 3)
    assert check(twice[:1] * 3, "an oak").detail == "3/3 instructions"


LANGUAGES = {
    "de": "Der Zug nach Hamburg fährt heute leider zehn Minuten später ab.",
    "en": "The train to the coast is leaving ten minutes late today.",
    "zh": "今天开往海边的火车晚点十分钟，请各位旅客耐心等候。",
    "hi": "आज समुद्र तट की ओर जाने वाली ट्रेन दस मिनट देर से चलेगी।",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_are_told_apart_the_same_way_every_time(language: str) -> None:
    instruction = [("language:response_language", {"language": language})]
    for _ in range(20):
        found = [name for name, text in LANGUAGES.items() if check(instruction, text).score == 1]
        assert found == [language]


@pytest.mark.parametrize(
    "response", ["Sure, here it is:\nno comma", "no comma\nAnything else, sir?", "a,\nb\nc,"]
)
def test_the_loose_form_forgives_a_first_and_a_last_line(response: str) -> None:
    instruction = [("punctuation:no_comma", {})]
    assert check(instruction, response).score == 0
    assert check(instruction, response, loose=True).score == 1


def test_the_loose_form_ignores_asterisks() -> None:
    instruction = [("startend:end_checker", {"end_phrase": "the end"})]
    assert check(instruction, "**the end**").score == 0
    assert check(instruction, "**the end**", loose=True).score == 1


def test_an_unknown_instruction_is_unverifiable() -> None:
    assert check([("my:own", {"n": 1})], "text").failure == "unverifiable"


def test_an_empty_response_follows_nothing() -> None:
    assert check([("punctuation:no_comma", {})], " ", loose=True).score == 0


def test_sentences_end_at_marks_before_blanks_and_at_empty_lines() -> None:
    text = 'It is 3.5 m. "Really?" Yes!\n\nNo stop here\n\n你好。再见。'
    assert len(sentences(text)) == 6


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("[", "JSON"),
        ({"instruction_id_list": [], "kwargs": []}, "instruction_id_list"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "kwargs"),
        (
            {"instruction_id_list": ["length_constraints:number_words"], "kwargs": [{}]},
            "arguments: found",
        ),
        (
            {
                "instruction_id_list": ["length_constraints:number_words"],
                "kwargs": [{"num_words": 3, "relation": "about"}],
            },
            "relation: found 'about'",
        ),
    ],
)
def test_unreadable_references_are_refused(value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_instructions(value)


def test_arguments_without_a_value_are_left_out() -> None:
    value = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"num_words": None}]}
    assert '"kwargs":[{}]' in read_instructions(value)

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.queries.clean import SIGNS, identity_text, normalise, unfit, unusual_share


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_normalising_keeps_formulas_and_the_indentation_of_code() -> None:
    text = "Solve $x^2 ≤ 4$:\n    if x:\n\treturn ﬁ"
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e\u0301", "é"),
        ("a\u200bb\ufeff", "ab"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a  \n b\x00 \n", "a\n b"),
    ],
)
def test_normalising(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_white_space_does_not_make_another_query() -> None:
    assert identity_text("7 +\n 2") == identity_text("7 + 2")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty_question"),
        ("?!", "empty_question"),
        ("See https://example.org for x", "url"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "table"),
        (r"\begin{tabular}{cc} 1 & 2", "table"),
        ("![plot](p.png) What is shown?", "figure"),
        ("[asy] draw((0,0)); [/asy] What is the area?", "figure"),
        ("🙂🙂🙂 what", "unusual_characters"),
        ("What is 1+1?", None),
        ("求 $x$ 的值", None),
        ("Is a --- b a dash?", None),
        ("Return an array of sums of array elements.", None),
        ("```python\nx = 1\n```\nWhat is x?", None),
        ("What does it print?\n```python\nprint(1)", "incomplete"),
        ("It costs $$5 and $3$ more. How much in all?", None),
        ("It costs \\$5 and \\$6. How much in all?", None),
        ("Find the sum of the numbers 1, 2,", "incomplete"),
        ("Find the sum of", "incomplete"),
        ("Find the value of a", None),
        ("12 + 30 =", None),
        ("x" * 40_001, "too_long"),
    ],
)
def test_reasons_for_which_a_question_is_unfit(
    cleaning: dict[str, Any], text: str, reason: str | None
) -> None:
    found = unfit(text, "math", cleaning)
    assert (found and found[0]) == reason


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("True or false: 7 is prime.", "true_false"),
        ("Is the true value or the false one larger?", None),
        ("What is 1+1?\n(A) 1\n(B) 2\n(C) 3", "multiple_choice"),
        ("Which is prime? A. 4 B. 7 C. 9 D. 12", "multiple_choice"),
        ("Points A, B and C lie on a line.", None),
        ("Show that 7 is prime.", "proof"),
        ("Prove the theorem.", "proof"),
        ("Find the proven reserves.", None),
    ],
)
def test_kinds_of_questions_are_dropped_where_this_is_asked_for_and_in_math_alone(
    cleaning: dict[str, Any], text: str, sign: str | None
) -> None:
    every = {**cleaning, "drop": [*SIGNS]}
    found = unfit(text, "math", every)
    assert (found and found[0]) == sign
    assert unfit(text, "science", every) is None
    assert unfit(text, "math", cleaning) is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie viele Äpfel hat der Bauer nach dem Verkauf noch übrig?", "de"),
        ("How many apples does the farmer have left after the sale?", "en"),
        ("12 + 30", "unknown"),
    ],
)
def test_the_language_is_always_the_same(
    cleaning: dict[str, Any], text: str, language: str
) -> None:
    found = unfit(text, "math", {**cleaning, "languages": ["fr"]})
    assert found == ("language", f"found {language}, allowed fr")
    assert unfit(text, "math", {**cleaning, "languages": [language, "fr"]}) is None


def test_the_share_of_unusual_characters() -> None:
    assert unusual_share("ab🙂\ue000") == 0.5
    assert unusual_share("") == 0.0

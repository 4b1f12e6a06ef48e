from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.queries.clean import identity_text, normalise, unfit, unusual_share


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
    ],
)
def test_reasons_for_which_a_question_is_unfit(text: str, reason: str | None) -> None:
    found = unfit(text, 0.3)
    assert (found and found[0]) == reason


def test_the_share_of_unusual_characters() -> None:
    assert unusual_share("ab🙂\ue000") == 0.5
    assert unusual_share("") == 0.0

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.responses.format import join_response, split_response


@pytest.mark.parametrize(
    ("text", "finished", "expected"),
    [
        ("<think>a</think><answer>b</answer>", True, ("a", "b", None)),
        ("a</think>\n\nb", True, ("a", "b", None)),  # <think> stands in the chat template
        ("<think>say </think> twice</think>b", True, ("say </think> twice", "b", None)),
        ("<think>a</think><answer>b", True, ("a", "b", None)),
        ("<think></think><answer>b</answer>", True, ("", "b", None)),
        ("<think>a", True, ("a", None, "unparsable")),
        ("just text", True, ("just text", None, "unparsable")),
        ("<think>a</think><answer> </answer>", True, ("a", None, "unparsable")),
        ("<think>a</think><answer>b", False, ("a</think><answer>b", None, "truncated")),
        ("", False, ("", None, "truncated")),
    ],
)
def test_split_response(
    text: str, finished: bool, expected: tuple[str | None, str | None, str | None]
) -> None:
    assert split_response(text, finished) == expected


PLAIN = st.text(st.characters(exclude_characters="<>")).map(str.strip)


@given(PLAIN, PLAIN.filter(bool))
def test_joining_is_the_inverse_of_splitting(thinking: str, answer: str) -> None:
    assert split_response(join_response(thinking, answer), True) == (thinking, answer, None)

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.verification.numbers import compare_numbers, read_number

INTEGERS = st.integers(-(10**30), 10**30)


def verdict(reference: str, answer: str) -> bool | None:
    first, second = read_number(reference), read_number(answer)
    assert first is not None
    assert second is not None
    return compare_numbers(first, second)


@given(INTEGERS)
def test_every_spelling_of_an_integer_is_equal(number: int) -> None:
    for spelling in (f"{number:,}", f"{number}.00", f"\\frac{{{number}}}{{1}}", f" {number} "):
        assert verdict(str(number), spelling) is True


@given(INTEGERS, INTEGERS)
def test_integers_compare_as_integers_do(first: int, second: int) -> None:
    assert verdict(str(first), f"{second:,}") is (first == second)


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(1, 1000))
def test_fractions_need_not_be_reduced(above: int, below: int, factor: int) -> None:
    found = read_number(f"\\frac{{{above * factor}}}{{{below * factor}}}")
    assert found is not None
    assert found.value == Fraction(above, below)


@given(st.fractions(), st.fractions())
def test_the_verdict_does_not_depend_on_the_order(first: Fraction, second: Fraction) -> None:
    a, b = f"{first.numerator}/{first.denominator}", f"{second.numerator}/{second.denominator}"
    assert verdict(a, b) is verdict(b, a)


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("18", "$18.00", True),
        ("18", r"\$18", True),
        (r"90{,}000", r"90,\!000", True),
        ("18", "18 dollars", True),
        ("-5", "$-5", True),
        ("-5", "\u22125", True),
        ("50%", r"50\%", True),
        ("1/2", "0.5", True),
        (r"\frac12", ".5", True),
        ("1" + "0" * 5000, "1" + "0" * 5000 + ".0", True),
        ("18", "19", False),
        ("90,000", "90", False),
        ("0.5", "0.7", False),
        # left to Math-Verify
        ("1/3", "0.3333333", None),
        ("50%", "0.5", None),
        ("120", "2 hours", None),
        ("120 minutes", "2 hours", None),
    ],
)
def test_certain_verdicts_and_those_left_open(
    reference: str, answer: str, expected: bool | None
) -> None:
    assert verdict(reference, answer) is expected


@pytest.mark.parametrize(
    "text", ["", "x", "1,23", "12,34,567", "3 dozen", "1/0", "1 2", "-1.8 billion", "1e9999", "--1"]
)
def test_what_is_not_certainly_one_number_is_none(text: str) -> None:
    assert read_number(text) is None

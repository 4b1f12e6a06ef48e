r"""Exact comparison of answers that are written-out numbers, with rational arithmetic.

Read are integers of any size, decimals, fractions (``3/4``, ``\frac{3}{4}``, ``\dfrac34``),
thousands separators (``90,000``, ``90{,}000``, ``90\,000``), a leading sign and currency, powers
of ten (``1.5e3``), a percent sign, and a unit word of :data:`UNITS` after the number.

The comparison says yes or no only where it is certain and otherwise leaves the question to
Math-Verify. What it leaves: numbers that differ by so little that a rounded decimal may mean the
other (Math-Verify rounds to 6 decimals), a percentage against a plain number, and different or
missing units with different values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

MAX_LENGTH = 100_000
MAX_EXPONENT = 400
CERTAINLY_DIFFERENT = Fraction(2, 10**6)

_UNIT_WORDS = """
    dollar cent euro pound meter metre centimeter centimetre kilometer kilometre mile foot feet
    inch inches yard cm mm km m kg g gram kilogram liter litre gallon ounce hour minute second
    day week month year hr min sec degree mph people person apple egg book unit point
"""
UNITS = frozenset(_UNIT_WORDS.split())
"""Unit words, in the singular where the plural only adds an s. No multipliers such as dozen."""

_DIGITS = r"(?:\d{1,3}(?:(?:,(?:\\!)?|\{,\}|\\,)\d{3})+|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d*)?|\.\d+)"
_FRACTION = (
    r"(?:\\[dt]?frac\s*\{\s*(?P<above>-?"
    + _DIGITS
    + r")\s*\}\s*\{\s*(?P<below>"
    + _DIGITS
    + r")\s*\}"
    r"|\\[dt]?frac\s*(?P<above1>\d)\s*(?P<below1>\d)"
    rf"|(?P<left>{_DIGITS})\s*/\s*(?P<right>{_DIGITS}))"
)
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<currency>\\?\$|€|£|¥)?\s*(?P<sign2>[+-]?)\s*"
    rf"(?:{_FRACTION}|(?P<decimal>{_DECIMAL})(?:[eE](?P<exponent>[+-]?\d{{1,3}}))?)"
    r"\s*(?P<percent>\\?%)?"
    r"\s*(?:\\(?:text|mathrm|textrm)\{\s*)?(?P<unit>[A-Za-z]*)\.?\s*\}?"
)
_SEPARATOR = re.compile(r"[,{}\\!]")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written; ``value`` is in percent if ``percent``."""

    value: Fraction
    percent: bool
    unit: str


def read_number(text: str) -> Number | None:
    """Return the number that ``text`` as a whole writes out, or None if it is anything else."""
    if len(text) > MAX_LENGTH:
        return None
    match = _NUMBER.fullmatch(text.replace("\u2212", "-").strip())
    if match is None or (match["sign"] and match["sign2"]):
        return None
    unit = _unit(match["unit"])
    value = _value(match)
    if unit is None or value is None:
        return None
    negative = "-" in (match["sign"], match["sign2"])
    return Number(-value if negative else value, bool(match["percent"]), unit)


def compare_numbers(reference: Number, answer: Number) -> bool | None:
    """Return whether the numbers are equal, or None where that is not certain."""
    if reference.percent != answer.percent:
        return None
    same_unit = reference.unit == answer.unit
    if not same_unit and reference.unit and answer.unit:
        return None
    difference = abs(reference.value - answer.value)
    if difference == 0:
        return True
    whole = reference.value.denominator == answer.value.denominator == 1
    certain = whole or difference > CERTAINLY_DIFFERENT * (100 if reference.percent else 1)
    return False if same_unit and certain else None


def _unit(word: str) -> str | None:
    singular = word.lower()
    if singular not in UNITS:
        singular = singular.removesuffix("s")
    return singular if singular in UNITS or not word else None


def _value(match: re.Match[str]) -> Fraction | None:
    if match["decimal"]:
        value = _exact(match["decimal"])
        exponent = int(match["exponent"] or 0)
        return value * Fraction(10) ** exponent if abs(exponent) <= MAX_EXPONENT else None
    above = match["above"] or match["above1"] or match["left"]
    below = _exact(match["below"] or match["below1"] or match["right"])
    return _exact(above) / below if below else None


def _exact(digits: str) -> Fraction:
    # Decimal reads any number of digits; int() refuses more than 4,300.
    return Fraction(Decimal(_SEPARATOR.sub("", digits)))

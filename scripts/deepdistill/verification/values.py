r"""Values of simple formulas, to tell apart in microseconds what certainly differs.

Read are numbers, ``\pi``, ``e``, ``\infty``, single small letters, sums, products, quotients,
powers, ``\frac``, ``\sqrt`` and parentheses, and tuples and intervals of such formulas. Letters get
one value each: formulas that differ there are not equal. Whatever is not read, has more than one
meaning (mixed numbers, ``1/2x``, ``1e3``, ``f(x)``) or is close is left to Math-Verify; so is every
yes.
"""

from __future__ import annotations

import math
import re

FAR = 1e-3
"""Relative difference above which two values certainly differ; Math-Verify rounds much later."""

MAX_LENGTH = 400
MAX_DEPTH = 30

_TOKEN = re.compile(
    r"\s*(\d+(?:\.\d+)?|\.\d+|\\(?:[dt]?frac|sqrt|pi|infty|cdot|times)(?![A-Za-z])|[-+*/^(){}\[\],a-z])\s*"
)
_INVISIBLE = re.compile(r"\\[,;:!]|\\(?:left|right)(?![A-Za-z])")
_POWER_OF_TEN = re.compile(r"[\d.]\s*e\s*[-+]?\s*\d")
_STARTS = re.compile(r"\d|\.|\\(?:[dt]?frac|sqrt|pi|infty)|[({a-z]")
_CONSTANTS = {r"\pi": math.pi, "e": math.e, r"\infty": math.inf}
_PAIRS = {"(": ")", "{": "}"}


class _UnreadError(Exception):
    """The text is not one of the formulas that are read here."""


def certainly_differ(reference: str, answer: str) -> bool:
    """Return whether two formulas certainly have different values; False where that is unknown."""
    try:
        expected, found = _read(reference), _read(answer)
        if expected[0] != found[0] or len(expected[1]) != len(found[1]):
            return False
        return any(map(_far, expected[1], found[1]))
    except (_UnreadError, ArithmeticError, ValueError):
        return False


def _far(first: float, second: float) -> bool:
    if math.isinf(first) or math.isinf(second):
        return first != second
    return abs(first - second) > FAR * max(1.0, abs(first), abs(second))


def _read(text: str) -> tuple[tuple[object, ...], list[float]]:
    """Return what two texts must have in common to be compared, and the values."""
    reader = _Reader(text)
    values = reader.tuple_or_value()
    if any(math.isnan(value) for value in values):
        raise _UnreadError
    return (len(values) > 1, frozenset(reader.letters)), values


class _Reader:
    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH or _POWER_OF_TEN.search(text):
            raise _UnreadError
        self._tokens: list[str] = []
        self._place = self._depth = 0
        self.letters: set[str] = set()
        text, end = _INVISIBLE.sub(" ", text), 0
        while end < len(text):
            match = _TOKEN.match(text, end)
            if match is None:
                raise _UnreadError
            self._tokens.append(match[1])
            end = match.end()

    def tuple_or_value(self) -> list[float]:
        """Read all of the text: an ordered list in brackets, or one formula."""
        if self._next() in ("(", "[") and "," in self._tokens:
            self._place += 1
            values = [self._sum()]
            while self._take(","):
                values.append(self._sum())
            if not (self._take(")") or self._take("]")):
                raise _UnreadError
        else:
            values = [self._sum()]
        if self._next():
            raise _UnreadError
        return values

    def _next(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        found = self._next() == token
        self._place += found
        return found

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise _UnreadError

    def _sum(self) -> float:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _UnreadError
        sign = -1.0 if self._take("-") else 1.0
        if sign > 0:
            self._take("+")
        value = sign * self._product()
        while (token := self._next()) in ("+", "-"):
            self._place += 1
            value += self._product() * (1.0 if token == "+" else -1.0)
        self._depth -= 1
        return value

    def _product(self) -> float:
        value, divided = self._power(), False
        while True:
            before, token = self._tokens[self._place - 1], self._next()
            if token in ("*", r"\cdot", r"\times"):
                self._place += 1
                value *= self._power()
            elif token == "/":
                self._place += 1
                value, divided = value / self._power(), True
            elif token and _STARTS.match(token):
                number = before[0].isdigit() or before[0] == "."
                mixed = number and (token[0].isdigit() or "frac" in token)
                called = before.isalpha() and token == "("
                if divided or mixed or called:
                    raise _UnreadError
                value *= self._power()
            else:
                return value

    def _power(self) -> float:
        base = self._atom()
        if not self._take("^"):
            return base
        negative = self._next() == "-"
        token = self._next()
        if negative or (len(token) > 1 and token[0].isdigit()):
            raise _UnreadError
        value = base ** self._atom()
        if isinstance(value, complex):
            raise _UnreadError
        return value

    def _atom(self) -> float:
        token = self._next()
        self._place += 1
        if token in _PAIRS:
            value = self._sum()
            self._need(_PAIRS[token])
            return value
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if token.endswith("frac"):
            above = self._group()
            return above / self._group()
        if token == r"\sqrt":
            degree = 2.0
            if self._take("["):
                degree = self._sum()
                self._need("]")
            return self._root(self._group(), degree)
        if token[:1].isdigit() or (token[:1] == "." and len(token) > 1):
            return float(token)
        if len(token) == 1 and token.isalpha() and token != "i":
            self.letters.add(token)
            return 1.3247179572 + 0.0739085133 * ord(token)
        raise _UnreadError

    def _group(self) -> float:
        token = self._next()
        if token == "{" or (len(token) == 1 and token.isalnum()):
            return self._atom()
        raise _UnreadError

    @staticmethod
    def _root(value: float, degree: float) -> float:
        if value < 0 or degree <= 0:
            raise _UnreadError
        return float(value ** (1 / degree))

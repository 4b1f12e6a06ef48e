"""What Math-Verify's expressions need before and after its comparison.

Math-Verify rounds to six decimals, so that all numbers below a millionth are equal to it, and takes
the last side of a chain of equations that contradict each other. Runs in its workers, where there
is a deadline.
"""

from __future__ import annotations

from typing import Any

RELATIVE = 1e-4
"""Largest relative difference of two numbers of which one is a decimal."""

RELATIVE_EXACT = 1e-12
"""The same where both are exact, so that they differ by rounding only."""

_DIGITS = 30

_PLACE, _STEP = 1.3247179572, 0.7390851332  # nothing special about them, which is the point
_FAR = 1e-3


def may_be_equal(gold: Any, found: Any) -> bool:
    """Return False if two expressions (SymPy's) certainly differ, whatever their rounding."""
    from sympy import Basic, Expr, Interval, Tuple
    from sympy.core.relational import Equality, Relational
    from sympy.sets import FiniteSet

    if not (isinstance(gold, Basic) and isinstance(found, Basic)):
        return True
    if isinstance(found, Relational) and not found.free_symbols and _is_false(found):
        return False
    if isinstance(gold, Equality) and isinstance(found, Equality):
        return may_be_equal(gold.rhs, found.rhs) if gold.lhs == found.lhs else True
    gold, found = _value(gold), _value(found)
    for kind in (Tuple, Interval):
        if isinstance(gold, kind) and isinstance(found, kind):
            return all(map(may_be_equal, gold.args, found.args))
    if isinstance(gold, FiniteSet) and isinstance(found, FiniteSet):
        return all(any(may_be_equal(g, f) for f in found.args) for g in gold.args)
    if isinstance(gold, Expr) and isinstance(found, Expr):
        return _close(gold, found)
    return True


def certainly_differ(gold: Any, found: Any) -> bool:
    """Return whether two expressions have different values at one place, so are not equal.

    It is quick where they differ, which Math-Verify finds out by simplifying their difference.
    """
    from sympy import Expr, Float, UnevaluatedExpr

    expressions = gold, found
    if not all(isinstance(e, Expr) and not e.has(UnevaluatedExpr) for e in expressions):
        return False
    names = sorted({str(symbol) for e in expressions for symbol in e.free_symbols})
    place = {name: Float(_PLACE + _STEP * number) for number, name in enumerate(names)}
    first, second = (
        e.xreplace({symbol: place[str(symbol)] for symbol in e.free_symbols}).evalf()
        for e in expressions
    )
    if not (first.is_number and second.is_number and first.is_finite and second.is_finite):
        return False
    return bool(abs(first - second) > _FAR * max(1, abs(first), abs(second)))


def with_imaginary_unit(expression: Any) -> Any:
    """Return an expression with its free symbols called i as the imaginary unit.

    Math-Verify has two symbols of that name, by how a product is written, that are not equal.
    """
    from sympy import Basic, I

    if not isinstance(expression, Basic):
        return expression
    units = [symbol for symbol in expression.free_symbols if str(symbol) == "i"]
    return expression.xreplace(dict.fromkeys(units, I)) if units else expression


def _is_false(relation: Any) -> bool:
    from sympy import false

    return bool(relation.doit() == false)


def _value(expression: Any) -> Any:
    from sympy.core.relational import Equality

    return expression.rhs if isinstance(expression, Equality) else expression


def _close(gold: Any, found: Any) -> bool:
    from sympy import Float, UnevaluatedExpr

    symbols = gold.free_symbols or found.free_symbols
    # A percentage is equal to the number before its sign as well.
    if symbols or gold.has(UnevaluatedExpr) or found.has(UnevaluatedExpr):
        return True
    first, second = gold.evalf(_DIGITS), found.evalf(_DIGITS)
    if not (first.is_number and second.is_number and first.is_finite and second.is_finite):
        return True
    largest = max(abs(first), abs(second))
    exact = not (gold.has(Float) or found.has(Float))
    tolerance = RELATIVE_EXACT if exact else RELATIVE
    return bool(abs(first - second) <= tolerance * largest)

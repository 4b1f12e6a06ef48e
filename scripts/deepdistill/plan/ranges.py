"""Numbers that are not certain: a low, an expected and a high one."""

from __future__ import annotations

from dataclasses import dataclass

from deepdistill.plan.rates import Rate


@dataclass(frozen=True, slots=True)
class Range:
    """An expected number with a low and a high one.

    Sums take all lows and all highs together: the rates that are uncertain are the same ones for
    all jobs, so that their errors do not cancel.
    """

    low: float = 0.0
    expected: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Return each number times ``factor``."""
        return Range(self.low * factor, self.expected * factor, self.high * factor)

    def at_most(self, limit: float) -> Range:
        """Return each number, or ``limit`` where it is less."""
        return Range(min(self.low, limit), min(self.expected, limit), min(self.high, limit))

    def over(self, speed: Rate) -> Range:
        """Return the seconds that this many take at a speed; the fewest at the highest are low."""
        return Range(
            self.low / (speed.value * speed.spread),
            self.expected / speed.value,
            self.high * speed.spread / speed.value,
        )

    @classmethod
    def of(cls, rate: Rate, count: float = 1) -> Range:
        """Return ``count`` times a rate, with its spread."""
        expected = count * rate.value
        return cls(expected / rate.spread, expected, expected * rate.spread)

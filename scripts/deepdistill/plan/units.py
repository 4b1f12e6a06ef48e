"""Numbers as people read them: 3.34 M, 20,040 GPU-h, 52.1 k USD, 3 d 4 h."""

from __future__ import annotations

from collections.abc import Mapping

_THOUSANDS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_TIMES = ((86400.0, "d", 3600.0, "h"), (3600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s"))


def short(value: float) -> str:
    """Return a number with three digits and, from 10,000 on, a letter: 3.34 M."""
    if value < 10_000:
        return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
    for size, letter in _THOUSANDS:
        if value >= size * 0.9995:
            return f"{float(f'{value / size:.3g}'):g} {letter}"
    return f"{value:,.0f}"


def hours(value: float) -> str:
    """Return hours, with digits where there are few: 20,040 or 0.42."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


def money(value: float, currency: str) -> str:
    """Return a sum of money: 52.1 k USD."""
    return f"{short(value) if value >= 10_000 else f'{value:,.2f}'} {currency}"


def size(value: float) -> str:
    """Return bytes: 1.2 TB."""
    return f"{short(value)}B" if value >= 10_000 else f"{value:,.0f} B"


def duration(seconds: float) -> str:
    """Return a time: 3 d 4 h, 12 min 30 s."""
    for large, name, small, other in _TIMES:
        if seconds >= large:
            whole, rest = divmod(round(seconds / small) * small, large)
            return f"{whole:.0f} {name}" + (f" {rest / small:.0f} {other}" if rest else "")
    return f"{seconds:.0f} s" if seconds >= 10 or seconds == int(seconds) else f"{seconds:.1f} s"


def spread(low: str, expected: str, high: str) -> str:
    """Return an expected number with its range, if it has one."""
    return expected if low == high else f"{expected} ({low} – {high})"


def of_range(value: Mapping[str, float]) -> tuple[float, float, float]:
    """Return a range of a plan's data: low, expected, high."""
    return value["low"], value["expected"], value["high"]

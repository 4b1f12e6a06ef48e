"""Rates: how fast and how long things are, as the cluster's file says or as jobs have shown.

A rate has a dotted name, ``tokens_out.r1.math``; a longer name is more specific. What jobs have
shown stands in ``measured.json`` as sums, so that each finished job adds to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from deepdistill.files import read_json
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.pilot import FOLDER

MEASURED = "measured.json"
"""Name of the file below the results with what jobs have shown."""

SUREST = 1.1
"""Spread of a rate that every job showed to be the same: the next one may still differ."""


@dataclass(frozen=True, slots=True)
class Rate:
    """An expected number, the factor between it and low or high, and where it comes from.

    ``jobs`` counts the finished jobs that have shown it; 0 for a default.
    """

    value: float
    spread: float = 1
    source: str = "unknown"
    jobs: int = 0


class Rates:
    """Rates by name; those that were measured go before defaults.

    Example:
        >>> rates.find("tokens_out", "r1", "math").value
        4856
    """

    def __init__(
        self,
        defaults: Mapping[str, Mapping[str, Any]],
        measured: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self._defaults = defaults
        self._measured = measured or {}
        self._found: dict[tuple[str, ...], tuple[str, Rate]] = {}

    def find(self, name: str, *qualifiers: str | None) -> Rate:
        """Return the most specific rate; qualifiers that are None are left out.

        Of ``find("tokens_out", "r1", "math")`` it is the first of ``tokens_out.r1.math``,
        ``tokens_out.r1``, ``tokens_out.math`` and ``tokens_out`` that was measured, else the
        first of them that has a default.
        """
        return self.named(name, *qualifiers)[1]

    def named(self, name: str, *qualifiers: str | None) -> tuple[str, Rate]:
        """Return the same with the rate's own name."""
        key = (name, *(q for q in qualifiers if q is not None))
        if key not in self._found:
            names = list(_names(key))
            for candidate in names:
                if candidate in self._measured:
                    self._found[key] = candidate, _measured_rate(self._measured[candidate])
                    return self._found[key]
            for candidate in names:
                if candidate in self._defaults:
                    self._found[key] = candidate, Rate(**self._defaults[candidate])
                    return self._found[key]
            raise KeyError(f"no rate {'.'.join(key)}; looked for {', '.join(names)}")
        return self._found[key]

    def measured(self, name: str, *qualifiers: str | None) -> tuple[str, Rate] | None:
        """Return the most specific rate that jobs have shown, with its name, if there is one."""
        try:
            found, rate = self.named(name, *qualifiers)
        except KeyError:
            return None
        return (found, rate) if rate.jobs else None

    def shares(self, name: str, *qualifiers: str) -> list[float]:
        """Return a default that is a list of shares, adding up to 1; empty if there is none."""
        for candidate in _names((name, *qualifiers)):
            value = self._defaults.get(candidate, {}).get("value")
            if isinstance(value, list):
                return [share / sum(value) for share in value]
        return []


class RatesUsed:
    """Rates that remember which of them were used."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._names: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the rates that were used, in the order of their first use."""
        return tuple(self._names)

    def find(self, name: str, *qualifiers: str | None) -> Rate:
        """Return the most specific rate; see :meth:`Rates.find`."""
        found, rate = self._rates.named(name, *qualifiers)
        self.note(found)
        return rate

    def measured(self, name: str, *qualifiers: str | None) -> Rate | None:
        """Return the most specific rate that jobs have shown, if there is one."""
        found = self._rates.measured(name, *qualifiers)
        if found is None:
            return None
        self.note(found[0])
        return found[1]

    def note(self, name: str) -> None:
        """Remember a number that stands elsewhere in the cluster's file."""
        self._names[name] = None


def read_rates(cluster: Cluster, results: str | Path) -> Rates:
    """Return the cluster's rates with what jobs below ``results`` and its pilot's have shown."""
    measured: dict[str, dict[str, float]] = {}
    for folder in (Path(results), Path(results) / FOLDER):
        for name, sums in _read_measured(folder / MEASURED).items():
            total = measured.setdefault(name, dict.fromkeys(sums, 0.0))
            for key, value in sums.items():
                total[key] += value
    return Rates(cluster.settings["rates"], measured)


def _read_measured(path: Path) -> dict[str, dict[str, float]]:
    try:
        measured: dict[str, dict[str, float]] = read_json(path)
    except (OSError, ValueError):
        return {}
    return measured


def add(measured: dict[str, dict[str, float]], name: str, amount: float, units: float) -> None:
    """Add what a job has shown, ``amount`` of ``units``, to the sums of a rate.

    The rate is the amounts over the units of all jobs: a job with more units counts for more.
    """
    if not (amount > 0 and units > 0):
        return
    sums = measured.setdefault(name, dict.fromkeys(("amount", "units", "jobs", "log", "log2"), 0.0))
    log = math.log(amount / units)
    for key, value in (("amount", amount), ("units", units), ("jobs", 1)):
        sums[key] += value
    sums["log"] += log
    sums["log2"] += log * log


def _measured_rate(sums: Mapping[str, float]) -> Rate:
    jobs = int(sums["jobs"])
    variance = max(0.0, sums["log2"] / jobs - (sums["log"] / jobs) ** 2)
    # Of one job nothing is known about the spread; of a few it is easily too small.
    spread = math.exp(math.sqrt(variance * jobs / (jobs - 1))) if jobs > 1 else 1.3
    return Rate(sums["amount"] / sums["units"], max(spread, SUREST), "measured", jobs)


def _names(key: tuple[str, ...]) -> Iterator[str]:
    """The names from the most specific to the least: a.b.c, a.b, a.c, a."""
    name, *qualifiers = key
    for count in range(len(qualifiers), -1, -1):
        for chosen in combinations(qualifiers, count):
            yield ".".join([name, *chosen])

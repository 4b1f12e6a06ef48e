"""What a change costs: the difference between two plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepdistill.errors import InputError
from deepdistill.files import read_json
from deepdistill.plan.summary import VERSION
from deepdistill.plan.units import duration, hours, money, short

Data = Mapping[str, Any]

MINUS = "\N{MINUS SIGN}"

COLUMNS = ("jobs", "rows", "tokens out", "GPU-h", "CPU-h", "money")
"""What is compared of each rule and subject."""


def read_plan(path: str | Path) -> dict[str, Any]:
    """Read a plan that a dry-run wrote.

    Raises :class:`InputError` if it is missing or no plan of this version.
    """
    try:
        plan = read_json(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a plan: {str(error).splitlines()[0]}") from None
    found = plan.get("version") if isinstance(plan, dict) else None
    if found != VERSION:
        raise InputError(
            f"{path}: version: found {found!r}, allowed: {VERSION}; a plan is written by "
            "snakemake --dry-run --logger-plan-json FILE"
        )
    return dict(plan)


def differences(before: Data, after: Data) -> list[list[str]]:
    """Return rows of text: name, then by :data:`COLUMNS` what ``after`` has more; a total last.

    Rules and subjects that cost the same in both are left out. Raises :class:`InputError` for
    plans in different currencies.
    """
    currency = before["currency"]
    if after["currency"] != currency:
        raise InputError(
            f"plans: currency: found {currency} and {after['currency']}, allowed: the same one"
        )
    old, new = _by_name(before), _by_name(after)
    rows = []
    for name in dict.fromkeys([*old, *new]):
        change = _change(old.get(name), new.get(name))
        if any(change):
            rows.append([name, *_shown(change, currency)])
    total = _change(before["totals"], after["totals"])
    return [*rows, ["total", *_shown(total, currency)]]


def summary_lines(before: Data, after: Data) -> Iterator[str]:
    """Yield what stands below the table: both costs, both times, reasons that are new."""
    for label, plan in (("before", before), ("after", after)):
        cost = money(plan["totals"]["money"]["expected"], plan["currency"])
        finish = duration(plan["time"]["finish_seconds"]["expected"])
        yield f"{label}: {cost}, in {finish}"
    known = {reason["why"] for reason in before["reasons"]}
    for reason in after["reasons"]:
        if reason["why"] not in known:
            yield f"new: {reason['why']} ({reason['jobs']} jobs)"


def _by_name(plan: Data) -> dict[str, Data]:
    return {f"{e['rule']} {e['subject'] or ''}".strip(): e for e in plan["stages"]}


def _change(before: Data | None, after: Data | None) -> list[float]:
    return [new - old for old, new in zip(_numbers(before), _numbers(after), strict=True)]


def _numbers(entry: Data | None) -> list[float]:
    if entry is None:
        return [0.0] * len(COLUMNS)
    return [
        entry["jobs"],
        entry["rows"]["expected"],
        entry["tokens_out"]["expected"],
        sum(total["expected"] for total in entry["gpu_hours"].values()),
        entry["cpu_hours"]["expected"],
        entry["money"]["expected"],
    ]


def _shown(change: list[float], currency: str) -> list[str]:
    texts = [*map(short, map(abs, change[:3])), *map(hours, map(abs, change[3:5]))]
    texts.append(money(abs(change[5]), currency))
    return [_signed(value, text) for value, text in zip(change, texts, strict=True)]


def _signed(value: float, text: str) -> str:
    if not value:
        return "="
    return f"{'+' if value > 0 else MINUS}{text}"

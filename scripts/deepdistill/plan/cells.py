"""The words and numbers of a plan, as every way of showing it has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdistill.plan.units import hours, money, of_range, short, size, spread

Data = Mapping[str, Any]

NONE = "–"

COLUMNS = ("jobs", "rows", "kept", "tokens in", "out", "GPU-h", "CPU-h", "money", "disk")
"""What :func:`numbers` returns."""

_LIMITS = {"gpu": "GPUs", "_nodes": "jobs at a time", "_cores": "cores"}


def name(entry: Data) -> str:
    """Return a stage's rule and what it is about."""
    return f"{entry['rule']} {entry['subject']}" if entry["subject"] else str(entry["rule"])


def numbers(entry: Data, currency: str) -> list[str]:
    """Return the numbers of :data:`COLUMNS`; ≈ is before rows that are expected, not counted."""
    rows = entry["rows"]
    counted = short(rows["expected"]) if entry["exact"] else f"≈ {short(rows['expected'])}"
    gpu = sum(total["expected"] for total in entry["gpu_hours"].values())
    kinds = ", ".join(entry["gpu_hours"])
    return [
        short(entry["jobs"]),
        counted if rows["high"] else NONE,
        short(entry["kept"]) if entry["kept"] else NONE,
        _or_none(entry["tokens_in"]["expected"]),
        _or_none(entry["tokens_out"]["expected"]),
        f"{hours(gpu)} {kinds}" if kinds else NONE,
        hours(entry["cpu_hours"]["expected"]) if entry["cpu_hours"]["expected"] else NONE,
        money(entry["money"]["expected"], currency),
        size(entry["disk_bytes"]) if entry["disk_bytes"] else NONE,
    ]


def done(entry: Data, currency: str) -> str:
    """Return what is there and what it saves, empty if nothing is."""
    if not entry["rows"]:
        return ""
    saved = [f"{hours(entry['gpu_hours'])} GPU-h"] if entry["gpu_hours"] else []
    saved += [f"{hours(entry['cpu_hours'])} CPU-h", money(entry["money"], currency)]
    return f"{entry['share']:.0%}: {short(entry['rows'])} rows hold, which saves {', '.join(saved)}"


def saved(entry: Data, currency: str) -> str:
    """Return what a teacher is not asked, and what that saves."""
    by = " and ".join({"only": "only", "passes": "adaptive passes"}[way] for way in entry["by"])
    rows = f"{short(entry['responses'])} responses ({entry['share']:.0%})"
    hours_saved = f"{hours(entry['gpu_hours'])} GPU-h, " if entry["gpu_hours"] else ""
    return (
        f"{entry['teacher']} by {by}: {rows}, {hours_saved}{money(entry['money'], currency)}"
        f"{'' if entry['measured'] else ', not measured yet'}"
    )


def reason(entry: Data, currency: str) -> str:
    """Return a root cause with what follows from it."""
    rows = [
        f"{spread(*map(short, of_range(total)))} {unit}" for unit, total in entry["rows"].items()
    ]
    counts = [f"{entry['jobs']} job{'s' if entry['jobs'] > 1 else ''}"]
    counts += [f"{entry['shards']} shards"] if entry["shards"] else []
    cost = money(entry["money"]["expected"], currency)
    return f"{entry['why']}: {', '.join([*counts, *rows])}; {cost}"


def limits(time: Data) -> str:
    """Return what jobs may use together: 64 GPUs, 200 jobs at a time."""
    known = [(_LIMITS[k], v) for k, v in time["limits"].items() if k in _LIMITS]
    return ", ".join(f"{short(value)} {word}" for word, value in known)


def rate(entry: Data) -> list[str]:
    """Return a number that estimates rest on: name, value, spread, jobs, source."""
    known = entry["value"] is not None
    return [
        entry["name"],
        f"{entry['value']:.4g}" if known else NONE,
        f"× {entry['spread']:.2f}" if known else NONE,
        short(entry["jobs"]) if entry["jobs"] else "default",
        entry["source"],
    ]


def _or_none(value: float) -> str:
    return short(value) if value else NONE

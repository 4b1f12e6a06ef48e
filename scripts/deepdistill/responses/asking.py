"""Checking what the configuration says of the queries and passes that teachers are asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import pyarrow as pa

from deepdistill.conditions import check_condition, columns_of
from deepdistill.difficulty.measures import measure_one, measure_teachers
from deepdistill.responses.passes import adaptive_teachers
from deepdistill.schemas import SHARD, VERDICTS

Teachers = Mapping[str, Mapping[str, Any]]
"""The configuration's section ``teachers``."""

_QUERIES = SHARD.schema.empty_table()
_VERDICTS = VERDICTS.schema.empty_table()


def named_teachers(condition: str, teachers: Teachers) -> list[str]:
    """Return the teachers whose columns a condition names, in the configuration's order."""
    named = columns_of(condition)
    return [name for name in teachers if any(c.lower() in named for c in _columns([name]))]


def broken_only(teachers: Teachers) -> Iterator[str]:
    """Yield a message for each ``only`` that is no condition over other teachers' columns."""
    waits: dict[str, list[str]] = {}
    for name, settings in teachers.items():
        if "only" not in settings:
            continue
        key = f"config: teachers.{name}.only: found {settings['only']!r}"
        others = [other for other in teachers if other != name]
        if settings["backend"] == "published":
            yield f"{key}, allowed: none for published responses, which are there already"
        elif reason := _broken_only(settings["only"], name, others):
            yield f"{key}: {reason}; {_allowed(others)}"
        else:
            waits[name] = named_teachers(settings["only"], teachers)
    if circle := _circle(waits):
        yield f"config: teachers.{circle[0]}.only: the teacher waits for itself: " + " → ".join(
            circle
        )


def broken_passes(teachers: Teachers) -> Iterator[str]:
    """Yield a message for each teacher with adaptive passes that cannot be what is meant."""
    for name in adaptive_teachers(teachers):
        key, settings = f"config: teachers.{name}.passes", teachers[name]
        passes = settings["passes"]
        if settings["backend"] == "published":
            yield f"{key}: found min, max and until, allowed for published responses: an integer"
        elif passes["min"] > passes["max"]:
            yield f"{key}.min: found {passes['min']}, allowed: at most max, {passes['max']}"
        elif reason := _broken_until(passes["until"]):
            yield f"{key}.until: found {passes['until']!r}: {reason}"


def _broken_only(condition: str, name: str, others: Sequence[str]) -> str | None:
    """What is wrong with a condition, None if nothing is."""
    try:
        for column in _columns([name]):
            if column.lower() in columns_of(condition):
                return f"{column} is the teacher's own"
        check_condition(condition, _of_teachers(others))
    except ValueError as error:
        return str(error)
    return None


def _broken_until(condition: str) -> str | None:
    """What is wrong with a condition, and what is allowed; None if nothing is."""
    table = measure_one(_QUERIES, _VERDICTS, 0).drop_columns(["query_id"])
    try:
        check_condition(condition, table)
    except ValueError as error:
        return f"{error}; allowed: a condition over {', '.join(table.column_names)}"
    return None


def _of_teachers(teachers: Sequence[str]) -> pa.Table:
    """What conditions may name, of no queries."""
    table = measure_teachers(_QUERIES, dict.fromkeys(teachers, _VERDICTS), 0)
    return table.drop_columns(["query_id"])


def _columns(teachers: Sequence[str]) -> list[str]:
    return [n for n in _of_teachers(teachers).column_names if n not in ("category", "source")]


def _allowed(others: Sequence[str]) -> str:
    measures = ", ".join(name.removesuffix("_") for name in _columns([""]))
    of = f" and, with _{' or _'.join(others)} at the end, {measures}" if others else ""
    return f"allowed: a condition over category, source{of}"


def _circle(waits: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The first teacher that waits for itself, those in between, and it again; None without one."""
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        names = error.args[1][:0:-1]  # graphlib has them the other way round
        first = names.index(next(name for name in waits if name in names))
        return [*names[first:], *names[: first + 1]]
    return None

"""The embedded demo's sources and its benchmark, as JSON lines with planted flaws."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deepdistill.demo import arithmetic, instructions, python_tasks
from deepdistill.demo.planting import (
    DISTINCT_BELOW,
    Row,
    plant_contaminated,
    plant_duplicates,
    plant_malformed,
    similarity,
)
from deepdistill.demo.settings import check_settings
from deepdistill.files import atomic_path, write_json

DEFAULTS = {
    "seed": 0,
    "questions_per_level": 40,
    "levels": 9,
    "python_tasks": 42,
    "instructions": 36,
    "benchmark_per_level": 12,
    "benchmark_levels": 7,
}
SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "seed": {"type": "integer"},
        "questions_per_level": {"type": "integer", "minimum": 1, "maximum": 200},
        "levels": {"type": "integer", "minimum": 1, "maximum": 9},
        "python_tasks": {"type": "integer", "minimum": 3, "maximum": 120},
        "instructions": {"type": "integer", "minimum": 3, "maximum": 60},
        "benchmark_per_level": {"type": "integer", "minimum": 1, "maximum": 30},
        "benchmark_levels": {"type": "integer", "minimum": 1, "maximum": 9},
    },
}
"""JSON schema of the settings, with :data:`DEFAULTS` for those left out."""

DRAWN_LEVELS = 3  # of Python tasks and instructions


def write_demo_sources(config: Mapping[str, Any], folder: str | Path) -> None:
    """Write three sources, the benchmark and the counts of what was planted below ``folder``.

    - ``sources/arithmetic.jsonl``: category (math), question, answer;
    - ``sources/python_tasks.jsonl``: category (code), question, tests;
    - ``sources/instructions.jsonl``: category (instruction_following), question, constraints;
    - ``benchmarks/arithmetic.jsonl``: question, answer, level, from held-out chains;
    - ``planted.json``: for each source the number of rows, of clean rows and of rows by flaw.

    Equal settings give equal bytes. Raises :class:`InputError` for a wrong setting.
    """
    check_settings("demo.sources", config, SETTINGS)
    settings = {**DEFAULTS, **config}
    folder, seed = Path(folder), settings["seed"]
    benchmark = _draw_benchmark(settings, random.Random(f"benchmark {seed}"))
    _write_lines(folder / "benchmarks" / "arithmetic.jsonl", benchmark)
    planted = {
        "arithmetic": _write_arithmetic(folder, settings, benchmark),
        "python_tasks": _write_texts(
            folder, "python_tasks", "code", "tests", _python_row, settings["python_tasks"], seed
        ),
        "instructions": _write_texts(
            folder,
            "instructions",
            "instruction_following",
            "constraints",
            _instruction_row,
            settings["instructions"],
            seed,
        ),
    }
    write_json(folder / "planted.json", planted)


def _write_arithmetic(
    folder: Path, settings: Mapping[str, int], benchmark: Sequence[Row]
) -> dict[str, int]:
    rng = random.Random(f"arithmetic {settings['seed']}")
    levels = range(1, settings["levels"] + 1)
    rows = _distinct_chains(rng)
    clean = [rows(level) for level in levels for _ in range(settings["questions_per_level"])]
    flawed: dict[str, Sequence[Row | str]] = {
        **plant_duplicates(clean, rng),
        **plant_contaminated(len(clean), [_without_level(row) for row in benchmark], rng),
        **plant_malformed(len(clean), lambda: rows(rng.choice(levels)), "answer", rng),
    }
    return _write_source(folder, "arithmetic", "math", clean, flawed, rng)


def _write_texts(
    folder: Path,
    name: str,
    category: str,
    reference: str,
    draw_row: Callable[[int, random.Random], Row],
    count: int,
    seed: int,
) -> dict[str, int]:
    rng = random.Random(f"{name} {seed}")
    rows = _distinct_texts(draw_row, rng)
    clean = [rows(1 + i % DRAWN_LEVELS) for i in range(count)]
    flawed: dict[str, Sequence[Row | str]] = {
        **plant_duplicates(clean, rng),
        **plant_malformed(count, lambda: rows(rng.randint(1, DRAWN_LEVELS)), reference, rng),
    }
    return _write_source(folder, name, category, clean, flawed, rng)


def _distinct_chains(rng: random.Random, held_out: bool = False) -> Callable[[int], Row]:
    """Return a function that draws questions of a level, no chain twice."""
    seen: set[str] = set()

    def draw(level: int) -> Row:
        while True:
            chain = arithmetic.draw_chain(level, rng, held_out)
            if chain.text not in seen:
                seen.add(chain.text)
                question = arithmetic.word_question(chain, rng)
                return {"question": question, "answer": str(chain.value)}

    return draw


def _distinct_texts(
    draw_row: Callable[[int, random.Random], Row], rng: random.Random
) -> Callable[[int], Row]:
    """Return a function that draws rows of a level, no two of them near duplicates."""
    seen: list[str] = []

    def draw(level: int) -> Row:
        while True:
            row = draw_row(level, rng)
            if all(similarity(row["question"], other) < DISTINCT_BELOW for other in seen):
                seen.append(row["question"])
                return row

    return draw


def _python_row(level: int, rng: random.Random) -> Row:
    task = python_tasks.draw_task(level, rng)
    return {"question": task.question, "tests": task.tests}


def _instruction_row(level: int, rng: random.Random) -> Row:
    task = instructions.draw_task(level, rng)
    return {"question": task.question, "constraints": task.constraints}


def _draw_benchmark(settings: Mapping[str, int], rng: random.Random) -> list[Row]:
    draw = _distinct_chains(rng, held_out=True)
    return [
        {**draw(level), "level": level}
        for level in range(1, settings["benchmark_levels"] + 1)
        for _ in range(settings["benchmark_per_level"])
    ]


def _without_level(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "level"}


def _write_source(
    folder: Path,
    name: str,
    category: str,
    clean: Sequence[Row],
    flawed: Mapping[str, Sequence[Row | str]],
    rng: random.Random,
) -> dict[str, int]:
    """Write a source's rows in random order and return their counts."""
    unnamed = [*clean, *(row for group in flawed.values() for row in group)]
    rows = [row if isinstance(row, str) else {"category": category, **row} for row in unnamed]
    rng.shuffle(rows)
    _write_lines(folder / "sources" / f"{name}.jsonl", rows)
    counts = {flaw: len(group) for flaw, group in flawed.items()}
    return {"rows": len(rows), "clean": len(clean), **counts}


def _write_lines(path: Path, rows: Sequence[Row | str]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("".join(_lines(rows)), encoding="utf-8")


def _lines(rows: Sequence[Row | str]) -> Iterator[str]:
    for row in rows:
        yield (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n"

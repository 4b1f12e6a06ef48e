"""Category code: small Python programs that change a value step by step.

A task's level is its number of steps. There are three families, one for each way of testing a
program: functions of an integer (assert statements), functions of a list (calls with expected
values) and programs that read a line and print one (standard input and output).
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deepdistill.demo.example import Example
from deepdistill.responses.format import join_response

ATTEMPTS = 1000
TESTS_PER_TASK = 5
FUNCTION_NAMES = (
    *("shift", "remake", "change", "turn", "solve", "apply", "convert", "transform"),
    *("update", "process", "adjust", "refine", "compose", "derive", "modify", "produce"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a value: its wording, its Python expression and what it does.

    ``{v}`` in the expression is the variable, ``{k}`` in both texts a small number.
    """

    wording: str
    expression: str
    apply: Callable[[Any, int], Any]


@dataclass(frozen=True, slots=True)
class Family:
    """Tasks on one type of value, tested in one way (``kind``)."""

    kind: str
    variable: str
    steps: tuple[Step, ...]
    draw_value: Callable[[random.Random], Any]


@dataclass(frozen=True, slots=True)
class PythonTask:
    """A task: its question, a correct program, and the reference that a verifier reads."""

    question: str
    program: str
    tests: dict[str, Any]


def _draw_integer(rng: random.Random) -> int:
    return rng.randint(-20, 20)


def _draw_list(rng: random.Random) -> list[int]:
    return [rng.randint(-5, 20) for _ in range(rng.randint(8, 12))]


def _draw_line(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters, k=rng.randint(12, 16)))


FAMILIES = (
    Family(
        "assert",
        "x",
        (
            Step("add {k}", "{v} + {k}", lambda x, k: x + k),
            Step("subtract {k}", "{v} - {k}", lambda x, k: x - k),
            Step("multiply by {k}", "{v} * {k}", lambda x, k: x * k),
            Step("negate", "-{v}", lambda x, k: -x),
        ),
        _draw_integer,
    ),
    Family(
        "call",
        "xs",
        (
            Step("keep items above {k}", "[x for x in {v} if x > {k}]",
                 lambda xs, k: [x for x in xs if x > k]),
            Step("multiply items by {k}", "[x * {k} for x in {v}]",
                 lambda xs, k: [x * k for x in xs]),
            Step("sort", "sorted({v})", lambda xs, k: sorted(xs)),
            Step("drop the first {k}", "{v}[{k}:]", lambda xs, k: xs[k:]),
        ),
        _draw_list,
    ),
    Family(
        "stdin",
        "s",
        (
            Step("make upper case", "{v}.upper()", lambda s, k: s.upper()),
            Step("repeat {k} times", "{v} * {k}", lambda s, k: s * k),
            Step("reverse", "{v}[::-1]", lambda s, k: s[::-1]),
            Step("drop the first {k}", "{v}[{k}:]", lambda s, k: s[k:]),
        ),
        _draw_line,
    ),
)  # fmt: skip


def draw_task(level: int, rng: random.Random) -> PythonTask:
    """Draw a task of ``level`` steps."""
    family = rng.choice(FAMILIES)
    name = rng.choice(FUNCTION_NAMES)
    # A step directly after itself would often cancel or merge with it.
    steps: list[tuple[Step, int]] = []
    for _ in range(level):
        previous = steps[-1][0] if steps else None
        step = rng.choice([s for s in family.steps if s is not previous])
        steps.append((step, rng.randint(2, 5)))
    wordings = ", then ".join(step.wording.format(k=k) for step, k in steps)
    variable = family.variable
    lines = [f"{variable} = {step.expression.format(v=variable, k=k)}" for step, k in steps]
    if family.kind == "stdin":
        question = f"Write a program that reads a line: {wordings}, and print it."
        program = "\n".join([f"{variable} = input()", *lines, f"print({variable})"])
    else:
        question = f"Write a function {name}({variable}): {wordings}."
        body = [f"    {line}" for line in [*lines, f"return {variable}"]]
        program = "\n".join([f"def {name}({variable}):", *body])
    return PythonTask(question, program, _draw_tests(family, name, steps, rng))


def _draw_tests(
    family: Family, name: str, steps: list[tuple[Step, int]], rng: random.Random
) -> dict[str, Any]:
    tests: list[Any] = []
    for _ in range(TESTS_PER_TASK):
        value, expected = _draw_telling(family, steps, rng)
        if family.kind == "assert":
            tests.append(f"assert {name}({value!r}) == {expected!r}")
        elif family.kind == "call":
            tests.append({"args": [value], "expected": expected})
        else:
            tests.append({"input": f"{value}\n", "output": f"{expected}\n"})
    reference = {"language": "python", "kind": family.kind, "tests": tests}
    return reference | {"function": name} if family.kind == "call" else reference


def _draw_telling(
    family: Family, steps: list[tuple[Step, int]], rng: random.Random
) -> tuple[Any, Any]:
    """Draw an input and its output, which is not empty if it can be helped.

    A wrong program would pass tests that all expect nothing.
    """
    value = family.draw_value(rng)
    again = random.Random(repr(value))  # so that what is drawn from `rng` later stays the same
    for _ in range(ATTEMPTS):
        expected = value
        for step, k in steps:
            expected = step.apply(expected, k)
        if expected not in ([], ""):
            break
        value = family.draw_value(again)
    return value, expected


def draw_example(level: int, rng: random.Random) -> Example:
    """Draw a task of ``level`` steps with a correct response."""
    task = draw_task(level, rng)
    answer = f"```python\n{task.program}\n```"
    return Example(task.question, join_response(f"{level} steps", answer))

from __future__ import annotations

import io
import random
from contextlib import redirect_stdout
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.demo import arithmetic, instructions, python_tasks
from deepdistill.responses.format import split_response
from deepdistill.verification.references import read_reference
from deepdistill.verification.verify import Task, check_tasks

SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.integers(1, 9), st.booleans())
def test_a_chain_is_worked_rightly_and_stays_in_range(
    seed: int, level: int, held_out: bool
) -> None:
    chain = arithmetic.draw_chain(level, random.Random(seed), held_out)
    assert chain.value == eval(chain.text)
    assert len(chain.steps) == level
    for step in chain.steps:
        left, right = step.split("=")
        assert eval(left) == int(right)
        assert 0 <= int(right) <= arithmetic.TOP
    assert arithmetic.is_held_out(chain.text) == held_out


@given(SEEDS, st.integers(1, 5))
def test_training_never_sees_a_held_out_chain(seed: int, level: int) -> None:
    rng = random.Random(seed)
    question = arithmetic.draw_example(level, rng).question
    line = arithmetic.draw_worked_line(level, rng)
    asked = next(word for word in question.rstrip(".?").split() if word[0].isdigit())
    assert not arithmetic.is_held_out(asked)
    if ": " in line:
        assert not arithmetic.is_held_out(line.split(":")[0])


def _passes(program: str, reference: dict[str, Any]) -> bool:
    for test in reference["tests"]:
        scope: dict[str, Any] = {}
        if reference["kind"] == "stdin":
            scope["input"] = io.StringIO(test["input"]).readline
            with redirect_stdout(io.StringIO()) as printed:
                exec(program.replace("input()", "input().rstrip()"), scope)
            if printed.getvalue() != test["output"]:
                return False
            continue
        exec(program, scope)
        if reference["kind"] == "call":
            if scope[reference["function"]](*test["args"]) != test["expected"]:
                return False
        else:
            exec(test, scope)
    return True


@given(SEEDS, st.integers(1, 4))
def test_a_program_passes_its_tests_and_they_have_teeth(seed: int, level: int) -> None:
    task = python_tasks.draw_task(level, random.Random(seed))
    assert _passes(task.program, task.tests)
    first_step = task.program.split("\n")[1]
    variable = first_step.strip().split(" ")[0]
    indent = first_step[: -len(first_step.lstrip())]
    stub = task.program.replace(first_step, f"{indent}{variable} = {variable}[:0] + {variable}[:1]")
    if task.tests["kind"] == "assert":
        stub = task.program.replace(first_step, f"{indent}{variable} = 1000")
        with pytest.raises(AssertionError):
            _passes(stub, task.tests)
    else:
        assert not _passes(stub, task.tests)


def test_python_tasks_use_every_kind_of_test() -> None:
    rng = random.Random(0)
    kinds = {python_tasks.draw_task(1, rng).tests["kind"] for _ in range(50)}
    assert kinds == {"assert", "call", "stdin"}


def test_perfect_responses_pass_the_verifier() -> None:
    rng = random.Random(0)
    tasks = []
    for level in (1, 2, 3) * 30:
        task = instructions.draw_task(level, rng)
        reference = read_reference("instruction_following", task.constraints)
        tasks.append(Task("instruction_following", task.question, task.text, reference))
    for level in (1, 5, 9):
        chain = arithmetic.draw_chain(level, rng)
        tasks.append(Task("math", "", f"\\boxed{{{chain.value}}}", str(chain.value)))
    settings = {"instruction_following": {"mode": "strict"}, "math": {"timeout_s": 5}}
    failed = [
        (task.question, task.answer, check.detail)
        for task, check in zip(tasks, check_tasks(tasks, settings, 1), strict=True)
        if check.score != 1.0
    ]
    assert failed == []


@pytest.mark.parametrize("family", [arithmetic, python_tasks, instructions])
def test_responses_have_the_response_format(family: Any) -> None:
    for level in (1, 2, 3):
        example = family.draw_example(level, random.Random(level))
        thinking, answer, problem = split_response(example.response, finished=True)
        assert thinking
        assert answer
        assert problem is None

"""HumanEval's and MBPP's own solutions pass, and what solves nothing fails."""

from __future__ import annotations

import ast
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from code_running import SETTINGS, find, reference
from deepdistill.verification.check import Task
from deepdistill.verification.code import CodeChecker

DATA = os.environ.get("DEEPDISTILL_DATA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DATA is None, reason="DEEPDISTILL_DATA does not name the public data"),
    pytest.mark.skipif(isinstance(find("auto"), str), reason="no sandbox here"),
    pytest.mark.filterwarnings("ignore:invalid escape sequence"),  # in their regular expressions
]

Case = tuple[str, str, str]
"""A solution, what solves nothing, and the reference."""


def human_eval() -> Iterator[Case]:
    with gzip.open(f"{DATA}/humaneval/HumanEval.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            tests = reference("assert", [f"check({row['entry_point']})"], setup=row["test"])
            stub = f"{row['prompt']}\n    pass\n"
            yield row["prompt"] + row["canonical_solution"], stub, tests


def mbpp() -> Iterator[Case]:
    for line in Path(f"{DATA}/mbpp/mbpp.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        tests = reference("assert", row["test_list"], setup=row["test_setup_code"])
        yield row["code"], stubbed(row["code"]), tests


def stubbed(program: str) -> str:
    """The program with functions that do nothing."""
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            node.body = [ast.Pass()]
    return ast.unparse(tree)


@pytest.mark.parametrize(("cases", "size"), [(human_eval, 164), (mbpp, 974)])
def test_solutions_pass_and_stubs_fail(cases: Any, size: int) -> None:
    rows = list(cases())
    assert len(rows) == size
    with CodeChecker({**SETTINGS, "timeout_s": 20, "memory_mb": 1024}, 2) as checker:

        def check(program: str, tests: str) -> Any:
            return checker.submit(Task("code", "", f"```python\n{program}\n```", tests))

        solutions = [check(solution, tests) for solution, _, tests in rows]
        stubs = [check(stub, tests) for _, stub, tests in rows]
        wrong = [(i, p()) for i, p in enumerate(solutions) if p().score != 1]
        passing = [(i, p()) for i, p in enumerate(stubs) if p().score == 1]
    assert (wrong, passing) == ([], [])

"""Running programs against tests, for the tests of the code verifier."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from deepdistill.verification.check import Check, Task
from deepdistill.verification.code import CodeChecker
from deepdistill.verification.code_reference import read_code_reference
from deepdistill.verification.launchers import AUTOMATIC
from deepdistill.verification.sandbox import find_sandbox

SETTINGS: dict[str, Any] = {
    "timeout_s": 3,
    "memory_mb": 256,
    "max_tests": 10,
    "sandbox": "auto",
    "sandbox_command": [],
}

Run = Callable[[str, str], Check]

find = functools.cache(find_sandbox)


def params() -> list[Any]:
    """The sandboxes, those that this machine does not have with why."""
    found = {name: find(name) for name in AUTOMATIC}
    return [
        pytest.param(name, marks=pytest.mark.skipif(isinstance(got, str), reason=str(got)))
        for name, got in found.items()
    ]


def reference(kind: str, tests: list[Any], language: str = "python", **more: Any) -> str:
    return read_code_reference({"language": language, "kind": kind, "tests": tests, **more})


ASSERTS = reference("assert", ["assert add(1, 2) == 3", "assert add([1], [2]) == [1, 2]"])
CALLS = reference("call", [{"args": [[1], [2]], "expected": [1, 2]}] * 2, function="add")
STDIN_TESTS = [{"input": "1 2\n", "output": "3\n"}, {"input": "4 5", "output": "9"}]
STDIN = reference("stdin", STDIN_TESTS)


def running(checker: CodeChecker, language: str = "python") -> Run:
    def run(program: str, tests: str) -> Check:
        return checker.submit(Task("code", "", f"```{language}\n{program}\n```", tests))()

    return run

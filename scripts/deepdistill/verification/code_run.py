"""Running a program's tests in the sandbox and deciding outside what passed.

A program that is run on its standard input is shown the inputs only; its outputs are compared here.
A program whose functions are tested lives in one sandbox and its tests in another
(:mod:`~deepdistill.verification.sandboxed.program_side`,
:mod:`~deepdistill.verification.sandboxed.tests_side`). So the expected values are never within a
program's reach, and leaving with status 0, an object that is equal to everything, or a forged
message gain it nothing.

Deadlines are per test. The first test that passes its deadline ends the run, and those after it
count as failed: a program that never ends costs one deadline.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deepdistill.verification.code_reference import program_side_setup, tests_side_setup
from deepdistill.verification.sandbox import (
    START_TIMEOUT_S,
    Sandbox,
    SandboxedProcess,
    SandboxError,
)
from deepdistill.verification.sandboxed import program_side, stdin_side, tests_side

MIN_OUTPUT = 1024**2
"""Bytes that a program may always write; or twice the longest expected output, if that is more."""

COMPILE_TIMEOUT_S = 90
"""Wall time of a compiler, whose time does not count for the program's."""

COMPILERS = {"cpp": "g++"}
"""The compilers of languages that have one."""


class UnsupportedTestError(Exception):
    """A test cannot be decided from plain values."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Wall time per test in seconds, memory per process in MiB."""

    timeout_s: float
    memory_mb: int

    def job(self, tests: int) -> dict[str, Any]:
        """Return what a sandboxed process needs to know to limit itself."""
        return {"memory_mb": self.memory_mb, "cpu_s": math.ceil(self.timeout_s * tests) + 1}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many tests passed, and the first problem."""

    passed: int
    problem: str


def run_stdin_tests(
    sandbox: Sandbox, program: str, reference: Mapping[str, Any], limits: Limits
) -> Outcome:
    """Run the program once per test; it passes with exit status 0 and the expected output.

    Blanks at the ends of lines, empty lines at the end and the kind of line ends do not count;
    numbers are compared as they are written, since the questions say how to write them. A program
    that does not compile fails all tests. Raises :class:`UnsupportedTestError` without a compiler.
    """
    tests = reference["tests"]
    max_output = max([MIN_OUTPUT, *(2 * len(test["output"].encode()) for test in tests)])
    job = {
        "program": program,
        "compiler": _compiler(reference["language"]),
        "inputs": [test["input"] for test in tests],
        "max_output": max_output,
        **limits.job(1),
    }
    passed = 0
    problems: list[str] = []
    with (
        open(os.devnull, "rb") as nothing,
        _pipe() as (read_end, write_end),
        sandbox.start(stdin_side, job, nothing.fileno(), write_end.fileno()) as process,
    ):
        write_end.close()
        # JSON writes a byte as up to six characters.
        lines = _Lines(read_end.fileno(), 6 * max_output + 4096)
        _await_ready(lines, process)
        if job["compiler"]:
            try:
                problem = lines.next(COMPILE_TIMEOUT_S)
            except TimeoutError:
                problem = "timeout"
            if problem != "":
                return Outcome(0, f"compile error: {problem}")
        for test in tests:
            try:
                problem = _stdin_problem(lines.next(limits.timeout_s), test["output"])
            except TimeoutError:
                return Outcome(passed, _first([*problems, "timeout"]))
            passed += not problem
            problems += [problem] if problem else []
    return Outcome(passed, _first(problems))


def run_function_tests(
    sandbox: Sandbox, program: str, reference: Mapping[str, Any], limits: Limits
) -> Outcome:
    """Run the tests of a reference of kind ``assert`` or ``call``."""
    tests = reference["tests"]
    setup = reference.get("setup", "")
    limit = limits.job(len(tests))
    program_job = {"sources": [program_side_setup(setup), program], **limit}
    tests_job = {"setup": tests_side_setup(setup), "tests": tests, **limit}
    if reference["kind"] == "call":
        tests_job["function"] = reference["function"]
    with (
        _pipe() as (asked, asking),
        _pipe() as (answered, answering),
        _pipe() as (verdicts, judging),
        sandbox.start(program_side, program_job, asked.fileno(), answering.fileno()) as program_box,
        sandbox.start(
            tests_side, tests_job, answered.fileno(), asking.fileno(), [judging.fileno()]
        ) as tests_box,
    ):
        for end in (asked, asking, answered, answering, judging):
            end.close()
        lines = _Lines(verdicts.fileno(), 64 * 1024)
        _await_ready(lines, tests_box)
        return _count_verdicts(lines, len(tests), limits.timeout_s, program_box)


def _count_verdicts(
    lines: _Lines, tests: int, timeout_s: float, program_box: SandboxedProcess
) -> Outcome:
    passed = 0
    problems: list[str] = []
    for _ in range(tests):
        try:
            verdict, problem = lines.next(timeout_s) or ("broken", "the tests ended")
        except TimeoutError:
            return Outcome(passed, _first([*problems, "timeout"]))
        if verdict == "not started":
            raise SandboxError(program_box.problem())
        if verdict == "unsupported":
            raise UnsupportedTestError(problem)
        if verdict == "passed":
            passed += 1
            continue
        problems.append(problem or "wrong result")
        if verdict == "broken":
            break
    return Outcome(passed, _first(problems))


def _first(problems: Sequence[str]) -> str:
    return problems[0] if problems else ""


def _stdin_problem(result: Any, expected: str) -> str | None:
    if not isinstance(result, dict):
        return "the program ended its tests"
    if result["output"] is None:
        return "too much output"
    if result["status"] != 0:
        return str(result["error"]) or f"exit status {result['status']}"
    if _normal_lines(result["output"]) != _normal_lines(expected):
        return "wrong output"
    return None


def _normal_lines(text: str) -> list[str]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return [line.rstrip() for line in text.rstrip().split("\n")]


@contextmanager
def _pipe() -> Iterator[tuple[Any, Any]]:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", 0) as reader, os.fdopen(write_end, "wb", 0) as writer:
        yield reader, writer


def _compiler(language: str) -> str | None:
    if language not in COMPILERS:
        return None
    found = shutil.which(COMPILERS[language])
    if found is None:
        raise UnsupportedTestError(f"no {COMPILERS[language]} on this machine")
    return os.path.realpath(found)


def _await_ready(lines: _Lines, process: SandboxedProcess) -> None:
    try:
        first = lines.next(START_TIMEOUT_S)
    except TimeoutError:
        raise SandboxError("the sandbox does not start") from None
    if first is None:
        raise SandboxError(process.problem())


class _Lines:
    """JSON lines that a sandboxed process writes."""

    def __init__(self, descriptor: int, max_bytes: int) -> None:
        self._descriptor, self._max_bytes = descriptor, max_bytes
        self._buffer = b""
        self._ended = False

    def next(self, timeout_s: float) -> Any:
        """Return the next one, within ``timeout_s`` seconds; raises TimeoutError.

        None at the end of the stream, at what is not JSON, and at a line that is too long.
        """
        deadline = time.monotonic() + timeout_s
        while not self._ended:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                with contextlib.suppress(ValueError, RecursionError):
                    return json.loads(line)
                break
            remaining = deadline - time.monotonic()
            if remaining <= 0 or not select.select([self._descriptor], [], [], remaining)[0]:
                raise TimeoutError
            part = os.read(self._descriptor, 1024**2)
            if not part or len(self._buffer) > self._max_bytes:
                break
            self._buffer += part
        self._ended = True
        return None

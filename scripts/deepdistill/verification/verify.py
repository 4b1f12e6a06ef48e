"""Checking responses of all categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol

from deepdistill.verification.check import Check, Pending, Task
from deepdistill.verification.code import CodeChecker
from deepdistill.verification.instruction_following import InstructionChecker
from deepdistill.verification.math import MathChecker


class Checker(Protocol):
    """The verifier of one category; leaving it ends what it started."""

    def __init__(self, settings: Mapping[str, Any], workers: int) -> None: ...

    def __enter__(self) -> Checker: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def submit(self, task: Task) -> Pending:
        """Start the check of one response."""


_CHECKERS: dict[str, type[Checker]] = {
    "math": MathChecker,
    "code": CodeChecker,
    "instruction_following": InstructionChecker,
}


def check_tasks(
    tasks: Sequence[Task], settings: Mapping[str, Any], workers: int
) -> Iterator[Check]:
    """Yield the check of each task, in the order of the tasks.

    ``settings`` holds a mapping per category, described at the category's checker. Up to
    ``workers`` programs and comparisons run at once, ahead of the iteration.
    """
    with ExitStack() as stack:
        checkers = {
            category: stack.enter_context(_CHECKERS[category](settings[category], workers))
            for category in sorted({task.category for task in tasks} & _CHECKERS.keys())
        }
        pending = [_submit(task, checkers) for task in tasks]
        for check in pending:
            yield check()


def _submit(task: Task, checkers: Mapping[str, Checker]) -> Pending:
    if task.category in checkers:
        return checkers[task.category].submit(task)
    check = Check.failed("unverifiable", "none", f"no verifier for category {task.category}")
    return lambda: check


def verifier_modules(category: str) -> list[str]:
    """Return the modules whose code, with what they import, decides a category's checks."""
    checker = _CHECKERS.get(category)
    return [checker.__module__] if checker else []

"""Checking responses of all categories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol, Self

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


class Checkers:
    """The verifiers of all categories, started when they are needed first; a context manager.

    ``settings`` holds a mapping per category, described at the category's checker. Up to
    ``workers`` programs and comparisons run at once.
    """

    def __init__(self, settings: Mapping[str, Any], workers: int) -> None:
        self._settings, self._workers = settings, workers
        self._stack = ExitStack()
        self._started: dict[str, Checker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def check(self, tasks: Sequence[Task]) -> Iterator[Check]:
        """Yield the check of each task, in the order of the tasks; work goes on ahead of that."""
        pending = [self._submit(task) for task in tasks]
        for check in pending:
            yield check()

    def _submit(self, task: Task) -> Pending:
        if task.category in _CHECKERS:
            return self._checker(task.category).submit(task)
        check = Check.failed("unverifiable", "none", f"no verifier for category {task.category}")
        return lambda: check

    def _checker(self, category: str) -> Checker:
        if category not in self._started:
            checker = _CHECKERS[category](self._settings[category], self._workers)
            self._started[category] = self._stack.enter_context(checker)
        return self._started[category]


def check_tasks(
    tasks: Sequence[Task], settings: Mapping[str, Any], workers: int
) -> Iterator[Check]:
    """Yield the check of each task, in the order of the tasks; as :meth:`Checkers.check`."""
    with Checkers(settings, workers) as checkers:
        yield from checkers.check(tasks)


def verifier_modules(category: str) -> list[str]:
    """Return the modules whose code, with what they import, decides a category's checks."""
    checker = _CHECKERS.get(category)
    return [checker.__module__] if checker else []

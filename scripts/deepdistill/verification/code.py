"""The verifier of programs: share of the first tests that pass.

The score is passed / total over the first ``max_tests`` tests (10 in DeepDistill, arXiv
2504.17565). A test that the program fails, does not finish in time or exceeds its memory in is a
failed test; the state ``timeout`` is for verifiers that do not finish, not for programs.

Nothing is ever run outside the sandbox (:mod:`~deepdistill.verification.sandbox`): where it cannot
be had, every response is ``unverifiable``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from deepdistill.errors import InputError
from deepdistill.verification import sandbox
from deepdistill.verification.check import Check, Pending, Task
from deepdistill.verification.code_run import (
    Limits,
    SandboxError,
    UnsupportedTestError,
    run_function_tests,
    run_stdin_tests,
)
from deepdistill.verification.program import find_program

VERIFIER = f"code:{sandbox.NAME}"

log = logging.getLogger(__name__)


class CodeChecker:
    """Checks programs, ``workers`` at a time; a context manager.

    ``settings``: ``timeout_s`` (wall time of one test in seconds), ``memory_mb``, ``max_tests``,
    ``sandbox`` (``auto``: without one every response is unverifiable; ``bubblewrap``: without it
    :class:`InputError`).
    """

    def __init__(self, settings: Mapping[str, Any], workers: int) -> None:
        self._settings = settings
        self._limits = Limits(float(settings["timeout_s"]), int(settings["memory_mb"]))
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="code")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._executor.shutdown(cancel_futures=True)

    def submit(self, task: Task) -> Pending:
        """Start the check of one response."""
        early = self._decided_early(task)
        if early is not None:
            return lambda: early
        return self._executor.submit(self._check, task).result

    def _decided_early(self, task: Task) -> Check | None:
        if not json.loads(task.reference)["tests"]:
            return Check.failed("unverifiable", VERIFIER, "the reference has no tests")
        if find_program(task.answer) is None:
            return Check.failed("unparsable", VERIFIER, "no program in the answer")
        if not self._has_sandbox:
            return Check.failed("unverifiable", VERIFIER, "no sandbox on this machine")
        return None

    @cached_property
    def _has_sandbox(self) -> bool:
        problem = sandbox.probe()
        if problem is None:
            return True
        if self._settings["sandbox"] != "auto":
            raise InputError(
                f"config: verification.code.sandbox: found {self._settings['sandbox']!r}, but it "
                f"does not run on this machine ({problem}); allowed here: 'auto'"
            )
        log.warning("no sandbox, so programs are not verified: bubblewrap: %s", problem)
        return False

    def _check(self, task: Task) -> Check:
        program = find_program(task.answer)
        assert program is not None
        reference = json.loads(task.reference)
        tests = reference["tests"] = reference["tests"][: int(self._settings["max_tests"])]
        try:
            if reference["kind"] == "stdin":
                outcome = run_stdin_tests(program, tests, self._limits)
            else:
                outcome = run_function_tests(program, reference, self._limits)
        except UnsupportedTestError as error:
            return Check.failed("unverifiable", VERIFIER, str(error))
        except (SandboxError, OSError) as error:
            return Check.failed("verifier_error", VERIFIER, f"{type(error).__name__}: {error}")
        detail = f"{outcome.passed}/{len(tests)} tests"
        if outcome.problem:
            detail += f": {outcome.problem}"
        return Check.scored(outcome.passed / len(tests), VERIFIER, detail)

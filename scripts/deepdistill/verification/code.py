"""The verifier of programs: share of the first tests that pass.

The score is passed / total over the first ``max_tests`` tests (10 in DeepDistill, arXiv
2504.17565). A test that the program fails, does not finish in time or exceeds its memory in is a
failed test; the state ``timeout`` is for verifiers that do not finish, not for programs.

Nothing is ever run outside a sandbox (:mod:`~deepdistill.verification.sandbox`): where none can be
had, every response is ``unverifiable``. The verifier's name says which one it was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from deepdistill.errors import InputError
from deepdistill.preparation import preparing
from deepdistill.verification.check import Check, Pending, Task
from deepdistill.verification.code_run import (
    Limits,
    UnsupportedTestError,
    run_function_tests,
    run_stdin_tests,
)
from deepdistill.verification.program import find_program
from deepdistill.verification.sandbox import SandboxError, Sandboxes, find_sandbox

VERIFIER = "code"

log = logging.getLogger(__name__)


class CodeChecker:
    """Checks programs, ``workers`` at a time; a context manager.

    ``settings``: ``timeout_s`` (wall time of one test in seconds), ``memory_mb``, ``max_tests``
    (None for all), ``sandbox`` (``auto``: the first that works, and without one every response is
    unverifiable; ``bubblewrap``, ``unshare`` or ``command``: without it :class:`InputError`) and
    ``sandbox_command``, the command line of a site's own.
    """

    def __init__(self, settings: Mapping[str, Any], workers: int) -> None:
        self._settings = settings
        self._limits = Limits(float(settings["timeout_s"]), int(settings["memory_mb"]))
        self._workers = workers
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
        if (sandboxes := self.__dict__.get("_sandboxes")) is not None:
            sandboxes.__exit__(None, None, None)

    def submit(self, task: Task) -> Pending:
        """Start the check of one response."""
        early = self._decided_early(task)
        if early is not None:
            return lambda: early
        return self._executor.submit(self._check, task).result

    def _decided_early(self, task: Task) -> Check | None:
        reference = json.loads(task.reference)
        if not reference["tests"]:
            return Check.failed("unverifiable", VERIFIER, "the reference has no tests")
        if find_program(task.answer, reference["language"]) is None:
            return Check.failed("unparsable", VERIFIER, "no program in the answer")
        if self._sandboxes is None:
            return Check.failed("unverifiable", VERIFIER, "no sandbox on this machine")
        return None

    @cached_property
    def _sandboxes(self) -> Sandboxes | None:
        name = self._settings["sandbox"]
        with preparing():
            found = find_sandbox(name, self._settings["sandbox_command"])
            if not isinstance(found, str):
                sandboxes = Sandboxes(found)
                # In the threads that use them: a sandbox ends with the thread that started it.
                wait([self._executor.submit(sandboxes.open) for _ in range(self._workers)])
                return sandboxes
        if name != "auto":
            raise InputError(
                f"config: verification.code.sandbox: found {name!r}, but it does not run on this "
                f"machine ({found}); allowed here: 'auto'"
            )
        log.warning("no sandbox, so programs are not verified: %s", found)
        return None

    def _check(self, task: Task) -> Check:
        reference = json.loads(task.reference)
        program = find_program(task.answer, reference["language"])
        assert program is not None
        assert self._sandboxes is not None
        tests = reference["tests"] = reference["tests"][: self._settings["max_tests"]]
        run = run_stdin_tests if reference["kind"] == "stdin" else run_function_tests
        verifier = f"{VERIFIER}:{self._sandboxes.name}"
        try:
            with self._sandboxes.one() as sandbox:
                outcome = run(sandbox, program, reference, self._limits)
        except UnsupportedTestError as error:
            return Check.failed("unverifiable", verifier, str(error))
        except (SandboxError, OSError) as error:
            return Check.failed("verifier_error", verifier, f"{type(error).__name__}: {error}")
        detail = f"{outcome.passed}/{len(tests)} tests"
        if outcome.problem:
            detail += f": {outcome.problem}"
        return Check.scored(outcome.passed / len(tests), verifier, detail)

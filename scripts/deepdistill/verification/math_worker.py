"""Math-Verify in worker processes that are killed from outside on a deadline.

A deadline by signal, which Math-Verify has itself, does not reach code written in C: the
interpreter acts on a signal only between two of its own instructions, and the factorial of a
billion is one instruction.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import resource
import signal
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from pebble import ProcessPool

MEMORY = 4 * 1024**3
"""Address space of one worker in bytes."""

RECYCLE_AFTER = 20_000
"""Comparisons until a worker is replaced, since SymPy's caches only grow."""

_PR_SET_PDEATHSIG = 1


class UnreadableReferenceError(ValueError):
    """Math-Verify finds nothing in a reference."""


class MathVerifyPool:
    """Worker processes with Math-Verify imported once; each call has a deadline of its own.

    A call that passes the deadline raises TimeoutError from its future; its worker is killed and
    replaced, the others go on. The processes start with the first call.
    """

    def __init__(self, workers: int, timeout_s: float) -> None:
        self._workers, self._timeout_s = workers, timeout_s
        self._pool: ProcessPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()

    def equal(self, reference: str, answer: str) -> Future[bool]:
        """Return the future of whether Math-Verify takes ``answer`` for ``reference``.

        It raises :class:`UnreadableReferenceError` if nothing can be read in the reference, and
        whatever Math-Verify raised if none of the comparisons came to an end.
        """
        return self._schedule(_equal, reference, answer)

    def readable(self, reference: str) -> Future[bool]:
        """Return the future of whether Math-Verify reads a mathematical object in the text."""
        return self._schedule(_readable, reference)

    def _schedule(self, function: Any, *arguments: str) -> Future[bool]:
        if self._pool is None:
            # Not fork, which may copy a lock that another thread holds. With the forkserver,
            # SymPy is imported once and a killed worker's successor is there at once.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["math_verify"])
            self._pool = ProcessPool(
                self._workers, RECYCLE_AFTER, initializer=_start_worker, context=context
            )
        future: Future[bool] = self._pool.schedule(
            function, args=list(arguments), timeout=self._timeout_s
        )
        return future


def _start_worker() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A worker that is busy in C would outlive a parent that was killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Math-Verify warns that its own deadlines are off, which is the point.
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    logging.getLogger("latex2sympy2_extended").setLevel(logging.CRITICAL)


def _parse(text: str) -> list[Any]:
    from math_verify import parse

    parsed: list[Any] = parse(rf"\boxed{{{text}}}", parsing_timeout=None)
    return parsed


def _readable(reference: str) -> bool:
    return _is_mathematical(_parse(reference))


def _is_mathematical(parsed: list[Any]) -> bool:
    # Text that is not understood is returned as it is.
    return any(not isinstance(item, str) for item in parsed)


def _equal(reference: str, answer: str) -> bool:
    from math_verify import verify

    gold = _parse(reference)
    if not _is_mathematical(gold):
        raise UnreadableReferenceError(f"nothing can be read in the reference {reference}")
    errors = []
    found = _parse(answer)
    pairs = [(g, a) for g in gold for a in found]
    for pair in pairs:
        try:
            if verify(*pair, timeout_seconds=None, raise_on_error=True):
                return True
        except Exception as error:
            errors.append(error)
    if errors and len(errors) == len(pairs):
        raise errors[0]
    return False

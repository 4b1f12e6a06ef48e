"""Math-Verify in worker processes that are killed from outside on a deadline.

A deadline by signal, which Math-Verify has itself, does not reach code written in C: the
interpreter acts on a signal only between two of its own instructions, and the factorial of a
billion is one instruction.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import resource
import signal
from concurrent.futures import Future
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from pebble import ProcessPool

from deepdistill.preparation import preparing
from deepdistill.verification.closeness import certainly_differ, may_be_equal, with_imaginary_unit
from deepdistill.verification.math_text import spellings

MEMORY = 4 * 1024**3
"""Address space of one worker in bytes."""

RECYCLE_AFTER = 20_000
"""Comparisons until a worker is replaced, since SymPy's caches only grow."""

WARMING = (
    r"\frac{1}{2}+\sqrt{3}-2^{10}\cdot x_{1}",
    r"(-\infty,-4)\cup[\frac{3}{2},6]",
    r"\begin{pmatrix}1&-2\\3&\frac{1}{4}\end{pmatrix}",
    r"\sin(3x)+\ln 2\pi e^{-x}",
    r"x=3, y\le\frac{5}{7}",
)
"""Formulas that a worker reads first: the parser builds its tables while it reads."""

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
            with preparing():
                self._pool = _started(self._workers)
        future: Future[bool] = self._pool.schedule(
            function, args=list(arguments), timeout=self._timeout_s
        )
        return future


def _started(workers: int) -> ProcessPool:
    """Return a pool of which one worker is ready."""
    # Not fork, which may copy a lock that another thread holds. With the forkserver, SymPy is
    # imported once and a killed worker's successor is there at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["math_verify"])
    pool = ProcessPool(workers, RECYCLE_AFTER, initializer=_start_worker, context=context)
    pool.schedule(os.getpid).result()
    return pool


def _start_worker() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A worker that is busy in C would outlive a parent that was killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Math-Verify warns that its own deadlines are off, which is the point.
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)
    logging.getLogger("latex2sympy2_extended").setLevel(logging.CRITICAL)
    for formula in WARMING:
        _parse(formula)


@lru_cache(maxsize=4096)
def _parse(text: str) -> list[Any]:
    from math_verify import parse

    parsed: list[Any] = []
    for spelling in spellings(text):
        parsed += parse(rf"\boxed{{{spelling}}}", parsing_timeout=None)
    # The text itself comes as well, or what was not understood of it.
    return [with_imaginary_unit(item) for item in parsed if not isinstance(item, str)]


def _readable(reference: str) -> bool:
    try:
        return bool(_parse(reference))
    except Exception:  # what the parser makes of a text; a worker that fails raises elsewhere
        return False


def _equal(reference: str, answer: str) -> bool:
    from math_verify import verify

    gold = _parse(reference)
    if not gold:
        raise UnreadableReferenceError(f"nothing can be read in the reference {reference}")
    errors = []
    found = _parse(answer)
    pairs = [(g, a) for g in gold for a in found]
    for pair in pairs:
        try:
            if certainly_differ(*pair):
                continue
            equal = verify(*pair, timeout_seconds=None, raise_on_error=True)
            if equal and may_be_equal(*pair):
                return True
        except Exception as error:
            errors.append(error)
    if errors and len(errors) == len(pairs):
        raise errors[0]
    return False

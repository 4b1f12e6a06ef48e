"""Saying how far a job is: a bar on a terminal, a line a minute in a log file."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType

from tqdm import tqdm

SECONDS = 60.0
"""Time between two lines in a log file."""


class Progress:
    """Rows of a job that are done, their tokens per second and when the job is expected to end.

    Example:
        >>> with Progress(len(missing), log) as progress:
        ...     progress.update(rows=64, tokens=51_200)
    """

    def __init__(
        self, total: int, log: logging.Logger, clock: Callable[[], float] = time.time
    ) -> None:
        self._total = total
        self._log = log
        self._clock = clock
        self._bar = tqdm(total=total, unit="row", disable=not sys.stderr.isatty())
        self._rows = self._tokens = 0
        self._started = self._said = clock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def update(self, rows: int, tokens: int = 0) -> None:
        """Count rows as done, and the tokens that were generated for them."""
        self._rows += rows
        self._tokens += tokens
        self._bar.update(rows)
        now = self._clock()
        if now - self._said >= SECONDS and 0 < self._rows < self._total:
            self._said = now
            self._log.info("%s", self._line(now))

    def _line(self, now: float) -> str:
        seconds = now - self._started
        ends = now + seconds / self._rows * (self._total - self._rows)
        rate = f"{self._tokens / seconds:,.0f} tokens/s, " if self._tokens else ""
        end = time.strftime("%Y-%m-%d %H:%M", time.localtime(ends))
        return f"{self._rows:,} of {self._total:,} rows, {rate}expected to end at {end}"

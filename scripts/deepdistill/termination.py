"""Signals to end as an exception, so that a program can first keep what it has."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGTERM, signal.SIGUSR1)
"""What a batch system sends before it kills: at the end, and some time before a limit."""


class Signals:
    """Signals to end, which become SystemExit at once or, where they are held back, afterwards."""

    def __init__(self) -> None:
        self._held = False
        self.came: int | None = None

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self.came = number
        if not self._held:
            self._leave(number)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let what is done meanwhile come to its end, such as writing a file."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self.came is not None:
            self._leave(self.came)

    def _leave(self, number: int) -> None:
        sys.exit(128 + number)


@contextmanager
def raised_signals() -> Iterator[Signals]:
    """Raise SystemExit where SIGTERM or SIGUSR1 would end the program, as long as this lasts.

    Only the main thread can be told of signals; in any other nothing changes.
    """
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before = {number: signal.signal(number, signals.handle) for number in ENDING}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

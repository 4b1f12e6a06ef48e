"""SIGTERM as an exception, so that a program that is told to end can first keep what it has."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Sigterm:
    """SIGTERM, which becomes SystemExit at once or, where it is held back, afterwards."""

    def __init__(self) -> None:
        self._held = False
        self._came = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Take the signal."""
        self._came = True
        if not self._held:
            self._leave()

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Let what is done meanwhile come to its end, such as writing a file."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._came:
            self._leave()

    def _leave(self) -> None:
        sys.exit(128 + signal.SIGTERM)


@contextmanager
def raised_sigterm() -> Iterator[Sigterm]:
    """Raise SystemExit where SIGTERM would end the program, as long as this lasts.

    Only the main thread can be told of signals; in any other nothing changes.
    """
    sigterm = Sigterm()
    if threading.current_thread() is not threading.main_thread():
        yield sigterm
        return
    before = signal.signal(signal.SIGTERM, sigterm.handle)
    try:
        yield sigterm
    finally:
        signal.signal(signal.SIGTERM, before)

"""Keeping to so many requests, or tokens, a minute."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """At most ``per_minute`` units a minute, without bursts; None is no limit.

    What is used is paid for in time before anything else may begin, so that a use of any size is
    possible, one above the limit too.

    Example:
        >>> pace = Pace(per_minute=600)
        >>> pace.use(1)
        >>> pace.wait()
        0.1
    """

    def __init__(
        self, per_minute: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._free = clock()

    def wait(self) -> float:
        """Return the seconds until something may begin."""
        return max(0.0, self._free - self._clock())

    def use(self, units: float) -> None:
        """Count units as used; a negative number takes back what was counted too much.

        Time that has passed unused is never given back.
        """
        base = self._free if units < 0 else max(self._free, self._clock())
        self._free = base + units * self._seconds

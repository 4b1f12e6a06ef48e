"""Gathering completions that trickle in, so that each write to disk has many of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from deepdistill.responses.backends.backend import Completion
from deepdistill.termination import raised_signals

SECONDS = 30.0
"""Longest time for which a finished response is not yet on its way to the disk."""


def grouped(
    stream: Iterable[Sequence[Completion]], seconds: float = SECONDS
) -> Iterator[list[Completion]]:
    """Yield what ``stream`` gives in groups, one every ``seconds`` as far as there is anything.

    The stream must come forward every few seconds, if need be with nothing. If it ends in an
    exception, Ctrl-C, SIGTERM and SIGUSR1 included, what it gave before is yielded first.
    """
    pending: list[Completion] = []
    since = time.monotonic()
    try:
        with raised_signals() as signals:
            for some in stream:
                pending += some
                if pending and time.monotonic() - since >= seconds:
                    group, pending = pending, []
                    with signals.held_back():
                        yield group
                    since = time.monotonic()
    except GeneratorExit:
        raise
    except BaseException:
        if pending:
            yield pending
        raise
    if pending:
        yield pending

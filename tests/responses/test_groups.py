from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.groups import grouped


def completion(number: int) -> Completion:
    return Completion(Request("q", number, [], "key", None), "text", "stop")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which the test sets."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def test_a_group_holds_what_has_come_in_the_time(clock: list[float]) -> None:
    def stream() -> Iterator[list[Completion]]:
        for second in range(7):
            clock[0] = second
            yield [completion(second)]

    groups = [[c.request.pass_number for c in group] for group in grouped(stream(), seconds=3)]
    assert groups == [[0, 1, 2, 3], [4, 5, 6]]


def test_time_without_anything_finished_makes_no_group(clock: list[float]) -> None:
    def stream() -> Iterator[list[Completion]]:
        for second in range(100):
            clock[0] = second
            yield []

    assert list(grouped(stream(), seconds=3)) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError])
def test_what_was_finished_before_an_error_comes_first(error: type[BaseException]) -> None:
    def stream() -> Iterator[list[Completion]]:
        yield [completion(1)]
        raise error

    groups = grouped(stream())
    assert next(groups) == [completion(1)]
    with pytest.raises(error):
        next(groups)


def test_a_consumer_may_stop_early() -> None:
    closed = []

    def stream() -> Iterator[list[Completion]]:
        try:
            yield [completion(1)]
            yield [completion(2)]
        finally:
            closed.append(True)

    groups = grouped(stream(), seconds=0)
    next(groups)
    groups.close()
    assert closed


def killed(number: signal.Signals) -> Iterator[list[Completion]]:
    """A stream whose program is told to end after two completions."""
    yield [completion(1)]
    yield [completion(2)]
    os.kill(os.getpid(), number)
    yield []
    yield [completion(3)]


@pytest.mark.parametrize(
    ("number", "end"),
    [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)],
)
def test_what_is_finished_comes_out_when_the_program_is_told_to_end(
    number: signal.Signals, end: type[BaseException]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    groups = grouped(killed(number), seconds=1000)
    assert [c.request.pass_number for c in next(groups)] == [1, 2]
    with pytest.raises(end):
        next(groups)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_group_is_written_before_the_program_ends() -> None:
    def stream() -> Iterator[list[Completion]]:
        yield [completion(1)]
        yield [completion(2)]

    groups = grouped(stream(), seconds=0)
    assert len(next(groups)) == 1
    os.kill(os.getpid(), signal.SIGTERM)  # while this group is being written
    with pytest.raises(SystemExit):
        next(groups)

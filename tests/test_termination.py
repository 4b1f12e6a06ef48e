from __future__ import annotations

import os
import signal

import pytest

from deepdistill.errors import exit_code
from deepdistill.termination import ENDING, raised_signals


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_an_exception_and_the_exit_status(number: signal.Signals) -> None:
    kept = []

    def main(argv: list[str]) -> None:
        try:
            os.kill(os.getpid(), number)
            raise AssertionError("the signal was not heard")
        finally:
            kept.append("rows")

    with pytest.raises(SystemExit) as caught:
        exit_code(main, [])
    assert caught.value.code == 128 + number
    assert kept == ["rows"]
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.parametrize("number", ENDING)
def test_what_must_not_be_interrupted_comes_to_its_end(number: signal.Signals) -> None:
    done = []

    def write() -> None:
        with raised_signals() as signals:
            with signals.held_back():
                os.kill(os.getpid(), number)
                done.append(signals.came)
            done.append("not reached")

    with pytest.raises(SystemExit):
        write()
    assert done == [number]


def test_without_a_signal_nothing_happens() -> None:
    with raised_signals() as signals, signals.held_back():
        pass
    assert signals.came is None

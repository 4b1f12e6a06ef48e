from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deepdistill import exclusive
from deepdistill.exclusive import Hold

PROGRAM = """
import sys, time
from deepdistill.exclusive import Hold
hold = Hold(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
hold.release()
"""


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], subprocess.Popen[str]]:
    monkeypatch.setattr(exclusive, "PAUSE", 0.05)

    def start(path: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(Path(exclusive.__file__).parents[1])},
        )

    return start


@pytest.mark.parametrize("killed", [True, False])
def test_one_waits_for_the_other_and_says_for_whom(other, tmp_path, caplog, killed):
    path = tmp_path / "folder" / ".lock"
    process = other(path)
    assert process.stdout.readline() == "held\n"
    got = threading.Event()
    holds: list[Hold] = []

    def wait() -> None:
        holds.append(Hold(path))
        got.set()

    with caplog.at_level(logging.WARNING):
        threading.Thread(target=wait).start()
        assert not got.wait(0.5)
        assert f"waiting for process {process.pid} on " in caplog.text
        if killed:
            process.send_signal(signal.SIGKILL)
        else:
            process.communicate("go on\n")
        assert got.wait(10)
    process.communicate()
    holds[0].release()
    assert not path.exists()


def test_a_file_that_a_killed_process_left_holds_up_nobody(other, tmp_path):
    path = tmp_path / ".lock"
    process = other(path)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    assert path.exists()
    Hold(path).release()
    assert not path.exists()


def test_without_locks_on_the_file_system_there_is_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(*_: object) -> None:
        raise OSError(exclusive.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(exclusive.fcntl, "lockf", refuse)
    hold = Hold(tmp_path / ".lock")
    assert "no locks on this file system: No locks available" in caplog.text
    hold.release()

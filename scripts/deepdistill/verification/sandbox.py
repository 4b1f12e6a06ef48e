"""The sandbox for programs of unknown intent: bubblewrap, without privileges.

Inside: namespaces of its own for users, processes, the network, IPC, host names, control groups
and mounts; the system's programs and libraries and the Python interpreter read-only; a private
``/tmp`` of limited size as the only place to write; no home, no ``/proc``, an environment of one
variable. ``PYTHONHASHSEED=0`` makes a program that prints a set give the same verdict twice; for
its sake the interpreter runs with ``-P -s -S`` instead of ``-I -S``, the same in an environment
that is ours. Memory, CPU time, processes and files are limited by the process itself before it runs
the program (:mod:`deepdistill.verification.sandboxed.limits`); wall time from outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import deepdistill.verification.sandboxed as sandboxed
from deepdistill.verification.sandboxed import program_side

NAME = "bubblewrap"
EXECUTABLE = "bwrap"
TMP_BYTES = 64 * 1024**2
PROBE_TIMEOUT_S = 30

_JOB = "/job.json"
_CODE = "/code"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")


class SandboxedProcess:
    """A module of :mod:`deepdistill.verification.sandboxed` at work inside the sandbox."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process, self._errors = process, errors

    def kill(self) -> None:
        """End every process in the sandbox and wait for that."""
        # The group, as bubblewrap's own second process is not bound to the first at once. When that
        # dies, the kernel ends everything in its process namespace.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self, timeout_s: float) -> int:
        """Return the exit status; raises subprocess.TimeoutExpired."""
        return self._process.wait(timeout_s)

    def problem(self) -> str:
        """Return the last line on standard error."""
        self._errors.seek(0)
        return self._errors.read(4096).decode("utf-8", "replace").strip().rpartition("\n")[2]


@contextmanager
def start(
    module: ModuleType,
    job: Mapping[str, Any],
    stdin: int,
    stdout: int,
    descriptors: Sequence[int] = (),
) -> Iterator[SandboxedProcess]:
    """Start a module with a job (it reads it as JSON); the sandbox ends with the block.

    ``descriptors`` are open files that the module gets besides its standard streams, their
    numbers as further arguments.
    """
    with tempfile.TemporaryFile() as job_file, tempfile.TemporaryFile() as errors:
        job_file.write(json.dumps(job).encode())
        job_file.seek(0)
        command = [
            *_bubblewrap(job_file.fileno()),
            *_interpreter(),
            "-m",
            module.__name__,
            _JOB,
            *map(str, descriptors),
        ]
        process = subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=errors,
            pass_fds=(job_file.fileno(), *descriptors),
            env={},
            start_new_session=True,
        )
        sandbox = SandboxedProcess(process, errors)
        try:
            yield sandbox
        finally:
            sandbox.kill()


def probe() -> str | None:
    """Return None if a sandbox can be had on this machine, otherwise why not."""
    if shutil.which(EXECUTABLE) is None:
        return f"{EXECUTABLE} is not installed"
    job = {"sources": [], "memory_mb": 512, "cpu_s": PROBE_TIMEOUT_S}
    try:
        with start(program_side, job, subprocess.DEVNULL, subprocess.DEVNULL) as sandbox:
            status = sandbox.wait(PROBE_TIMEOUT_S)
            return None if status == 0 else sandbox.problem() or f"exit status {status}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{type(error).__name__}: {error}"


def _interpreter() -> list[str]:
    executable = (
        Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    )
    return [str(executable), "-P", "-s", "-S", "-B", "-X", "utf8"]


def _bubblewrap(job: int) -> list[str]:
    command = [
        shutil.which(EXECUTABLE) or EXECUTABLE,
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
    ]
    command += ["--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--clearenv", "--setenv"]
    command += ["PYTHONHASHSEED", "0", "--setenv", "PYTHONPATH", _CODE]
    for path in _SYSTEM:
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        else:
            command += ["--ro-bind-try", path, path]
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        command += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    package = Path(sandboxed.__file__).parent
    command += ["--ro-bind", str(package), f"{_CODE}/{sandboxed.__name__.replace('.', '/')}"]
    command += ["--ro-bind-data", str(job), _JOB]
    command += ["--size", str(TMP_BYTES), "--perms", "0700", "--tmpfs", "/tmp", "--chdir", "/tmp"]
    # The root and /dev are writable file systems in memory until they are not.
    return [*command, "--dev", "/dev", "--remount-ro", "/dev", "--remount-ro", "/", "--"]

"""Compiling a C++ program inside the sandbox, and becoming it.

The compiler may start processes, which programs may not; it works on text that is not trusted and
has limits of its own.
"""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import NoReturn

from deepdistill.verification.sandboxed.kernel import drop_privileges

COMPILE_MEMORY_MB = 2048
COMPILE_CPU_S = 60
MAX_MESSAGES = 64 * 1024

_SOURCE, _BINARY, _MESSAGES = "/tmp/program.cpp", "/tmp/program", "/tmp/messages"
_FLAGS = ("-std=gnu++17", "-O2", "-pipe", "-w")


def compile_program(compiler: str, program: str) -> str:
    """Compile a program; return the first error, or nothing if there is none."""
    Path(_SOURCE).write_text(program, encoding="utf-8", errors="replace")
    child = os.fork()
    if child == 0:
        try:
            _become_compiler(compiler)
        finally:
            os._exit(127)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with open(_MESSAGES, encoding="utf-8", errors="replace") as stream:
        lines = stream.read(MAX_MESSAGES).splitlines()
    os.remove(_MESSAGES)
    if status == 0:
        os.remove(_SOURCE)
        return ""
    errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return errors[0] if errors else "".join(lines[-1:]) or f"the compiler ends with {status}"


def become_program() -> NoReturn:
    """Execute the compiled program in this process's place, with nothing in its environment."""
    # Python ignores it, and what is ignored stays so.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(_BINARY, ["program"], {})


def _become_compiler(compiler: str) -> NoReturn:
    messages = os.open(_MESSAGES, os.O_WRONLY | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, target in ((nothing, 0), (messages, 1), (messages, 2)):
        os.dup2(file, target)
    os.closerange(3, 256)
    for kind, value in (
        (resource.RLIMIT_AS, COMPILE_MEMORY_MB * 1024**2),
        (resource.RLIMIT_CPU, COMPILE_CPU_S),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    drop_privileges()
    command = [compiler, *_FLAGS, "-o", _BINARY, _SOURCE]
    os.execve(compiler, command, {"PATH": "/usr/bin:/bin", "LC_ALL": "C"})

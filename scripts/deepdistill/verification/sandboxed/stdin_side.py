"""Runs a program once per input and reports what it wrote to standard output.

Each run is a process of its own. The expected outputs are not here: the program could do no more
than write something else.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import traceback
import types
from typing import Any, BinaryIO, NoReturn

from deepdistill.verification.sandboxed.compiled import become_program, compile_program
from deepdistill.verification.sandboxed.limits import limit_self, provide_exit


def main() -> None:
    """Report ``{"status", "output", "error"}`` for each input; the status is the exit status.

    Of a program that is compiled, when it is: the first error of the compiler, if there is one.
    """
    with open(int(sys.argv[1]), encoding="utf-8") as stream:
        job = json.load(stream)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _report(results, "ready")
    if job["compiler"]:
        _report(results, compile_program(job["compiler"], job["program"]))
    for text in job["inputs"]:
        _report(results, _run(job, text))


def _report(results: Any, message: Any) -> None:
    results.write(json.dumps(message) + "\n")
    results.flush()


def _run(job: dict[str, Any], text: str) -> dict[str, Any]:
    read_end, write_end = os.pipe()
    # In memory, since the program may have filled the disk.
    with _memory_file("input") as source, _memory_file("errors") as errors:
        source.write(text.encode("utf-8", "surrogateescape"))
        source.seek(0)
        child = os.fork()
        if child == 0:
            _become_program(job, source.fileno(), write_end, errors.fileno())
        os.close(write_end)
        output = _read(read_end, job["max_output"])
        # Closing the pipe ends a program that writes on and on.
        os.close(read_end)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - 300))
        last = errors.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    decoded = None if output is None else output.decode("utf-8", "replace")
    return {"status": status, "output": decoded, "error": last}


def _memory_file(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name), "w+b")


def _read(descriptor: int, limit: int) -> bytes | None:
    """Return everything that comes, or None if it is more than ``limit`` bytes."""
    parts, size = [], 0
    while part := os.read(descriptor, 65536):
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)


def _become_program(job: dict[str, Any], source: int, output: int, errors: int) -> NoReturn:
    status = 1
    try:
        for descriptor, target in ((source, 0), (output, 1), (errors, 2)):
            os.dup2(descriptor, target)
        os.closerange(3, 256)
        for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        limit_self(job["memory_mb"], job["cpu_s"])
        if job["compiler"]:
            become_program()
        provide_exit()
        status = _execute(job["program"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status & 255)


def _execute(program: str) -> int:
    """Run the program as a script to its very end and return its exit status."""
    sys.argv = ["program.py"]
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    status = 0
    try:
        exec(compile(program, "program.py", "exec"), module.__dict__)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc(limit=0)
        status = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    return status

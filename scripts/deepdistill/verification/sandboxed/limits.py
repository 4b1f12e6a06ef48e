"""What a process does to itself before it runs code that is not trusted."""

from __future__ import annotations

import builtins
import resource
import sys

from deepdistill.verification.sandboxed.seccomp import forbid_processes

MAX_FILE_BYTES = 16 * 1024**2
MAX_OPEN_FILES = 64


def limit_self(memory_mb: int, cpu_s: int) -> None:
    """Limit address space (MiB), CPU time (s), files and, to one, processes; for good."""
    for kind, value in (
        (resource.RLIMIT_AS, memory_mb * 1024**2),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        # It is what each thread of a compiled program gets as well.
        (resource.RLIMIT_STACK, memory_mb * 1024**2 // 4),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))
    forbid_processes()


def provide_exit() -> None:
    """Define ``exit`` and ``quit``, which Python's ``site`` module would."""
    for name in ("exit", "quit"):
        setattr(builtins, name, sys.exit)

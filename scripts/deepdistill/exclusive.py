"""One process at a time on the same output, also on other nodes of a cluster."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import time
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

PAUSE = 5.0
"""Seconds between two attempts to get what another process holds."""

UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What file systems say that were mounted without locks."""


def lock_path(output: Path) -> Path:
    """Return the file whose lock whoever makes ``output`` holds."""
    return output.with_name(f".{output.name}.lock")


class Hold:
    """A lock on ``path``, a file that is made for it, until :meth:`release` or the process's end.

    It is the kernel's, by way of the file system the cluster's: when a process is killed, or its
    node, nothing stays locked. Whoever waits says in the log for whom. Where the file system has
    no locks, a warning is all there is.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._file: IO[str] | None = None
        told = False
        while (file := self._attempt()) is None:
            if not told:
                log.warning("waiting for %s: %s", self._holder(), self._path)
                told = True
            time.sleep(PAUSE)
        self._file = file

    def __enter__(self) -> Hold:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release it."""
        self.release()

    def release(self) -> None:
        """Let others have it, and remove the file."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None

    def _attempt(self) -> IO[str] | None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a+", encoding="utf-8")  # noqa: SIM115 - closing it unlocks
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in UNSUPPORTED:
                log.warning("%s: no locks on this file system: %s", self._path, error.strerror)
                return file
            file.close()
            return None
        if not self._is_still(file):  # the holder has removed it meanwhile
            file.close()
            return self._attempt()
        file.truncate(0)
        job = os.environ.get("SLURM_JOB_ID")
        file.write(f"SLURM job {job}" if job else f"process {os.getpid()}")
        file.write(f" on {socket.gethostname()}\n")
        file.flush()
        return file

    def _is_still(self, file: IO[str]) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(file.fileno()))
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8").strip() or "another process"
        except OSError:
            return "another process"

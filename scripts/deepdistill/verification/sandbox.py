"""Sandboxes for programs of unknown intent, each with a server that isolates one from the other.

:mod:`~deepdistill.verification.launchers` says what a sandbox is made of and
:mod:`~deepdistill.verification.sandboxed.server` how a program gets its own part of it. Memory, CPU
time, processes and files are limited by the process itself before it runs the program
(:mod:`~deepdistill.verification.sandboxed.limits`); wall time from outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType, TracebackType
from typing import IO, Any, Self

from deepdistill.verification.launchers import AUTOMATIC, Launcher, launcher
from deepdistill.verification.sandboxed import program_side

START_TIMEOUT_S = 60
"""Until a sandbox is ready; a busy machine is no fault of the program's."""

MAX_ANSWER = 4096


class SandboxError(Exception):
    """The sandbox itself failed, which says nothing about the program."""


class SandboxedProcess:
    """A module of :mod:`deepdistill.verification.sandboxed` at work inside the sandbox."""

    def __init__(self, errors: IO[bytes]) -> None:
        self._errors = errors

    def problem(self) -> str:
        """Return the last line on standard error."""
        return _last_line(self._errors)


class Sandbox:
    """One sandbox, for one thread.

    Its server starts with the first program and is replaced if it is lost. Where the server may
    not isolate programs from each other, each has a sandbox to itself.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._server: _Server | None = None

    def open(self) -> None:
        """Start the server before there is a program. Raises :class:`SandboxError`."""
        self._server = self._server or _Server(self._launcher)

    def close(self) -> None:
        """End the sandbox with everything in it."""
        if self._server is not None:
            self._server.close()
            self._server = None

    @contextmanager
    def start(
        self,
        module: ModuleType,
        job: Mapping[str, Any],
        stdin: int,
        stdout: int,
        descriptors: Sequence[int] = (),
    ) -> Iterator[SandboxedProcess]:
        """Start a module with a job, which it reads as JSON.

        It and all that it started end with the block. ``descriptors`` are open files that the
        module gets besides its standard streams, their numbers as further arguments. Raises
        :class:`SandboxError`.
        """
        server = self._server or _Server(self._launcher)
        lasting = server.isolated
        self._server = server if lasting else None
        with tempfile.TemporaryFile() as job_file, tempfile.TemporaryFile() as errors:
            job_file.write(json.dumps(job).encode())
            job_file.seek(0)
            files = [job_file.fileno(), stdin, stdout, errors.fileno(), *descriptors]
            try:
                pid = server.ask({"module": module.__name__}, files)["pid"]
                try:
                    yield SandboxedProcess(errors)
                finally:
                    if lasting:
                        server.ask({"kill": pid})
            except SandboxError:
                self._server = None
                server.close()
                raise
            finally:
                if not lasting:
                    server.close()


class Sandboxes:
    """Sandboxes of one kind for several threads; a context manager."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._idle: queue.SimpleQueue[Sandbox] = queue.SimpleQueue()
        self.name = launcher.name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def open(self) -> None:
        """Start one; if that fails, it says so when it is to run a program."""
        sandbox = Sandbox(self._launcher)
        with contextlib.suppress(SandboxError, OSError):
            sandbox.open()
        self._idle.put(sandbox)

    @contextmanager
    def one(self) -> Iterator[Sandbox]:
        """Lend a sandbox that nobody else uses."""
        try:
            sandbox = self._idle.get_nowait()
        except queue.Empty:
            sandbox = Sandbox(self._launcher)
        try:
            yield sandbox
        finally:
            self._idle.put(sandbox)


def find_sandbox(name: str, own_command: Sequence[str] = ()) -> Launcher | str:
    """Return a launcher that works on this machine, or why there is none.

    ``name`` is ``auto`` (the first of :data:`launchers.AUTOMATIC` that works) or a launcher's.
    """
    problems = []
    for candidate in AUTOMATIC if name == "auto" else (name,):
        found = launcher(candidate, own_command)
        problem = found if isinstance(found, str) else _problem(found)
        if problem is None:
            return found
        problems.append(f"{candidate}: {problem}")
    return "; ".join(problems)


def _problem(launcher: Launcher) -> str | None:
    """Return why a sandbox does not work, None if it does."""
    sandbox = Sandbox(launcher)
    job = {"sources": [], "memory_mb": 512, "cpu_s": START_TIMEOUT_S}
    read_end, write_end = os.pipe()
    with open(os.devnull, "rb") as nothing, os.fdopen(read_end, "rb") as output:
        try:
            with sandbox.start(program_side, job, nothing.fileno(), write_end) as process:
                os.close(write_end)
                return None if output.readline() else process.problem() or "it says nothing"
        except (SandboxError, OSError) as error:
            return str(error)
        finally:
            sandbox.close()


class _Server:
    """The process that starts programs in a sandbox."""

    def __init__(self, launcher: Launcher) -> None:
        # Closed with the process.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_TIMEOUT_S)
        with theirs:
            self._process = subprocess.Popen(
                launcher.command,
                stdin=theirs.fileno(),
                stdout=self._errors,
                stderr=self._errors,
                env={},
                start_new_session=True,
            )
        try:
            self.isolated = bool(self._answer()["isolated"])
        except SandboxError:
            self.close()
            raise

    def ask(self, request: Mapping[str, Any], files: Sequence[int] = ()) -> dict[str, Any]:
        """Send a request with open files and return the answer; raises :class:`SandboxError`."""
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], list(files))
        except OSError as error:
            raise SandboxError(self._problem() or str(error)) from None
        answer = self._answer()
        if "error" in answer:
            raise SandboxError(answer["error"])
        return answer

    def close(self) -> None:
        """End it and every process in the sandbox."""
        if self._process.returncode is not None:
            return
        self._socket.close()
        # The group, as bubblewrap's own second process is not bound to the first at once. When that
        # dies, the kernel ends everything in its process namespace.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        try:
            data = self._socket.recv(MAX_ANSWER)
        except OSError as error:
            raise SandboxError(self._problem() or str(error)) from None
        if not data:
            raise SandboxError(self._problem() or "the sandbox ended")
        answer: dict[str, Any] = json.loads(data)
        return answer

    def _problem(self) -> str:
        return "" if self._errors.closed else _last_line(self._errors)


def _last_line(stream: IO[bytes]) -> str:
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4096))
    return stream.read().decode("utf-8", "replace").strip().rpartition("\n")[2]

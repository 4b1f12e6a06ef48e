"""Results as planned jobs will leave them, as far as that is known, in a temporary folder.

A job that is cheap and deterministic is done here by its own script, on its own command line with
other paths. Of a job whose rows a model has yet to write, the rows that it keeps are here, and the
places of the others are remembered as unknown.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import ModuleType, TracebackType

import pyarrow as pa

from deepdistill.artifacts import artifact_path, digest_path
from deepdistill.errors import InputError
from deepdistill.plan.commands import Command
from deepdistill.plan.jobs import Job
from deepdistill.schemas import Artifact
from deepdistill.tables import Place, Row, from_rows, read_artifact, write_artifact

BYTES = 4_000_000
"""Inputs of all jobs together that are done here; what reads more is expected, not known."""


class Shadow:
    """The folder ``results`` after the planned jobs; ``jobs`` are all of them.

    Example:
        >>> with Shadow("results", jobs) as shadow:
        ...     shadow.rehearse(clean_source, command)
        ...     shadow.known("results/queries/cleaned/aime.digest.json")
        True
    """

    def __init__(self, results: str, jobs: Iterable[Job]) -> None:
        self._results = results.rstrip("/") + "/"
        self._stale = {str(artifact_path(name)) for job in jobs for name in job.outputs}
        self._made: set[str] = set()
        self._unknown: dict[str, set[Place]] = {}
        self._bytes_left = BYTES
        self._folder = tempfile.TemporaryDirectory(prefix="deepdistill-plan-")

    def __enter__(self) -> Shadow:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def known(self, name: str) -> bool:
        """Say whether a file is here, or up to date where it is; some rows may be unknown."""
        artifact = str(artifact_path(name))
        return artifact in self._made or (artifact not in self._stale and Path(name).exists())

    def path(self, name: str) -> Path:
        """Return where a known file is."""
        return self._shadow(name) if str(artifact_path(name)) in self._made else Path(name)

    def unknown(self, name: str) -> set[Place]:
        """Return the places of an artifact's rows that nobody knows yet."""
        return self._unknown.get(str(artifact_path(name)), set())

    def read(self, name: str, artifact: Artifact, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a known artifact's known rows."""
        return read_artifact(self.path(name), artifact, columns)

    def put(
        self, name: str, artifact: Artifact, rows: Iterable[Row], unknown: Collection[Place] = ()
    ) -> None:
        """Write the known rows of an artifact, and remember the places of the others."""
        write_artifact(self._shadow(name), artifact, from_rows(artifact, rows))
        self._made.add(str(artifact_path(name)))
        self._unknown[str(artifact_path(name))] = set(unknown)

    def confirm(self, job: Job) -> None:
        """Take a job's outputs as they are: it will find them current."""
        for name in job.outputs:
            self._link(name)
            self._made.add(str(artifact_path(name)))

    def rehearse(self, job: Job, command: Command) -> bool:
        """Do a job here, unless something is not known that it reads, or it reads too much."""
        if any(not self.known(name) or self.unknown(name) for name in job.inputs):
            return False
        size = sum(self._table(name).stat().st_size for name in job.inputs)
        if size > self._bytes_left:
            return False
        self._bytes_left -= size
        for name in job.inputs:
            self._link(name)
        for name in job.outputs:
            self._shadow(name).parent.mkdir(parents=True, exist_ok=True)
        words = [self._moved(word) for word in command.words]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                _script(command.script).main(words)
        except (InputError, OSError):
            return False  # the job itself says what is wrong
        self._made.update(str(artifact_path(name)) for name in job.outputs)
        return True

    def _table(self, name: str) -> Path:
        """The file that is read: of a digest file its artifact, if it is a single file."""
        table = self.path(str(artifact_path(name)))
        return table if table.exists() else self.path(name)

    def _shadow(self, name: str) -> Path:
        return Path(self._folder.name, name)

    def _moved(self, word: str) -> str:
        """A word of a command line, with results in this folder."""
        option, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
        inside = value.startswith(self._results)
        return f"{option}{equals}{self._shadow(value)}" if inside else word

    def _link(self, name: str) -> None:
        """Have a file that stays as it is here too, and with a digest file its artifact."""
        if not name.startswith(self._results):
            return
        for real in {Path(name), artifact_path(name), digest_path(artifact_path(name))}:
            link = self._shadow(str(real))
            if real.exists() and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(real.resolve())


def _script(path: Path) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"planned_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

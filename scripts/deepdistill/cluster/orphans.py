"""Jobs that a killed Snakemake left on the cluster, and what it must know of them.

These functions use Snakemake's own objects, which are no public interface; tests hold them to the
pinned version.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from deepdistill.cluster.slurm import slurm
from deepdistill.errors import InputError

log = logging.getLogger(__name__)

PATIENCE = 300.0
"""Seconds in which a cancelled job should be gone; it may still write its finished rows."""

AT_ONCE = 100
"""Jobs named in one command."""


def leave_records_to_the_submitter() -> None:
    """Let the process of a job leave Snakemake's marks of unfinished outputs as they are.

    It would take them away as it ends. But a job is finished when the process that submitted it
    has recorded of which code and settings it is; if that was killed, the marks say that it has to
    be run again, which is quick where rows are kept, and which SLURM jobs may still be at it.
    """
    from snakemake.persistence import PersistenceBase

    async def finished(self: Any, job: Any) -> None:
        pass

    def started(self: Any, job: Any, external_jobid: str | None = None) -> None:
        pass

    PersistenceBase.finished = finished
    PersistenceBase.started = started


def end_orphans(workflow: Any) -> None:
    """Cancel the SLURM jobs of an earlier, killed Snakemake that make what is to be made now.

    They get SIGTERM and write their finished rows before they end, which this waits for.

    Raises :class:`InputError` if SLURM does not answer, or does not end them.
    """
    persistence = workflow.persistence
    end_jobs({job for j in workflow.dag.needrun_jobs() for job in persistence.external_jobids(j)})


def end_jobs(jobs: Iterable[str]) -> None:
    """Cancel those of the SLURM jobs that are not over yet, and wait until they are.

    Raises :class:`InputError` as :func:`end_orphans` does.
    """
    known = sorted(job for job in jobs if job.isdigit())
    alive = _alive(known)
    if not alive:
        return
    log.warning("cancelling jobs of a Snakemake that was killed: %s", " ".join(alive))
    end = time.monotonic() + PATIENCE
    for some in _in_hundreds(alive):
        slurm("scancel", *some)
    while alive:
        if time.monotonic() > end:
            raise InputError(f"SLURM: jobs {' '.join(alive)} do not end; see squeue")
        time.sleep(2)
        alive = _alive(alive)


def _alive(jobs: list[str]) -> list[str]:
    """Those of the jobs that wait or run, or are ending."""
    if not jobs:
        return []
    # All of the user's: SLURM takes it for an error to be asked for a job that it has forgotten.
    own = slurm("squeue", "--noheader", "--me", "--format=%i").split()
    return sorted({*own}.intersection(jobs))


def _in_hundreds(jobs: list[str]) -> list[list[str]]:
    return [jobs[start : start + AT_ONCE] for start in range(0, len(jobs), AT_ONCE)]

"""What is asked of SLURM by its commands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from deepdistill.errors import InputError

ACCOUNTED = 1000
"""Jobs that the accounting is asked for at most; they stand for the rest."""


def slurm(*command: str, patience: float = 120) -> str:
    """Return what one of SLURM's commands prints within ``patience`` seconds.

    Raises :class:`InputError` if it is missing, fails or does not answer.

    Example:
        >>> slurm("squeue", "--noheader", "--me", "--format=%i")
        '4711\\n4712\\n'
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"SLURM: {command[0]}: {error}") from None
    if done.returncode:
        raise InputError(f"SLURM: {command[0]}: {' '.join(done.stderr.split())}")
    return done.stdout


def held_seconds(jobs: Iterable[str]) -> dict[str, float]:
    """Return how long the last completed ones of the jobs held what they asked for.

    By SLURM's accounting, in whole seconds, up to :data:`ACCOUNTED` jobs; those that it does not
    know or that did not complete are left out.

    Raises :class:`InputError` if there is no accounting, or no answer.
    """
    numbers = [job for job in jobs if job.isdigit()][-ACCOUNTED:]
    if not numbers:
        return {}
    options = ("--allocations", "--noheader", "--parsable2", "--format=JobIDRaw,State,ElapsedRaw")
    # Whoever ends a run should not have to wait long for what only the next plan wants to know.
    lines = slurm("sacct", *options, f"--jobs={','.join(numbers)}", patience=20).splitlines()
    fields = (line.split("|") for line in lines)
    return {number: float(seconds) for number, state, seconds in fields if state == "COMPLETED"}
